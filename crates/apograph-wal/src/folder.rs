//! A log folder, with the files that were in it held open.
//!
//! The engine deletes log files at its checkpoints and appends to the newest all the time. A file
//! that is open stays readable, and the bytes that were read never change. (In generation 2 it cuts
//! off a group that it could not write, and writes another in its place: of the newest file a copy
//! in memory is read.) The lengths are taken from the newest to the oldest: once a newer file has bytes, the older ones are complete, so
//! whatever is caught is a prefix of the log.
//!
//! The folder is held open too. A close and an open of the database put another folder in its
//! place: what is in that one is never taken for this log.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

use apograph_format::v1::{CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord};
use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{
    DatabaseId, FilePosition, Generation, LogFolderEntry, LogPosition, LogSequence, Lsn,
    log_file_name,
};
use apograph_io::{Bytes, FileStatus, Folder, Identity, Source};

use crate::error::{Result, WalError};
use crate::part::LogPart;

/// How often a folder is listed anew when files vanish while they are opened.
const LISTINGS: usize = 16;

/// A log file, held open.
#[derive(Debug)]
pub struct LogFile {
    /// Its path.
    pub path: PathBuf,
    of: FileOf,
    live: Source,
}

/// What tells a log file from the others of its log.
#[derive(Debug)]
enum FileOf {
    /// Generation 1: the number in its name.
    One(LogSequence),
    /// Generation 2.
    Two {
        /// Its header, which has the position that is in its name.
        header: Box<WalSegmentHeader>,
        /// What is read in its place.
        copy: Option<Source>,
    },
}

impl LogFile {
    /// The position in its name: that of its first frame.
    pub const fn start(&self) -> LogPosition {
        match &self.of {
            FileOf::One(sequence) => LogPosition::in_file(*sequence, 0),
            FileOf::Two { header, .. } => LogPosition::Lsn(header.first_lsn),
        }
    }

    /// Generation 1: the number in its name.
    pub const fn sequence(&self) -> Option<LogSequence> {
        match &self.of {
            FileOf::One(sequence) => Some(*sequence),
            FileOf::Two { .. } => None,
        }
    }

    /// Generation 2: its header.
    pub const fn header(&self) -> Option<&WalSegmentHeader> {
        match &self.of {
            FileOf::One(_) => None,
            FileOf::Two { header, .. } => Some(header),
        }
    }

    /// The open file.
    pub const fn file(&self) -> &File {
        self.live.file()
    }

    /// What tells it from others, and from itself once it was changed, as it was when it was opened.
    pub const fn status(&self) -> FileStatus {
        self.live.status()
    }

    /// The bytes that it had when it was opened.
    pub fn bytes(&self) -> Bytes<'_> {
        match &self.of {
            FileOf::Two {
                copy: Some(copy), ..
            } => copy.bytes(),
            _ => self.live.bytes(),
        }
    }

    /// All its frames, as a part of a log.
    pub fn part(&self) -> LogPart<'_> {
        let bytes = self.bytes();
        match &self.of {
            FileOf::One(sequence) => LogPart::of_file(*sequence, 0, bytes),
            FileOf::Two { header, .. } => {
                LogPart::of_segment(header, bytes.skip(WAL_SEGMENT_HEADER_BYTES))
            }
        }
    }

    /// The same with all that was written into it since.
    fn renewed(self) -> Result<Self> {
        let live = self.live.renewed()?;
        let of = match self.of {
            FileOf::Two { header, .. } => FileOf::Two { header, copy: None },
            of @ FileOf::One(_) => of,
        };
        Ok(Self { of, live, ..self })
    }

    /// Whether it is the one that goes on from another.
    fn is_behind(&self, other: &Self) -> bool {
        match (&other.of, &self.of) {
            (FileOf::One(before), FileOf::One(found)) => before.next() == Some(*found),
            _ => other.part().end() == self.start(),
        }
    }
}

/// A log folder as it was found.
#[derive(Debug)]
pub struct LogFolder {
    folder: Folder,
    generation: Generation,
    checkpoint: Option<CheckpointRecord>,
    files: Vec<LogFile>,
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
            let names = log_names(&folder, generation)?;
            // A folder that was removed is empty.
            if names.is_empty() && !folder.is_in_place()? {
                return Ok(None);
            }
            let checkpoint = match generation {
                Generation::One => read_checkpoint(&folder)?,
                Generation::Two => None,
            };
            if let Some(files) = open_files(&folder, &names, read_from)? {
                return Ok(Some(Self {
                    folder,
                    generation,
                    checkpoint,
                    files,
                }));
            }
        }
        Err(WalError::Changing {
            path: folder.path().to_owned(),
        })
    }

    /// The folder as it is now; files that vanished meanwhile are kept, with all that was written
    /// into them. `None` where the folder is gone, or is another one of the same name. `read_from` is
    /// that of [`LogFolder::of`].
    ///
    /// # Errors
    ///
    /// As [`LogFolder::open`].
    pub fn refreshed(self, read_from: Option<Lsn>) -> Result<Option<Self>> {
        if !self.folder.is_in_place()? {
            return Ok(None);
        }
        let Some(now) = Self::of(self.folder.clone(), self.generation, read_from)? else {
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
            generation: self.generation,
            checkpoint: self.checkpoint,
        }))
    }

    /// The files that are held, with all that was written into them since: where the folder was removed
    /// by a close, that is all of the log that was begun by then.
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
        self.generation
    }

    /// Generation 2: whether the records in its newest file are encrypted.
    pub fn is_encrypted(&self) -> bool {
        let newest = self.files.last().and_then(LogFile::header);
        newest.is_some_and(|header| header.is_encrypted)
    }

    /// Generation 1: what the engine's last checkpoint recorded, read before the files were opened.
    pub const fn checkpoint(&self) -> Option<&CheckpointRecord> {
        self.checkpoint.as_ref()
    }

    /// Generation 1: what the engine's last checkpoint has recorded by now.
    ///
    /// # Errors
    ///
    /// [`WalError::Io`]; [`WalError::Checkpoint`] for a `checkpoint.meta` that cannot be read.
    pub fn newest_checkpoint(&self) -> Result<Option<CheckpointRecord>> {
        match self.generation {
            Generation::One => read_checkpoint(&self.folder),
            Generation::Two => Ok(None),
        }
    }

    /// The same folder, with what a checkpoint recorded that came later.
    #[must_use]
    pub fn at_checkpoint(self, checkpoint: Option<CheckpointRecord>) -> Self {
        Self { checkpoint, ..self }
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
        let named = self.checkpoint.map(|it| it.log_sequence);
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
        let files: Vec<&LogFile> = self.files.iter().filter(|it| it.start() >= first).collect();
        let is_first_missing = match files.first() {
            Some(file) => file.start() != first,
            None => skipped > 0 || !self.files.is_empty(),
        };
        if is_first_missing {
            return Err(self.missing(first));
        }
        for pair in files.windows(2) {
            if let [before, file] = pair
                && !file.is_behind(before)
            {
                return Err(self.not_behind(before, file));
            }
        }
        let parts = files.iter().enumerate().map(|(index, file)| {
            let skipped = if index == 0 { skipped } else { 0 };
            let part = file.part();
            if skipped > part.bytes.len() as u64 {
                return Err(WalError::PastEnd {
                    path: file.path.clone(),
                    offset: part.file_offset.saturating_add(skipped),
                    size: file.bytes().len() as u64,
                });
            }
            Ok(part.skipping(skipped))
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        Ok(LogTail { files, parts })
    }

    /// Every log file that is there, be it that some between them are not: so an engine of generation
    /// 1 replays what a close left that was killed.
    pub fn all(&self) -> LogTail<'_> {
        let files: Vec<&LogFile> = self.files.iter().collect();
        let parts = files.iter().map(|file| file.part()).collect();
        LogTail { files, parts }
    }

    fn not_behind(&self, before: &LogFile, file: &LogFile) -> WalError {
        match &before.of {
            FileOf::One(sequence) => {
                let expected = sequence.next().unwrap_or(*sequence);
                self.missing(LogPosition::in_file(expected, 0))
            }
            FileOf::Two { .. } => WalError::Gap {
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
#[derive(Debug)]
pub struct LogTail<'a> {
    /// The file of each part.
    pub files: Vec<&'a LogFile>,
    /// The parts, in log order.
    pub parts: Vec<LogPart<'a>>,
}

/// The names of the log files, in the order of the log.
fn log_names(folder: &Folder, generation: Generation) -> Result<Vec<(LogPosition, OsString)>> {
    let (mut logs, mut strays) = (Vec::new(), Vec::new());
    for name in folder.names()? {
        let name = name?;
        match LogFolderEntry::of(&name, generation) {
            LogFolderEntry::Log(start) => logs.push((start, name)),
            LogFolderEntry::StrayLog => strays.push(name),
            LogFolderEntry::Other => {}
        }
    }
    if let Some(name) = strays.iter().min() {
        return Err(stray(folder, name));
    }
    logs.sort();
    let twice = logs.windows(2).find_map(|pair| match pair {
        [(first, _), (second, name)] if first == second => Some(stray(folder, name)),
        _ => None,
    });
    twice.map_or(Ok(logs), Err)
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
        let live = Source::of(file, &path)?;
        let of = match start {
            LogPosition::File(place) => FileOf::One(place.sequence),
            LogPosition::Lsn(start) => {
                let is_newest = files.is_empty();
                // The engine of generation 2 can cut the newest file.
                let unread = read_from.map_or(0, |from| from.distance_from(start));
                let copy = is_newest.then(|| snapshot(&live, unread)).transpose()?;
                let bytes = copy.as_ref().unwrap_or(&live).bytes();
                // The engine was cut off while it created the newest file, or does it just now.
                if is_newest && is_unfinished(bytes)? {
                    continue;
                }
                let header = Box::new(read_header(bytes, &path, start)?);
                FileOf::Two { header, copy }
            }
        };
        files.push(LogFile { path, of, live });
    }
    files.reverse();
    Ok(Some(files))
}

/// A copy of a log file without so many bytes of its frames.
fn snapshot(live: &Source, unread: u64) -> Result<Source> {
    let header = WAL_SEGMENT_HEADER_BYTES as u64;
    let unread = header..header.saturating_add(unread);
    let copy = Source::snapshot(live.file(), live.path(), unread)?;
    // Zeros that were not read are not the file's.
    if is_unfinished(copy.bytes())? {
        return Ok(Source::snapshot(live.file(), live.path(), 0..0)?);
    }
    Ok(copy)
}

/// Whether a log file holds no header yet.
fn is_unfinished(file: Bytes<'_>) -> Result<bool> {
    if !WalSegmentHeader::is_unfinished(&file.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?) {
        return Ok(false);
    }
    let mut is_zero = true;
    file.skip(WAL_SEGMENT_HEADER_BYTES).for_each(|piece| {
        is_zero = is_zero && piece.iter().all(|&byte| byte == 0);
    })?;
    Ok(is_zero)
}

fn read_header(file: Bytes<'_>, path: &Path, named: Lsn) -> Result<WalSegmentHeader> {
    let path = path.to_owned();
    match WalSegmentHeader::decode(&file.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?) {
        Ok(header) if header.first_lsn == named => Ok(header),
        Ok(header) => Err(WalError::Renamed {
            path,
            first: header.first_lsn,
        }),
        Err(source) => Err(WalError::Header { path, source }),
    }
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
