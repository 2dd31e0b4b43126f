//! A manifest made anew from the segment files alone.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use apograph_format::{Blake3, Epoch, SegmentKind, SegmentName, UnixMillis};
use apograph_io::{
    At, Context, Disk, Folder, IoError, Mode, Monitor, Steps, random, sums, temporary_name,
};
use apograph_manifest::{
    FileName, HISTORY_FILE_NAME, MANIFEST_FILE_NAME, Manifest, ManifestError, NOTES_FILE_NAME,
    Notes, RepositoryId, Segment, Unknown, Unusable, read_history, read_manifest, read_notes,
    write_manifest, write_notes,
};
use apograph_wal::{LogEvent, read_ahead};

use crate::check::check_end;
use crate::error::{RepositoryError, Result};
use crate::manifest_generation::encode_for_segments;
use crate::placeholders::{add_placeholders, placeholders_of, pruned};
use crate::repository::{check_count, tell_damaged};
use crate::segment::{FullFile, IncrementFile};
use crate::segment_defect::SegmentDefect;
use crate::vault_segments::VaultSegments;
use crate::writer::Writer;

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// The manifest to write.
    pub manifest: Manifest,
    /// Segment files that cannot be part of it, and why.
    pub skipped: Vec<(SegmentName, Unusable)>,
    /// The last segment whose time is that of its file.
    pub file_times_through: Option<FileName>,
    /// Whether the manifest that is there says the same.
    pub unchanged: bool,
}

/// Reads every segment file of a repository and makes the manifest that they belong to.
///
/// The time of a capture is not in the segments. Where the manifest or `apograph.json` can still be
/// read and knows a file as it is, that time is kept; else it is taken from the file, and that is
/// noted. What is taken is the later of when the file was modified and when it was changed in any
/// way: whoever sets the first of them back cannot set the other, and nothing that was committed
/// later is in the file.
///
/// # Errors
///
/// [`RepositoryError::IsVault`]; [`RepositoryError::NotARepository`] where there is no segment file;
/// [`RepositoryError::NoneUsable`] where none can be read, or one is of a version that is not known
/// here; [`RepositoryError::Contradiction`] where there are more than
/// [`SEGMENTS_MAX`](apograph_manifest::SEGMENTS_MAX); [`RepositoryError::Io`].
pub fn plan_rebuild(folder: &Folder, context: Context<'_>) -> Result<Rebuild> {
    if VaultSegments::are_in(folder)? {
        let path = folder.path().to_owned();
        return Err(RepositoryError::IsVault { path });
    }
    let mut names: Vec<SegmentName> = Vec::new();
    for name in folder.names()? {
        names.extend(name?.to_str().and_then(SegmentName::parse));
        check_count(folder, names.len())?;
    }
    names.sort_by_key(|name| (name.index, name.kind != SegmentKind::Full));
    let present = read_manifest(folder).ok().flatten();
    let pruned = pruned_in(folder, present.as_ref())?;
    names.retain(|name| !pruned.contains_key(&FileName::from(*name)));
    if names.is_empty() {
        let detail = "there is no segment file in it".to_owned();
        return Err(RepositoryError::NotARepository {
            path: folder.path().to_owned(),
            detail,
        });
    }
    warn_of_forgotten(present.as_ref(), &names, context.monitor);
    let known = Known::of(folder, present.as_ref());
    let mut manifest = Manifest {
        unknown: present
            .as_ref()
            .map(|it| it.unknown.clone())
            .unwrap_or_default(),
        ..Manifest::default()
    };
    let (mut skipped, mut file_times_through) = (Vec::new(), None);
    for name in names {
        match read_segment(folder, name, context) {
            Ok((segment, hash)) if known.is_replaced(&segment, hash) => {
                let detail = format!("it is another file than {HISTORY_FILE_NAME} knows");
                skipped.push((name, Unusable::damaged(0, detail)));
            }
            Ok((mut segment, _)) => {
                if let Some(known) = known.as_it_is(&segment) {
                    segment.created_at = known.created_at;
                    segment.unknown.clone_from(&known.unknown);
                } else {
                    file_times_through = Some(segment.file.clone());
                }
                manifest.segments.push(segment);
            }
            Err(SegmentDefect::Unusable(unusable)) => skipped.push((name, unusable)),
            Err(SegmentDefect::Io(IoError::NotARegularFile { found, .. })) => {
                skipped.push((name, Unusable::damaged(0, format!("it is {found}"))));
            }
            Err(SegmentDefect::Io(error)) => return Err(error.into()),
        }
    }
    let unknown = skipped
        .iter()
        .find(|(_, reason)| matches!(reason, Unusable::Unsupported { .. }));
    let first = unknown.or(skipped.first().filter(|_| manifest.segments.is_empty()));
    if let Some((name, reason)) = first {
        let path = folder.at(&name.to_string()).path();
        let (code, detail) = (reason.code(), reason.detail());
        return Err(RepositoryError::NoneUsable { path, code, detail });
    }
    add_placeholders(&mut manifest.segments, pruned.into_values());
    encode_for_segments(&mut manifest);
    match read_notes(folder) {
        Err(ManifestError::Io(error)) => return Err(error.into()),
        notes => tell_damaged(&notes, context.monitor),
    }
    let unchanged = present.as_ref() == Some(&manifest);
    Ok(Rebuild {
        manifest,
        skipped,
        file_times_through,
        unchanged,
    })
}

/// A manifest that can be read names what is missing, and so says what that proved.
fn warn_of_forgotten(present: Option<&Manifest>, files: &[SegmentName], monitor: &dyn Monitor) {
    let there: HashSet<FileName> = files.iter().map(|name| FileName::from(*name)).collect();
    let named = present.into_iter().flat_map(|it| &it.segments);
    let mut missing =
        named.filter(|segment| segment.stands_for().is_none() && !there.contains(&segment.file));
    if let Some(first) = missing.next() {
        let and_more = match missing.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        monitor.warn(&format!(
            "the manifest can be read and names {}{and_more}, which is missing: a new one does not, \
             and what comes after it may not be reached then, or have no name",
            first.file
        ));
    }
}

/// The placeholders of what was pruned, by the manifest and the notes. What was brought back since is none
/// of it.
fn pruned_in(folder: &Folder, present: Option<&Manifest>) -> Result<HashMap<FileName, Segment>> {
    let mut placeholders = HashMap::new();
    match read_notes(folder) {
        Err(ManifestError::Io(error)) => return Err(error.into()),
        Ok(Some(notes)) => {
            let files = notes.pruned.files();
            placeholders.extend(
                files.map(|(file, at)| (file.clone(), pruned(file, at.unwrap_or_default()))),
            );
        }
        _ => {}
    }
    if let Some(present) = present {
        for segment in &present.segments {
            placeholders.remove(&segment.file);
        }
        placeholders.extend(placeholders_of(present));
    }
    Ok(placeholders)
}

/// What the small files still know of the segments, by their files.
struct Known {
    named: HashMap<FileName, Segment>,
    recorded: HashMap<FileName, (Segment, Blake3)>,
}

impl Known {
    fn of(folder: &Folder, present: Option<&Manifest>) -> Self {
        let history = read_history(folder).unwrap_or_default();
        let recorded = history.records.into_iter();
        let named = present.into_iter().flat_map(|it| &it.segments);
        Self {
            named: named.map(|it| (it.file.clone(), it.clone())).collect(),
            recorded: recorded
                .map(|it| (it.segment.file.clone(), (it.segment, it.hash)))
                .collect(),
        }
    }

    /// What is known of a segment, whose file is the one that was known.
    fn as_it_is(&self, segment: &Segment) -> Option<&Segment> {
        let recorded = self.recorded.get(&segment.file).map(|(known, _)| known);
        let mut both = self.named.get(&segment.file).into_iter().chain(recorded);
        both.find(|known| known.checksum == segment.checksum)
    }

    /// Whether a file is another one than was recorded under its name. Where the manifest means the
    /// file as it is, somebody has written another segment, and the record is the older one; but
    /// only the hash tells that it means this file.
    fn is_replaced(&self, segment: &Segment, hash: Blake3) -> bool {
        let Some((recorded, known)) = self.recorded.get(&segment.file) else {
            return false;
        };
        let is_meant = |named: &Segment| named.checksum == segment.checksum;
        let is_rewritten = self.named.get(&segment.file).is_some_and(is_meant)
            && recorded.checksum != segment.checksum;
        *known != hash && !is_rewritten
    }
}

impl Writer<'_> {
    /// Makes the manifest of the repository anew and writes it, where it differs from the one that
    /// is there.
    ///
    /// # Errors
    ///
    /// As [`plan_rebuild`]; the repository is then as it was.
    pub fn rebuild(&self) -> Result<Rebuild> {
        let plan = plan_rebuild(&self.folder, self.context)?;
        self.context.monitor.go_on()?;
        if !plan.unchanged {
            write_rebuild(self.context.disk, &self.folder, &plan)?;
        }
        Ok(plan)
    }
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
    let before = read_notes(folder);
    let written = note(disk, folder, mode, rebuild)
        .and_then(|()| Ok(write_manifest(disk, folder, mode, &rebuild.manifest)?));
    if written.is_err() {
        // The error that led here is the one to report.
        let _ = match &before {
            Ok(Some(notes)) => write_notes(disk, folder, mode, notes),
            Ok(None) => disk
                .remove_file(folder.at(NOTES_FILE_NAME))
                .map_err(ManifestError::from),
            Err(_) => Ok(()),
        };
    }
    if has_history {
        // The error that led here is the one to report; what is left aside is known by its name.
        let _ = match &written {
            Ok(()) => disk.remove_file(aside),
            Err(_) => disk.publish(aside, history),
        };
    }
    written
}

/// Notes which times are those of files, and that nobody knows any more until when every commit is
/// there: what was skipped, or is missing, may have been captured.
fn note(disk: &dyn Disk, folder: &Folder, mode: Mode, rebuild: &Rebuild) -> Result<()> {
    let file_times_through = rebuild.file_times_through.clone();
    let notes = match read_notes(folder) {
        Ok(Some(notes)) => notes,
        Ok(None) if file_times_through.is_none() => return Ok(()),
        Ok(None) => Notes::of(RepositoryId::new(random()?)),
        // What cannot be read is not replaced: it may be mended.
        Err(ManifestError::CorruptNotes { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let notes = Notes {
        looked_until: None,
        file_times_through: file_times_through.or(notes.file_times_through.clone()),
        ..notes
    };
    Ok(write_notes(disk, folder, mode, &notes)?)
}

/// The manifest gets the permissions of the segments.
fn segment_mode(folder: &Folder, manifest: &Manifest) -> Result<Mode> {
    let mut segments = manifest.segments.iter();
    let first = segments.find(|segment| segment.stands_for().is_none());
    let first = first.map(|segment| folder.at(&segment.file));
    let model = first.unwrap_or(folder.at(MANIFEST_FILE_NAME));
    Ok(Mode::of(&model.open()?, &model.path())?)
}

/// The manifest entry of a segment, by its file alone, and the hash of that.
pub(crate) fn read_segment(
    folder: &Folder,
    name: SegmentName,
    context: Context<'_>,
) -> std::result::Result<(Segment, Blake3), SegmentDefect> {
    let text = name.to_string();
    let at = folder.at(&text);
    let (start_epoch, end_epoch, sums, size, end) = match name.kind {
        SegmentKind::Full => {
            let file = FullFile::open(at)?;
            let sums = file.check_sections(context)?;
            (
                Epoch::default(),
                file.image.checkpoint().epoch,
                sums,
                file.bytes().len(),
                file.log_start(),
            )
        }
        SegmentKind::Incremental => {
            let file = IncrementFile::open(at)?;
            let parts = file.parts(0);
            let sums = sums(file.bytes(), context)?;
            let mut steps = Steps::untold(context.monitor);
            let end = read_ahead(&parts, context.threads, |groups| {
                groups.finish_seeing(|event| match event {
                    LogEvent::Group(group) => steps.advance(group.bytes()),
                    _ => Ok::<_, IoError>(()),
                })
            });
            check_end(end?, &parts)?;
            (
                file.header.start_epoch,
                file.header.end_epoch,
                sums,
                file.bytes().len(),
                file.range().map(|range| range.end),
            )
        }
    };
    let created_at = written_by(at)?;
    let segment = Segment {
        kind: name.kind,
        file: name.into(),
        start_epoch,
        end_epoch,
        checksum: sums.crc32,
        size_bytes: size as u64,
        created_at,
        end_lsn: end,
        unknown: Unknown::new(),
    };
    Ok((segment, sums.blake3))
}

/// When a file was last changed in any way, in milliseconds since 1970.
fn changed_at(metadata: &Metadata) -> u64 {
    let millis = metadata.ctime().saturating_mul(1000);
    u64::try_from(millis.saturating_add(metadata.ctime_nsec() / 1_000_000)).unwrap_or_default()
}

/// When a file got its bytes, or later.
fn written_by(at: At<'_>) -> std::result::Result<UnixMillis, IoError> {
    let failed = |source| IoError::Failed {
        operation: "inspect",
        path: at.path(),
        source,
    };
    let metadata = at.metadata()?;
    let gone = || std::io::ErrorKind::NotFound.into();
    let changed = metadata.as_ref().map_or(0, changed_at);
    let modified = metadata.map_or_else(|| Err(gone()), |it| it.modified());
    let since = modified.map_err(failed)?.duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let modified = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Ok(UnixMillis::new(modified.max(changed)))
}
