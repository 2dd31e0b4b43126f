//! Where a restored database goes.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use apograph_format::v1::is_spilled_vectors;
use apograph_format::{checkpoint_image, is_folder_database, log_folder, spill_folder};
use apograph_io::{At, FileLock, Folder, IoError, Mode, exists, temporary_name};
use apograph_repository::{check_no_repository, check_outside_logs};

use crate::error::{RestoreError, Result};

/// What is locked where a folder cannot be.
const LOCK: &str = "lock";

/// Where a restored database goes: a folder that is held open, and the names in it.
#[derive(Clone)]
pub(crate) struct Output {
    path: PathBuf,
    pub(crate) folder: Folder,
    name: OsString,
    log: OsString,
    spill: OsString,
    temporary: OsString,
}

impl Output {
    /// Opens the folder of a path where a database can be made, and nothing is.
    pub(crate) fn ready(path: &Path) -> Result<Self> {
        let place = Self::find(path)?.ok_or_else(|| no_folder_for(path))?;
        place.check_place()?;
        place.check_free_or_left()?;
        Ok(place)
    }

    /// Opens the folder of a path; `None` where there is none.
    fn find(path: &Path) -> Result<Option<Self>> {
        if path.file_name().is_none() && exists(path)? {
            let path = path.to_owned();
            return Err(RestoreError::OutputExists { path });
        }
        let (folder, name) = match Folder::holding(path) {
            Err(error) if error.is_not_found() => return Ok(None),
            found => found?,
        };
        Ok(Some(Self {
            path: path.to_owned(),
            folder,
            name: name.to_owned(),
            log: log_folder(name.as_ref()).into(),
            spill: spill_folder(name.as_ref()).into(),
            temporary: temporary_name(name),
        }))
    }

    /// Whether an engine of generation 1 makes a folder database of its name.
    pub(crate) fn is_for_folder(&self) -> bool {
        is_folder_database(self.name.as_ref())
    }

    /// Fails where a restored database would not last, or would be taken for a backup: in the log
    /// folder of a database, or in a repository.
    fn check_place(&self) -> Result<()> {
        check_outside_logs(&self.folder, &self.path)?;
        Ok(check_no_repository(&self.folder, &self.path)?)
    }

    /// Fails where anything stands in the way of a restored database. What an interrupted restore
    /// left is no obstacle; it is cleared before anything is written.
    fn check_free_or_left(&self) -> Result<()> {
        if self.temporary().exists()? {
            return Ok(());
        }
        self.check_free()
    }

    pub(crate) fn check_free(&self) -> Result<()> {
        // The engine installs a checkpoint image over whatever database has its name.
        let image = checkpoint_image(self.name.as_ref());
        for at in [self.database(), self.log(), self.folder.at(&image)] {
            if at.exists()? {
                return Err(RestoreError::OutputExists { path: at.path() });
            }
        }
        // An engine reads embeddings there into whatever database has its name.
        if let Ok(Some(folder)) = self.spill().find_named_folder() {
            for name in folder.names()? {
                let name = name?;
                if name.to_str().is_some_and(is_spilled_vectors) {
                    let path = folder.at(&name).path();
                    return Err(RestoreError::OutputExists { path });
                }
            }
        }
        Ok(())
    }

    /// How many bytes are free there, which must be no fewer than the database has.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<u64> {
        let free = self.folder.bytes_free()?;
        if bytes <= free {
            return Ok(free);
        }
        let lack = format!("it takes {bytes} bytes, and {free} are free");
        Err(RestoreError::Io(IoError::Failed {
            operation: "restore into",
            path: self.folder.path().to_owned(),
            source: io::Error::new(ErrorKind::StorageFull, lack),
        }))
    }

    pub(crate) fn database(&self) -> At<'_> {
        self.folder.at(&self.name)
    }

    pub(crate) fn log(&self) -> At<'_> {
        self.folder.at(&self.log)
    }

    pub(crate) fn spill(&self) -> At<'_> {
        self.folder.at(&self.spill)
    }

    pub(crate) fn temporary(&self) -> At<'_> {
        self.folder.at(&self.temporary)
    }

    /// Locks a staging folder, which is then nobody else's; no lock where there are none.
    pub(crate) fn lock(&self, staging: &Folder) -> Result<Option<FileLock>> {
        let is_busy = || RestoreError::OutputBusy {
            path: self.path.clone(),
        };
        let mut lock = FileLock::acquire_folder(staging);
        if matches!(lock, Ok(None)) {
            lock = FileLock::acquire(staging.at(LOCK), Mode::PRIVATE);
        }
        let lock = lock.map_err(|error| match error {
            IoError::Busy { .. } => is_busy(),
            other => other.into(),
        })?;
        // Whoever had the lock has removed the folder since.
        if !self.temporary().is_of(staging)? {
            return Err(is_busy());
        }
        Ok(lock)
    }
}

fn no_folder_for(output: &Path) -> IoError {
    IoError::Failed {
        operation: "restore into",
        path: output.parent().unwrap_or(output).to_owned(),
        source: io::Error::new(ErrorKind::NotFound, "there is no such folder"),
    }
}
