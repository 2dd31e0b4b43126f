//! The reading of a manifest's entries: by their records, or from their files.

use std::collections::BTreeMap;
use std::fs::Metadata;

use apograph_format::{Epoch, Generation, LogPosition, Point, SegmentKind, SegmentName, Timeline};
use apograph_io::{Folder, IoError, Pace, Threads};
use apograph_manifest::{
    ChainEntry, FileStamp, FullContent, HISTORY_FILE_NAME, ImageIdentity, MANIFEST_FILE_NAME,
    Segment, SegmentContent, SegmentRecord, Unusable, Verification, log_end, missing_entry,
};
use apograph_wal::{PlacedReader, TimelineState, read_ahead};

use crate::check::{check_end, check_file_at_pace, check_size};
use crate::error::{RepositoryError, Result};
use crate::overlap::overlap_bytes;
use crate::segment::{FullFile, IncrementFile, SegmentDefect, StoredFile, leaves_out, usable};
use crate::summary::{Summary, Surroundings};
use crate::timelines::{advance, timeline_behind};

/// The engine's log files have at most this many bytes before the group that ends them.
const LOG_FILE_BYTES: u64 = 64 << 20;

/// The reading of a manifest's entries.
pub(crate) struct Opening<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) threads: Threads,
    pub(crate) pace: &'a Pace,
}

/// What a manifest leads to: its entries, and which of their files were verified as they are.
pub(crate) struct Opened {
    pub(crate) entries: Vec<ChainEntry>,
    pub(crate) verified: BTreeMap<usize, Verification>,
}

/// The increment right behind a full backup.
#[derive(Clone, Copy)]
struct Behind<'a> {
    segment: &'a Segment,
    record: Option<&'a SegmentRecord>,
}

impl<'a> Behind<'a> {
    /// That behind a segment, of what is next in the manifest and among the records.
    fn of(
        full: &Segment,
        segment: Option<&'a Segment>,
        record: Option<&'a SegmentRecord>,
    ) -> Option<Self> {
        let is_full = full.kind == SegmentKind::Full;
        let segment = segment.filter(|it| is_full && it.kind == SegmentKind::Incremental)?;
        let record = record.filter(|record| record.segment.file == segment.file);
        Some(Self { segment, record })
    }
}

impl Opening<'_> {
    /// Every entry, with what is known of it.
    pub(crate) fn entries(
        &self,
        segments: Vec<Segment>,
        records: Vec<SegmentRecord>,
    ) -> Result<Opened> {
        self.check_names(&segments, &records)?;
        let mut entries: Vec<ChainEntry> = Vec::with_capacity(segments.len());
        let mut verified = BTreeMap::new();
        let mut state = timeline_behind(&[]);
        let mut is_counted = true;
        let mut segments = segments.into_iter().peekable();
        let mut records = records.into_iter().peekable();
        while let Some(segment) = segments.next() {
            let record = records.next_if(|record| record.segment.file == segment.file);
            let next = segments.peek();
            let behind = Behind::of(&segment, next, records.peek());
            let record = match record {
                Some(guess) if is_counted && guess.is_uncounted => {
                    let is_told =
                        self.is_told(Some(&guess.content), false, behind, entries.is_empty())?;
                    (!is_told).then_some(guess)
                }
                record => record,
            };
            let is_known = record.as_ref().is_some_and(|record| !record.is_uncounted);
            let names_timeline = record.as_ref().is_some_and(SegmentRecord::names_timeline);
            let entry = match record {
                Some(record) => {
                    let (entry, mark) = self.recorded(segment, record)?;
                    verified.extend(mark.map(|mark| (entries.len(), mark)));
                    entry
                }
                None => self.read(segment, behind, &entries, &state)?,
            };
            let mut entry = self.spanned(entry, behind, &state)?;
            is_counted |= names_timeline;
            is_counted &= entry.is_counted;
            let content = entry.content.as_ref();
            is_counted &= self.is_told(content, is_known, behind, entries.is_empty())?;
            entry.is_counted = is_counted && (is_known || !may_lack_more(&entry, next));
            is_counted &= entry.content.is_some() || self.is_left_out(&entry.segment)?;
            advance(&mut state, &entry, entries.is_empty());
            entries.push(entry);
        }
        Ok(Opened { entries, verified })
    }

    /// Whether a segment that cannot be used is as the engine wrote it: it never told anything, and
    /// what is behind it was counted without it from the beginning.
    fn is_left_out(&self, segment: &Segment) -> Result<bool> {
        if segment.kind == SegmentKind::Full {
            return Ok(false);
        }
        let bytes = usable(StoredFile::open(self.folder.at(&segment.file)))?;
        Ok(bytes.is_some_and(|bytes| {
            leaves_out(&bytes)
                && check_file_at_pace(&bytes, segment, self.threads, self.pace).is_ok()
        }))
    }

    /// A full backup behind which an increment says that it is of the log before it.
    fn spanned(
        &self,
        mut entry: ChainEntry,
        behind: Option<Behind<'_>>,
        state: &TimelineState,
    ) -> Result<ChainEntry> {
        if let Some(SegmentContent::Full(full)) = &mut entry.content
            && !full.continues
            && self.is_spanned(behind)?
        {
            full.continues = true;
            full.base.timeline = state.timeline;
        }
        Ok(entry)
    }

    /// Whether it is known if the log goes on across a segment, and from where on it serves. Of a
    /// full backup it may be the increment behind it that says so.
    fn is_told(
        &self,
        content: Option<&SegmentContent>,
        is_known: bool,
        behind: Option<Behind<'_>>,
        is_first: bool,
    ) -> Result<bool> {
        let Some(SegmentContent::Full(full)) = content else {
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
        let has_records = is_known && behind.record.is_some();
        Ok(has_records || self.intact(behind.segment)?.is_some())
    }

    fn is_spanned(&self, behind: Option<Behind<'_>>) -> Result<bool> {
        let Some(behind) = behind else {
            return Ok(false);
        };
        Ok(match behind.record.map(|record| &record.content) {
            Some(SegmentContent::Increment(increment)) => increment.spans,
            Some(SegmentContent::Full(_)) => false,
            None => self
                .intact(behind.segment)?
                .is_some_and(|file| file.header.flags.spans),
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

    /// What the manifest and the records say of the same segment has to agree.
    pub(crate) fn check_names(
        &self,
        segments: &[Segment],
        records: &[SegmentRecord],
    ) -> Result<()> {
        for segment in segments {
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
        let mut entries = segments.iter();
        for record in records {
            let file = &record.segment.file;
            let Some(entry) = entries.find(|entry| entry.file == *file) else {
                let detail = format!("{HISTORY_FILE_NAME} knows {file}, which it does not name");
                return Err(self.contradiction(detail));
            };
            if !entry.is_same(&record.segment) {
                let detail = format!("{HISTORY_FILE_NAME} has other figures for {file}");
                return Err(self.contradiction(detail));
            }
        }
        Ok(())
    }

    /// A segment that has a record: its file is looked at and not read.
    fn recorded(
        &self,
        segment: Segment,
        record: SegmentRecord,
    ) -> Result<(ChainEntry, Option<Verification>)> {
        let found = self.look_at(&segment)?;
        let stamp = found.as_ref().ok().map(FileStamp::from);
        let verified = record.verified.filter(|it| Some(it.stamp) == stamp);
        let entry = ChainEntry {
            segment,
            content: Some(record.content),
            unusable: found.err(),
            is_counted: true,
        };
        Ok((entry, verified))
    }

    /// A segment's file, which is not read, if it can be used.
    fn look_at(&self, segment: &Segment) -> Result<std::result::Result<Metadata, Unusable>> {
        match self.folder.at(&segment.file).metadata()? {
            Some(found) if found.is_file() => Ok(check_size(found.len(), segment).map(|()| found)),
            Some(_) => {
                let detail = format!("{} is not a regular file", segment.file);
                Err(self.contradiction(detail))
            }
            None => Ok(Err(Unusable::Missing)),
        }
    }

    /// A segment without a record: all of it is read.
    fn read(
        &self,
        segment: Segment,
        behind: Option<Behind<'_>>,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> Result<ChainEntry> {
        let read = match self.look_at(&segment)? {
            Err(unusable) => Err(SegmentDefect::Unusable(unusable).into()),
            Ok(_) if segment.kind == SegmentKind::Full => {
                let content = self.read_full(&segment, behind, before, state);
                content.map(|content| (content, true))
            }
            Ok(_) => self.read_increment(&segment, before, state),
        };
        let (content, unusable, is_counted) = match read {
            Ok((content, is_counted)) => (Some(content), None, is_counted),
            Err(Defect::Segment(SegmentDefect::Unusable(reason))) => (None, Some(reason), true),
            Err(Defect::Segment(SegmentDefect::Io(error))) => return Err(error.into()),
            Err(Defect::Contradiction(detail)) => return Err(self.contradiction(detail)),
        };
        Ok(ChainEntry {
            segment,
            content,
            unusable,
            is_counted,
        })
    }

    fn read_full(
        &self,
        segment: &Segment,
        behind: Option<Behind<'_>>,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> std::result::Result<SegmentContent, Defect> {
        let (at, threads) = (self.folder.at(&segment.file), self.threads);
        let file = FullFile::open(at).map_err(|defect| defect.in_file(at, segment, threads))?;
        file.check(segment, threads, self.pace)?;
        let epoch = file.image.checkpoint().epoch;
        if epoch != segment.end_epoch {
            return Err(Defect::differs(segment, epoch));
        }
        let image = file.identity();
        let repeated = self.repeated_behind(behind)?;
        let continues = repeated.is_some() || before.last().is_some_and(|it| same_image(it, image));
        let timeline = match (before.is_empty(), continues) {
            (true, _) => Timeline::FIRST,
            (false, true) => Self::timeline_of(epoch, state, repeated.as_ref()),
            (false, false) => state.timeline.next().unwrap_or(state.timeline),
        };
        let base = Point::new(timeline, epoch);
        Ok(SegmentContent::from(FullContent {
            image,
            base,
            continues,
            log_start: file.log_start(),
            reopened: false,
            source: None,
        }))
    }

    /// The increment behind a full backup, where it says that the log before it goes on.
    fn repeated_behind(
        &self,
        behind: Option<Behind<'_>>,
    ) -> std::result::Result<Option<IncrementFile>, IoError> {
        let Some(behind) = behind else {
            return Ok(None);
        };
        let file = self.intact(behind.segment)?;
        Ok(file.filter(|file| file.header.flags.repeats))
    }

    /// An increment that is the file that the manifest means. What another one says in its place is
    /// nothing to go by.
    fn intact(&self, segment: &Segment) -> std::result::Result<Option<IncrementFile>, IoError> {
        let file = self.increment(segment)?;
        Ok(file.filter(|file| {
            check_file_at_pace(file.bytes(), segment, self.threads, self.pace).is_ok()
        }))
    }

    /// The timeline of an image: the current one, less those that begin in what is repeated.
    fn timeline_of(
        epoch: Epoch,
        current: &TimelineState,
        repeated: Option<&IncrementFile>,
    ) -> Timeline {
        let Some(file) = repeated else {
            return current.timeline;
        };
        let mut state = TimelineState::at(Point::new(Timeline::FIRST, epoch));
        if file.header.flags.reopened {
            state.end_process();
        }
        let parts = file.parts(0);
        PlacedReader::new(&parts, &mut state).for_each(drop);
        let opened = state.timeline.get().saturating_sub(Timeline::FIRST.get());
        // Only a seal before the image ended the timeline so far: the image is in the next one.
        let sealed_before = current.process_ended && !state.process_ended;
        let timeline = current
            .timeline
            .get()
            .saturating_add(u64::from(sealed_before));
        Timeline::new(timeline.saturating_sub(opened).max(Timeline::FIRST.get()))
    }

    /// What is in an increment, and whether its timelines can be counted.
    fn read_increment(
        &self,
        segment: &Segment,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> std::result::Result<(SegmentContent, bool), Defect> {
        let (at, threads) = (self.folder.at(&segment.file), self.threads);
        let file =
            IncrementFile::open(at).map_err(|defect| defect.in_file(at, segment, threads))?;
        check_file_at_pace(file.bytes(), segment, threads, self.pace)?;
        let header = file.header;
        if header.start_epoch != segment.start_epoch || header.end_epoch != segment.end_epoch {
            return Err(Defect::differs(segment, header.end_epoch));
        }
        let flags = header.flags;
        let mut state = match before.last().map(|last| &last.content) {
            Some(Some(SegmentContent::Full(full))) if flags.repeats => TimelineState::at(full.base),
            _ => state.clone(),
        };
        if flags.reopened {
            state.end_process();
        }
        let mut is_counted = true;
        let (overlap_bytes, diverges) = match (header.generation, flags.repeats) {
            (Generation::One, _) if flags.continues || flags.repeats || flags.catches_up => {
                (0, false)
            }
            (Generation::One, _) => {
                let overlap = self.overlap(before, file.body())?;
                is_counted = overlap.is_some();
                (overlap.unwrap_or_default(), false)
            }
            (Generation::Two, true) => (0, false),
            (Generation::Two, false) => self.lsn_overlap(before, &file)?,
        };
        let parts = file.parts(overlap_bytes);
        let mut summary = Summary::default();
        let end = read_ahead(&parts, threads, |groups| {
            let mut reader = PlacedReader::of(groups, &mut state);
            while let Some(event) = reader.next() {
                summary.add(&event, reader.state());
            }
            reader.end()
        });
        if let Some(end) = end {
            check_end(end, &parts)?;
        }
        let surroundings = Surroundings {
            range: file.range(),
            overlap_bytes,
            flags,
            diverges,
        };
        let content = SegmentContent::from(summary.content(surroundings, &state));
        Ok((content, is_counted))
    }

    /// How many log bytes of generation 2 the segments before hold already, and whether they hold
    /// other ones.
    ///
    /// A full backup holds no log bytes to compare. Whoever took it began a log file at its
    /// position, in the log of the same copy of the database.
    fn lsn_overlap(
        &self,
        before: &[ChainEntry],
        file: &IncrementFile,
    ) -> std::result::Result<(u64, bool), IoError> {
        let range = file.range().map(|range| (range.start, range.end));
        let (Some((LogPosition::Lsn(start), LogPosition::Lsn(end))), Some(LogPosition::Lsn(known))) =
            (range, log_end(before))
        else {
            return Ok((0, false));
        };
        let overlap = known.behind(start);
        if overlap == 0 {
            return Ok((0, false));
        }
        // A log that ends before what was captured of it lost that in a crash.
        if end < known {
            return Ok((0, true));
        }
        let held = before.iter().rev().find(|entry| {
            let continues = |full: &FullContent| full.continues;
            !matches!(&entry.content, Some(SegmentContent::Full(full)) if continues(full))
        });
        let diverges = match held.map(|entry| (entry, entry.segment.kind)) {
            Some((entry, SegmentKind::Incremental)) => {
                let held = self.increment(&entry.segment)?;
                held.is_some_and(|held| !agree(held.before(known), file.before(known)))
            }
            _ => !file.begins_at(known),
        };
        // Another copy's commits are read as they are.
        let overlap = if diverges { 0 } else { overlap };
        Ok((overlap, diverges))
    }

    /// What the engine's segment repeats of those that apograph captured right before it; `None`
    /// where these are not as they were. Commits that are repeated then look like those of another
    /// process, which is a timeline more.
    fn overlap(
        &self,
        before: &[ChainEntry],
        body: &[u8],
    ) -> std::result::Result<Option<u64>, IoError> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for entry in before.iter().rev() {
            if entry.segment.kind == SegmentKind::Full {
                break;
            }
            let Some(file) = self.intact(&entry.segment)? else {
                return Ok(None);
            };
            bytes += file.body().len() as u64;
            let last = !file.header.flags.continues || bytes > LOG_FILE_BYTES;
            files.push(file);
            if last {
                break;
            }
        }
        let parts: Vec<_> = files.iter().rev().flat_map(|file| file.parts(0)).collect();
        Ok(Some(overlap_bytes(&parts, body)))
    }
}

/// Whether two runs of bytes that end at one position are the same, as far as both reach.
fn agree(first: &[u8], second: &[u8]) -> bool {
    first.ends_with(second) || second.ends_with(first)
}

fn same_image(entry: &ChainEntry, image: ImageIdentity) -> bool {
    matches!(&entry.content, Some(SegmentContent::Full(full)) if full.image == image)
}

enum Defect {
    Segment(SegmentDefect),
    Contradiction(String),
}

impl Defect {
    fn differs(segment: &Segment, found: Epoch) -> Self {
        Self::Contradiction(format!(
            "it says epochs {} to {} of {}, which ends with epoch {found}",
            segment.start_epoch, segment.end_epoch, segment.file
        ))
    }
}

impl<E: Into<SegmentDefect>> From<E> for Defect {
    fn from(error: E) -> Self {
        Self::Segment(error.into())
    }
}

/// Whether an image may be ahead of its epoch, and the manifest leaves out what came right behind
/// it: that would have told.
fn may_lack_more(entry: &ChainEntry, next: Option<&Segment>) -> bool {
    matches!(&entry.content, Some(SegmentContent::Full(full)) if full.may_be_ahead())
        && next.is_some_and(|next| missing_entry(&entry.segment, next).is_some())
}
