//! A manifest made anew from the segment files alone.

use std::time::UNIX_EPOCH;

use apograph_format::{Epoch, Generation, LogPosition, SegmentKind, SegmentName, UnixMillis};
use apograph_io::{At, Disk, Folder, IoError, Mode, Reading, Steps, sums, temporary_name};
use apograph_manifest::{
    FileName, HISTORY_FILE_NAME, MANIFEST_FILE_NAME, Manifest, Segment, Unknown, Unusable,
    read_history, read_manifest, write_manifest,
};
use apograph_wal::{LogEvent, read_ahead};

use crate::check::check_end;
use crate::encoding::encode_for_segments;
use crate::error::{RepositoryError, Result};
use crate::publish::RepositoryLock;
use crate::repository::check_count;
use crate::segment::{FullFile, IncrementFile, SegmentDefect};

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// The manifest to write.
    pub manifest: Manifest,
    /// Segment files that cannot be part of it, and why.
    pub skipped: Vec<(SegmentName, Unusable)>,
    /// Whether the manifest that is there says the same.
    pub unchanged: bool,
}

/// Reads every segment file of a repository and makes the manifest that they belong to.
///
/// The time of a capture is not in the segments. Where the manifest or `apograph.json` can still
/// be read and knows a file as it is, that time is kept; else the file's modification time is
/// taken.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where there is no segment file;
/// [`RepositoryError::NoneUsable`] where none can be read, or one is of a version that is not known
/// here; [`RepositoryError::Contradiction`] where there are more than
/// [`SEGMENTS_MAX`](apograph_manifest::SEGMENTS_MAX); [`RepositoryError::Io`].
pub fn plan_rebuild(folder: &Folder, reading: Reading<'_>) -> Result<Rebuild> {
    let mut names: Vec<SegmentName> = Vec::new();
    for name in folder.names()? {
        names.extend(name?.to_str().and_then(SegmentName::parse));
        check_count(folder, names.len())?;
    }
    names.sort_by_key(|name| (name.index, name.kind != SegmentKind::Full));
    if names.is_empty() {
        let detail = "there is no segment file in it".to_owned();
        return Err(RepositoryError::NotARepository {
            path: folder.path().to_owned(),
            detail,
        });
    }
    let present = read_manifest(folder).ok().flatten();
    let known = known_segments(folder, present.as_ref());
    let mut manifest = Manifest {
        unknown: present
            .as_ref()
            .map(|it| it.unknown.clone())
            .unwrap_or_default(),
        ..Manifest::default()
    };
    let mut skipped = Vec::new();
    for name in names {
        match read_segment(folder, name, reading) {
            Ok(mut segment) => {
                let as_it_is = |known: &&Segment| {
                    known.file == segment.file && known.checksum == segment.checksum
                };
                if let Some(known) = known.iter().find(as_it_is) {
                    segment.created_at = known.created_at;
                    segment.unknown.clone_from(&known.unknown);
                }
                manifest.segments.push(segment);
            }
            Err(SegmentDefect::Unusable(unusable)) => skipped.push((name, unusable)),
            Err(SegmentDefect::Io(IoError::NotARegularFile { found, .. })) => {
                let detail = format!("it is {found}");
                skipped.push((name, Unusable::Damaged { offset: 0, detail }));
            }
            Err(SegmentDefect::Io(error)) => return Err(error.into()),
        }
    }
    let unknown = skipped
        .iter()
        .find(|(_, reason)| matches!(reason, Unusable::Unsupported { .. }));
    let first = unknown.or(skipped.first().filter(|_| manifest.segments.is_empty()));
    if let Some((name, reason)) = first {
        let (path, reason) = (folder.at(&name.to_string()).path(), reason.clone());
        return Err(RepositoryError::NoneUsable { path, reason });
    }
    encode_for_segments(&mut manifest);
    let unchanged = present.as_ref() == Some(&manifest);
    Ok(Rebuild {
        manifest,
        skipped,
        unchanged,
    })
}

/// What the small files still know of the segments.
fn known_segments(folder: &Folder, present: Option<&Manifest>) -> Vec<Segment> {
    let history = read_history(folder).unwrap_or_default();
    let recorded = history.records.into_iter().map(|record| record.segment);
    present
        .iter()
        .flat_map(|it| it.segments.iter().cloned())
        .chain(recorded)
        .collect()
}

/// Makes the manifest of a repository anew and writes it, where it differs from the one that is
/// there.
///
/// The repository is locked from the first look to the last sync.
///
/// # Errors
///
/// [`RepositoryError::Busy`], and as [`plan_rebuild`]; the repository is then as it was.
pub fn rebuild(disk: &dyn Disk, folder: &Folder, reading: Reading<'_>) -> Result<Rebuild> {
    let _lock = RepositoryLock::acquire(folder, Generation::One)?;
    let plan = plan_rebuild(folder, reading)?;
    reading.monitor.go_on()?;
    if !plan.unchanged {
        write_rebuild(disk, folder, &plan)?;
    }
    Ok(plan)
}

/// Writes the manifest of a rebuild, and forgets what was recorded under the old one.
///
/// The records go out of the way first: beside a manifest that they contradict they would make it
/// look damaged. A crash in between leaves them under a temporary name.
fn write_rebuild(disk: &dyn Disk, folder: &Folder, rebuild: &Rebuild) -> Result<()> {
    let mode = segment_mode(folder, &rebuild.manifest)?;
    let history = folder.at(HISTORY_FILE_NAME);
    let aside = temporary_name(history.name());
    let aside = folder.at(&aside);
    if aside.exists()? {
        disk.remove_file(aside)?;
    }
    let has_history = history.exists()?;
    if has_history {
        disk.publish(history, aside)?;
    }
    let written = write_manifest(disk, folder, mode, &rebuild.manifest);
    if has_history {
        // The error that led here is the one to report; what is left aside is known by its name.
        let _ = match &written {
            Ok(()) => disk.remove_file(aside),
            Err(_) => disk.publish(aside, history),
        };
    }
    Ok(written?)
}

/// The manifest gets the permissions of the segments.
fn segment_mode(folder: &Folder, manifest: &Manifest) -> Result<Mode> {
    let first = manifest.segments.first();
    let first = first.map(|segment| folder.at(&segment.file));
    let model = first.unwrap_or(folder.at(MANIFEST_FILE_NAME));
    Ok(Mode::of(&model.open()?, &model.path())?)
}

/// The manifest entry of a segment, by its file alone.
pub(crate) fn read_segment(
    folder: &Folder,
    name: SegmentName,
    reading: Reading<'_>,
) -> std::result::Result<Segment, SegmentDefect> {
    let text = name.to_string();
    let at = folder.at(&text);
    let (start_epoch, end_epoch, checksum, size, end) = match name.kind {
        SegmentKind::Full => {
            let file = FullFile::open(at)?;
            let checksum = file.check_sections(reading)?.crc32;
            (
                Epoch::default(),
                file.image.checkpoint().epoch,
                checksum,
                file.bytes().len(),
                file.log_start(),
            )
        }
        SegmentKind::Incremental => {
            let file = IncrementFile::open(at)?;
            let parts = file.parts(0);
            let checksum = sums(file.bytes(), reading)?.crc32;
            let mut steps = Steps::untold(reading.monitor);
            let end = read_ahead(&parts, reading.threads, |groups| {
                groups.finish_seeing(|event| match event {
                    LogEvent::Group(group) => steps.advance(group.bytes()),
                    _ => Ok::<_, IoError>(()),
                })
            });
            check_end(end?, &parts)?;
            (
                file.header.start_epoch,
                file.header.end_epoch,
                checksum,
                file.bytes().len(),
                file.range().map(|range| range.end),
            )
        }
    };
    let file = FileName::try_from(text.clone())
        .map_err(|detail| Unusable::Damaged { offset: 0, detail })?;
    let created_at = modified_at(at)?;
    Ok(Segment {
        kind: name.kind,
        file,
        start_epoch,
        end_epoch,
        checksum,
        size_bytes: size as u64,
        created_at,
        end_lsn: end.and_then(LogPosition::lsn),
        unknown: Unknown::new(),
    })
}

fn modified_at(at: At<'_>) -> std::result::Result<UnixMillis, IoError> {
    let failed = |source| IoError::Failed {
        operation: "inspect",
        path: at.path(),
        source,
    };
    let metadata = at.metadata()?;
    let gone = || std::io::ErrorKind::NotFound.into();
    let modified = metadata.map_or_else(|| Err(gone()), |it| it.modified());
    let since = modified.map_err(failed)?.duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    Ok(UnixMillis::new(
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    ))
}
