//! A segment of a chain, with what is known of it.

use apograph_format::{Blake3, Epoch, Generation, Point, Timeline};

use crate::captures::Capture;
use crate::content::{FullContent, IncrementContent, IncrementOf, SegmentContent, TimelineSpan};
use crate::gap::{GapCause, hole, missing_entry};
use crate::hole::Hole;
use crate::segment::Segment;
use crate::unusable::{Unusable, UnusableSegment};

/// A segment of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// What the manifest says of it.
    pub segment: Segment,
    /// The hash of its file; unknown where it has no record and could not be read.
    pub hash: Option<Blake3>,
    /// What is in it, as far as that is known.
    pub content: Option<SegmentContent>,
    /// Why a restore cannot use it, where it cannot.
    pub unusable: Option<Box<Unusable>>,
    /// Whether the numbers of its timelines are known. They are counted along the chain: after a
    /// segment that has no record and cannot be read they are a guess, under which other states may
    /// have been known before. So is that of a full backup of which such a segment would have told
    /// whether the log goes on across it, or from where on its image is a state.
    pub is_counted: bool,
    /// What became of that which was captured right before it and is not there, as far as that is
    /// known. In a folder the numbers in the names tell too.
    pub hole: Option<Hole>,
}

impl ChainEntry {
    /// What became of that which was captured between the entry before and this one and is not there;
    /// `None` where nothing is missing.
    pub fn hole_behind(&self, previous: Option<&Self>) -> Option<Hole> {
        let lost = || missing_entry(&previous?.segment, &self.segment).map(|_| Hole::Lost);
        self.hole.or_else(lost)
    }

    /// What is missing between the entry before and this one, if anything is.
    pub fn hole_after(&self, previous: &Self) -> Option<GapCause> {
        match self.hole {
            Some(found) => Some(hole(&previous.segment, &self.segment, found)),
            None => missing_entry(&previous.segment, &self.segment),
        }
    }

    /// What keeps a restore from it, where it cannot be used.
    pub(crate) fn obstacle(&self) -> Option<GapCause> {
        let (file, reason) = (
            self.segment.file.clone(),
            (**self.unusable.as_ref()?).clone(),
        );
        Some(GapCause::Unusable(UnusableSegment { file, reason }))
    }

    pub(crate) fn full(&self) -> Option<&FullContent> {
        match &self.content {
            Some(SegmentContent::Full(full)) => Some(full),
            _ => None,
        }
    }

    pub(crate) fn increment(&self) -> Option<&IncrementContent> {
        match &self.content {
            Some(SegmentContent::Increment(increment)) => Some(increment),
            _ => None,
        }
    }

    /// The generation of the segment, as far as it is known.
    pub fn generation(&self) -> Option<Generation> {
        match &self.content {
            Some(SegmentContent::Full(full)) => Some(full.image.generation()),
            Some(SegmentContent::Increment(increment)) => Some(match increment.of {
                IncrementOf::Files(_) => Generation::One,
                IncrementOf::Lsns(_) => Generation::Two,
                IncrementOf::Unplaced => match self.segment.end_lsn {
                    None => Generation::One,
                    Some(_) => Generation::Two,
                },
            }),
            None => self.segment.end_lsn.map(|_| Generation::Two),
        }
    }

    /// When it was captured and how far: of a merged increment each capture in it, of any other
    /// segment the one that it is, whole.
    pub fn captured(&self) -> impl DoubleEndedIterator<Item = Capture> {
        let merged = self
            .increment()
            .map_or(&[][..], |it| it.captures.as_slice());
        let whole = merged.is_empty().then_some(Capture {
            end: u64::MAX,
            at: self.segment.created_at,
        });
        merged.iter().copied().chain(whole)
    }

    /// The last point that it has, where it can be used and the point has a name.
    pub(crate) fn last_point(&self) -> Option<Point> {
        match &self.content {
            _ if self.unusable.is_some() || !self.is_counted => None,
            Some(SegmentContent::Full(full)) => Some(full.base),
            Some(SegmentContent::Increment(increment)) => {
                increment.stretches.last().map(TimelineSpan::end)
            }
            None => None,
        }
    }

    /// The first point that it has, where it can be used and the point has a name.
    pub(crate) fn first_point(&self) -> Option<Point> {
        match &self.content {
            _ if self.unusable.is_some() || !self.is_counted => None,
            Some(SegmentContent::Full(full)) => Some(full.base),
            Some(SegmentContent::Increment(increment)) => {
                let stretch = increment.stretches.first()?;
                let first = stretch.epochs.ranges().first();
                let epoch = first.map_or(stretch.base, |&(first, _)| Epoch::new(first));
                Some(Point::new(stretch.timeline, epoch))
            }
            None => None,
        }
    }

    /// Whether it has a point, or had, as far as its timelines are what they are taken for.
    pub(crate) fn has(&self, point: Point) -> bool {
        let has = |stretch: &TimelineSpan| {
            stretch.timeline == point.timeline && stretch.epochs.contains(point.epoch.get())
        };
        match &self.content {
            Some(SegmentContent::Full(full)) => full.base == point,
            Some(SegmentContent::Increment(increment)) => increment.stretches.iter().any(has),
            None => false,
        }
    }

    /// The timelines that it is taken to have a part of.
    pub(crate) fn timelines(&self) -> Vec<Timeline> {
        match &self.content {
            Some(SegmentContent::Full(full)) => vec![full.base.timeline],
            Some(SegmentContent::Increment(increment)) => {
                let stretches = increment.stretches.iter();
                stretches.map(|stretch| stretch.timeline).collect()
            }
            None => Vec::new(),
        }
    }

    /// Whether the segment only repeats what the run holds before its full backup.
    pub(crate) fn repeats(&self) -> bool {
        self.increment().is_some_and(|increment| increment.repeats)
    }
}

/// The current point at the end of an increment that begins at `start`.
pub(crate) fn end_of(increment: &IncrementContent, start: Point) -> Point {
    let Some(last) = increment.stretches.last() else {
        return start;
    };
    let end = last.end();
    if end.timeline == start.timeline {
        end.max(start)
    } else {
        end
    }
}

/// What is kept of a segment: every command that opens a repository holds this of each.
const _: () = assert!(size_of::<ChainEntry>() <= 152 && size_of::<IncrementContent>() <= 216);
