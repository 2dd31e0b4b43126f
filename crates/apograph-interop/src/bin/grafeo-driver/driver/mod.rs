//! A process that holds one live Grafeo database and obeys JSON lines.
//!
//! See `apograph_interop::protocol` for the requests. The end of the input is an orderly end;
//! a crash is somebody killing the process.
//!
//! Each generation of the engine has a program of its own, which compiles this folder with its
//! own `grafeo_engine`. What the two say in different words is in the `engine` module beside it.

mod content;
mod encoding;
mod host;
mod sessions;

use std::any::Any;
use std::io::{self, BufRead, Write};
use std::panic::{self, AssertUnwindSafe};

use apograph_interop::protocol::{Reply, Request};

use self::host::Host;

/// Answers each line of the standard input until it ends.
pub(crate) fn serve() -> io::Result<()> {
    let mut host = Host::default();
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let reply = answer(&mut host, &line?);
        serde_json::to_writer(&mut stdout, &reply)?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
    }
    Ok(())
}

fn answer(host: &mut Host, line: &str) -> Reply {
    let request: Request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return Reply::Error(format!("not a request: {error}")),
    };
    match panic::catch_unwind(AssertUnwindSafe(|| host.obey(request))) {
        Ok(Ok(value)) => Reply::Ok(value),
        Ok(Err(message)) => Reply::Error(message),
        Err(panic) => Reply::Error(format!("the engine panicked: {}", text(panic.as_ref()))),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
