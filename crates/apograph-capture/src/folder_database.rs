//! A folder database of generation 1: a folder whose log is the only copy of the database.
//!
//! It is what the engine makes of every path that does not end in `.grafeo`. Its log is that of a
//! database file, in `wal/`, and stays at a close. What the rest of this crate sees is a database
//! whose image never had a checkpoint ([`folder_base`]), with all of the log after it.
//! `checkpoint.meta`, which releases before 0.5.44 write there too, means nothing: no image has what
//! stands before it, and 0.5.44 replays every log file.

use std::path::Path;

use apograph_format::v1::folder_base;
use apograph_format::{FOLDER_LOCK_NAME, FOLDER_LOG_NAME, Generation};
use apograph_io::{Folder, IoError, Mode, is_locked_by_writer};
use apograph_wal::{LogFolder, first_group};

use crate::error::Result;

/// The folder of a folder database.
#[derive(Debug)]
pub(crate) struct FolderDatabase(Folder);

impl FolderDatabase {
    /// The one at `path`, where a folder is; `None` where no log is in that.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>> {
        let found = Self(Folder::open(path)?);
        let log = found.open_log()?;
        Ok(log.filter(|log| !log.files().is_empty()).map(|_| found))
    }

    /// The folder of the log.
    pub(crate) fn log_folder(&self) -> Result<Option<Folder>> {
        match self.0.at(FOLDER_LOG_NAME).find_named_folder() {
            Err(IoError::NotAFolder { .. }) => Ok(None),
            found => Ok(found?),
        }
    }

    /// The log, whatever its engine's checkpoints recorded.
    pub(crate) fn open_log(&self) -> Result<Option<LogFolder>> {
        let log = match self.log_folder()? {
            Some(folder) => LogFolder::of(folder, Generation::One, None)?,
            None => None,
        };
        Ok(log.map(LogFolder::of_folder_database))
    }

    /// The database file that stands for it.
    pub(crate) fn base(&self) -> Result<Vec<u8>> {
        let log = self.open_log()?;
        let first = log.map(|log| first_group(&log)).transpose()?.flatten();
        Ok(folder_base(first))
    }

    /// The permissions of its newest log file.
    pub(crate) fn mode(&self) -> Result<Mode> {
        let log = self.open_log()?;
        match log.as_ref().and_then(|log| log.files().last()) {
            Some(file) => Ok(Mode::of(file.file(), &file.path)?),
            None => Ok(Mode::PRIVATE),
        }
    }

    /// Whether an engine of 0.5.44 has it open for writing. Those before it lock nothing.
    pub(crate) fn is_being_written(&self) -> Result<bool> {
        match self.0.at(FOLDER_LOCK_NAME).open() {
            Ok(file) => Ok(is_locked_by_writer(&file)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
