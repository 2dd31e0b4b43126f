//! The merging of a vault's increments: each group is read, written, read again, and committed.

use std::ops::Range;

use apograph_format::SegmentKind;
use apograph_io::{Context, Source, Steps, random, spool_error, sums};
use apograph_manifest::{
    ChainEntry, FileName, MergedIncrement, Nonce, Segment, SegmentContent, SegmentRecord, Unknown,
    Unusable, merges, repeated_bytes,
};
use apograph_store::Store;
use apograph_vault::wrap::{Compression, Recipients};
use apograph_vault::{
    Catalog, CatalogChange, Committed, Form, Packing, SegmentId, StoredSegment, VaultError,
    Wrapping, put_segment,
};
use apograph_wal::{PlacedEvent, TimelineState};

use crate::check::{FileCheck, check_end, check_file};
use crate::compaction::Compaction;
use crate::error::{RepositoryError, Result};
use crate::merged_file::{MERGED, MergedFile};
use crate::segment::{IncrementFile, StoredFile};
use crate::segment_defect::SegmentDefect;
use crate::summary::Surroundings;
use crate::timelines::{advance, are_same_spans, timeline_behind};
use crate::vault_segments::VaultSegments;

/// A vault whose increments are merged.
pub(crate) struct Merging<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) segments: &'a VaultSegments,
    pub(crate) entries: &'a [ChainEntry],
    /// For whom what is merged is encrypted.
    pub(crate) recipients: Option<&'a Recipients>,
    pub(crate) context: Context<'a>,
}

impl Merging<'_> {
    /// Merges all that is to be merged now.
    pub(crate) fn merge_all(&self, catalog: &mut Catalog<'_>, done: &mut Compaction) -> Result<()> {
        let groups = merges(self.entries, self.context.clock.now());
        let inputs = groups.iter().flat_map(|group| &self.entries[group.clone()]);
        let total = inputs.map(|entry| entry.segment.size_bytes).sum();
        self.context.monitor.phase("merging", total);
        let (mut state, mut next) = (timeline_behind(&[]), 0);
        for group in groups {
            for index in next..group.start {
                advance(&mut state, self.entries, index);
            }
            next = group.start;
            match self.merged(group.clone(), state.clone()) {
                Ok((file, merged)) => self.publish(&group, &file, merged, catalog, done)?,
                Err(SegmentDefect::Io(error)) => return Err(error.into()),
                Err(SegmentDefect::Unusable(reason @ Unusable::NoIdentity { .. })) => {
                    let path = self.segments.path();
                    return Err(RepositoryError::Unusable { path, reason });
                }
                Err(SegmentDefect::Unusable(reason)) => {
                    let [first, last] = [group.start, group.end - 1];
                    let [first, last] = [first, last].map(|it| &self.entries[it].segment.file);
                    let text = format!("the segments {first} to {last} are not merged: {reason}");
                    self.context.monitor.warn(&text);
                }
            }
        }
        Ok(())
    }

    /// The increment that a group is merged into, read as a restore reads it.
    fn merged(
        &self,
        group: Range<usize>,
        state: TimelineState,
    ) -> std::result::Result<(IncrementFile, MergedIncrement), SegmentDefect> {
        let inputs = &self.entries[group];
        let merged = MergedIncrement::of(inputs).ok_or_else(differs)?;
        let (first, rest) = inputs.split_first().ok_or_else(differs)?;
        let mut file = MergedFile::of(&self.input(first)?, self.context)?;
        let mut before = first;
        for entry in rest {
            let repeated = repeated_bytes(before, entry).unwrap_or_default();
            file.add(&self.input(entry)?, repeated, self.context)?;
            before = entry;
        }
        let file = file.finish(&merged).map_err(spool_error("write"))?;
        let file = Source::of(file, MERGED.as_ref())?;
        let file = IncrementFile::of(StoredFile::of(file)?)?;
        self.check(&file, &merged, state)?;
        Ok((file, merged))
    }

    /// An increment, which is the one that was captured.
    fn input(&self, entry: &ChainEntry) -> std::result::Result<IncrementFile, SegmentDefect> {
        let fetched = self.segments.fetch(&entry.segment.file, self.context)?;
        self.context.monitor.advance(entry.segment.size_bytes);
        let stored = StoredFile::of(fetched)?;
        check_file(stored.bytes(), entry.into(), self.context.again())?;
        IncrementFile::of(stored)
    }

    /// Reads a merged increment: what it holds has to be what its inputs were said to hold, and no
    /// group may lie across the end of a capture.
    fn check(
        &self,
        file: &IncrementFile,
        merged: &MergedIncrement,
        state: TimelineState,
    ) -> std::result::Result<(), SegmentDefect> {
        let content = &merged.content;
        let overlap_bytes = content.overlap_bytes;
        let (parts, start) = (file.parts(overlap_bytes), file.start());
        let mut is_whole = true;
        let mut see = |event: &PlacedEvent<'_>| {
            let [first, end] = [event.start(&parts), event.end(&parts)].map(|it| {
                it.and_then(|it| it.distance_from(start))
                    .unwrap_or_default()
            });
            let captures = &content.captures;
            is_whole &= captures.holding(first.saturating_add(1)) == captures.holding(end);
        };
        let told = (&FileCheck::Later, &mut Steps::of(self.context.monitor));
        let log = file.read_log(state, overlap_bytes, self.context, told, |event| {
            see(event);
            Ok(())
        })?;
        check_end(log.end, &parts)?;
        let surroundings = Surroundings {
            of: content.of.clone(),
            overlap_bytes,
            flags: file.header.flags,
        };
        let mut found = log.summary.content(surroundings, &log.state);
        found.captures = content.captures.clone();
        if are_same_spans(&content.stretches, &found.stretches) {
            found.stretches.clone_from(&content.stretches);
        }
        if !is_whole || found != *content {
            return Err(differs());
        }
        Ok(())
    }

    /// Writes the objects of a merged increment, and lets it take the place of its inputs.
    fn publish(
        &self,
        group: &Range<usize>,
        file: &IncrementFile,
        merged: MergedIncrement,
        catalog: &mut Catalog<'_>,
        done: &mut Compaction,
    ) -> Result<()> {
        let inputs = &self.entries[group.clone()];
        let kind = SegmentKind::Incremental;
        let id = SegmentId {
            built_on: catalog.version(),
            index: 0,
            kind,
            nonce: Nonce::new(random()?),
        };
        let context = self.context.again();
        let sums = sums(file.bytes(), context)?;
        let record = SegmentRecord {
            segment: Segment {
                kind,
                file: inputs[0].segment.file.clone(),
                start_epoch: merged.start_epoch,
                end_epoch: merged.end_epoch,
                checksum: sums.crc32,
                size_bytes: file.bytes().len() as u64,
                created_at: merged.created_at,
                end_lsn: merged.end_lsn,
                unknown: Unknown::new(),
            },
            hash: sums.blake3,
            content: SegmentContent::from(merged.content),
            is_uncounted: false,
            verified: None,
            damaged: None,
        };
        let packing = match self.segments.wrapping(&inputs[0].segment.file) {
            Some(Wrapping::Plain) => Packing::Plain,
            _ => Packing::Zstd(Compression::LOG),
        };
        let form = Form::from(packing).encrypted_for(self.recipients);
        let links = &self.segments.links;
        let link = links.merged(self.entries, group.start, group.end - 1);
        let into = put_segment(self.store, (id, link), file.bytes(), record, form, context)?;
        let of: Vec<_> = inputs.iter().map(|it| it.segment.file.clone()).collect();
        if replace(catalog, &into, &of)? {
            done.merged += of.len() as u64;
            done.into += 1;
            done.stored_bytes += into.stored.size_bytes();
        } else {
            // Nobody will ever name them.
            for name in into.object_names().map_err(VaultError::from)? {
                self.store.delete(&name).map_err(VaultError::from)?;
            }
        }
        Ok(())
    }
}

/// Commits that an increment takes the place of others; `false` where another writer has just changed
/// what becomes of one of those, or deleted what waited for more than a day to take their place.
fn replace(catalog: &mut Catalog<'_>, into: &StoredSegment, of: &[FileName]) -> Result<bool> {
    let change = CatalogChange::Merged {
        into: Box::new(into.clone()),
        of: of.to_vec(),
    };
    let takes = |other: &CatalogChange| match other {
        CatalogChange::Added { .. }
        | CatalogChange::Verified { .. }
        | CatalogChange::Drilled { .. }
        | CatalogChange::Looked { .. } => false,
        CatalogChange::Merged { of: names, .. }
        | CatalogChange::Removed {
            segments: names, ..
        }
        | CatalogChange::Gone { segments: names } => {
            names.iter().any(|it| of.contains(it) || it == into.name())
        }
        _ => true,
    };
    let committed = catalog.commit(vec![change.clone()], &mut |others| {
        (!others.iter().any(takes)).then(|| vec![change.clone()])
    })?;
    Ok(committed != Committed::Dropped)
}

/// Why increments stay as they are.
fn differs() -> SegmentDefect {
    let detail = "read as one, their commits are other ones than recorded";
    Unusable::damaged(0, detail).into()
}
