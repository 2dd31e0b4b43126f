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
    HISTORY_FILE_NAME, History, MANIFEST_FILE_NAME, Manifest, RecordRef, Segment, Verification,
    read_history, read_manifest, write_records,
};

use crate::error::Result;
use crate::opening::Opening;
use crate::publish::RepositoryLock;
use crate::repository::Repository;

/// What a verification found of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// The segment, by the manifest.
    pub segment: &'a Segment,
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
pub fn mark(disk: &dyn Disk, repository: &Repository, marks: &[Mark<'_>]) -> Result<()> {
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
    let after = marked(repository, &manifest, &before, marks);
    let present = before.records.iter().map(RecordRef::from);
    if present.eq(after.iter().copied()) {
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
    let (records, cursor) = (after.iter().copied(), before.cursor.as_ref());
    Ok(write_records(disk, folder, mode, records, cursor)?)
}

/// The records by now, in the order of the manifest, with the marks.
fn marked<'a>(
    repository: &'a Repository,
    manifest: &Manifest,
    present: &'a History,
    marks: &[Mark<'_>],
) -> Vec<RecordRef<'a>> {
    let known = repository.chain().entries();
    let front = manifest.segments.get(..known.len());
    let has_grown = front.is_some_and(|front| {
        let mut both = front.iter().zip(known);
        both.all(|(segment, known)| segment.is_same(&known.segment))
    });
    let read = repository.records().filter(|_| has_grown);
    // What the file says by now comes last, and counts.
    let known = read.chain(present.records.iter().map(RecordRef::from));
    let known: HashMap<_, _> = known.map(|record| (&record.segment.file, record)).collect();
    let marks = marks.iter().map(|mark| (&mark.segment.file, mark));
    let marks: HashMap<_, _> = marks.collect();
    let records = manifest.segments.iter().filter_map(|segment| {
        let mut record = *known.get(&segment.file)?;
        let mark = marks.get(&segment.file);
        if let Some(mark) = mark.filter(|mark| mark.segment.is_same(record.segment)) {
            let earlier = record.verified.as_ref();
            record.verified = mark.verification.map(|found| found.after(earlier));
        }
        Some(record)
    });
    records.collect()
}
