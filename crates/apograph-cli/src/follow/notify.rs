//! What a service tells systemd (`sd_notify`): a datagram to the socket that `NOTIFY_SOCKET` names.
//! Nobody answers, and where nobody listens nothing is lost.

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;

/// The socket of the service manager, where there is one.
pub(crate) struct Notifier {
    to: Option<(UnixDatagram, OsString)>,
}

impl Notifier {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Self {
        let named = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        // One that is not read holds nobody up.
        let to = named.and_then(|name| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, name))
        });
        Self { to }
    }

    /// Says something.
    pub(crate) fn say(&self, words: &str) {
        if let Some((socket, name)) = &self.to {
            // Who does not listen does not hear.
            let _ = send(socket, name, words.as_bytes());
        }
    }
}

#[cfg(target_os = "linux")]
fn send(socket: &UnixDatagram, name: &OsString, words: &[u8]) -> std::io::Result<usize> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => socket.send_to_addr(words, &SocketAddr::from_abstract_name(name)?),
        None => socket.send_to(words, name),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(socket: &UnixDatagram, name: &OsString, words: &[u8]) -> std::io::Result<usize> {
    socket.send_to(words, name)
}
