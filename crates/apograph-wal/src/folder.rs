//! A log folder, with the files that were in it held open.
//!
//! The engine deletes log files at its checkpoints and appends to the newest all the time. A file
//! that is open stays readable, and the bytes that were read never change. The files are mapped
//! from the newest to the oldest: once a newer file has bytes, the older ones are complete, so
//! whatever is caught is a prefix of the log.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use apograph_format::{
    CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord, LogFolderEntry, LogPosition,
    LogSequence, log_file_name,
};
use apograph_io::{IoError, Mapped, list_folder, open_regular, read_small};

use crate::error::{Result, WalError};
use crate::part::LogPart;

/// How often a folder is listed anew when files vanish while they are opened.
const LISTINGS: usize = 16;

/// A log file, held open and mapped.
#[derive(Debug)]
pub struct LogFile {
    /// The number in its name.
    pub sequence: LogSequence,
    /// Its path.
    pub path: PathBuf,
    /// The open file.
    pub file: File,
    /// Its bytes at the time it was mapped.
    pub bytes: Mapped,
}

/// A log folder as it was found.
#[derive(Debug)]
pub struct LogFolder {
    path: PathBuf,
    checkpoint: Option<CheckpointRecord>,
    files: Vec<LogFile>,
}

impl LogFolder {
    /// Opens the log folder at `path`; `None` where there is none (the database was closed).
    ///
    /// # Errors
    ///
    /// [`WalError::Io`]; [`WalError::Checkpoint`] for a `checkpoint.meta` that cannot be read;
    /// [`WalError::StrayFile`] for a file that the engine would replay as a log file and that has
    /// no log file's name, or for two files with one number.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        for _ in 0..LISTINGS {
            let Some(names) = list_folder(path)? else {
                return Ok(None);
            };
            let checkpoint = read_checkpoint(path)?;
            match open_files(&log_names(path, names)?) {
                Ok(files) => {
                    return Ok(Some(Self {
                        path: path.to_owned(),
                        checkpoint,
                        files,
                    }));
                }
                Err(WalError::Io(error)) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Err(WalError::Restless {
            path: path.to_owned(),
        })
    }

    /// The folder as it is now; files that vanished meanwhile are kept, with all that was written
    /// into them. `None` where the folder is gone, or is another one of the same name.
    ///
    /// # Errors
    ///
    /// As [`LogFolder::open`].
    pub fn refreshed(self) -> Result<Option<Self>> {
        let Some(now) = Self::open(&self.path)? else {
            return Ok(None);
        };
        if !self.is_same_log(&now)? {
            return Ok(None);
        }
        let mut files = now.files;
        for held in self.files {
            if files.iter().all(|file| file.sequence != held.sequence) {
                let bytes = Mapped::of(&held.file, &held.path)?;
                files.push(LogFile { bytes, ..held });
            }
        }
        files.sort_by_key(|file| file.sequence);
        Ok(Some(Self {
            path: self.path,
            checkpoint: self.checkpoint,
            files,
        }))
    }

    /// Files that both have must be the same ones, and a log's numbers never go back.
    fn is_same_log(&self, now: &Self) -> Result<bool> {
        for held in &self.files {
            if let Some(file) = now.file(held.sequence)
                && identity(&file.file, &file.path)? != identity(&held.file, &held.path)?
            {
                return Ok(false);
            }
        }
        let newest = |folder: &Self| folder.files.last().map(|file| file.sequence);
        Ok(newest(now) >= newest(self))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the engine's last checkpoint recorded, read before the files were opened.
    pub const fn checkpoint(&self) -> Option<&CheckpointRecord> {
        self.checkpoint.as_ref()
    }

    /// The log files in numeric order.
    pub fn files(&self) -> &[LogFile] {
        &self.files
    }

    /// The file with this number.
    pub fn file(&self, sequence: LogSequence) -> Option<&LogFile> {
        self.files.iter().find(|file| file.sequence == sequence)
    }

    /// Where recovery starts: the file that the checkpoint names, else the first.
    pub fn recovery_start(&self) -> LogPosition {
        let first = self
            .files
            .first()
            .map_or(LogSequence::default(), |file| file.sequence);
        let named = self.checkpoint.map(|checkpoint| checkpoint.log_sequence);
        LogPosition::in_file(named.unwrap_or(first), 0)
    }

    /// The log from a position on, as parts, with the files that they lie in.
    ///
    /// # Errors
    ///
    /// [`WalError::MissingFile`] where a file from the position to the newest is not there,
    /// [`WalError::PastEnd`] where the position lies behind the end of its file.
    pub fn from(&self, sequence: LogSequence, offset: u64) -> Result<LogTail<'_>> {
        let files: Vec<&LogFile> = self
            .files
            .iter()
            .filter(|file| file.sequence >= sequence)
            .collect();
        let mut expected = Some(sequence);
        for file in &files {
            if Some(file.sequence) != expected {
                return Err(self.missing(expected.unwrap_or(sequence)));
            }
            expected = file.sequence.next();
        }
        if files.is_empty() && (offset > 0 || !self.files.is_empty()) {
            return Err(self.missing(sequence));
        }
        let parts = files.iter().enumerate().map(|(index, file)| {
            let from = if index == 0 { offset } else { 0 };
            let bytes = usize::try_from(from)
                .ok()
                .and_then(|from| file.bytes.get(from..));
            let bytes = bytes.ok_or_else(|| WalError::PastEnd {
                path: file.path.clone(),
                offset: from,
                size: file.bytes.len() as u64,
            })?;
            Ok(LogPart::of_file(file.sequence, from, bytes))
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        Ok(LogTail { files, parts })
    }

    fn missing(&self, sequence: LogSequence) -> WalError {
        WalError::MissingFile {
            path: self.path.join(log_file_name(sequence)),
        }
    }
}

/// The end of a log, from some position on.
#[derive(Debug)]
pub struct LogTail<'a> {
    /// The file of each part.
    pub files: Vec<&'a LogFile>,
    /// The parts, in log order.
    pub parts: Vec<LogPart<'a>>,
}

/// What tells one file of this machine from another.
fn identity(file: &File, path: &Path) -> Result<(u64, u64)> {
    let failed = |source| IoError::Failed {
        operation: "inspect",
        path: path.to_owned(),
        source,
    };
    let metadata = file.metadata().map_err(failed)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn log_names(path: &Path, names: Vec<OsString>) -> Result<Vec<(LogSequence, PathBuf)>> {
    let mut logs = Vec::new();
    for name in names {
        let file = path.join(&name);
        match LogFolderEntry::of(&name) {
            LogFolderEntry::Log(sequence) => logs.push((sequence, file)),
            LogFolderEntry::StrayLog => return Err(WalError::StrayFile { path: file }),
            LogFolderEntry::Other => {}
        }
    }
    logs.sort();
    let twice = logs.windows(2).find_map(|pair| match pair {
        [(first, _), (second, path)] if first == second => Some(path.clone()),
        _ => None,
    });
    twice.map_or(Ok(logs), |path| Err(WalError::StrayFile { path }))
}

fn open_files(names: &[(LogSequence, PathBuf)]) -> Result<Vec<LogFile>> {
    let opened = names
        .iter()
        .map(|(sequence, path)| Ok((*sequence, path.clone(), open_regular(path)?)))
        .collect::<std::result::Result<Vec<_>, IoError>>()?;
    let mut files = opened
        .into_iter()
        .rev()
        .map(|(sequence, path, file)| {
            let bytes = Mapped::of(&file, &path)?;
            Ok(LogFile {
                sequence,
                path,
                file,
                bytes,
            })
        })
        .collect::<std::result::Result<Vec<_>, IoError>>()?;
    files.reverse();
    Ok(files)
}

fn read_checkpoint(folder: &Path) -> Result<Option<CheckpointRecord>> {
    let path = folder.join(CHECKPOINT_FILE_NAME);
    let Some(bytes) = read_small(&path, CHECKPOINT_FILE_MAX_BYTES)? else {
        return Ok(None);
    };
    match CheckpointRecord::decode(&bytes) {
        Ok(record) => Ok(Some(record)),
        Err(source) => Err(WalError::Checkpoint { path, source }),
    }
}
