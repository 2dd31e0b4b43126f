//! Adding segments to a repository.
//!
//! The order is what makes a crash harmless: segment files durable under their names, then the
//! manifest replaced, then `apograph.json`, then the cursor in the log folder. Cut off after the
//! first step, there are files that the manifest does not name; the next backup captures the same
//! commits again, from the same place, and puts its own files in their place.

use std::path::{Path, PathBuf};

use apograph_format::{SEGMENT_HEADER_BYTES, SegmentKind, SegmentName};
use apograph_io::{Disk, FileLock, IoError, Mapped, Mode, Monitor, StagedFile, exists};
use apograph_manifest::{
    Cursor, History, ImageIdentity, ManifestError, SegmentRecord, write_cursor, write_history,
    write_manifest,
};

use crate::error::{RepositoryError, Result};
use crate::repository::Repository;
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
pub fn next_name(repository: &Repository, ahead: u64, kind: SegmentKind) -> SegmentName {
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

/// What a backup adds to a repository.
pub struct Addition<'d, 'a> {
    /// The new segments, in order.
    pub segments: Vec<NewSegment<'d>>,
    /// The image of the live database.
    pub live: ImageIdentity,
    /// The log folder and the cursor to leave there, while the database has one.
    pub cursor: Option<(&'a Path, Cursor)>,
    /// The permissions of the small files.
    pub mode: Mode,
}

/// Publishes new segments and says so in the manifest, in `apograph.json` and in the cursor.
///
/// # Errors
///
/// [`RepositoryError::InTheWay`] where a file of unknown content has a segment's name;
/// [`RepositoryError::Io`]. What was published before the error, and is not named by a manifest,
/// is removed again. Once the manifest is replaced the backup is done: a later step that does not
/// succeed is told to the monitor and is no error.
pub fn publish(
    disk: &dyn Disk,
    repository: &Repository,
    addition: Addition<'_, '_>,
    monitor: &dyn Monitor,
) -> Result<()> {
    let Addition {
        segments,
        live,
        cursor,
        mode,
    } = addition;
    let mut manifest = repository.manifest().clone();
    let mut history = History {
        records: repository.records().collect(),
        cursor: repository.cursor().copied(),
    };
    let mut published = Vec::new();
    for segment in segments {
        let target = segment.file.target().to_owned();
        manifest.segments.push(segment.record.segment.clone());
        history.records.push(segment.record.clone());
        if let Err(error) = publish_file(repository, segment, live) {
            withdraw(disk, &published);
            return Err(error);
        }
        published.push(target);
    }
    if let Err(error) = write_manifest(disk, repository.folder(), mode, &manifest) {
        withdraw(disk, &published);
        return Err(error.into());
    }
    history.cursor = cursor.map(|(_, cursor)| cursor).or(history.cursor);
    if let Err(error) = write_history(disk, repository.folder(), mode, &history) {
        monitor.warn(&format!(
            "the next command has to read the new segments: {error}"
        ));
    }
    if let Some((log_folder, cursor)) = cursor {
        match write_cursor(disk, log_folder, mode, &cursor) {
            Ok(()) => {}
            // The engine closed the database meanwhile and took its log away.
            Err(ManifestError::Io(error)) if error.is_not_found() => {}
            Err(error) => {
                monitor.warn(&format!(
                    "the engine may remove log that is not captured: {error}"
                ));
            }
        }
    }
    sweep(disk, repository, &published, live);
    Ok(())
}

fn publish_file(repository: &Repository, new: NewSegment<'_>, live: ImageIdentity) -> Result<()> {
    let name = SegmentName::parse(new.record.segment.file.as_str());
    let Some(left) = repository
        .unnamed()
        .iter()
        .find(|unnamed| Some(**unnamed) == name)
    else {
        new.file.publish()?;
        return Ok(());
    };
    let path = repository.folder().join(left.to_string());
    let temporary = new.file.temporary_path();
    if !is_superseded(*left, &path, [temporary].into_iter(), live)? {
        return Err(RepositoryError::InTheWay { path });
    }
    new.file.replace()?;
    Ok(())
}

/// Removes the segments of a backup that was cut off before its manifest, now that all they hold
/// is in segments that the manifest names. The new backup is done: what cannot be removed stays.
fn sweep(disk: &dyn Disk, repository: &Repository, published: &[PathBuf], live: ImageIdentity) {
    for left in repository.unnamed() {
        let path = repository.folder().join(left.to_string());
        let new = published.iter().map(PathBuf::as_path);
        let superseded = is_superseded(*left, &path, new, live);
        if !published.contains(&path) && superseded.is_ok_and(|superseded| superseded) {
            let _ = disk.remove_file(&path);
        }
    }
}

/// Whether nothing is lost with an unnamed segment: an image of this database that is no newer
/// than the live one, or an increment whose bytes a new one begins with.
fn is_superseded<'a>(
    name: SegmentName,
    path: &Path,
    mut new: impl Iterator<Item = &'a Path>,
    live: ImageIdentity,
) -> Result<bool> {
    if name.kind == SegmentKind::Full {
        return Ok(FullFile::open(path).is_ok_and(|left| {
            let left = left.identity();
            left.database_created_at == live.database_created_at && left.iteration <= live.iteration
        }));
    }
    let left = Mapped::open(path)?;
    let Some(left) = left.get(SEGMENT_HEADER_BYTES..) else {
        return Ok(true);
    };
    let begins_with_left = |path: &Path| {
        let new = Mapped::open(path).ok();
        let body = new
            .as_deref()
            .and_then(|bytes| bytes.get(SEGMENT_HEADER_BYTES..));
        body.is_some_and(|body| body.starts_with(left))
    };
    Ok(new.any(begins_with_left))
}

/// Takes files back that no manifest names. The error that led here is the one to report.
fn withdraw(disk: &dyn Disk, published: &[PathBuf]) {
    for path in published {
        let _ = disk.remove_file(path);
    }
}
