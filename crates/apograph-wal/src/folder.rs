//! A log folder, with the files that were in it held open.
//!
//! The engine deletes log files at its checkpoints and appends to the newest all the time. A file
//! that is open stays readable. The lengths are taken from the newest to the oldest: once a newer
//! file has bytes, the older ones are complete, so whatever is caught is a prefix of the log.
//!
//! The folder is held open too. A close and an open of the database put another folder in its
//! place: what is in that one is never taken for this log.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use apograph_format::v1::{CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord};
use apograph_format::{
    DatabaseId, FilePosition, Generation, LogFolderEntry, LogPosition, LogSequence, Lsn,
    log_file_name,
};
use apograph_io::{Folder, Identity};

use crate::error::{Result, WalError};
use crate::file::LogFile;
use crate::part::LogPart;

/// How often a folder is listed anew when files vanish while they are opened.
const LISTINGS: usize = 16;

/// A log folder as it was found.
#[derive(Debug)]
pub struct LogFolder {
    folder: Folder,
    of: FolderOf,
    files: Vec<LogFile>,
}

/// What a log folder has by its generation.
#[derive(Debug, Clone, Copy)]
enum FolderOf {
    /// Generation 1.
    One {
        /// What the engine's last checkpoint recorded, read before the files were opened.
        checkpoint: Option<CheckpointRecord>,
    },
    /// Generation 2.
    Two,
}

impl LogFolder {
    /// Opens the log folder at `path`; `None` where there is none (the database was closed).
    ///
    /// # Errors
    ///
    /// As [`LogFolder::of`].
    pub fn open(path: &Path, generation: Generation) -> Result<Option<Self>> {
        match Folder::find(path)? {
            Some(folder) => Self::of(folder, generation, None),
            None => Ok(None),
        }
    }

    /// Reads a log folder that is open; `None` where it was removed meanwhile.
    ///
    /// The newest file of generation 2 is copied to memory, which whoever knows the rest can do
    /// without: of what stands before `read_from` in it only the header is read, and all else is
    /// zeros.
    ///
    /// # Errors
    ///
    /// [`WalError::Io`]; [`WalError::Checkpoint`] for a `checkpoint.meta` that cannot be read;
    /// [`WalError::StrayFile`] for a file that the engine would replay as a log file and that has
    /// no log file's name, or for two files with one number; [`WalError::Header`] for a log file of
    /// generation 2 whose header is damaged, or is another file's.
    pub fn of(
        folder: Folder,
        generation: Generation,
        read_from: Option<Lsn>,
    ) -> Result<Option<Self>> {
        for _ in 0..LISTINGS {
            let (names, defect) = log_names(&folder, generation)?;
            if let Some(defect) = defect {
                return Err(defect);
            }
            // A folder that was removed is empty.
            if names.is_empty() && !folder.is_in_place()? {
                return Ok(None);
            }
            let of = match generation {
                Generation::One => FolderOf::One {
                    checkpoint: read_checkpoint(&folder)?,
                },
                Generation::Two => FolderOf::Two,
            };
            if let Some(files) = open_files(&folder, &names, read_from)? {
                return Ok(Some(Self { folder, of, files }));
            }
        }
        Err(WalError::Changing {
            path: folder.path().to_owned(),
        })
    }

    /// Reads a log folder of which something may be damaged, and which no engine has open. What cannot
    /// be opened of it is left out, and told.
    ///
    /// # Errors
    ///
    /// [`WalError::Io`] where the folder cannot be read.
    pub fn of_damaged(folder: Folder, generation: Generation) -> Result<(Self, Vec<WalError>)> {
        let (names, stray) = log_names(&folder, generation)?;
        let mut defects: Vec<_> = stray.into_iter().collect();
        let mut note = |defect| defects.push(defect);
        let of = match generation {
            Generation::One => FolderOf::One {
                checkpoint: read_checkpoint(&folder).unwrap_or_else(|defect| {
                    note(defect);
                    None
                }),
            },
            Generation::Two => FolderOf::Two,
        };
        let mut files = Vec::new();
        for (index, (start, name)) in names.iter().enumerate() {
            let at = folder.at(name);
            let newest = (index.saturating_add(1) == names.len()).then_some(0);
            let opened = at.open().map_err(WalError::from);
            match opened.and_then(|file| LogFile::open(file, at.path(), *start, newest)) {
                Ok(file) => files.extend(file),
                Err(defect) => note(defect),
            }
        }
        Ok((Self { folder, of, files }, defects))
    }

    /// The folder as it is now; files that vanished meanwhile are kept, with all that was written
    /// into them. `None` where the folder is gone, or is another one of the same name. `read_from`
    /// is that of [`LogFolder::of`].
    ///
    /// # Errors
    ///
    /// As [`LogFolder::open`].
    pub fn refreshed(self, read_from: Option<Lsn>) -> Result<Option<Self>> {
        if !self.folder.is_in_place()? {
            return Ok(None);
        }
        let Some(now) = Self::of(self.folder.clone(), self.generation(), read_from)? else {
            return Ok(None);
        };
        if !self.is_same_log(&now)? {
            return Ok(None);
        }
        let mut files = now.files;
        for held in self.files {
            if files.iter().all(|file| file.start() != held.start()) {
                files.push(held.renewed()?);
            }
        }
        files.sort_by_key(LogFile::start);
        Ok(Some(Self {
            files,
            folder: self.folder,
            of: self.of,
        }))
    }

    /// The files that are held, with all that was written into them since: where the folder was
    /// removed by a close, that is all of the log that was begun by then.
    ///
    /// # Errors
    ///
    /// [`WalError::Io`].
    pub fn held(self) -> Result<Self> {
        let files = self.files.into_iter().map(LogFile::renewed);
        Ok(Self {
            files: files.collect::<Result<_>>()?,
            ..self
        })
    }

    /// Files that both have must be the same ones, and a log's positions never go back.
    fn is_same_log(&self, now: &Self) -> Result<bool> {
        for held in &self.files {
            if let Some(file) = now.named(held.start())
                && Identity::of(file.file(), &file.path)? != Identity::of(held.file(), &held.path)?
            {
                return Ok(false);
            }
        }
        let newest = |folder: &Self| folder.files.last().map(LogFile::start);
        Ok(newest(now) >= newest(self))
    }

    /// Tells whether every log file of generation 2 is of one database.
    ///
    /// # Errors
    ///
    /// [`WalError::ForeignFile`] for the first that is of another.
    pub fn check_database(&self, database: DatabaseId) -> Result<()> {
        let is_foreign = |file: &&LogFile| {
            let header = file.header();
            header.is_some_and(|header| header.database != database)
        };
        match self.files.iter().find(is_foreign) {
            Some(file) => Err(WalError::ForeignFile {
                path: file.path.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The folder.
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The generation of the log.
    pub const fn generation(&self) -> Generation {
        match self.of {
            FolderOf::One { .. } => Generation::One,
            FolderOf::Two => Generation::Two,
        }
    }

    /// Generation 2: whether the records in its newest file are encrypted.
    pub fn is_encrypted(&self) -> bool {
        let newest = self.files.last().and_then(LogFile::header);
        newest.is_some_and(|header| header.is_encrypted)
    }

    /// Generation 1: what the engine's last checkpoint recorded, read before the files were opened.
    pub const fn checkpoint(&self) -> Option<&CheckpointRecord> {
        match &self.of {
            FolderOf::One { checkpoint } => checkpoint.as_ref(),
            FolderOf::Two => None,
        }
    }

    /// Generation 1: what the engine's last checkpoint has recorded by now.
    ///
    /// # Errors
    ///
    /// [`WalError::Io`]; [`WalError::Checkpoint`] for a `checkpoint.meta` that cannot be read.
    pub fn newest_checkpoint(&self) -> Result<Option<CheckpointRecord>> {
        match self.of {
            FolderOf::One { .. } => read_checkpoint(&self.folder),
            FolderOf::Two => Ok(None),
        }
    }

    /// Generation 1: the same folder, with what a checkpoint recorded that came later.
    #[must_use]
    pub fn at_checkpoint(self, recorded: CheckpointRecord) -> Self {
        let checkpoint = Some(recorded);
        let of = match self.of {
            FolderOf::One { .. } => FolderOf::One { checkpoint },
            FolderOf::Two => FolderOf::Two,
        };
        Self { of, ..self }
    }

    /// Generation 1: the same folder as the log of a folder database, which is its only copy. So
    /// all of it is replayed, whatever a checkpoint recorded.
    #[must_use]
    pub fn of_folder_database(self) -> Self {
        let checkpoint = None;
        let of = FolderOf::One { checkpoint };
        Self { of, ..self }
    }

    /// The log files in the order of the log.
    pub fn files(&self) -> &[LogFile] {
        &self.files
    }

    /// Generation 1: the log files with their numbers, in the order of the log.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (LogSequence, &LogFile)> {
        let files = self.files.iter();
        files.filter_map(|file| Some((file.sequence()?, file)))
    }

    /// The file that has this position in its name.
    pub fn named(&self, start: LogPosition) -> Option<&LogFile> {
        self.files.iter().find(|file| file.start() == start)
    }

    /// The file that holds the last byte before a position.
    pub fn holding(&self, end: LogPosition) -> Option<&LogFile> {
        self.files.iter().rfind(|file| file.start() < end)
    }

    /// The file of generation 1 with this number.
    pub fn file(&self, sequence: LogSequence) -> Option<&LogFile> {
        self.named(LogPosition::in_file(sequence, 0))
    }

    /// Where the log begins that has to be replayed over an image.
    ///
    /// An image of generation 2 says it itself (`log_start`). For one of generation 1 it is the
    /// file that `checkpoint.meta` names, else the first.
    pub fn recovery_start(&self, log_start: Option<Lsn>) -> LogPosition {
        if let Some(lsn) = log_start {
            return LogPosition::Lsn(lsn);
        }
        let first = self.files.first().map(LogFile::start);
        let named = self.checkpoint().map(|it| it.log_sequence);
        let named = named.map(|sequence| LogPosition::in_file(sequence, 0));
        named
            .or(first)
            .unwrap_or(LogPosition::in_file(LogSequence::default(), 0))
    }

    /// The log from a position on, as parts, with the files that they lie in.
    ///
    /// # Errors
    ///
    /// [`WalError::MissingFile`] where a file from the position to the newest is not there,
    /// [`WalError::Gap`] where a file of generation 2 ends before the next begins,
    /// [`WalError::PastEnd`] where the position lies after the end of its file.
    pub fn from(&self, position: LogPosition) -> Result<LogTail<'_>> {
        let (tail, defect) = self.front_from(position);
        defect.map_or(Ok(tail), Err)
    }

    /// The same up to the first place where it does not go on, and why it does not: the error of
    /// [`LogFolder::from`].
    pub fn front_from(&self, position: LogPosition) -> (LogTail<'_>, Option<WalError>) {
        let (first, skipped) = match position {
            LogPosition::File(FilePosition { sequence, offset }) => {
                (LogPosition::in_file(sequence, 0), offset)
            }
            LogPosition::Lsn(lsn) => {
                let holds = |file: &&LogFile| file.start() <= position;
                match self.files.iter().rfind(holds).map(LogFile::start) {
                    Some(start @ LogPosition::Lsn(first)) => (start, lsn.distance_from(first)),
                    _ => (position, 0),
                }
            }
        };
        let mut files: Vec<&LogFile> = self.files.iter().filter(|it| it.start() >= first).collect();
        let is_first_missing = match files.first() {
            Some(file) => file.start() != first,
            None => skipped > 0 || !self.files.is_empty(),
        };
        if is_first_missing {
            return (LogTail::default(), Some(self.missing(first)));
        }
        let mut defect = None;
        let is_next =
            |pair: &[&LogFile]| matches!(pair, [before, file] if file.goes_on_from(before));
        if let Some(last) = files.windows(2).position(|pair| !is_next(pair)) {
            if let Some([before, file]) = files.get(last..).and_then(<[_]>::first_chunk) {
                defect = Some(self.not_next(before, file));
            }
            files.truncate(last.saturating_add(1));
        }
        let mut parts: Vec<_> = files.iter().map(|file| file.part()).collect();
        if let (Some(part), Some(file)) = (parts.first_mut(), files.first()) {
            if skipped > part.bytes.len() as u64 {
                let past_end = WalError::PastEnd {
                    path: file.path.clone(),
                    offset: part.file_offset.saturating_add(skipped),
                    size: file.bytes().len() as u64,
                };
                return (LogTail::default(), Some(defect.unwrap_or(past_end)));
            }
            *part = part.skipping(skipped);
        }
        (LogTail { files, parts }, defect)
    }

    /// The log files after one, in runs that go on: between two of them files are missing.
    pub fn runs_after(&self, last: Option<&LogFile>) -> Vec<LogTail<'_>> {
        let start = last.map(LogFile::start);
        let mut files = self.files.iter().filter(|file| Some(file.start()) > start);
        let mut runs = Vec::new();
        let mut run: Vec<&LogFile> = files.next().into_iter().collect();
        for file in files {
            if run.last().is_some_and(|last| !file.goes_on_from(last)) {
                runs.push(LogTail::of(std::mem::take(&mut run)));
            }
            run.push(file);
        }
        runs.extend((!run.is_empty()).then(|| LogTail::of(run)));
        runs
    }

    /// Every log file that is there, be it that some between them are not: so an engine of
    /// generation 1 replays what a close left that was killed.
    pub fn all(&self) -> LogTail<'_> {
        LogTail::of(self.files.iter().collect())
    }

    fn not_next(&self, before: &LogFile, file: &LogFile) -> WalError {
        match before.sequence() {
            Some(sequence) => {
                let expected = sequence.next().unwrap_or(sequence);
                self.missing(LogPosition::in_file(expected, 0))
            }
            None => WalError::Gap {
                path: before.path.clone(),
                end: before.part().end(),
                next: file.start(),
            },
        }
    }

    fn missing(&self, start: LogPosition) -> WalError {
        WalError::MissingFile {
            path: self.folder.at(&log_file_name(start)).path(),
        }
    }
}

/// The end of a log, from some position on.
#[derive(Debug, Default)]
pub struct LogTail<'a> {
    /// The file of each part.
    pub files: Vec<&'a LogFile>,
    /// The parts, in log order.
    pub parts: Vec<LogPart<'a>>,
}

impl<'a> LogTail<'a> {
    fn of(files: Vec<&'a LogFile>) -> Self {
        let parts = files.iter().map(|file| file.part()).collect();
        Self { files, parts }
    }
}

/// The names of the log files, in the order of the log, each position once; and the first name that the
/// engine would replay as another log file.
#[expect(clippy::type_complexity, reason = "names, and what is wrong with one")]
fn log_names(
    folder: &Folder,
    generation: Generation,
) -> Result<(Vec<(LogPosition, OsString)>, Option<WalError>)> {
    let (mut logs, mut strays) = (Vec::new(), Vec::new());
    for name in folder.names()? {
        let name = name?;
        match LogFolderEntry::of(&name, generation) {
            LogFolderEntry::Log(start) => logs.push((start, name)),
            LogFolderEntry::StrayLog => strays.push(name),
            LogFolderEntry::Other => {}
        }
    }
    logs.sort();
    let mut twice = None;
    logs.dedup_by(|(second, name), (first, _)| {
        let is_same = first == second;
        if is_same {
            twice.get_or_insert_with(|| stray(folder, name));
        }
        is_same
    });
    let stray = strays.iter().min().map(|name| stray(folder, name));
    Ok((logs, stray.or(twice)))
}

fn stray(folder: &Folder, name: &OsStr) -> WalError {
    WalError::StrayFile {
        path: folder.at(name).path(),
    }
}

/// Opens and maps the files; `None` where one of them is gone.
fn open_files(
    folder: &Folder,
    names: &[(LogPosition, OsString)],
    read_from: Option<Lsn>,
) -> Result<Option<Vec<LogFile>>> {
    let mut opened = Vec::with_capacity(names.len());
    for (start, name) in names {
        let at = folder.at(name);
        match at.open() {
            Ok(file) => opened.push((*start, at.path(), file)),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let mut files = Vec::with_capacity(opened.len());
    for (start, path, file) in opened.into_iter().rev() {
        let unread = match start {
            LogPosition::File(_) => 0,
            LogPosition::Lsn(start) => read_from.map_or(0, |from| from.distance_from(start)),
        };
        let is_newest = files.is_empty();
        files.extend(LogFile::open(
            file,
            path,
            start,
            is_newest.then_some(unread),
        )?);
    }
    files.reverse();
    Ok(Some(files))
}

fn read_checkpoint(folder: &Folder) -> Result<Option<CheckpointRecord>> {
    let at = folder.at(CHECKPOINT_FILE_NAME);
    let Some(bytes) = at.read_small(CHECKPOINT_FILE_MAX_BYTES)? else {
        return Ok(None);
    };
    match CheckpointRecord::decode(&bytes) {
        Ok(record) => Ok(Some(record)),
        Err(source) => Err(WalError::Checkpoint {
            path: at.path(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_opened_only_if_all_are_there() {
        let path = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(path.path()).expect("the folder");
        let file = |number| {
            let start = LogPosition::in_file(LogSequence::new(number), 0);
            (start, OsString::from(log_file_name(start)))
        };
        let names = [file(1), file(2), file(3)];
        for (_, name) in &names {
            fs::write(path.path().join(name), "frames").expect("a log file");
        }
        let opened = open_files(&folder, &names, None).expect("no error");
        assert_eq!(opened.map(|files| files.len()), Some(3));
        for (_, name) in &names {
            let log = path.path().join(name);
            fs::remove_file(&log).expect("a checkpoint's removal");
            assert!(
                open_files(&folder, &names, None)
                    .expect("no error")
                    .is_none()
            );
            fs::create_dir(&log).expect("a folder");
            let error = open_files(&folder, &names, None).expect_err("no file");
            assert!(matches!(error, WalError::Io(_)), "{error}");
            fs::remove_dir(&log).expect("a removal");
            fs::write(&log, "frames").expect("a log file");
        }
    }
}
