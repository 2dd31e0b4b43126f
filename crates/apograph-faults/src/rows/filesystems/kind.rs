//! File systems, and how each is made.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::served::Server;
use crate::mount::{Mount, said_yes};
use crate::scratch::scratch;

/// The environment variable that names folders on file systems that are mounted already, as
/// `nfs=/mnt/nfs:smb=/mnt/smb`, or what alone is run, as `vfat:exfat`.
pub(super) const CHOSEN: &str = "APOGRAPH_FILESYSTEMS";

/// A file system that can be made, if a machine has what it takes.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// One of the kernel's, in a file of so many MiB, made by a program.
    Kernel(&'static str, u64, &'static [&'static str]),
    /// One in memory.
    Memory,
    /// A folder over another one, which it does not change.
    Overlay,
    /// One that a process gives for a folder.
    OfFolder(&'static str, &'static [&'static str]),
    /// One that a process gives for a device.
    OfDevice(&'static str, &'static [&'static str], &'static str),
    /// A folder over the protocol of `sshd`, with these options.
    Sftp(&'static str, &'static [&'static str]),
    /// A folder over NFS, with these options.
    Nfs(&'static str, &'static str),
    /// A folder over SMB, with these options.
    Smb(&'static str, &'static str),
    /// A folder that is there.
    Mounted(String, PathBuf),
}

/// Whose a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    /// Somebody's: what is done there leaves nothing.
    Users,
    /// A guest of ours, which ends.
    Guest,
}

const MADE: [Kind; 17] = [
    Kind::Kernel("ext4", 64, &["mkfs.ext4", "-q"]),
    Kind::Kernel("xfs", 320, &["mkfs.xfs", "-q"]),
    Kind::Kernel("btrfs", 128, &["mkfs.btrfs", "-q"]),
    Kind::Kernel("vfat", 64, &["mkfs.vfat"]),
    Kind::Kernel("exfat", 64, &["mkfs.exfat"]),
    Kind::Memory,
    Kind::Overlay,
    Kind::OfFolder("bindfs", &["bindfs"]),
    Kind::OfFolder(
        "bindfs, no permissions",
        &["bindfs", "--chmod-deny", "--chown-deny"],
    ),
    Kind::Sftp("sshfs", &[]),
    Kind::Sftp("sshfs, no mmap", &["-o", "direct_io"]),
    Kind::OfDevice("ntfs-3g", &["mkfs.ntfs", "-F", "-Q", "-q"], "ntfs-3g"),
    Kind::OfDevice("exfat-fuse", &["mkfs.exfat"], "mount.exfat-fuse"),
    Kind::Nfs("nfs 3", "vers=3"),
    Kind::Nfs("nfs 4.2", "vers=4.2"),
    Kind::Smb("smb", "vers=3.1.1"),
    Kind::Smb("smb, file_mode", "vers=3.1.1,file_mode=0600,dir_mode=0700"),
];

/// A file system that is mounted, until it is dropped.
pub(super) struct Made {
    folder: PathBuf,
    _mounts: Vec<Mount>,
    _server: Option<Server>,
    _device: Option<Device>,
    _scratch: Option<TempDir>,
}

impl Made {
    /// A new folder on it.
    pub(super) fn folder(&self) -> Result<TempDir> {
        let made = tempfile::Builder::new()
            .prefix("apograph")
            .tempdir_in(&self.folder);
        made.with_context(|| format!("nothing can be made in {}", self.folder.display()))
    }
}

impl Kind {
    /// Each that is to be run: what the environment chooses, or all that this program makes, and
    /// those that are mounted already.
    ///
    /// # Errors
    ///
    /// Where the environment chooses what this program does not make.
    pub(super) fn chosen() -> Result<Vec<Self>> {
        let chosen = std::env::var(CHOSEN).unwrap_or_default();
        let chosen = chosen.split(':').filter(|it| !it.is_empty());
        let (mounted, names): (Vec<&str>, Vec<&str>) = chosen.partition(|it| it.contains('='));
        let unknown = names.iter().find(|it| !Self::names().contains(it));
        if let Some(unknown) = unknown {
            bail!("{CHOSEN}: no {unknown}, but {}", Self::names().join(", "));
        }
        let mounted = mounted.into_iter().filter_map(|it| it.split_once('='));
        let mounted = mounted.map(|(name, path)| Self::Mounted(name.to_owned(), path.into()));
        let is_chosen = |kind: &Self| names.is_empty() || names.contains(&kind.name());
        Ok(MADE.into_iter().filter(is_chosen).chain(mounted).collect())
    }

    /// The names of those that this program makes.
    pub(super) fn names() -> [&'static str; MADE.len()] {
        MADE.each_ref().map(Self::name)
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Kernel(name, ..)
            | Self::OfFolder(name, _)
            | Self::OfDevice(name, ..)
            | Self::Sftp(name, _)
            | Self::Nfs(name, _)
            | Self::Smb(name, _) => name,
            Self::Memory => "tmpfs",
            Self::Overlay => "overlay",
            Self::Mounted(name, _) => name,
        }
    }

    /// Whether it lacks most of what others have, or is after a server, so that it is worth more
    /// faults than others.
    pub(super) fn is_poor(&self) -> bool {
        ["vfat", "exfat", "exfat-fuse", "sshfs", "nfs 3", "smb"].contains(&self.name())
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// Where this machine lacks a program, or the right.
    pub(super) fn make(&self, machine: Machine) -> Result<Made> {
        if let Self::Mounted(_, folder) = self {
            return Ok(Made {
                folder: folder.clone(),
                _mounts: Vec::new(),
                _server: None,
                _device: None,
                _scratch: None,
            });
        }
        let scratch = scratch()?;
        let [folder, image, behind] =
            ["mounted", "image", "after"].map(|name| scratch.path().join(name));
        fs::create_dir(&folder)?;
        fs::create_dir(&behind)?;
        let (mut mounts, mut server, mut device) = (Vec::new(), None, None);
        match self {
            Self::Kernel(name, mebibytes, make) => {
                make_image(&image, *mebibytes, make)?;
                let mut mount = Command::new("mount");
                mount.args(["-t", name, "-o", "loop"]).arg(&image);
                mounts.push(Mount::by(&mut mount, &folder)?);
            }
            Self::Memory => mounts.push(Mount::in_memory(&folder, "size=64M")?),
            Self::Overlay => {
                mounts.push(Mount::in_memory(&behind, "size=64M")?);
                let [lower, upper, work] = ["lower", "upper", "work"].map(|it| behind.join(it));
                for folder in [&lower, &upper, &work] {
                    fs::create_dir(folder)?;
                }
                let options = format!(
                    "lowerdir={},upperdir={},workdir={}",
                    lower.display(),
                    upper.display(),
                    work.display()
                );
                let mut mount = Command::new("mount");
                mount.args(["-t", "overlay", "overlay", "-o", &options]);
                mounts.insert(0, Mount::by(&mut mount, &folder)?);
            }
            Self::OfFolder(_, words) => {
                let (program, words) = words.split_first().context("a program")?;
                let mut mount = Command::new(program);
                mounts.push(Mount::by(mount.args(words).arg(&behind), &folder)?);
            }
            Self::OfDevice(_, make, program) => {
                make_image(&image, 64, make)?;
                let held = Device::of(&image)?;
                mounts.push(Mount::by(Command::new(program).arg(&held.path), &folder)?);
                device = Some(held);
            }
            Self::Sftp(_, options) => {
                // In place of ssh: the server itself, on this machine.
                let server = scratch.path().join("server");
                fs::write(&server, "#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n")?;
                fs::set_permissions(&server, Permissions::from_mode(0o755))?;
                let mut mount = Command::new("sshfs");
                mount.args(["-o", &format!("ssh_command={}", server.display())]);
                mount
                    .args(*options)
                    .arg(format!("host:{}", behind.display()));
                mounts.push(Mount::by(&mut mount, &folder)?);
            }
            Self::Nfs(_, options) | Self::Smb(_, options) => {
                ensure!(
                    machine == Machine::Guest,
                    "its server would be the whole machine's"
                );
                make_image(&image, 64, &["mkfs.ext4", "-q"])?;
                mounts.push(Mount::of_image(&image, &behind)?);
                let is_nfs = matches!(self, Self::Nfs(..));
                let started = if is_nfs {
                    Server::of_nfs(&behind)?
                } else {
                    Server::of_smb(&behind, scratch.path())?
                };
                let mut mount = started.mount(options);
                mounts.insert(0, Mount::by(&mut mount, &folder)?);
                server = Some(started);
            }
            Self::Mounted(..) => {}
        }
        Ok(Made {
            folder,
            _mounts: mounts,
            _server: server,
            _device: device,
            _scratch: Some(scratch),
        })
    }
}

fn make_image(image: &Path, mebibytes: u64, make: &[&str]) -> Result<()> {
    File::create(image)?.set_len(mebibytes << 20)?;
    let (program, words) = make.split_first().context("a program")?;
    said_yes(Command::new(program).args(words).arg(image))
}

/// A file that is a block device, until it is dropped.
struct Device {
    path: PathBuf,
}

impl Device {
    fn of(image: &Path) -> Result<Self> {
        let mut losetup = Command::new("losetup");
        let output = losetup.args(["--find", "--show"]).arg(image).output();
        let output = output.context("cannot start losetup")?;
        let said = String::from_utf8_lossy(&output.stdout);
        anyhow::ensure!(output.status.success(), "losetup finds no device");
        let path = PathBuf::from(said.trim());
        Ok(Self { path })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // What it is of goes too.
        let _ = said_yes(Command::new("losetup").arg("--detach").arg(&self.path));
    }
}
