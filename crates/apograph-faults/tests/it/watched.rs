//! A disk that tells before each operation.

use std::sync::atomic::{AtomicUsize, Ordering};

use apograph::io::{Access, At, Disk, DiskFile, Folder, Mode, RealDisk, Rename, Result};

/// The real disk, which calls a function with the index of each operation before it happens.
pub(crate) struct WatchedDisk<'a> {
    before: &'a (dyn Fn(usize) + Sync),
    count: AtomicUsize,
    created: Option<&'a (dyn Fn(&Folder) + Sync)>,
    goes_by_path: bool,
}

impl<'a> WatchedDisk<'a> {
    pub(crate) fn new(before: &'a (dyn Fn(usize) + Sync)) -> Self {
        Self {
            before,
            count: AtomicUsize::new(0),
            created: None,
            goes_by_path: false,
        }
    }

    /// A mutant: each operation looks its folders up anew, by their paths.
    pub(crate) fn by_path(before: &'a (dyn Fn(usize) + Sync)) -> Self {
        Self {
            goes_by_path: true,
            ..Self::new(before)
        }
    }

    /// The same, which also calls a function with each folder that it has created.
    pub(crate) fn telling(self, created: &'a (dyn Fn(&Folder) + Sync)) -> Self {
        let created = Some(created);
        Self { created, ..self }
    }

    /// How many operations there were.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn tell(&self) {
        (self.before)(self.count.fetch_add(1, Ordering::Relaxed));
    }

    fn found(&self, folder: &Folder) -> Result<Folder> {
        if self.goes_by_path {
            Folder::open(folder.path())
        } else {
            Ok(folder.clone())
        }
    }
}

impl Disk for WatchedDisk<'_> {
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>> {
        self.tell();
        RealDisk.create_new(self.found(at.folder())?.at(at.name()), access)
    }

    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()> {
        self.tell();
        RealDisk.rewrite(self.found(at.folder())?.at(at.name()), most, pieces)
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        self.tell();
        let folder = RealDisk.create_folder(self.found(at.folder())?.at(at.name()), mode)?;
        if let Some(created) = self.created {
            created(&folder);
        }
        Ok(folder)
    }

    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()> {
        self.tell();
        let (source, target) = (self.found(from.folder())?, self.found(to.folder())?);
        RealDisk.rename(source.at(from.name()), target.at(to.name()), how)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        self.tell();
        let (source, target) = (self.found(from.folder())?, self.found(to.folder())?);
        RealDisk.link(source.at(from.name()), target.at(to.name()))
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        self.tell();
        RealDisk.remove_file(self.found(at.folder())?.at(at.name()))
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        self.tell();
        RealDisk.remove_folder(self.found(at.folder())?.at(at.name()))
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        self.tell();
        RealDisk.sync_folder(&self.found(folder)?)
    }
}
