//! A disk that is careless in the ways in which backup tools are: the control of the sweeps.

use std::path::Path;

use apograph::io::{Disk, DiskFile, IoError, Mode, Result};

/// A disk over another one, which it uses well but for what it neglects.
#[derive(Clone, Copy)]
pub struct CarelessDisk<'d> {
    disk: &'d dyn Disk,
    neglects: Neglect,
}

/// What a careless disk neglects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neglect {
    /// Files and folders are not synced.
    Syncs,
    /// A file gets its name before it has its bytes.
    Publication,
    /// What has failed is not cleared away.
    Withdrawal,
}

/// The environment variable that tells the careless program what to neglect.
pub const NEGLECTS: &str = "APOGRAPH_NEGLECTS";

impl Neglect {
    const ALL: [Self; 3] = [Self::Syncs, Self::Publication, Self::Withdrawal];

    /// As a value of [`NEGLECTS`].
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Syncs => "syncs",
            Self::Publication => "publication",
            Self::Withdrawal => "withdrawal",
        }
    }

    /// What [`NEGLECTS`] says.
    pub fn of_environment() -> Option<Self> {
        let said = std::env::var(NEGLECTS).ok()?;
        Self::ALL.into_iter().find(|neglect| neglect.word() == said)
    }
}

impl<'d> CarelessDisk<'d> {
    /// The disk `disk`, used without care.
    pub fn new(disk: &'d dyn Disk, neglects: Neglect) -> Self {
        Self { disk, neglects }
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let failed = |source| IoError::Failed {
            operation: "copy",
            path: to.to_owned(),
            source,
        };
        let bytes = std::fs::read(from).map_err(failed)?;
        let mut file = self.disk.create_new(to, Mode::PRIVATE)?;
        let (front, back) = bytes.split_at(bytes.len() / 2);
        file.write(front)?;
        file.write(back)?;
        file.sync()
    }
}

impl Disk for CarelessDisk<'_> {
    fn create_new(&self, path: &Path, mode: Mode) -> Result<Box<dyn DiskFile>> {
        let file = self.disk.create_new(path, mode)?;
        Ok(match self.neglects {
            Neglect::Syncs => Box::new(UnsyncedFile(file)),
            _ => file,
        })
    }

    fn create_folder(&self, path: &Path, mode: Mode) -> Result<()> {
        self.disk.create_folder(path, mode)
    }

    fn publish(&self, from: &Path, to: &Path) -> Result<()> {
        if self.neglects == Neglect::Publication && from.is_file() {
            self.copy(from, to)?;
            return self.disk.remove_file(from);
        }
        self.disk.publish(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> Result<()> {
        if self.neglects == Neglect::Publication {
            self.disk.remove_file(other)?;
            return self.copy(one, other);
        }
        self.disk.exchange(one, other)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        match self.neglects {
            Neglect::Withdrawal => Ok(()),
            _ => self.disk.remove_file(path),
        }
    }

    fn remove_folder(&self, path: &Path) -> Result<()> {
        match self.neglects {
            Neglect::Withdrawal => Ok(()),
            _ => self.disk.remove_folder(path),
        }
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        match self.neglects {
            Neglect::Syncs => Ok(()),
            _ => self.disk.sync_folder(path),
        }
    }
}

struct UnsyncedFile(Box<dyn DiskFile>);

impl DiskFile for UnsyncedFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    fn copy_from(&mut self, source: &std::fs::File, offset: u64, length: u64) -> Result<()> {
        self.0.copy_from(source, offset, length)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
}
