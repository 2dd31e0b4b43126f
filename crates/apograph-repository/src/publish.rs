//! Adding segments to a repository.
//!
//! The order is what makes a crash harmless: segment files durable under their names, then the
//! manifest replaced, then `apograph.json`, then the cursor in the log folder. Cut off after the
//! first step, there are files that the manifest does not name; the next backup captures the same
//! commits again, from the same place, and puts its own files in their place.

use std::path::Path;

use apograph_format::{SEGMENT_HEADER_BYTES, SegmentName};
use apograph_io::{Disk, FileLock, IoError, Mapped, Mode, StagedFile, exists};
use apograph_manifest::{
    Cursor, History, SegmentContent, SegmentRecord, write_cursor, write_history, write_manifest,
};

use crate::error::{RepositoryError, Result};
use crate::repository::{Repository, identity_of};
use crate::segment::FullFile;

/// The lock file of generation 2's engine.
const ENGINE_LOCK_FILE_NAME: &str = "backup.lock";

/// The right to write to a repository, held from the first look to the last sync.
#[derive(Debug)]
pub struct RepositoryLock {
    _folder: FileLock,
    _engine: Option<FileLock>,
}

impl RepositoryLock {
    /// Takes the lock of an existing folder.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Busy`] at once where another process holds it.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let busy = |error| match error {
            IoError::Busy { .. } => RepositoryError::Busy {
                path: folder.to_owned(),
            },
            other => RepositoryError::Io(other),
        };
        let own = FileLock::acquire_folder(folder).map_err(busy)?;
        let engine = folder.join(ENGINE_LOCK_FILE_NAME);
        let engine = exists(&engine)?.then(|| FileLock::acquire(&engine, Mode::PRIVATE));
        Ok(Self {
            _folder: own,
            _engine: engine.transpose().map_err(busy)?,
        })
    }
}

/// A segment that is written under its temporary name.
pub struct NewSegment<'d> {
    /// Its file.
    pub file: StagedFile<'d>,
    /// Its entry in the manifest and its record.
    pub record: SegmentRecord,
}

/// The name of the next segment of a repository, `ahead` segments further on.
pub fn next_name(
    repository: &Repository,
    ahead: u64,
    kind: apograph_format::SegmentKind,
) -> SegmentName {
    let segments = &repository.manifest().segments;
    let last = segments
        .last()
        .and_then(|last| SegmentName::parse(last.file.as_str()));
    let next = last.map_or(0, |last| last.index.saturating_add(1));
    SegmentName {
        kind,
        index: next.max(segments.len() as u64).saturating_add(ahead),
    }
}

/// Publishes new segments and says so in the manifest, in `apograph.json` and in the cursor.
///
/// # Errors
///
/// [`RepositoryError::InTheWay`] where a file of unknown content has a segment's name;
/// [`RepositoryError::Io`]. What was published before the error, and is not named by a manifest,
/// is removed again.
pub fn publish(
    disk: &dyn Disk,
    repository: &Repository,
    new: Vec<NewSegment<'_>>,
    mode: Mode,
    cursor: Option<(&Path, Cursor)>,
) -> Result<()> {
    let mut manifest = repository.manifest().clone();
    let mut history = History {
        records: repository.records().collect(),
        cursor: repository.cursor().copied(),
    };
    let mut published = Vec::new();
    for segment in new {
        let target = segment.file.target().to_owned();
        manifest.segments.push(segment.record.segment.clone());
        if let Err(error) = publish_file(repository, segment.file, &segment.record) {
            withdraw(disk, &published);
            return Err(error);
        }
        history.records.push(segment.record);
        published.push(target);
    }
    if let Err(error) = write_manifest(disk, repository.folder(), mode, &manifest) {
        withdraw(disk, &published);
        return Err(error.into());
    }
    history.cursor = cursor.map(|(_, cursor)| cursor).or(history.cursor);
    write_history(disk, repository.folder(), mode, &history)?;
    if let Some((log_folder, cursor)) = cursor {
        match write_cursor(disk, log_folder, mode, &cursor) {
            // The engine closed the database meanwhile and took its log away.
            Err(apograph_manifest::ManifestError::Io(error)) if error.is_not_found() => {}
            other => other?,
        }
    }
    Ok(())
}

fn publish_file(
    repository: &Repository,
    file: StagedFile<'_>,
    record: &SegmentRecord,
) -> Result<()> {
    let name = SegmentName::parse(record.segment.file.as_str());
    if !repository
        .unnamed()
        .iter()
        .any(|unnamed| Some(*unnamed) == name)
    {
        file.publish()?;
        return Ok(());
    }
    let target = file.target().to_owned();
    if !supersedes(file.temporary_path(), &target, record)? {
        return Err(RepositoryError::InTheWay { path: target });
    }
    file.replace()?;
    Ok(())
}

/// Whether the new segment holds all that an unnamed file of the same name holds.
fn supersedes(new: &Path, old: &Path, record: &SegmentRecord) -> Result<bool> {
    match &record.content {
        SegmentContent::Full(full) => Ok(FullFile::open(old).is_ok_and(|old| {
            let old = identity_of(&old);
            old.database_created_at == full.image.database_created_at
                && old.iteration <= full.image.iteration
        })),
        SegmentContent::Increment(_) => {
            let (new, old) = (Mapped::open(new)?, Mapped::open(old)?);
            let bodies = new
                .get(SEGMENT_HEADER_BYTES..)
                .zip(old.get(SEGMENT_HEADER_BYTES..));
            Ok(bodies.is_some_and(|(new, old)| new.starts_with(old)))
        }
    }
}

/// Takes files back that no manifest names. The error that led here is the one to report.
fn withdraw(disk: &dyn Disk, published: &[std::path::PathBuf]) {
    for path in published {
        let _ = disk.remove_file(path);
    }
}
