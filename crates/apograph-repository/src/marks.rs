//! Noting in `apograph.json` what a verification found.
//!
//! A verification reads without a lock, for as long as it takes, and backups go on meanwhile. So
//! what it found is put beside what the small files say by then, under the lock: a mark goes to the
//! record of the segment with its name, size and checksum, if there is one, and everything else in
//! the file stays. Records that this repository read from the segments themselves are added as far
//! as the manifest only grew since; behind a manifest that was made anew their timelines may be
//! counted otherwise.

use std::collections::HashMap;

use apograph_format::Generation;
use apograph_io::{Disk, Mode, Pace, Threads, temporary_name};
use apograph_manifest::{
    HISTORY_FILE_NAME, History, MANIFEST_FILE_NAME, Manifest, Segment, SegmentRecord, Verification,
    read_history, read_manifest, write_history,
};

use crate::error::Result;
use crate::opening::Opening;
use crate::publish::RepositoryLock;
use crate::repository::Repository;

/// What a verification found of a segment.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The segment, by the manifest.
    pub segment: Segment,
    /// When its file was sound; `None` where it is not.
    pub verification: Option<Verification>,
}

/// Puts marks into `apograph.json`, durably, where that changes anything.
///
/// # Errors
///
/// [`RepositoryError::Busy`](crate::RepositoryError::Busy) at once where another process writes to
/// the repository; [`RepositoryError::Contradiction`](crate::RepositoryError::Contradiction),
/// [`RepositoryError::Manifest`](crate::RepositoryError::Manifest) and
/// [`RepositoryError::Io`](crate::RepositoryError::Io). The file is then as it was.
pub fn mark(disk: &dyn Disk, repository: &Repository, marks: &[Mark]) -> Result<()> {
    let folder = repository.folder();
    let _lock = RepositoryLock::acquire(folder, Generation::One)?;
    let manifest = read_manifest(folder)?.unwrap_or_default();
    let before = read_history(folder)?;
    let opening = Opening {
        folder,
        threads: Threads::default(),
        pace: &Pace::default(),
    };
    opening.check_names(&manifest.segments, &before.records)?;
    let records = marked(repository, &manifest, &before, marks);
    let cursor = before.cursor.clone();
    let after = History { records, cursor };
    if after == before {
        return Ok(());
    }
    let aside = temporary_name(HISTORY_FILE_NAME.as_ref());
    let aside = folder.at(&aside);
    // What a killed command left would be in the way.
    if aside.exists()? {
        disk.remove_file(aside)?;
    }
    let model = folder.at(MANIFEST_FILE_NAME);
    let mode = Mode::of(&model.open()?, &model.path())?;
    Ok(write_history(disk, folder, mode, &after)?)
}

/// The records by now, in the order of the manifest, with the marks.
fn marked(
    repository: &Repository,
    manifest: &Manifest,
    present: &History,
    marks: &[Mark],
) -> Vec<SegmentRecord> {
    let known = repository.chain().entries();
    let front = manifest.segments.get(..known.len());
    let has_grown = front.is_some_and(|front| {
        let mut both = front.iter().zip(known);
        both.all(|(segment, known)| segment.is_same(&known.segment))
    });
    let read: Vec<SegmentRecord> = repository.records().filter(|_| has_grown).collect();
    // What the file says by now comes last, and counts.
    let known = read.iter().chain(&present.records);
    let known: HashMap<_, _> = known.map(|record| (&record.segment.file, record)).collect();
    let marks = marks.iter().map(|mark| (&mark.segment.file, mark));
    let marks: HashMap<_, _> = marks.collect();
    let records = manifest.segments.iter().filter_map(|segment| {
        let mut record = (*known.get(&segment.file)?).clone();
        let mark = marks.get(&segment.file);
        if let Some(mark) = mark.filter(|mark| mark.segment.is_same(&record.segment)) {
            let earlier = record.verified.as_ref();
            record.verified = mark.verification.map(|found| found.after(earlier));
        }
        Some(record)
    });
    records.collect()
}
