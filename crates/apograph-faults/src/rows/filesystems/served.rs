//! Folders that a server gives, to the machine that it runs on.
//!
//! Both servers answer on the ports that they have everywhere, and the one of NFS is in the kernel:
//! they are started in a guest alone.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::mount::said_yes;

const SMB_PORT: u16 = 445;
const ATTEMPTS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A folder that is served, until it is dropped.
pub(super) enum Server {
    /// By the kernel, and the programs that help it.
    Nfs(PathBuf),
    /// By Samba.
    Smb(Child),
}

impl Server {
    /// Serves a folder over NFS.
    pub(super) fn of_nfs(folder: &Path) -> Result<Self> {
        if !Path::new("/proc/fs/nfsd/threads").exists() {
            start_nfs()?;
        }
        let mut export = Command::new("exportfs");
        export.args(["-o", "rw,no_root_squash,no_subtree_check,insecure,fsid=0"]);
        said_yes(export.arg(format!("localhost:{}", folder.display())))?;
        Ok(Self::Nfs(folder.to_owned()))
    }

    /// Serves a folder over SMB, with files of its own in another one.
    pub(super) fn of_smb(folder: &Path, own: &Path) -> Result<Self> {
        let own = own.join("smb");
        fs::create_dir(&own)?;
        let (share, kept) = (folder.display(), own.display());
        let said = format!(
            "[global]\n\
             server role = standalone server\n\
             disable netbios = yes\n\
             load printers = no\n\
             map to guest = bad user\n\
             guest account = root\n\
             private dir = {kept}\n\
             lock directory = {kept}\n\
             state directory = {kept}\n\
             cache directory = {kept}\n\
             pid directory = {kept}\n\
             ncalrpc dir = {kept}\n\
             log file = {kept}/log\n\
             [share]\n\
             path = {share}\n\
             read only = no\n\
             guest only = yes\n\
             force user = root\n"
        );
        let words = own.join("smb.conf");
        fs::write(&words, said)?;
        let mut smbd = Command::new("smbd");
        smbd.args(["--foreground", "--no-process-group", "--configfile"]);
        let child = smbd.arg(&words).spawn().context("cannot start smbd")?;
        let mut server = Self::Smb(child);
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// What mounts what it serves, without the folder that it comes to.
    pub(super) fn mount(&self, options: &str) -> Command {
        let mut mount = Command::new("mount");
        match self {
            Self::Nfs(folder) => {
                // Since version 4 the export with the number 0 is the root of all that is served.
                let path = if options.starts_with("vers=3") {
                    folder
                } else {
                    Path::new("/")
                };
                mount.args(["-t", "nfs", "-o", options]);
                mount.arg(format!("localhost:{}", path.display()));
            }
            Self::Smb(_) => {
                mount.args(["-t", "cifs", "-o", &format!("guest,{options}")]);
                mount.arg("//127.0.0.1/share");
            }
        }
        mount
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let Self::Smb(child) = self else {
            return Ok(());
        };
        for _ in 0..ATTEMPTS {
            if TcpStream::connect(("127.0.0.1", SMB_PORT)).is_ok() {
                return Ok(());
            }
            let ended = child.try_wait()?;
            ensure!(ended.is_none(), "smbd ended: {ended:?}");
            std::thread::sleep(PAUSE);
        }
        anyhow::bail!("smbd does not answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The machine ends soon, and takes along what does not end here.
        match self {
            Self::Nfs(folder) => {
                let of = format!("localhost:{}", folder.display());
                let _ = said_yes(Command::new("exportfs").args(["-u", &of]));
            }
            Self::Smb(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Starts the server of NFS and what it needs. Nobody has locks to reclaim from the last time, so
/// it waits for nobody.
fn start_nfs() -> Result<()> {
    let state = Path::new("/var/lib/nfs");
    for folder in ["sm", "sm.bak", "rpc_pipefs", "nfsdcltrack", "v4recovery"] {
        fs::create_dir_all(state.join(folder))?;
    }
    for file in ["etab", "rmtab", "state"] {
        fs::write(state.join(file), "")?;
    }
    fs::write("/etc/exports", "")?;
    fs::create_dir_all("/run/rpcbind")?;
    said_yes(Command::new("modprobe").arg("-a").args(["nfsd", "lockd"]))?;
    fs::write("/proc/sys/fs/nfs/nlm_grace_period", "1")?;
    let mut mount = Command::new("mount");
    said_yes(mount.args(["-t", "nfsd", "nfsd", "/proc/fs/nfsd"]))?;
    said_yes(Command::new("rpcbind").arg("-w"))?;
    said_yes(&mut Command::new("rpc.statd"))?;
    said_yes(Command::new("rpc.nfsd").args(["--grace-time", "10", "--lease-time", "10", "4"]))?;
    said_yes(&mut Command::new("rpc.mountd"))?;
    // Without a program that keeps track of clients there is no such word to say.
    let _ = fs::write("/proc/fs/nfsd/v4_end_grace", "Y");
    Ok(())
}
