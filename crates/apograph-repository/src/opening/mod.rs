//! The reading of a manifest's entries: by their records, or from their files.
//!
//! There is one table, the entries themselves. It is made of the manifest; a record goes into its
//! entry as soon as it is read, and what is not recorded comes into the same place: what is in such
//! a segment is told in `unrecorded.rs`, and what it repeats of those before it in `repeated.rs`.

mod numbering;
mod repeated;
mod unrecorded;

use std::cell::Cell;
use std::collections::HashSet;

use apograph_format::{Generation, SegmentFlags, SegmentKind, SegmentName};
use apograph_io::{Bytes, Context, FileStatus, Folder, IoError};
use apograph_manifest::{
    ChainEntry, Evidence, FileName, FileStamp, Front, FullOf, HISTORY_FILE_NAME, HistoryEnd, Hole,
    MANIFEST_FILE_NAME, Notes, Segment, SegmentContent, Unusable, missing_entry, read_records,
};
use apograph_wal::TimelineState;

use crate::check::{Expected, check_file, check_size};
use crate::error::{RepositoryError, Result};
use crate::placeholders::Placeholders;
use crate::segment::{IncrementFile, StoredFile, leaves_out};
use crate::segment_defect::usable;
use crate::timelines::{advance, timeline_behind};
use crate::verified::Verified;

use numbering::{Found, Numbering};

/// The reading of a manifest's entries.
pub(crate) struct Opening<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) context: Context<'a>,
    /// Whether files without a record are compared with the manifest: all of their bytes.
    pub(crate) sums: bool,
    /// Up to which segment the manifest's times are those of the files, since a rebuild: a record
    /// from before it has others.
    file_times_through: Option<&'a FileName>,
    /// What was known of the full backups behind what was pruned.
    fronts: &'a [Front],
    /// From which entry on none had a record.
    read_from: Cell<usize>,
}

/// What a manifest leads to: its entries, and which of their files were verified as they are.
pub(crate) struct Opened {
    pub(crate) entries: Vec<ChainEntry>,
    pub(crate) verified: Verified,
    /// The evidence beside the records; `None` where there is none.
    pub(crate) evidence: Option<Evidence>,
    pub(crate) has_history: bool,
    /// What `apograph.json` has; `None` where it has to be written anew.
    pub(crate) recorded: Option<Recorded>,
}

/// An `apograph.json` that says of the first entries what is known of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded {
    /// How many entries those are.
    pub(crate) count: usize,
    /// Where it says more.
    pub(crate) end: HistoryEnd,
}

/// The increment right after a full backup.
#[derive(Clone, Copy)]
struct Behind<'a> {
    expected: Expected<'a>,
    /// What its record says is in it.
    recorded: Option<&'a SegmentContent>,
}

impl<'a> Behind<'a> {
    /// That after a segment, of what is next in the manifest.
    fn of(full: &Segment, next: Option<&'a ChainEntry>) -> Option<Self> {
        let is_full = full.kind == SegmentKind::Full;
        let next = next.filter(|it| is_full && it.segment.kind == SegmentKind::Incremental)?;
        Some(Self {
            expected: next.into(),
            recorded: next.content.as_ref(),
        })
    }
}

impl<'a> Opening<'a> {
    /// At a pace files are summed as they are read: each byte counts once.
    pub(crate) fn of(
        folder: &'a Folder,
        context: Context<'a>,
        sums: bool,
        notes: Option<&'a Notes>,
    ) -> Self {
        Self {
            folder,
            context,
            sums: sums || !context.pace.is_unlimited(),
            file_times_through: notes.and_then(|notes| notes.file_times_through.as_ref()),
            fronts: notes.map_or(&[], |notes| &notes.pruned.fronts),
            read_from: Cell::default(),
        }
    }

    /// Every entry, with what is known of it.
    pub(crate) fn entries(
        &self,
        segments: Vec<Segment>,
        placeholders: &Placeholders,
    ) -> Result<Opened> {
        let mut opened = self.recorded(segments, placeholders)?;
        let verified = &opened.verified;
        let recorded_count = opened.recorded.map_or(0, |recorded| recorded.count);
        let mut is_as_recorded = true;
        let mut changed = Vec::new();
        let mut state = timeline_behind(&[]);
        let mut numbering = Numbering::Known;
        for index in 0..opened.entries.len() {
            let (before, rest) = opened.entries.split_at_mut(index);
            let Some((entry, rest)) = rest.split_first_mut() else {
                break;
            };
            let next = rest.first();
            let behind = Behind::of(&entry.segment, next);
            let has_hole = entry.hole_behind(before.last()).is_some();
            let is_first = before.is_empty() || entry.hole.is_some();
            let front = self.front_of(&entry.segment);
            if has_hole {
                // What is not there cannot be counted.
                numbering = Numbering::known_if(front.is_some());
            }
            let (had_content, was_counted) = (entry.content.is_some(), entry.is_counted);
            if numbering.is_known()
                && !was_counted
                && let Some(guess) = &entry.content
                && self.is_told(guess, false, behind, is_first)?
            {
                entry.content = None;
            }
            let has_record = entry.content.is_some();
            let is_recorded = has_record && was_counted;
            let recorded = entry.content.as_ref().filter(|_| is_recorded);
            let names_timeline = recorded.is_some_and(SegmentContent::names_timeline);
            let (stamp, has_overlap) = if has_record {
                self.read_from.set(index.saturating_add(1));
                (self.look_at_recorded(entry)?, true)
            } else {
                (None, self.read(entry, (behind, front), before, &state)?)
            };
            let mark = verified.stamp(index);
            if mark.is_some() && mark != stamp {
                changed.push(index);
            }
            let is_spanned = front.is_none() && self.span(entry, behind, &state)?;
            let content = entry.content.as_ref();
            let is_told = content.map(|it| self.is_told(it, is_recorded, behind, is_first));
            let found = Found {
                is_recorded,
                names_timeline,
                has_content: content.is_some(),
                has_overlap,
                is_told: is_told.transpose()?.unwrap_or_default(),
                may_lack_more: front.is_none()
                    && may_lack_more(entry, next.map(|next| &next.segment)),
                is_left_out: content.is_none() && self.is_left_out(entry)?,
            };
            let (own, after) = numbering.across(found);
            entry.is_counted = own.is_known();
            numbering = after;
            let is_changed = if had_content {
                !has_record || is_spanned || entry.is_counted != was_counted
            } else {
                entry.content.is_some() && index < recorded_count
            };
            is_as_recorded &= !is_changed;
            advance(&mut state, &opened.entries, index);
        }
        opened.verified.forget(&changed);
        is_as_recorded &= changed.is_empty();
        opened.recorded = opened.recorded.filter(|_| is_as_recorded);
        Ok(opened)
    }

    /// Every entry, with what is recorded of it, as it is recorded. What the manifest and the
    /// records say of the same segment has to agree.
    pub(crate) fn recorded(
        &self,
        segments: Vec<Segment>,
        placeholders: &Placeholders,
    ) -> Result<Opened> {
        let bare = |segment| ChainEntry {
            segment,
            hash: None,
            content: None,
            unusable: None,
            is_counted: true,
            hole: None,
        };
        let has_last_file_time = |segment: &Segment| Some(&segment.file) == self.file_times_through;
        let last_file_time = segments.iter().position(has_last_file_time);
        let mut entries = Vec::with_capacity(segments.len());
        entries.extend(segments.into_iter().map(bare));
        for (index, hole) in placeholders.holes() {
            if let Some(entry) = entries.get_mut(index) {
                // Where something is lost, it does not matter what else was pruned.
                entry.hole = entry.hole.filter(|it| *it == Hole::Lost).or(Some(hole));
            }
        }
        let pruned: HashSet<&FileName> = placeholders.files().collect();
        let mut verified = Verified::default();
        let mut has_history = false;
        let mut next = 0;
        let mut contradiction = None;
        let read = read_records(self.folder, |record| {
            has_history = true;
            // What was pruned can be brought back, and is known then.
            if contradiction.is_some() || pruned.contains(&record.segment.file) {
                return;
            }
            match place_of(&record.segment, &entries, next, last_file_time) {
                Err(detail) => contradiction = Some(detail),
                Ok(index) => {
                    if let Some(entry) = entries.get_mut(index) {
                        entry.segment.end_lsn = entry.segment.end_lsn.or(record.segment.end_lsn);
                        entry.hash = Some(record.hash);
                        entry.content = Some(record.content);
                        entry.is_counted = !record.is_uncounted;
                    }
                    if let Some(mark) = record.verified {
                        verified.push(index, mark);
                    }
                    if let Some(damage) = record.damaged {
                        verified.push_damaged(index, damage);
                    }
                    next = index + 1;
                }
            }
        })?;
        self.check_names(&entries)?;
        if let Some(detail) = contradiction {
            return Err(self.contradiction(detail));
        }
        let (evidence, end) = read.map_or((None, None), |read| (read.evidence, read.end));
        Ok(Opened {
            entries,
            verified,
            evidence,
            has_history,
            recorded: end.map(|end| Recorded { count: next, end }),
        })
    }

    /// What was known of a full backup before what stood right before or behind it was pruned.
    fn front_of(&self, segment: &Segment) -> Option<&'a Front> {
        self.fronts.iter().find(|front| front.file == segment.file)
    }

    /// Whether a segment that cannot be used is as the engine wrote it: it never told anything, and
    /// what is after it was counted without it from the beginning.
    fn is_left_out(&self, entry: &ChainEntry) -> Result<bool> {
        if entry.segment.kind == SegmentKind::Full {
            return Ok(false);
        }
        match usable(StoredFile::open(self.folder.at(&entry.segment.file)))? {
            Some(file) if leaves_out(file.bytes())? => {
                Ok(self.is_as_expected(file.bytes(), entry.into())?)
            }
            _ => Ok(false),
        }
    }

    /// Where an increment after a full backup says that it is of the log before it, the log goes on
    /// across both. Returns whether that was not known.
    fn span(
        &self,
        entry: &mut ChainEntry,
        behind: Option<Behind<'_>>,
        state: &TimelineState,
    ) -> Result<bool> {
        if let Some(SegmentContent::Full(full)) = &mut entry.content
            && !full.continues
            && let FullOf::Two { is_spanned, .. } = &mut full.of
            && self.is_spanned(behind)?
        {
            (full.continues, *is_spanned) = (true, true);
            full.further = None;
            full.base.timeline = state.timeline;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether it is known if the log goes on across a segment, and from where on it serves. Of a
    /// full backup it may be the increment after it that says so.
    fn is_told(
        &self,
        content: &SegmentContent,
        is_known: bool,
        behind: Option<Behind<'_>>,
        is_first: bool,
    ) -> Result<bool> {
        let SegmentContent::Full(full) = content else {
            return Ok(true);
        };
        // In generation 1 a later capture finds out nothing of it.
        if is_known && full.image.generation() == Generation::One {
            return Ok(true);
        }
        // There it may also be the only one that says that the image is ahead of its epoch.
        let may_be_ahead = full.may_be_ahead();
        if !may_be_ahead && (is_first || full.continues) {
            return Ok(true);
        }
        let Some(behind) = behind else {
            return Ok(true);
        };
        let has_records = is_known && behind.recorded.is_some();
        Ok(has_records || self.intact(behind.expected, |_| true)?.is_some())
    }

    fn is_spanned(&self, behind: Option<Behind<'_>>) -> Result<bool> {
        let Some(behind) = behind else {
            return Ok(false);
        };
        Ok(match behind.recorded {
            Some(SegmentContent::Increment(increment)) => {
                increment.lsns().is_some_and(|log| log.spans)
            }
            Some(SegmentContent::Full(_)) => false,
            None => self.intact(behind.expected, |flags| flags.spans)?.is_some(),
        })
    }

    /// The file of an increment; `None` where it cannot be used.
    fn increment(&self, segment: &Segment) -> std::result::Result<Option<IncrementFile>, IoError> {
        usable(IncrementFile::open(self.folder.at(&segment.file)))
    }

    fn contradiction(&self, detail: String) -> RepositoryError {
        RepositoryError::Contradiction {
            path: self.folder.at(MANIFEST_FILE_NAME).path(),
            detail,
        }
    }

    /// What the manifest says of a segment has to agree with its name.
    fn check_names(&self, entries: &[ChainEntry]) -> Result<()> {
        for entry in entries {
            let segment = &entry.segment;
            let file = &segment.file;
            let name = SegmentName::parse(file.as_str());
            if name.is_none_or(|name| name.kind != segment.kind) {
                let detail = format!("it calls {file} {}", segment.kind);
                return Err(self.contradiction(detail));
            }
            if segment.kind == SegmentKind::Full && segment.start_epoch.get() != 0 {
                let detail = format!("{file} begins at epoch {}", segment.start_epoch);
                return Err(self.contradiction(detail));
            }
        }
        Ok(())
    }

    /// A segment that has a record: its file is looked at and not read.
    fn look_at_recorded(&self, entry: &mut ChainEntry) -> Result<Option<FileStamp>> {
        let found = self.look_at(&entry.segment)?;
        let stamp = found.as_ref().ok().copied().map(FileStamp::from);
        entry.unusable = found.err().map(Box::new);
        Ok(stamp)
    }

    /// A segment's file, which is not read, if it can be used.
    fn look_at(&self, segment: &Segment) -> Result<std::result::Result<FileStatus, Unusable>> {
        match self.folder.at(&segment.file).status()? {
            Some(found) if found.is_regular => {
                Ok(check_size(found.length, segment).map(|()| found))
            }
            Some(_) => {
                let detail = format!("{} is not a regular file", segment.file);
                Err(self.contradiction(detail))
            }
            None => Ok(Err(Unusable::Missing)),
        }
    }

    /// An increment that says something of itself, where it is the file that the manifest means.
    /// What another one says in its place is nothing to go by.
    fn intact(
        &self,
        expected: Expected<'_>,
        says: impl FnOnce(SegmentFlags) -> bool,
    ) -> std::result::Result<Option<IncrementFile>, IoError> {
        match self.increment(expected.segment)? {
            Some(file)
                if says(file.header.flags) && self.is_as_expected(file.bytes(), expected)? =>
            {
                Ok(Some(file))
            }
            _ => Ok(None),
        }
    }

    /// Whether bytes are those that the manifest means.
    fn is_as_expected(
        &self,
        bytes: Bytes<'_>,
        expected: Expected<'_>,
    ) -> std::result::Result<bool, IoError> {
        Ok(usable(check_file(bytes, expected, self.context))?.is_some())
    }
}

/// The place of a recorded segment among the entries from `next` on, or how it contradicts the
/// manifest. Records are in its order. Up to the last time of a file, times say nothing.
fn place_of(
    recorded: &Segment,
    entries: &[ChainEntry],
    next: usize,
    last_file_time: Option<usize>,
) -> std::result::Result<usize, String> {
    let file = &recorded.file;
    let agrees = |index: usize, entry: &ChainEntry| {
        if last_file_time.is_some_and(|last| index <= last) {
            entry.segment.is_same_but_for_time(recorded)
        } else {
            entry.segment.is_same(recorded)
        }
    };
    let mut rest = entries.iter().enumerate().skip(next);
    match rest.find(|(_, entry)| entry.segment.file == *file) {
        Some((index, entry)) if agrees(index, entry) => Ok(index),
        Some(_) => Err(format!("{HISTORY_FILE_NAME} has other figures for {file}")),
        None => Err(format!(
            "{HISTORY_FILE_NAME} knows {file}, which it does not name"
        )),
    }
}

/// Whether an image may be ahead of its epoch, and the manifest leaves out what came right after
/// it: that would have told.
fn may_lack_more(entry: &ChainEntry, next: Option<&Segment>) -> bool {
    matches!(&entry.content, Some(SegmentContent::Full(full)) if full.may_be_ahead())
        && next.is_some_and(|next| missing_entry(&entry.segment, next).is_some())
}
