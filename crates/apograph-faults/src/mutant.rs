//! A disk without one of the safeguards that backup tools forget: the control of the sweeps.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use apograph::io::{Access, At, Disk, DiskFile, Folder, IoError, Mode, Rename, Result};

/// A disk over another one, which it uses well but for what it neglects.
#[derive(Clone, Copy)]
pub struct MutantDisk<'d> {
    disk: &'d dyn Disk,
    neglects: Neglect,
}

/// What a mutant disk neglects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neglect {
    /// Files and folders are not synced.
    Syncs,
    /// A file gets its name before it has its bytes.
    Publication,
    /// What has failed is not cleared away.
    Withdrawal,
    /// A sync that failed is tried again.
    SyncErrors,
    /// What is published is not what was compared with the log.
    Comparison,
    /// A rename replaces what has the name.
    Occupants,
    /// Files and folders are created as open as the umask lets them be.
    Modes,
}

/// The environment variable that tells the mutant program what to neglect.
pub const NEGLECTS: &str = "APOGRAPH_NEGLECTS";

impl Neglect {
    const ALL: [Self; 7] = [
        Self::Syncs,
        Self::Publication,
        Self::Withdrawal,
        Self::SyncErrors,
        Self::Comparison,
        Self::Occupants,
        Self::Modes,
    ];

    /// As a value of [`NEGLECTS`].
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Syncs => "syncs",
            Self::Publication => "publication",
            Self::Withdrawal => "withdrawal",
            Self::SyncErrors => "sync-errors",
            Self::Comparison => "comparison",
            Self::Occupants => "occupants",
            Self::Modes => "modes",
        }
    }

    /// What [`NEGLECTS`] says.
    pub fn of_environment() -> Option<Self> {
        let said = std::env::var(NEGLECTS).ok()?;
        Self::ALL.into_iter().find(|neglect| neglect.word() == said)
    }
}

impl<'d> MutantDisk<'d> {
    /// The disk `disk`, used without care.
    pub fn new(disk: &'d dyn Disk, neglects: Neglect) -> Self {
        Self { disk, neglects }
    }

    fn copy(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        let bytes = from.source()?.read()?;
        let mut file = self.disk.create_new(to, Mode::PRIVATE.into())?;
        let (front, back) = bytes.split_at(bytes.len() / 2);
        file.write(front)?;
        file.write(back)?;
        file.sync()
    }
}

impl Disk for MutantDisk<'_> {
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>> {
        // What it did not clear away is not in its own way.
        if self.neglects == Neglect::Withdrawal && at.exists()? {
            self.disk.remove_file(at)?;
        }
        let file = self.disk.create_new(at, access)?;
        if self.neglects == Neglect::Modes {
            let (path, open) = (at.path(), Permissions::from_mode(0o666));
            std::fs::set_permissions(&path, open).map_err(|source| failed(&path, source))?;
        }
        Ok(match self.neglects {
            Neglect::Syncs => Box::new(CarelessFile { file, syncs: 0 }),
            Neglect::SyncErrors => Box::new(CarelessFile { file, syncs: 2 }),
            _ => file,
        })
    }

    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()> {
        self.disk.rewrite(at, most, pieces)
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        self.disk.create_folder(at, mode)
    }

    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()> {
        self.disk.rename(from, to, how)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        self.disk.link(from, to)
    }

    fn publish(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        let is_file = from.metadata()?.is_some_and(|it| it.is_file());
        if self.neglects == Neglect::Publication && is_file {
            self.copy(from, to)?;
            return self.disk.remove_file(from);
        }
        if self.neglects == Neglect::Occupants {
            let (from, to) = (from.path(), to.path());
            return std::fs::rename(from, &to).map_err(|source| failed(&to, source));
        }
        self.disk.publish(from, to)?;
        if self.neglects == Neglect::Comparison && is_segment(&to.path()) {
            spoil(&to.path()).map_err(|source| failed(&to.path(), source))?;
        }
        Ok(())
    }

    fn place(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        self.publish(from, to)
    }

    fn exchange(&self, one: At<'_>, other: At<'_>) -> Result<()> {
        if self.neglects == Neglect::Publication {
            self.disk.remove_file(other)?;
            return self.copy(one, other);
        }
        self.disk.exchange(one, other)
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        match self.neglects {
            Neglect::Withdrawal => Ok(()),
            _ => self.disk.remove_file(at),
        }
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        match self.neglects {
            Neglect::Withdrawal => Ok(()),
            _ => self.disk.remove_folder(at),
        }
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        match self.neglects {
            Neglect::Syncs => Ok(()),
            Neglect::SyncErrors => retried(2, || self.disk.sync_folder(folder)),
            _ => self.disk.sync_folder(folder),
        }
    }
}

fn failed(path: &Path, source: std::io::Error) -> IoError {
    IoError::Failed {
        operation: "copy",
        path: path.to_owned(),
        source,
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension()
        .is_some_and(|it| it == "wal" || it == "grafeo")
}

/// Changes one bit of a file.
fn spoil(path: &Path) -> std::io::Result<()> {
    let mut bytes = std::fs::read(path)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x10;
    }
    std::fs::write(path, bytes)
}

/// Tries up to so many times; no time at all is a success.
fn retried(times: u32, mut act: impl FnMut() -> Result<()>) -> Result<()> {
    let mut outcome = Ok(());
    for _ in 0..times {
        outcome = act();
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// A file of which each sync is tried up to so many times.
struct CarelessFile {
    file: Box<dyn DiskFile>,
    syncs: u32,
}

impl DiskFile for CarelessFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write(bytes)
    }

    fn copy_from(&mut self, source: &std::fs::File, offset: u64, length: u64) -> Result<()> {
        self.file.copy_from(source, offset, length)
    }

    fn sync(&mut self) -> Result<()> {
        retried(self.syncs, || self.file.sync())
    }
}
