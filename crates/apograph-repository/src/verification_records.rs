//! Noting in `apograph.json` what a verification found.
//!
//! A verification reads without a lock, for as long as it takes, and backups go on meanwhile. So
//! what it found is put beside what the small files say by then, under the lock: it goes to the
//! record of the segment with its name, size and checksum, if there is one, and everything else in
//! the file stays. Records that this repository read from the segments themselves are added as far
//! as the manifest only grew since; after a manifest that was made anew their timelines may be
//! counted otherwise.

use std::collections::HashMap;

use apograph_format::UnixMillis;
use apograph_io::{Context, Mode, temporary_name};
use apograph_manifest::{
    FileStamp, FoundDamage, HISTORY_FILE_NAME, Level, MANIFEST_FILE_NAME, RecordRef, Segment,
    Unusable, Verification, read_manifest, write_records,
};

use crate::error::Result;
use crate::opening::{Opened, Opening};
use crate::placeholders::Placeholders;
use crate::repository::Repository;
use crate::writer::Writer;

/// What a verification found of a segment.
#[derive(Debug, Clone)]
pub struct VerificationRecord {
    /// The index of its entry in the chain.
    pub index: usize,
    /// When it was looked at.
    pub at: UnixMillis,
    /// How deep.
    pub level: Level,
    /// Its file, where a change of it from then on would show; `None` in a vault.
    pub stamp: Option<FileStamp>,
    /// Why it cannot be used; `None` where it is sound.
    pub unusable: Option<Box<Unusable>>,
}

/// What goes into the record of a segment with a file.
struct Found<'a> {
    segment: &'a Segment,
    verification: Option<Verification>,
    damage: Option<FoundDamage>,
}

impl<'a> Found<'a> {
    fn of(mark: &VerificationRecord, segment: &'a Segment) -> Self {
        let (at, level) = (mark.at, mark.level);
        let sound = mark.stamp.filter(|_| mark.unusable.is_none());
        let damage = match (mark.unusable.as_deref(), mark.stamp) {
            (Some(Unusable::Damaged { offset, detail }), Some(stamp)) => Some(FoundDamage {
                stamp,
                at,
                offset: *offset,
                detail: detail.to_string(),
            }),
            _ => None,
        };
        Self {
            segment,
            verification: sound.map(|stamp| Verification::new(stamp, level, at)),
            damage,
        }
    }
}

impl Repository {
    /// Puts verification records into `apograph.json`, durably, where that changes anything; those
    /// of a vault into its catalog, once all that is known of it is out of memory: a catalog takes as
    /// much again to be written.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Vault`](crate::RepositoryError::Vault);
    /// [`RepositoryError::Busy`](crate::RepositoryError::Busy) where another command holds the
    /// repository; [`RepositoryError::Contradiction`](crate::RepositoryError::Contradiction),
    /// [`RepositoryError::Manifest`](crate::RepositoryError::Manifest) and
    /// [`RepositoryError::Io`](crate::RepositoryError::Io). The file is then as it was.
    pub fn record_verifications(
        self,
        marks: Vec<VerificationRecord>,
        context: Context<'_>,
    ) -> Result<()> {
        let entries = self.chain().entries();
        if let Some(vault) = self.vault() {
            let found = vault.found(marks, entries);
            drop(self);
            return found.record(context);
        }
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let disk = context.disk;
        let found = marks.iter().filter_map(|mark| {
            let entry = entries.get(mark.index)?;
            Some(Found::of(mark, &entry.segment))
        });
        let found: Vec<_> = found.collect();
        let _writer = Writer::lock(folder, context)?;
        let manifest = read_manifest(folder)?.unwrap_or_default();
        let notes = self.notes().ok().flatten();
        let opening = Opening::of(folder, context, true, notes);
        let (segments, placeholders) = Placeholders::taken_from(manifest.segments);
        let present = opening.recorded(segments, &placeholders)?;
        let before = present.verified.records(&present.entries, 0);
        let after = marked(&self, &present, &found);
        if before.eq(after.iter().copied()) {
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
        let (records, evidence) = (after.iter().copied(), present.evidence.as_ref());
        Ok(write_records(disk, folder, mode, records, evidence)?)
    }
}

/// The records by now, in the order of the manifest, with what was verified.
fn marked<'a>(
    repository: &'a Repository,
    present: &'a Opened,
    found: &'a [Found<'_>],
) -> Vec<RecordRef<'a>> {
    let known = repository.chain().entries();
    let front = present.entries.get(..known.len());
    let has_grown = front.is_some_and(|front| {
        let mut both = front.iter().zip(known);
        both.all(|(entry, known)| entry.segment.is_same(&known.segment))
    });
    let read = |index: usize| repository.record(index).filter(|_| has_grown);
    let found = found.iter().map(|found| (&found.segment.file, found));
    let found: HashMap<_, _> = found.collect();
    let entries = present.entries.iter().enumerate();
    let records = entries.filter_map(|(index, entry)| {
        // What the file says by now counts.
        let record = present.verified.record(index, entry);
        let mut record = record.or_else(|| read(index))?;
        let found = found.get(&entry.segment.file);
        if let Some(found) = found.filter(|found| found.segment.is_same(record.segment)) {
            let earlier = record.verified.as_ref();
            let verification = found.verification;
            record.verified = verification.map(|verification| verification.after(earlier));
            record.damaged = found.damage.as_ref();
        }
        Some(record)
    });
    records.collect()
}
