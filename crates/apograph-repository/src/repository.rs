//! A repository, opened for reading.
//!
//! Opening reads the manifest and `apograph.json` and looks at each file's size. Only a segment
//! that has no record is read: one that the engine captured, or all of them where `apograph.json`
//! was lost.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use apograph_format::{SegmentKind, SegmentName};
use apograph_io::{is_temporary, list_folder};
use apograph_manifest::{
    Chain, Cursor, HISTORY_FILE_NAME, MANIFEST_FILE_NAME, Manifest, Segment, SegmentRecord,
    read_history, read_manifest,
};
use apograph_wal::TimelineState;

use crate::error::{RepositoryError, Result};
use crate::opening::Opening;
use crate::timelines::timeline_behind;

/// A repository as it was found.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
    manifest: Manifest,
    chain: Chain,
    cursor: Option<Cursor>,
    unnamed: Vec<SegmentName>,
    temporaries: Vec<OsString>,
}

impl Repository {
    /// Opens the repository in `folder`.
    ///
    /// A segment that is missing or damaged is no error here: it is a hole in the chain.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::NotARepository`]; [`RepositoryError::Contradiction`] where the manifest
    /// is missing or does not agree with the files; [`RepositoryError::Manifest`] where it cannot
    /// be read; [`RepositoryError::Io`].
    pub fn open(folder: &Path) -> Result<Self> {
        let repository = Self::open_or_empty(folder)?;
        if !repository.unnamed.is_empty() && repository.manifest.segments.is_empty() {
            let path = folder.join(MANIFEST_FILE_NAME);
            let detail = "it is missing, and there are segments that it should name".to_owned();
            return Err(RepositoryError::Contradiction { path, detail });
        }
        if repository.manifest.segments.is_empty() {
            let detail = "there is no manifest and no backup in it".to_owned();
            return Err(RepositoryError::NotARepository {
                path: folder.to_owned(),
                detail,
            });
        }
        Ok(repository)
    }

    /// Opens the repository in `folder`, which may be empty or not exist yet.
    ///
    /// # Errors
    ///
    /// As [`Repository::open`]; a folder with other files in it and no manifest is
    /// [`RepositoryError::NotARepository`].
    pub fn open_or_empty(folder: &Path) -> Result<Self> {
        let names = match list_folder(folder) {
            Ok(names) => names.unwrap_or_default(),
            Err(error) if folder.is_file() => {
                let detail = "it is a file".to_owned();
                drop(error);
                return Err(RepositoryError::NotARepository {
                    path: folder.to_owned(),
                    detail,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let (temporaries, names): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| is_temporary(name));
        let segments: Vec<SegmentName> = names
            .iter()
            .filter_map(|name| SegmentName::parse(name.to_str()?))
            .collect();
        let Some(manifest) = read_manifest(folder)? else {
            return Self::without_manifest(folder, &names, &segments, temporaries);
        };
        let history = read_history(folder)?;
        let opening = Opening {
            folder,
            manifest: &manifest,
            history: &history,
        };
        let chain = Chain::new(opening.entries()?);
        let files = manifest
            .segments
            .iter()
            .map(|segment| segment.file.as_str());
        let in_manifest: HashSet<&str> = files.collect();
        let unnamed = segments
            .into_iter()
            .filter(|name| !in_manifest.contains(name.to_string().as_str()))
            .collect();
        let (folder, cursor) = (folder.to_owned(), history.cursor);
        Ok(Self {
            folder,
            manifest,
            chain,
            cursor,
            unnamed,
            temporaries,
        })
    }

    fn without_manifest(
        folder: &Path,
        names: &[OsString],
        segments: &[SegmentName],
        temporaries: Vec<OsString>,
    ) -> Result<Self> {
        // A first backup that was cut off before its manifest leaves just its own files.
        let full = SegmentName {
            kind: SegmentKind::Full,
            index: 0,
        };
        let increment = SegmentName {
            kind: SegmentKind::Incremental,
            index: 1,
        };
        let interrupted = segments.iter().all(|name| [full, increment].contains(name));
        if !interrupted {
            let path = folder.join(MANIFEST_FILE_NAME);
            let detail = "it is missing, and there are segments that it should name".to_owned();
            return Err(RepositoryError::Contradiction { path, detail });
        }
        let foreign = names.iter().find(|name| {
            let segment = name.to_str().and_then(SegmentName::parse).is_some();
            !segment && *name != "backup.lock" && *name != HISTORY_FILE_NAME
        });
        if let Some(name) = foreign {
            let detail = format!("it has no manifest, and holds {}", name.to_string_lossy());
            return Err(RepositoryError::NotARepository {
                path: folder.to_owned(),
                detail,
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            manifest: Manifest::default(),
            chain: Chain::new(Vec::new()),
            cursor: None,
            unnamed: segments.to_vec(),
            temporaries,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What can be restored.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The cursor as the last backup wrote it into the log folder.
    pub const fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Segment files that the manifest does not name.
    pub fn unnamed(&self) -> &[SegmentName] {
        &self.unnamed
    }

    /// Temporary files that a killed command left.
    pub fn temporaries(&self) -> impl Iterator<Item = PathBuf> {
        self.temporaries.iter().map(|name| self.folder.join(name))
    }

    /// The path of a segment's file.
    pub fn path_of(&self, segment: &Segment) -> PathBuf {
        self.folder.join(&segment.file)
    }

    /// The timeline in front of an entry of the chain.
    pub fn timeline_before(&self, index: usize) -> TimelineState {
        timeline_behind(self.chain.entries().get(..index).unwrap_or_default())
    }

    /// The timeline behind the last entry of the chain.
    pub fn timeline_at_end(&self) -> TimelineState {
        timeline_behind(self.chain.entries())
    }

    /// The records of all segments whose content is known.
    pub fn records(&self) -> impl Iterator<Item = SegmentRecord> {
        self.chain.entries().iter().filter_map(|entry| {
            let content = entry.content.clone()?;
            Some(SegmentRecord {
                segment: entry.segment.clone(),
                content,
            })
        })
    }
}
