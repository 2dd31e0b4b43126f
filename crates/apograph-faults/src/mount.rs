//! File systems that are mounted for a while.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::scratch::scratch;

const UNMOUNT_ATTEMPTS: u32 = 100;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(20);

/// A file system at a folder, until it is dropped.
pub(crate) struct Mount {
    folder: PathBuf,
}

impl Mount {
    /// A file system in memory, with options as `size=1M`.
    pub(crate) fn in_memory(folder: &Path, options: &str) -> Result<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        said_yes(mount.arg(folder))?;
        Ok(Self::at(folder))
    }

    /// What a command mounts that takes the folder as its last word.
    pub(crate) fn by(mount: &mut Command, folder: &Path) -> Result<Self> {
        said_yes(mount.arg(folder))?;
        Ok(Self::at(folder))
    }

    /// The file system that is in a file.
    pub(crate) fn of_image(image: &Path, folder: &Path) -> Result<Self> {
        let mut mount = Command::new("mount");
        said_yes(mount.args(["-o", "loop"]).arg(image).arg(folder))?;
        Ok(Self::at(folder))
    }

    /// Another folder, by way of a FUSE file system.
    pub(crate) fn through_fuse(of: &Path, folder: &Path) -> Result<Self> {
        let mut bindfs = Command::new("bindfs");
        said_yes(bindfs.args(["-o", "nonempty"]).arg(of).arg(folder))?;
        Ok(Self::at(folder))
    }

    fn at(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder }
    }

    /// Changes its options.
    pub(crate) fn remount(&self, options: &str) -> Result<()> {
        let mut mount = Command::new("mount");
        said_yes(
            mount
                .args(["-o", &format!("remount,{options}")])
                .arg(&self.folder),
        )
    }

    /// Unmounts it. Whoever served a FUSE file system over it may hold it for a moment.
    pub(crate) fn end(self) -> Result<()> {
        let mut attempts = 0..UNMOUNT_ATTEMPTS;
        while let Err(error) = said_yes(Command::new("umount").arg(&self.folder)) {
            attempts.next().ok_or(error)?;
            std::thread::sleep(UNMOUNT_PAUSE);
        }
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // An error is on its way already, and is the one to report.
        let _ = said_yes(Command::new("umount").arg("-l").arg(&self.folder));
    }
}

/// Whether this process may mount what it likes; why not, where not.
pub(crate) fn is_possible() -> Result<(), String> {
    let tried = scratch()
        .map_err(anyhow::Error::from)
        .and_then(|folder| Mount::in_memory(folder.path(), "size=64k")?.end());
    tried.map_err(|error| format!("nothing can be mounted: {error:#}"))
}

/// Runs a program that must succeed.
pub(crate) fn said_yes(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("cannot start {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", said.trim());
    Ok(())
}
