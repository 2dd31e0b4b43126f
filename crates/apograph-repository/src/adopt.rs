//! Completing a backup that was cut off before its manifest.
//!
//! Such a backup leaves whole segments that no entry names. Those that go on after the last entry,
//! number by number, are made entries: nothing that was captured is captured twice or thrown away.
//! A copy of an increment that has an entry is none of them, whatever its name: in generation 1 an
//! increment tells of its place only the epoch it begins with, and another process counts it again.
//! What cannot be part of any chain is removed: an increment that belongs to an image which did not
//! get its name any more, and an empty file, which claimed a name on a file system without links
//! (`disk.rs` of apograph-io). Whatever else has a name that this backup or a later one needs is
//! set aside under another one, and told: the next backup always works, and nobody's file is lost.

use apograph_format::{Blake3, SegmentKind, SegmentName};
use apograph_io::{Context, Folder, Mode};
use apograph_manifest::{Manifest, Segment, SegmentContent, write_manifest};

use crate::error::Result;
use crate::manifest_generation::encode_for_segments;
use crate::rebuild::read_segment;
use crate::repository::{Repository, is_right_after};
use crate::segment::{FullFile, IncrementFile};
use crate::segment_defect::usable;
use crate::writer::Writer;

impl Writer<'_> {
    /// Makes whole what a killed backup left; returns the repository as it is then.
    pub(crate) fn adopt(&self, repository: Repository, mode: Mode) -> Result<Repository> {
        let context = self.context;
        if repository.unnamed().is_empty() {
            return Ok(repository);
        }
        let mut manifest = repository.manifest();
        let mut left: Vec<SegmentName> = repository.unnamed().to_vec();
        left.sort_by_key(|name| name.index);
        while let Some(next) = left
            .first()
            .copied()
            .filter(|name| goes_on(&manifest, *name))
        {
            let Some(segment) = fitting((&self.folder, &repository), &manifest, next, context)?
            else {
                break;
            };
            manifest.segments.push(segment);
            left.remove(0);
        }
        let mut has_moved = false;
        for name in left {
            if is_stranded(&self.folder, &manifest, name)? {
                context
                    .disk
                    .remove_file(self.folder.at(&name.to_string()))?;
                has_moved = true;
            } else if is_right_after(manifest.segments.last(), name) {
                set_aside(&self.folder, name, context)?;
                has_moved = true;
            }
        }
        if manifest != repository.manifest() {
            encode_for_segments(&mut manifest);
            write_manifest(context.disk, &self.folder, mode, &manifest)?;
        } else if !has_moved {
            return Ok(repository);
        }
        Repository::open_or_empty(self.folder.clone(), context)
    }

    /// Removes what killed commands left under temporary names, and tells of a folder with such a
    /// name, which is nothing that a backup leaves.
    pub(crate) fn clear(&self, repository: &Repository) -> Result<()> {
        let Context { disk, monitor, .. } = self.context;
        for temporary in repository.temporaries() {
            match temporary.metadata()? {
                Some(found) if found.is_dir() => {
                    let path = temporary.path();
                    monitor.warn(&format!("{} is a folder, and stays", path.display()));
                }
                _ => disk.remove_file(temporary)?,
            }
        }
        Ok(())
    }
}

/// Whether a name comes right after the last entry.
fn goes_on(manifest: &Manifest, name: SegmentName) -> bool {
    let last = manifest
        .segments
        .last()
        .and_then(|last| SegmentName::parse(last.file.as_str()));
    let next = last.map_or(Some(0), |last| last.index.checked_add(1));
    Some(name.index) == next
}

/// Gives a file that is no part of the chain a name that no segment has.
fn set_aside(folder: &Folder, name: SegmentName, context: Context<'_>) -> Result<()> {
    let Context { disk, monitor, .. } = context;
    let name = name.to_string();
    for number in 1_u64.. {
        let aside = match number {
            1 => format!("{name}.aside"),
            _ => format!("{name}.aside-{number}"),
        };
        match disk.publish(folder.at(&name), folder.at(&aside)) {
            Ok(()) => {
                monitor.warn(&format!(
                    "{name} does not go on behind the last segment, and had the name of the next: \
                     it is {aside} now"
                ));
                break;
            }
            Err(error) if error.is_already_exists() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(disk.sync_folder(folder)?)
}

/// The entry of a segment, if it is sound and fits after the last one.
fn fitting(
    (folder, repository): (&Folder, &Repository),
    manifest: &Manifest,
    name: SegmentName,
    context: Context<'_>,
) -> Result<Option<Segment>> {
    let Some((segment, hash)) = usable(read_segment(folder, name, context))? else {
        return Ok(None);
    };
    let last = manifest.segments.last();
    let fits = match name.kind {
        SegmentKind::Incremental => {
            last.is_some_and(|last| follows(last, &segment)) && !is_copy(repository, hash)
        }
        SegmentKind::Full => is_of_this_database((folder, repository), &segment)?,
    };
    Ok(fits.then_some(segment))
}

/// Whether an increment has the bytes of one that has an entry. The time in its header sees to it
/// that no two backups write the same.
fn is_copy(repository: &Repository, hash: Blake3) -> bool {
    let mut known = repository.chain().entries().iter();
    known.any(|it| it.hash == Some(hash))
}

/// Whether an increment can go on after an entry, by what the manifest says of both. What stands
/// in them is compared when the repository is opened.
fn follows(last: &Segment, increment: &Segment) -> bool {
    match (last.end_lsn, increment.end_lsn) {
        (Some(before), Some(end)) => before <= end,
        (None, None) => last.end_epoch.next() == Some(increment.start_epoch),
        _ => false,
    }
}

fn is_of_this_database(
    (folder, repository): (&Folder, &Repository),
    full: &Segment,
) -> Result<bool> {
    let Some(file) = usable(FullFile::open(folder.at(&full.file)))? else {
        return Ok(false);
    };
    let is_same = repository
        .chain()
        .entries()
        .iter()
        .all(|entry| match &entry.content {
            Some(SegmentContent::Full(known)) => {
                let (known, found) = (known.image, file.identity());
                known.generation() != found.generation() || known.is_of_same_database(&found)
            }
            _ => true,
        });
    Ok(is_same)
}

/// Whether a file claims the name of a segment, or is an increment that belongs to a full backup
/// that is not there.
fn is_stranded(folder: &Folder, manifest: &Manifest, name: SegmentName) -> Result<bool> {
    let text = name.to_string();
    let at = folder.at(&text);
    if at
        .metadata()?
        .is_some_and(|it| it.is_file() && it.len() == 0)
    {
        return Ok(true);
    }
    if name.kind == SegmentKind::Full {
        return Ok(false);
    }
    let file = usable(IncrementFile::open(at))?;
    let of_an_image = file.is_some_and(|file| {
        let flags = file.header.flags;
        flags.repeats || flags.catches_up
    });
    Ok(of_an_image || manifest.segments.is_empty())
}
