//! A disk that notes what is asked of it, and fails where a test says so.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};

use apograph_io::{
    Access, At, Disk, DiskFile, Folder, IoError, Lack, Mode, RealDisk, Rename, Result,
};

/// The real disk, with a note of each operation.
#[derive(Default)]
pub(crate) struct NotedDisk {
    notes: Notes,
    lacks: &'static [Lack],
}

#[derive(Clone, Default)]
struct Notes {
    taken: Arc<Mutex<Vec<String>>>,
    failing: Option<&'static str>,
}

impl NotedDisk {
    /// One on which each operation fails, and is not done, whose note begins so.
    pub(crate) fn failing(note: &'static str) -> Self {
        let failing = Some(note);
        Self {
            notes: Notes {
                failing,
                ..Notes::default()
            },
            ..Self::default()
        }
    }

    /// The same, whose file system does not have something.
    pub(crate) fn without(self, lacks: &'static [Lack]) -> Self {
        Self { lacks, ..self }
    }

    fn check_has(&self, lack: Option<Lack>, operation: &'static str) -> Result<()> {
        match lack.filter(|lack| self.lacks.contains(lack)) {
            None => Ok(()),
            Some(_) => Err(IoError::Failed {
                operation,
                path: operation.into(),
                source: io::ErrorKind::Unsupported.into(),
            }),
        }
    }

    /// What was asked of it so far, in order.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.taken.lock().expect("the notes").clone()
    }
}

impl Notes {
    fn take(&self, operation: &'static str, at: &str) -> Result<()> {
        let note = format!("{operation} {at}");
        let fails = self
            .failing
            .is_some_and(|failing| note.starts_with(failing));
        self.taken.lock().expect("the notes").push(note);
        if fails {
            return Err(IoError::Failed {
                operation,
                path: at.into(),
                source: io::ErrorKind::StorageFull.into(),
            });
        }
        Ok(())
    }
}

fn named(at: At<'_>) -> String {
    at.name().to_string_lossy().into_owned()
}

impl Disk for NotedDisk {
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>> {
        self.notes.take("create", &named(at))?;
        let (file, notes) = (RealDisk.create_new(at, access)?, self.notes.clone());
        Ok(Box::new(NotedFile { file, notes }))
    }

    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()> {
        self.notes.take("rewrite", &named(at))?;
        RealDisk.rewrite(at, most, pieces)
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        self.notes.take("create folder", &named(at))?;
        RealDisk.create_folder(at, mode)
    }

    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()> {
        let (operation, lack) = match how {
            Rename::Free => ("publish", Some(Lack::FreeRename)),
            Rename::Exchange => ("exchange", Some(Lack::Exchange)),
            Rename::Over => ("rename", None),
        };
        self.check_has(lack, operation)?;
        self.notes.take(operation, &named(to))?;
        RealDisk.rename(from, to, how)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        self.check_has(Some(Lack::Link), "link")?;
        self.notes.take("link", &named(to))?;
        RealDisk.link(from, to)
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        self.notes.take("remove", &named(at))?;
        RealDisk.remove_file(at)
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        self.notes.take("remove folder", &named(at))?;
        RealDisk.remove_folder(at)
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        self.notes.take("sync", "folder")?;
        RealDisk.sync_folder(folder)
    }
}

struct NotedFile {
    file: Box<dyn DiskFile>,
    notes: Notes,
}

impl DiskFile for NotedFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.notes.take("write", &bytes.len().to_string())?;
        self.file.write(bytes)
    }

    fn copy_from(&mut self, source: &File, offset: u64, length: u64) -> Result<()> {
        self.notes
            .take("copy", &format!("{length} from {offset}"))?;
        self.file.copy_from(source, offset, length)
    }

    fn sync(&mut self) -> Result<()> {
        self.notes.take("sync", "file")?;
        self.file.sync()
    }
}
