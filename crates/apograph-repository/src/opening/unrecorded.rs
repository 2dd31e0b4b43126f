//! Segments without a record: what is in them, all of their bytes say.

use apograph_format::{Blake3, Epoch, Generation, LogPosition, Lsn, Point, SegmentKind, Timeline};
use apograph_io::{IoError, Steps};
use apograph_manifest::{
    ChainEntry, Front, FullContent, FullOf, ImageIdentity, IncrementOf, LsnIncrement, Segment,
    SegmentContent,
};
use apograph_wal::TimelineState;

use super::{Behind, Opening};
use crate::check::{Expected, FileCheck, check_beside, check_end, check_size};
use crate::error::Result;
use crate::segment::{FullFile, IncrementFile, StoredFile};
use crate::segment_defect::SegmentDefect;
use crate::summary::Surroundings;
use crate::timelines::{further_of_image, image_timeline};

impl Opening<'_> {
    /// A segment without a record: all of it is read. Where its file is not to be summed, but
    /// anything is wrong with it, it is: another file than the manifest means says nothing. Returns
    /// whether it is known how much of it repeats those before it.
    pub(super) fn read(
        &self,
        entry: &mut ChainEntry,
        around: Around<'_>,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> Result<bool> {
        let expected = Expected::from(&*entry);
        let mut read = self.read_file(expected, around, before, state)?;
        if read.is_err() && !self.sums {
            let opening = Self {
                sums: true,
                read_from: self.read_from.clone(),
                ..*self
            };
            read = opening.read_file(expected, around, before, state)?;
        }
        match read {
            Ok(read) => {
                entry.hash = read.hash;
                entry.segment.end_lsn = entry.segment.end_lsn.or(read.end_lsn);
                entry.content = Some(read.content);
                entry.unusable = None;
                Ok(read.has_overlap)
            }
            Err(Defect::Segment(SegmentDefect::Unusable(reason))) => {
                (entry.content, entry.unusable) = (None, Some(Box::new(reason)));
                Ok(true)
            }
            Err(Defect::Segment(SegmentDefect::Io(error))) => Err(error.into()),
            Err(Defect::Contradiction(detail)) => Err(self.contradiction(detail)),
        }
    }

    /// Whether a file is to be summed now. Of one with a record that is not believed the hash is.
    const fn sums(&self, expected: Expected<'_>) -> bool {
        self.sums || expected.hash.is_some()
    }

    fn read_file(
        &self,
        expected: Expected<'_>,
        around: Around<'_>,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> Result<std::result::Result<Read, Defect>> {
        let segment = expected.segment;
        Ok(match self.look_at(segment)? {
            Err(unusable) => Err(SegmentDefect::Unusable(unusable).into()),
            Ok(_) if segment.kind == SegmentKind::Full => {
                self.read_full(expected, around, before, state)
            }
            Ok(_) => self.read_increment(expected, before, state),
        })
    }

    fn read_full(
        &self,
        expected: Expected<'_>,
        (behind, front): Around<'_>,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> std::result::Result<Read, Defect> {
        let segment = expected.segment;
        let at = self.folder.at(&segment.file);
        let file = FullFile::open(at)
            .map_err(|defect| defect.in_file(|| StoredFile::open(at), expected, self.context))?;
        let hash = if self.sums(expected) {
            Some(file.check(expected, self.context)?.blake3)
        } else {
            None
        };
        let epoch = file.image.checkpoint().epoch;
        if epoch != segment.end_epoch {
            return Err(Defect::differs(segment, epoch));
        }
        let image = file.identity();
        let repeated = self.repeated_behind(behind)?;
        let same = before.last().and_then(|it| same_image(it, image));
        let continues = repeated.is_some() || same.is_some();
        let (timeline, further) = match (front, repeated) {
            (Some(front), _) => (front.timeline, front.further),
            (None, _) if before.is_empty() => (Timeline::FIRST, (!continues).then_some(0)),
            (None, Some(repeated)) => self.place_of(epoch, state, &repeated)?,
            (None, None) => match same {
                Some(same) => (state.timeline, same.further),
                None => (state.next_timeline(), Some(0)),
            },
        };
        let continues = front.map_or(continues, |front| front.continues);
        let base = Point::new(timeline, epoch);
        let mut of = FullOf::from(file.log_start().map(LogPosition::Lsn));
        if let FullOf::Two { is_spanned, .. } = &mut of {
            *is_spanned = front.is_some_and(|front| front.is_spanned);
        }
        let content = SegmentContent::from(FullContent {
            image,
            base,
            further,
            continues,
            of,
        });
        Ok(Read {
            hash,
            end_lsn: file.log_start(),
            content,
            has_overlap: true,
        })
    }

    /// The increment after a full backup, where it says that the log before it goes on.
    fn repeated_behind(
        &self,
        behind: Option<Behind<'_>>,
    ) -> std::result::Result<Option<IncrementFile>, IoError> {
        let Some(behind) = behind else {
            return Ok(None);
        };
        self.intact(behind.expected, |flags| flags.repeats)
    }

    /// The timeline of an image after which the log is repeated from it on, and how many further
    /// commits of its epoch it has.
    fn place_of(
        &self,
        epoch: Epoch,
        current: &TimelineState,
        file: &IncrementFile,
    ) -> std::result::Result<(Timeline, Option<u64>), IoError> {
        let state = TimelineState::at(Point::new(Timeline::FIRST, epoch));
        let mut steps = Steps::untold(self.context.monitor);
        let told = (&FileCheck::Later, &mut steps);
        let log = file.read_log(state, 0, self.context, told, |_| Ok(()))?;
        let further = further_of_image(file.header.generation, current, &log.state, epoch);
        Ok((image_timeline(current, &log.state), further))
    }

    /// What is in an increment.
    fn read_increment(
        &self,
        expected: Expected<'_>,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> std::result::Result<Read, Defect> {
        let segment = expected.segment;
        let at = self.folder.at(&segment.file);
        let file = IncrementFile::open(at)
            .map_err(|defect| defect.in_file(|| StoredFile::open(at), expected, self.context))?;
        check_size(file.bytes().len() as u64, segment)?;
        let header = file.header;
        let flags = header.flags;
        let state = match before.last().map(|last| &last.content) {
            Some(Some(SegmentContent::Full(full))) if flags.repeats => {
                TimelineState::at(full.base).holding(full.further)
            }
            _ => state.clone(),
        };
        let mut has_overlap = true;
        let (overlap_bytes, diverges) = match (header.generation, flags.repeats) {
            (Generation::One, _) if flags.continues => (0, false),
            (Generation::One, _) => {
                let overlap = self.overlap(before, file.body())?;
                has_overlap = overlap.is_some();
                (overlap.unwrap_or_default(), false)
            }
            (Generation::Two, true) => (0, false),
            (Generation::Two, false) => self.lsn_overlap(before, &file)?,
        };
        let read = |check: &FileCheck<'_>| {
            let mut steps = Steps::untold(self.context.monitor);
            file.read_log(
                state,
                overlap_bytes,
                self.context,
                (check, &mut steps),
                |_| Ok(()),
            )
        };
        let (log, hash) = if self.sums(expected) {
            let (log, sums, is_as_expected) =
                check_beside(file.bytes(), self.context, expected, false, read)?;
            is_as_expected?;
            (log, Some(sums.blake3))
        } else {
            (read(&FileCheck::Later)?, None)
        };
        if header.start_epoch != segment.start_epoch || header.end_epoch != segment.end_epoch {
            return Err(Defect::differs(segment, header.end_epoch));
        }
        check_end(log.end, &file.parts(overlap_bytes))?;
        let of = file.range().map_or(IncrementOf::Unplaced, |range| {
            IncrementOf::Lsns(LsnIncrement {
                diverges,
                ..range.into()
            })
        });
        let surroundings = Surroundings {
            of,
            overlap_bytes,
            flags,
        };
        let content = SegmentContent::from(log.summary.content(surroundings, &log.state));
        Ok(Read {
            hash,
            end_lsn: file.range().map(|range| range.end),
            content,
            has_overlap,
        })
    }
}

/// What is known of the surroundings of a full backup: the increment right after it, and what stood
/// before it, where that was pruned.
type Around<'a> = (Option<Behind<'a>>, Option<&'a Front>);

/// A full backup, where it has this image.
fn same_image(entry: &ChainEntry, image: ImageIdentity) -> Option<&FullContent> {
    match &entry.content {
        Some(SegmentContent::Full(full)) if full.image == image => Some(full),
        _ => None,
    }
}

/// What was found in a segment's file.
struct Read {
    /// Where it was summed.
    hash: Option<Blake3>,
    /// Generation 2: where in the log it ends.
    end_lsn: Option<Lsn>,
    content: SegmentContent,
    /// Whether it is known how much of it repeats the segments before it.
    has_overlap: bool,
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
