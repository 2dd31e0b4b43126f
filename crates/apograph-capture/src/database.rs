//! The database file, seen from outside while an engine may have it open.
//!
//! A checkpoint writes the complete new image to `P.checkpoint`, copies that over `P` in place,
//! and removes it. So `P` is torn exactly while `P.checkpoint` exists, and then `P.checkpoint` is
//! whole. The slots of `P` work as the counter of a seqlock: a copy is one state where they are
//! the same before and after it, and no `P.checkpoint` has appeared. Everything in the copy but
//! the headers is covered by checksums, and every one of them is compared.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apograph_format::{
    DATABASE_HEADERS_BYTES, DatabaseHeaders, FormatError, Image, checkpoint_image, log_folder,
};
use apograph_io::{
    Disk, IoError, Mapped, Mode, Monitor, StagedFile, exists, open_named, open_regular, read_front,
};

use crate::error::{CaptureError, Result};

/// How often a copy is begun anew when a checkpoint ran through it.
const COPY_ATTEMPTS: u32 = 200;
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// A database on disk.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    mode: Mode,
}

impl Database {
    /// Finds the database at `path`.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(CaptureError::WalDirectory {
                path: path.to_owned(),
            });
        }
        let file = open_named(path)?;
        let mode = Mode::of(&file, path)?;
        Ok(Self {
            path: path.to_owned(),
            mode,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        log_folder(&self.path)
    }

    /// The headers of the image that an open would load.
    pub(crate) fn headers(&self) -> Result<DatabaseHeaders> {
        for _ in 0..COPY_ATTEMPTS {
            let source = self.source()?;
            let bytes = self.header_bytes(&source)?;
            if self.is_unchanged(&source, &bytes)? {
                return DatabaseHeaders::decode(&bytes).map_err(|error| self.damaged(error));
            }
            std::thread::sleep(RETRY_PAUSE);
        }
        Err(CaptureError::Restless {
            path: self.path.clone(),
        })
    }

    /// Copies the image into a new file at `target`, and proves the copy.
    pub(crate) fn copy<'d>(
        &self,
        disk: &'d dyn Disk,
        target: &Path,
        monitor: &dyn Monitor,
    ) -> Result<(StagedFile<'d>, Image)> {
        for _ in 0..COPY_ATTEMPTS {
            let source = self.source()?;
            let before = self.header_bytes(&source)?;
            let mut staged = StagedFile::create(disk, target, self.mode)?;
            let size = source.size()?;
            monitor.phase("copying the database", size);
            let copied = staged.copy_from(&source.file, 0, size);
            monitor.advance(size);
            let unchanged = self.is_unchanged(&source, &before)?;
            match (copied, unchanged) {
                (Ok(()), true) => {
                    staged.sync()?;
                    let bytes = Mapped::open(staged.temporary_path())?;
                    let image = Image::parse(&bytes).map_err(|error| self.damaged(error))?;
                    image.check(&bytes).map_err(|error| self.damaged(error))?;
                    return Ok((staged, image));
                }
                (Err(error), true) if !matches!(error, IoError::EndedEarly { .. }) => {
                    return Err(error.into());
                }
                _ => std::thread::sleep(RETRY_PAUSE),
            }
        }
        Err(CaptureError::Restless {
            path: self.path.clone(),
        })
    }

    /// What an open would load: the image that is being installed, else the database file.
    fn source(&self) -> Result<Source> {
        let installing = checkpoint_image(&self.path);
        match open_regular(&installing) {
            Ok(file) => Ok(Source {
                file,
                path: installing,
                is_image: true,
            }),
            Err(error) if error.is_not_found() => {
                let file = open_named(&self.path)?;
                Ok(Source {
                    file,
                    path: self.path.clone(),
                    is_image: false,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn header_bytes(&self, source: &Source) -> Result<Vec<u8>> {
        read_front(&source.file, &source.path, DATABASE_HEADERS_BYTES).map_err(
            |error| match error {
                IoError::EndedEarly { expected, read, .. } => self.damaged(FormatError::TooShort {
                    what: "database file",
                    need: expected,
                    have: read,
                }),
                other => other.into(),
            },
        )
    }

    /// Whether what was read from the source so far is one state.
    fn is_unchanged(&self, source: &Source, before: &[u8]) -> Result<bool> {
        // An image under its own name never changes, also when its name is gone.
        if source.is_image {
            return Ok(true);
        }
        let after = self.header_bytes(source)?;
        Ok(after == before && !exists(&checkpoint_image(&self.path))?)
    }

    fn damaged(&self, source: FormatError) -> CaptureError {
        CaptureError::Database {
            path: self.path.clone(),
            source,
        }
    }
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
