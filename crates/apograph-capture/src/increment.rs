//! The tail of a live log, and the increment made of it.

use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{
    Epoch, Generation, LogPosition, Lsn, SegmentFlags, SegmentHeader, SegmentKind, SegmentName,
    UnixMillis,
};
use apograph_io::{Access, Context, Folder, IoError, StagedFile, Steps};
use apograph_manifest::{
    FileName, IncrementOf, Segment, SegmentContent, SegmentRecord, TimeSpan, Unknown,
};
use apograph_repository::{NewSegment, Summary, Surroundings, read_log};
use apograph_wal::{
    GroupHead, LogEndCause, LogFile, LogTail, PartOf, Place, PlacedEvent, Runs, TimelineState,
    groups_after,
};

use crate::content::{Chunk, Content};
use crate::continuity::damage;
use crate::error::{CaptureError, Result};

/// The commits from some position of a live log to its end, read and not written yet.
///
/// It holds places in the tail that it was read of, and not that: with the log it can be kept.
pub(crate) struct CapturedTail {
    /// The timeline at its start.
    begun: TimelineState,
    runs: Runs,
    summary: Summary,
    /// The timeline after the last commit.
    pub(crate) state: TimelineState,
    /// Whether a write seems to be going on at the end.
    pub(crate) is_unsettled: bool,
    /// How many whole records stand after the last commit.
    pub(crate) waiting: u64,
    /// Where the log ends torn.
    torn_at: Option<Place>,
    /// Where the next increment begins.
    pub(crate) end: LogPosition,
}

impl CapturedTail {
    /// Reads a log tail, from `start` and the timeline there.
    ///
    /// # Errors
    ///
    /// [`CaptureError::WalDamaged`](crate::CaptureError::WalDamaged) for a damaged frame anywhere
    /// but at the end.
    pub(crate) fn read(
        tail: &LogTail<'_>,
        start: LogPosition,
        begun: TimelineState,
        context: Context<'_>,
    ) -> Result<Self> {
        let total = tail.parts.iter().map(|part| part.bytes.len() as u64).sum();
        context.monitor.phase("reading the log", total);
        let mut runs = Runs::default();
        let mut ends_open = false;
        let mut steps = Steps::of(context.monitor);
        let log = read_log(&tail.parts, begun.clone(), context.threads, |event| {
            let PlacedEvent::Group(group, _) = event else {
                event.runs().for_each(|run| runs.push(run));
                return Ok(());
            };
            // In generation 1 the epoch is a record after the commit.
            ends_open = matches!(group.head, GroupHead::One { epoch: None, .. });
            for run in group.runs() {
                if !context.pace.is_unlimited() {
                    context.take(run.len() as u64)?;
                }
                steps.advance(run.len() as u64)?;
                runs.push(run);
            }
            Ok(())
        })?;
        steps.tell();
        let end = log.end;
        if let Some(error) = end.and_then(|end| damage(&end, &tail.files, &tail.parts)) {
            return Err(error);
        }
        let torn = end.and_then(|end| match end.cause {
            LogEndCause::TornTail { records } => Some(records),
            _ => None,
        });
        let torn_at = end.filter(|_| torn.is_some()).map(|end| end.place);
        let after_last = end.and_then(|end| end.place.position(&tail.parts));
        let end = if runs.total_bytes() == 0 {
            start
        } else {
            after_last.unwrap_or(start)
        };
        let is_unsettled = torn.is_some() || ends_open;
        Ok(Self {
            begun,
            runs,
            summary: log.summary,
            state: log.state,
            is_unsettled,
            waiting: torn.unwrap_or_default(),
            torn_at,
            end,
        })
    }

    /// The same from another timeline at its start. Where that is the one that it was read from,
    /// nothing is read.
    ///
    /// # Errors
    ///
    /// As [`CapturedTail::read`].
    pub(crate) fn beginning_at(
        self,
        tail: &LogTail<'_>,
        start: LogPosition,
        state: TimelineState,
        context: Context<'_>,
    ) -> Result<Self> {
        if self.begun == state {
            return Ok(self);
        }
        Self::read(tail, start, state, context)
    }

    /// The error that whole commits stand after a torn end, if there are any. An engine that has the
    /// database open has these commits; one that opens it cuts them off. (In generation 1 a log with
    /// commits after a defect is damaged, and ends there.)
    pub(crate) fn cut_off(&self, tail: &LogTail<'_>) -> Result<Option<CaptureError>> {
        let Some(place) = self.torn_at else {
            return Ok(None);
        };
        let commits = groups_after(&tail.parts, place)?;
        let part = tail.parts.get(place.part);
        let file = tail.files.get(place.part);
        let (Some(part), Some(file), true) = (part, file, commits > 0) else {
            return Ok(None);
        };
        Ok(Some(CaptureError::WalDamaged {
            path: file.path.clone(),
            offset: part.file_offset.saturating_add(place.offset as u64),
            detail: format!(
                "what stands there is no commit, and {commits} whole ones stand after it"
            )
            .into(),
        }))
    }

    /// The error that it ends before commits that were captured from the same log.
    pub(crate) fn damaged_at_end(&self, tail: &LogTail<'_>) -> CaptureError {
        let holds = |file: &&&LogFile| file.start() <= self.end;
        let file = tail.files.iter().rfind(holds);
        let offset = file.map(|file| {
            let offset = self.end.distance_from(file.start()).unwrap_or_default();
            file.part().file_offset.saturating_add(offset)
        });
        CaptureError::WalDamaged {
            path: file.map(|file| file.path.clone()).unwrap_or_default(),
            offset: offset.unwrap_or_default(),
            detail: "the commits that were captured from there are not there any more".into(),
        }
    }

    /// How many commits are in it.
    pub(crate) const fn commits(&self) -> u64 {
        self.summary.commits()
    }

    /// When they were made, as far as the log says it.
    pub(crate) const fn committed(&self) -> Option<TimeSpan> {
        self.summary.committed()
    }

    /// How many bytes of the log they are.
    pub(crate) const fn bytes(&self) -> u64 {
        self.runs.total_bytes()
    }

    /// Whether there is no commit in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.summary.commits() == 0
    }

    /// Whether there is anything in it, be it no commit.
    pub(crate) fn has_bytes(&self) -> bool {
        self.runs.total_bytes() > 0
    }

    /// Epochs up to the highest that are neither in the tail nor at or under `base`.
    pub(crate) fn missing_epochs(&self, base: Epoch) -> Vec<(u64, u64)> {
        let from = base.max(self.state.base).get().saturating_add(1);
        self.state
            .epochs
            .missing_in(from, self.state.highest().get())
            .collect()
    }
}

/// What an increment's header and record say besides its commits.
pub(crate) struct Framing {
    pub(crate) name: SegmentName,
    /// Generation 1: the first epoch in the header.
    pub(crate) start_epoch: Epoch,
    pub(crate) start: LogPosition,
    pub(crate) flags: SegmentFlags,
}

impl CapturedTail {
    /// Writes the increment under its temporary name, and compares what was written with the log.
    pub(crate) fn write<'d>(
        self,
        tail: &LogTail<'_>,
        (staging, access): (&Folder, Access),
        framing: &Framing,
        context: Context<'d>,
    ) -> Result<NewSegment<'d>> {
        let flags = framing.flags;
        let generation = framing.start.generation();
        let end_epoch = self.summary.end_epoch(&self.state);
        let (count, start_epoch) = match generation {
            Generation::One => (self.log_files(), framing.start_epoch),
            Generation::Two => {
                let first = self.summary.first_epoch().unwrap_or(end_epoch);
                (self.summary.commits(), first)
            }
        };
        let header = SegmentHeader {
            generation,
            start_epoch,
            end_epoch,
            count,
            flags,
        };
        let mut composed = Content::of(tail);
        composed.push(Chunk::Made(header.encode().to_vec()));
        let repeated = match generation {
            Generation::One => self.frames(&mut composed),
            Generation::Two => self.pieces(&mut composed),
        };

        let name = FileName::from(framing.name);
        let target = staging.at(&name);
        let mut file = StagedFile::create(context.disk, target, access)?;
        context
            .monitor
            .phase("writing the increment", self.runs.total_bytes());
        let path = file.temporary().path();
        let check = |offset, written: &[u8]| {
            if composed.is_at(offset, written)? {
                return Ok(());
            }
            Err(IoError::NotAsWritten { path: path.clone() })
        };
        let sums = file.write_and_read(composed.length, &check, context, |file| {
            composed.write(file, context)
        })?;
        let segment = Segment {
            kind: SegmentKind::Incremental,
            file: name,
            start_epoch,
            end_epoch,
            checksum: sums.crc32,
            size_bytes: composed.length as u64,
            created_at: UnixMillis::default(),
            end_lsn: self.end.lsn(),
            unknown: Unknown::new(),
        };
        let start = match framing.start {
            LogPosition::Lsn(lsn) => Lsn::new(lsn.get().saturating_sub(repeated)).into(),
            start @ LogPosition::File(_) => start,
        };
        let surroundings = Surroundings {
            // Both are of the log that was read.
            of: IncrementOf::between(start, self.end).unwrap_or_default(),
            overlap_bytes: repeated,
            flags,
        };
        let found = self.summary.content(surroundings, &self.state);
        Ok(NewSegment {
            file,
            record: SegmentRecord {
                segment,
                hash: sums.blake3,
                content: SegmentContent::from(found),
                is_uncounted: false,
                verified: None,
                damaged: None,
            },
        })
    }

    /// How many log files it lies in.
    fn log_files(&self) -> u64 {
        let mut parts: Vec<usize> = self.runs.as_slice().iter().map(|run| run.part).collect();
        parts.dedup();
        parts.len() as u64
    }

    /// Generation 1: the frames, side by side. Nothing is repeated.
    fn frames(&self, content: &mut Content<'_>) -> u64 {
        for run in self.runs.as_slice() {
            let part = content.tail.parts.get(run.part);
            content.push(Chunk::Log {
                file: run.part,
                offset: part.map_or(0, |part| part.file_offset + run.start as u64),
                length: run.len() as u64,
            });
        }
        0
    }

    /// Generation 2: a piece of each log file, with a header for the place where it begins. Tells
    /// how many bytes before the tail are in the first.
    ///
    /// The header of an encrypted log file is bound to its key and to its first LSN. A piece of
    /// such a file begins where the file does, also where that was captured before.
    fn pieces(&self, content: &mut Content<'_>) -> u64 {
        let mut repeated = 0;
        let (runs, tail) = (self.runs.as_slice(), content.tail);
        for (index, (file, part)) in tail.files.iter().zip(&tail.parts).enumerate() {
            let (Some(header), PartOf::Two { start: first, .. }) = (file.header(), part.of) else {
                continue;
            };
            let run = runs.iter().find(|run| run.part == index);
            let is_first = index == 0;
            if run.is_none() && !is_first {
                continue;
            }
            let captured = run.map_or(0, |run| run.len() as u64);
            let before = if header.is_encrypted {
                first.distance_from(header.first_lsn)
            } else {
                0
            };
            if is_first {
                repeated = before;
            }
            let header = if header.is_encrypted {
                *header
            } else {
                header.beginning_at(first)
            };
            let length = before.saturating_add(captured);
            let piece = length.saturating_add(WAL_SEGMENT_HEADER_BYTES as u64);
            let mut made = piece.to_le_bytes().to_vec();
            made.extend_from_slice(header.bytes());
            content.push(Chunk::Made(made));
            content.push(Chunk::Log {
                file: index,
                offset: part.file_offset.saturating_sub(before),
                length,
            });
        }
        repeated
    }
}
