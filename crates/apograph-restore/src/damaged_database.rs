//! A database on disk of which something may be damaged, and which no engine has open.
//!
//! It is only read. A capture looks at a database that may change meanwhile, and takes nothing that is
//! not whole; here all of it stands still, and whatever is whole is of use.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use apograph_format::v1::{folder_base, is_spilled_vectors};
use apograph_format::{
    DATABASE_MAGIC, DatabaseHeaders, FOLDER_LOCK_NAME, FOLDER_LOG_NAME, FormatError, Generation,
    checkpoint_image, log_folder, spill_folder,
};
use apograph_io::{
    Context, Folder, IoError, Mode, Source, exists, file_of, is_locked_by_writer, read_front,
};
use apograph_wal::{LogFolder, WalError, first_group};

use crate::damaged_image::SoundImage;
use crate::error::{RestoreError, Result};

/// What is left of a database.
pub(crate) struct DamagedDatabase {
    pub(crate) mode: Mode,
    pub(crate) image: SoundImage,
    /// When the image was written, by the clock of the file system.
    pub(crate) written: Option<SystemTime>,
    /// The log folder, and what of it cannot be used.
    pub(crate) log: Option<(LogFolder, Vec<Arc<WalError>>)>,
    /// The files of embeddings beside it.
    pub(crate) spilled: Vec<(String, Source)>,
    /// Whether it is a folder database.
    pub(crate) is_folder: bool,
}

impl DamagedDatabase {
    /// Finds a database, and the newest image in it that is sound.
    pub(crate) fn find(path: &Path, context: Context<'_>) -> Result<Self> {
        let path = &with_log(path)?;
        if path.is_dir() {
            return Self::in_folder(path);
        }
        let (folder, name) = Folder::holding(path)?;
        let log = folder.at(&beside(name, log_folder)).find_named_folder()?;
        let file = match folder.at(name).open_named() {
            Err(error) if error.is_not_found() && log.is_some() => {
                let (path, what) = (path.clone(), "not there, and its log alone is no database");
                return Err(RestoreError::NotADatabase { path, what });
            }
            file => file?,
        };
        check_unused(&file, path)?;
        let mode = Mode::of(&file, path)?;
        let generation = generation_of(&file, path)?;
        let source = Source::of(file, path)?;
        let mut sources = Vec::new();
        // While that name is there, its file is the image.
        let installing = beside(name, checkpoint_image);
        if generation == Generation::One && folder.at(&installing).exists()? {
            sources.push(folder.at(&installing).source()?);
        }
        sources.push(source);
        let image = SoundImage::find(sources, context)?;
        let log = log.map(|log| LogFolder::of_damaged(log, generation));
        let log = log.transpose()?.filter(|(log, defects)| {
            // A folder without a log file says nothing.
            !log.files().is_empty() || !defects.is_empty()
        });
        if let (Some((log, _)), Some(id)) = (&log, image.headers.file.id) {
            log.check_database(id)?;
        }
        let spilled = match generation {
            Generation::One => spilled(&folder, name)?,
            Generation::Two => Vec::new(),
        };
        let written = image.source.file().metadata();
        Ok(Self {
            written: written.and_then(|found| found.modified()).ok(),
            mode,
            image,
            log: log.map(|(log, defects)| (log, shared(defects))),
            spilled,
            is_folder: false,
        })
    }

    fn in_folder(path: &Path) -> Result<Self> {
        let (folder, name) = Folder::holding(path)?;
        let database = Folder::open(path)?;
        match database.at(FOLDER_LOCK_NAME).open() {
            Ok(lock) => check_unused(&lock, path)?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let log = match database.at(FOLDER_LOG_NAME).find_named_folder() {
            Err(IoError::NotAFolder { .. }) => None,
            log => log?,
        };
        let log = log.map(|log| LogFolder::of_damaged(log, Generation::One));
        let Some((log, defects)) = log.transpose()?.filter(|(log, _)| !log.files().is_empty())
        else {
            let (path, what) = (
                path.to_owned(),
                "a folder without a log, and no Grafeo database",
            );
            return Err(RestoreError::NotADatabase { path, what });
        };
        let log = log.of_folder_database();
        // It says nothing there.
        let is_used = |defect: &WalError| !matches!(defect, WalError::Checkpoint { .. });
        let defects = defects.into_iter().filter(is_used);
        let mode = match log.files().last() {
            Some(file) => Mode::of(file.file(), &file.path)?,
            None => Mode::PRIVATE,
        };
        let base = folder_base(first_group(&log)?);
        let headers = DatabaseHeaders::decode(&base).map_err(|source| RestoreError::Database {
            path: path.to_owned(),
            source,
        })?;
        let image = SoundImage {
            source: Source::of(file_of(&base, path)?, path)?,
            front: base,
            headers,
            doubt: None,
        };
        Ok(Self {
            spilled: spilled(&folder, name)?,
            mode,
            image,
            written: None,
            log: Some((log, shared(defects))),
            is_folder: true,
        })
    }

    /// Whether a file of embeddings is younger than the image: whether that has them too is not known.
    pub(crate) fn has_younger_vectors(&self) -> bool {
        let image = self.image.headers.checkpoint.written_at.get();
        self.spilled.iter().any(|(_, source)| {
            let modified = source.file().metadata().map(|found| {
                let seconds = u64::try_from(found.mtime()).unwrap_or_default();
                let nanos = u64::try_from(found.mtime_nsec()).unwrap_or_default();
                seconds.saturating_mul(1000) + nanos / 1_000_000
            });
            modified.is_ok_and(|modified| modified >= image)
        })
    }
}

fn shared(defects: impl IntoIterator<Item = WalError>) -> Vec<Arc<WalError>> {
    defects.into_iter().map(Arc::new).collect()
}

/// The name beside which the log lies: the one that was given, or what that leads to.
fn with_log(path: &Path) -> Result<PathBuf> {
    if !path.is_symlink() || exists(&log_folder(path))? {
        return Ok(path.to_owned());
    }
    let target = path.canonicalize().map_err(|source| IoError::Failed {
        operation: "open",
        path: path.to_owned(),
        source,
    })?;
    Ok(target)
}

/// The name of what the engine keeps beside a database.
fn beside(name: &OsStr, path: fn(&Path) -> PathBuf) -> OsString {
    path(name.as_ref()).into()
}

fn check_unused(file: &File, path: &Path) -> Result<()> {
    if is_locked_by_writer(file) {
        let path = path.to_owned();
        return Err(RestoreError::InUse { path });
    }
    Ok(())
}

fn generation_of(file: &File, path: &Path) -> Result<Generation> {
    let front = match read_front(file, path, DATABASE_MAGIC.len() * 2) {
        Err(IoError::EndedEarly { .. }) => Vec::new(),
        front => front?,
    };
    let found = apograph_format::generation_of(&front);
    let is_named = path.extension().is_some_and(|it| it == "grafeo");
    found.map_err(|source| match source {
        FormatError::WrongMagic { .. } if !is_named => RestoreError::NotADatabase {
            path: path.to_owned(),
            what: "another kind of file, and no Grafeo database",
        },
        source => RestoreError::Database {
            path: path.to_owned(),
            source,
        },
    })
}

/// The files of embeddings beside a database.
fn spilled(folder: &Folder, name: &OsStr) -> Result<Vec<(String, Source)>> {
    let folder = match folder.at(&beside(name, spill_folder)).find_named_folder() {
        Err(IoError::NotAFolder { .. }) => None,
        found => found?,
    };
    let Some(folder) = folder else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for name in folder.names()? {
        let name = name?;
        if let Some(name) = name.to_str().filter(|name| is_spilled_vectors(name)) {
            files.push((name.to_owned(), folder.at(name).source()?));
        }
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(files)
}
