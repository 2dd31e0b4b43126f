//! The database file, seen from outside while an engine may have it open.
//!
//! In generation 2 a checkpoint writes its image to pages that the active one does not use, and
//! then the slot that names it. So a copy is one state where the slots are the same before and
//! after it, and also where every checksum in it agrees, whatever ran through it. (Of an encrypted
//! image no checksum can be found without the key.)
//!
//! In generation 1 a checkpoint writes the complete new image to `P.checkpoint`, copies that over
//! `P` in place, and removes it. So `P` is torn exactly while `P.checkpoint` exists, and then
//! `P.checkpoint` is whole. The slots of `P` work as the counter of a seqlock: a copy is one state
//! where they are the same before and after it, and no `P.checkpoint` has appeared. Everything in
//! the copy but the headers is covered by checksums, and every one of them is compared.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use apograph_format::v1::{SECTIONS_OFFSET, has_section};
use apograph_format::{
    DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DatabaseHeaders, FormatError, Generation, Lsn,
    checkpoint_image, generation_of, log_folder, migrated_original, spill_folder,
};
use apograph_io::{
    Access, At, Context, Disk, FileStatus, Folder, IoError, Mode, StagedFile, file_of,
    is_locked_by_writer, read_front,
};
use apograph_wal::LogFolder;

use crate::error::{CaptureError, Result};
use crate::folder_database::FolderDatabase;
use crate::image_copy::ImageCopy;
use crate::spilled::{Spilled, without_table};

/// How often a copy is begun anew when a checkpoint ran through it.
const COPY_ATTEMPTS: u32 = 200;
const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// How often a damaged slot is read anew before it is one.
const SLOT_ATTEMPTS: u32 = 20;
/// Generation 1: the section of a compacted graph.
const COMPACT_SECTION: u32 = 4;
/// What tells the generation: the magic number and the version.
const GENERATION_BYTES: usize = 8;

/// A database on disk.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    /// What holds the database file, and whatever the engine keeps beside it.
    folder: Folder,
    name: OsString,
    mode: Mode,
    generation: Generation,
    /// What it is where it is no file.
    of_folder: Option<FolderDatabase>,
}

impl Database {
    /// Finds the database at `path`, and its log beside that name or, where the name is a link,
    /// beside the one that it leads to.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::find_folder(path);
        }
        let path = &with_log(path)?;
        let (folder, name) = Folder::holding(path)?;
        let file = folder.at(name).open_named()?;
        let mode = Mode::of(&file, path)?;
        // One that is damaged is reported when its headers are read.
        let front = match read_front(&file, path, GENERATION_BYTES) {
            Err(IoError::EndedEarly { .. }) => Vec::new(),
            front => front?,
        };
        if let Some(what) = other_file(&front, path) {
            let path = path.to_owned();
            return Err(CaptureError::NotADatabase { path, what });
        }
        Ok(Self {
            path: path.to_owned(),
            name: name.to_owned(),
            folder,
            mode,
            generation: generation_of(&front).unwrap_or(Generation::One),
            of_folder: None,
        })
    }

    /// Finds the folder database at `path`, where a folder is.
    fn find_folder(path: &Path) -> Result<Self> {
        let Some(of_folder) = FolderDatabase::find(path)? else {
            let what = "a folder";
            let path = path.to_owned();
            return Err(CaptureError::NotADatabase { path, what });
        };
        let (folder, name) = Folder::holding(path)?;
        Ok(Self {
            path: path.to_owned(),
            name: name.to_owned(),
            mode: of_folder.mode()?,
            folder,
            generation: Generation::One,
            of_folder: Some(of_folder),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The log folder, of whose newest file what stands before `read_from` is not read; `None`
    /// where there is none (the database was closed).
    pub(crate) fn open_log(
        &self,
        generation: Generation,
        read_from: Option<Lsn>,
    ) -> Result<Option<LogFolder>> {
        if let Some(of_folder) = &self.of_folder {
            return of_folder.open_log();
        }
        match self.log_folder()? {
            Some(folder) => Ok(LogFolder::of(folder, generation, read_from)?),
            None => Ok(None),
        }
    }

    /// The folder of the log, whatever is in it.
    pub(crate) fn log_folder(&self) -> Result<Option<Folder>> {
        if let Some(of_folder) = &self.of_folder {
            return of_folder.log_folder();
        }
        let name = self.beside(log_folder);
        Ok(self.folder.at(&name).find_named_folder()?)
    }

    /// Whether there is a log folder with a log file in it.
    pub(crate) fn has_log(&self) -> Result<bool> {
        let log = self.open_log(self.generation, None)?;
        Ok(log.is_some_and(|log| !log.files().is_empty()))
    }

    /// Makes the log folder.
    pub(crate) fn make_log_folder(&self, disk: &dyn Disk) -> std::result::Result<Folder, IoError> {
        let name = self.beside(log_folder);
        disk.create_folder(self.folder.at(&name), self.mode.for_folder())
    }

    /// Removes the log folder, which is empty.
    pub(crate) fn remove_log_folder(&self, disk: &dyn Disk) -> std::result::Result<(), IoError> {
        let name = self.beside(log_folder);
        disk.remove_folder(self.folder.at(&name))
    }

    /// Whether an engine has the database open for writing: it holds a lock on the file. It is not
    /// tried, since that could make an engine's own open fail.
    pub(crate) fn is_being_written(&self) -> Result<bool> {
        if let Some(of_folder) = &self.of_folder {
            return of_folder.is_being_written();
        }
        Ok(is_locked_by_writer(
            &self.folder.at(&self.name).open_named()?,
        ))
    }

    /// How many names the database file has: hard links.
    pub(crate) fn count_of_names(&self) -> Result<u64> {
        let found = self.folder.at(&self.name).metadata()?;
        let found = found.filter(std::fs::Metadata::is_file);
        Ok(found.map_or(0, |found| found.nlink()))
    }

    /// When the image that an open would load was written, by the clock of the file system.
    pub(crate) fn written(&self) -> Result<Option<SystemTime>> {
        let found = self.source()?.file.metadata();
        Ok(found.and_then(|found| found.modified()).ok())
    }

    /// What tells whether the database file was changed, without reading it.
    pub(crate) fn status(&self) -> Result<FileStatus> {
        let at = self.folder.at(&self.name);
        if self.is_folder() {
            // What is new in its log folder does not change it.
            let found = at.metadata()?.map(|found| FileStatus::from(&found));
            let path = self.path.clone();
            return found.ok_or(CaptureError::LogElsewhere { path });
        }
        let file = at.open_named()?;
        let found = file.metadata().map_err(|source| IoError::Failed {
            operation: "inspect",
            path: self.path.clone(),
            source,
        })?;
        Ok(FileStatus::from(&found))
    }

    /// How large the database file is.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        self.source()?.size()
    }

    /// Generation 1: whether `compact()` was called on it, by the image that an open would load.
    pub(crate) fn is_compacted(&self, generation: Generation) -> Result<bool> {
        if generation == Generation::Two {
            return Ok(false);
        }
        let source = self.source()?;
        let length = source.size()?.min(SECTIONS_OFFSET as u64);
        let front = read_front(
            &source.file,
            &source.path,
            usize::try_from(length).unwrap_or_default(),
        )?;
        Ok(has_section(&front, COMPACT_SECTION))
    }

    /// The name of what the engine keeps beside the database file.
    fn beside(&self, path: fn(&Path) -> PathBuf) -> PathBuf {
        path(self.name.as_ref())
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// The headers of the database of generation 1 that this one was migrated from, while the
    /// engine's copy of it lies there.
    pub(crate) fn migrated_from(&self) -> Option<DatabaseHeaders> {
        let name = self.beside(migrated_original);
        let at = self.folder.at(&name);
        if let Ok(Some(of_folder)) = FolderDatabase::find(&at.path()) {
            return DatabaseHeaders::decode(&of_folder.base().ok()?).ok();
        }
        let file = at.open().ok()?;
        DatabaseHeaders::decode(&read_front(&file, &at.path(), DATABASE_HEADERS_BYTES).ok()?).ok()
    }

    /// The log of the folder database that this one was migrated from, while the engine's copy of it
    /// lies there.
    pub(crate) fn migrated_folder_log(&self) -> Result<Option<LogFolder>> {
        let name = self.beside(migrated_original);
        let path = self.folder.at(&name).path();
        if !path.is_dir() {
            return Ok(None);
        }
        match FolderDatabase::find(&path)? {
            Some(of_folder) => of_folder.open_log(),
            None => Ok(None),
        }
    }

    /// The headers of the image that an open would load.
    pub(crate) fn headers(&self, context: Context<'_>) -> Result<DatabaseHeaders> {
        for attempt in 0..COPY_ATTEMPTS {
            let source = self.source()?;
            let bytes = self.header_bytes(&source)?;
            if self.is_unchanged(&source, &bytes)? {
                match self.sound(DatabaseHeaders::decode(&bytes)) {
                    Err(error) if self.may_be_writing(attempt) => drop(error),
                    outcome => return outcome,
                }
            }
            context.wait(RETRY_PAUSE)?;
        }
        Err(CaptureError::Changing {
            path: self.path.clone(),
        })
    }

    /// A slot of generation 2 is written in place: for a moment it looks damaged.
    fn may_be_writing(&self, attempt: u32) -> bool {
        self.generation == Generation::Two && attempt < SLOT_ATTEMPTS
    }

    /// A database one of whose slots is damaged may have lost its newest image: the engine opens
    /// it at the older one, and the backup would hold that.
    fn sound(
        &self,
        headers: std::result::Result<DatabaseHeaders, FormatError>,
    ) -> Result<DatabaseHeaders> {
        let headers = headers.map_err(|error| self.damaged(error))?;
        if headers.has_damaged_slot {
            return Err(self.damaged(FormatError::Malformed {
                what: "database file",
                offset: 0,
                detail: "a header slot is damaged, and may have been the newest".to_owned(),
            }));
        }
        Ok(headers)
    }

    /// Copies the image into a new file that will be `target`, and proves the copy.
    pub(crate) fn copy<'d>(
        &self,
        target: At<'_>,
        access: Access,
        context: Context<'d>,
    ) -> Result<ImageCopy<'d>> {
        for attempt in 0..COPY_ATTEMPTS {
            let source = self.source()?;
            let before = self.header_bytes(&source)?;
            let spilled = self.spilled()?;
            let of_image = self.of_image(&spilled, &before)?;
            let mut staged = StagedFile::create(context.disk, target, access)?;
            let size = without_table(&source.file, &source.path, source.size()?)?;
            context.monitor.go_on()?;
            context.monitor.phase("copying the database", size);
            let copied = staged
                .copy(&source.file, 0, size, context)
                .and_then(|()| of_image.append(&mut staged, context));
            context.monitor.advance(size);
            let unchanged = self.is_unchanged(&source, &before)? && self.spilled()?.is_as(&spilled);
            match copied {
                Ok(()) => {
                    context.monitor.phase("checking the copy", size);
                    match self.prove(staged, unchanged, context.again()) {
                        Ok(Some(copy)) => return Ok(copy),
                        Ok(None) => {}
                        Err(error) if self.may_be_writing(attempt) => drop(error),
                        Err(error) => return Err(error),
                    }
                }
                Err(error @ IoError::Interrupted) => return Err(error.into()),
                Err(error) if unchanged && !matches!(error, IoError::EndedEarly { .. }) => {
                    return Err(error.into());
                }
                Err(_) => drop(staged),
            }
            context.wait(RETRY_PAUSE)?;
        }
        Err(CaptureError::Changing {
            path: self.path.clone(),
        })
    }

    /// The embeddings beside the database.
    pub(crate) fn spilled(&self) -> Result<Spilled> {
        Spilled::find(self.folder.at(&self.beside(spill_folder)))
    }

    /// Those that belong to the image with these headers, of all that were found.
    fn of_image(&self, spilled: &Spilled, headers: &[u8]) -> Result<Spilled> {
        if spilled.is_empty() {
            return Ok(Spilled::default());
        }
        if self.generation == Generation::Two {
            let path = self.path.clone();
            return Err(CaptureError::ForeignVectors { path });
        }
        if !self.has_log()? {
            return Ok(spilled.clone());
        }
        let headers = self.sound(DatabaseHeaders::decode(headers))?;
        spilled.of_image(&headers.checkpoint, &self.path)
    }

    /// The same copy; `None` where nothing proves that it is one state.
    fn prove<'d>(
        &self,
        staged: StagedFile<'d>,
        unchanged: bool,
        context: Context<'_>,
    ) -> Result<Option<ImageCopy<'d>>> {
        if !unchanged && self.generation == Generation::One {
            return Ok(None);
        }
        match ImageCopy::read_back(staged, context)? {
            Ok(copy) if unchanged => {
                self.sound(Ok(copy.image.headers().clone()))?;
                Ok(Some(copy))
            }
            Ok(copy) => {
                let headers = copy.image.headers();
                let is_proven = !headers.file.is_encrypted && !headers.has_damaged_slot;
                Ok(is_proven.then_some(copy))
            }
            Err(error) if unchanged => Err(self.damaged(error)),
            Err(_) => Ok(None),
        }
    }

    /// Whether it is a folder, whose log is its only copy.
    pub(crate) const fn is_folder(&self) -> bool {
        self.of_folder.is_some()
    }

    /// What an open would load: the image that is being installed, else the database file; of a
    /// folder database the file that stands for it.
    fn source(&self) -> Result<Source> {
        if let Some(of_folder) = &self.of_folder {
            return Ok(Source {
                file: file_of(&of_folder.base()?, &self.path)?,
                path: self.path.clone(),
                is_image: true,
            });
        }
        let installing = self.beside(checkpoint_image);
        let installing = self.folder.at(&installing);
        match installing.open() {
            Ok(file) if self.generation == Generation::One => Ok(Source {
                file,
                path: installing.path(),
                is_image: true,
            }),
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => {
                let file = self.folder.at(&self.name).open_named()?;
                Ok(Source {
                    file,
                    path: self.path.clone(),
                    is_image: false,
                })
            }
        }
    }

    /// Generation 1: the front of the image, with the directory of its sections; empty where there
    /// is none.
    pub(crate) fn directory(&self) -> Vec<u8> {
        let front = |source: Source| read_front(&source.file, &source.path, SECTIONS_OFFSET).ok();
        self.source().ok().and_then(front).unwrap_or_default()
    }

    fn header_bytes(&self, source: &Source) -> Result<Vec<u8>> {
        let have = source.size()?;
        let need = DATABASE_HEADERS_BYTES as u64;
        if have < need {
            let what = "database file";
            return Err(self.damaged(FormatError::TooShort { what, need, have }));
        }
        // What ends before its size could not be read: FUSE says so in this way.
        Ok(read_front(
            &source.file,
            &source.path,
            DATABASE_HEADERS_BYTES,
        )?)
    }

    /// Whether what was read from the source so far is one state.
    fn is_unchanged(&self, source: &Source, before: &[u8]) -> Result<bool> {
        // An image under its own name never changes, also when its name is gone.
        if source.is_image {
            return Ok(true);
        }
        let after = self.header_bytes(source)?;
        let installing = self.beside(checkpoint_image);
        let installs =
            self.generation == Generation::One && self.folder.at(&installing).exists()?;
        Ok(after == before && !installs)
    }

    fn damaged(&self, source: FormatError) -> CaptureError {
        CaptureError::Database {
            path: self.path.clone(),
            source,
        }
    }
}

/// What a file is that does not begin as a database does. Where nothing but its name says that it
/// is one, its beginning may be damaged.
fn other_file(front: &[u8], path: &Path) -> Option<&'static str> {
    let is_named = path.extension().is_some_and(|it| it == "grafeo");
    if is_named || front.starts_with(&DATABASE_MAGIC) {
        return None;
    }
    Some("another kind of file")
}

/// The name of a database beside which its log lies, or, where it has none, the first beside which
/// embeddings lie that were moved out of it.
///
/// An engine keeps both beside the name that it was given: a link, what the link leads to, or a link
/// on the way there.
fn with_log(path: &Path) -> Result<PathBuf> {
    if !path.is_symlink() {
        return Ok(path.to_owned());
    }
    let failed = |source| IoError::Failed {
        operation: "open",
        path: path.to_owned(),
        source,
    };
    // It fails where the links have no end.
    let target = path.canonicalize().map_err(failed)?;
    let (mut with_log, mut with_spilled): (Option<PathBuf>, Option<PathBuf>) = (None, None);
    let mut name = path.to_owned();
    loop {
        if log_folder(&name).is_dir() {
            match with_log {
                Some(path) if !is_same_place(&path, &name) => {
                    return Err(CaptureError::TwoLogs { path, target: name });
                }
                _ => with_log = Some(name.clone()),
            }
        }
        if with_spilled.is_none() && has_spilled(&name)? {
            with_spilled = Some(name.clone());
        }
        if !name.is_symlink() {
            return Ok(with_log.or(with_spilled).unwrap_or(target));
        }
        let next = name.read_link().map_err(failed)?;
        name = name.with_file_name("").join(next);
    }
}

/// Whether embeddings lie beside a name.
fn has_spilled(name: &Path) -> Result<bool> {
    let (folder, name) = Folder::holding(name)?;
    let spilled = Spilled::find(folder.at(&spill_folder(name.as_ref())))?;
    Ok(!spilled.is_empty())
}

/// Whether two names are one, through folders that are links.
fn is_same_place(one: &Path, other: &Path) -> bool {
    let folder = |name: &Path| log_folder(name).canonicalize().ok();
    folder(one) == folder(other)
}

struct Source {
    file: File,
    path: PathBuf,
    is_image: bool,
}

impl Source {
    fn size(&self) -> Result<u64> {
        let failed = |source| IoError::Failed {
            operation: "inspect",
            path: self.path.clone(),
            source,
        };
        Ok(self.file.metadata().map_err(failed)?.len())
    }
}
