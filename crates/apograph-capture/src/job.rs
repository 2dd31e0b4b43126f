//! What a capture works on, and how it writes and publishes segments.

use std::cell::Cell;

use apograph_format::{
    Epoch, LogPosition, SegmentFlags, SegmentKind, SegmentName, Timeline, UnixMillis,
};
use apograph_io::{Context, Folder};
use apograph_manifest::{Nonce, Notes as RepositoryNotes};
use apograph_repository::{Addition, HeldRepository, LogNotes, NewSegment, Repository, next_name};
use apograph_wal::{LogFolder, LogTail};

use crate::continuity::evidence_of;
use crate::database::Database;
use crate::error::Result;
use crate::increment::{CapturedTail, Framing};
use crate::live::Moment;
use crate::log_notes::Notes;
use crate::look::Looking;
use crate::patience::pause;
use crate::request::{Captured, Options};

/// A capture that has the right to write to the repository.
pub(crate) struct Job<'a> {
    pub(crate) held: &'a HeldRepository<'a>,
    pub(crate) database: &'a Database,
    pub(crate) repository: &'a Repository,
    pub(crate) options: &'a Options,
    pub(crate) context: Context<'a>,
    /// The notes of the repository.
    pub(crate) notes: RepositoryNotes,
    /// Whether they are to be written.
    pub(crate) are_notes_new: bool,
    pub(crate) now: UnixMillis,
    pub(crate) looking: Looking<'a>,
}

/// The end of the chain in the log, for what a publish leaves beside it.
pub(crate) struct End<'a> {
    /// The folder of the log.
    pub(crate) folder: &'a Folder,
    /// The log; `None` where the folder has none yet.
    pub(crate) log: Option<&'a LogFolder>,
    /// Where the chain ends then.
    pub(crate) position: LogPosition,
    /// The publish that the repository knows.
    pub(crate) known: Option<Nonce>,
}

impl<'a> Job<'a> {
    /// The context of another attempt: what was read in the one before is at hand.
    pub(crate) fn context_again(&self, attempt: u32) -> Context<'a> {
        match attempt {
            0 => self.context,
            _ => self.context.again(),
        }
    }

    /// Gives a writer time.
    pub(crate) fn pause(&self) -> Result<()> {
        pause(self.context)
    }

    pub(crate) fn up_to_date(&self) -> Captured {
        Captured::UpToDate {
            end_epoch: self.last_end_epoch(),
        }
    }

    fn last_end_epoch(&self) -> Epoch {
        let last = self.repository.chain().entries().last();
        last.map_or(Epoch::default(), |last| last.segment.end_epoch)
    }

    /// The first epoch of an increment after the last segment.
    pub(crate) fn next_start(&self) -> Epoch {
        self.last_end_epoch().next().unwrap_or_default()
    }

    pub(crate) fn end_timeline(&self) -> Timeline {
        self.repository.timeline_at_end().timeline
    }

    pub(crate) fn name(&self, ahead: usize, kind: SegmentKind) -> SegmentName {
        next_name(self.repository, ahead as u64, kind)
    }

    /// Writes an increment that will be `ahead` segments after the next one.
    pub(crate) fn write(
        &self,
        (tail, captured): (&LogTail<'_>, CapturedTail),
        ahead: usize,
        start_epoch: Epoch,
        start: LogPosition,
        flags: SegmentFlags,
    ) -> Result<NewSegment<'a>> {
        let name = self.name(ahead, SegmentKind::Incremental);
        let framing = Framing {
            name,
            start_epoch,
            start,
            flags,
        };
        let access = self.held.staged_access(self.database.mode());
        let staging = (self.held.staging(), access);
        captured.write(tail, staging, &framing, self.context)
    }

    /// Publishes the segments; where the database has a log, the chain now ends at `end` in it. The
    /// image was as at `moment` when the log was looked at. All segments are stamped with
    /// `read_at`: by then everything in them was read, so nothing in them was committed later.
    pub(crate) fn publish(
        &self,
        mut segments: Vec<NewSegment<'_>>,
        read_at: UnixMillis,
        end: Option<&End<'_>>,
        moment: &Moment,
        why: Option<&str>,
    ) -> Result<Captured> {
        for segment in &mut segments {
            segment.record.is_uncounted = !self.repository.is_counted();
            segment.record.segment.created_at = read_at;
        }
        let Some(last) = segments.last().map(|it| it.record.clone()) else {
            return Ok(self.up_to_date());
        };
        // All of it was read to look for the end of the chain, or after that.
        let (looked_at, context) = (self.looking.looked_at.get(), self.context.again());
        let chain_end = end.map(|end| (end.log, end.position));
        let evidence = evidence_of(&last, chain_end, moment, looked_at, context)?;
        let image_bytes = self.database.size_bytes()?;
        let beside = end.map(|end| Notes {
            context: self.context,
            folder: end.folder,
            log: end.log,
            mode: self.database.mode(),
            repository: self.notes.id,
            known: end.known,
            now: self.now,
            end: end.position,
            backed_up_epoch: last.segment.end_epoch,
            image_bytes,
            is_marker_new: Cell::new(false),
        });
        let log: &dyn LogNotes = match &beside {
            Some(beside) => beside,
            None => &(),
        };
        let addition = Addition {
            segments,
            placeholders: Vec::new(),
            notes: self.are_notes_new.then(|| self.notes.clone()),
            evidence: Some(evidence),
            looked_until: looked_at,
            log,
            mode: self.database.mode(),
        };
        let segments = self.held.publish(addition)?;
        Ok(Captured::Added {
            segments,
            why: why.map(str::to_owned),
        })
    }
}
