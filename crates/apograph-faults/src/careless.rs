//! A disk that is careless in the ways in which backup tools are: the control of the sweeps.

use apograph::io::{At, Disk, DiskFile, Folder, Mode, Result};

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

impl<'d> CarelessDisk<'d> {
    /// The disk `disk`, used without care.
    pub fn new(disk: &'d dyn Disk, neglects: Neglect) -> Self {
        Self { disk, neglects }
    }

    fn copy(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        let bytes = from.map()?;
        let mut file = self.disk.create_new(to, Mode::PRIVATE)?;
        let (front, back) = bytes.split_at(bytes.len() / 2);
        file.write(front)?;
        file.write(back)?;
        file.sync()
    }
}

impl Disk for CarelessDisk<'_> {
    fn create_new(&self, at: At<'_>, mode: Mode) -> Result<Box<dyn DiskFile>> {
        let file = self.disk.create_new(at, mode)?;
        Ok(match self.neglects {
            Neglect::Syncs => Box::new(UnsyncedFile(file)),
            _ => file,
        })
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        self.disk.create_folder(at, mode)
    }

    fn publish(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        let is_file = from.metadata()?.is_some_and(|it| it.is_file());
        if self.neglects == Neglect::Publication && is_file {
            self.copy(from, to)?;
            return self.disk.remove_file(from);
        }
        self.disk.publish(from, to)
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
            _ => self.disk.sync_folder(folder),
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
