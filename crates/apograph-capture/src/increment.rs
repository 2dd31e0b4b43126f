//! A stretch of a live log, and the increment made of it.

use apograph_format::{
    Epoch, LogPosition, SegmentFlags, SegmentHeader, SegmentKind, SegmentName, UnixMillis,
};
use apograph_io::{Mapped, Mode, Monitor, StagedFile, Threads, crc32};
use apograph_manifest::{FileName, LogRange, Segment, SegmentContent, SegmentRecord};
use apograph_repository::{NewSegment, Repository, RepositoryError, Summary, Surroundings};
use apograph_wal::{LogEndCause, LogTail, PlacedEvent, PlacedReader, Runs, TimelineState};

use crate::continuity::damage;
use crate::error::Result;

/// The commits from some position of a live log to its end, read and not written yet.
pub(crate) struct Stretch<'a> {
    tail: &'a LogTail<'a>,
    runs: Runs,
    summary: Summary,
    /// The timeline behind the last commit.
    pub(crate) state: TimelineState,
    /// How many timelines begin in it.
    pub(crate) timelines_opened: u64,
    /// Whether a write seems to be going on at the end.
    pub(crate) is_unsettled: bool,
    /// Where the next increment begins.
    pub(crate) end: LogPosition,
}

impl<'a> Stretch<'a> {
    /// Reads a log tail, from `start` and the timeline there.
    ///
    /// # Errors
    ///
    /// [`CaptureError::WalDamaged`](crate::CaptureError::WalDamaged) for a damaged frame anywhere but at the end.
    pub(crate) fn read(
        tail: &'a LogTail<'a>,
        start: LogPosition,
        mut state: TimelineState,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let total = tail.parts.iter().map(|part| part.bytes.len() as u64).sum();
        monitor.phase("reading the log", total);
        let mut runs = Runs::default();
        let mut summary = Summary::default();
        let mut timelines_opened = 0;
        let mut ends_open = false;
        let mut reader = PlacedReader::new(&tail.parts, &mut state);
        while let Some(event) = reader.next() {
            summary.add(&event, reader.state());
            match event {
                PlacedEvent::Group(group, placement) => {
                    timelines_opened += u64::from(placement.opens_timeline);
                    ends_open = group.epoch.is_none();
                    for run in group.runs() {
                        monitor.advance(run.len() as u64);
                        runs.push(run);
                    }
                }
                PlacedEvent::Seal(run) | PlacedEvent::LeadingEpoch(_, run) => runs.push(run),
            }
        }
        let end = reader.end();
        if let Some(error) = end.and_then(|end| damage(&end, &tail.files, &tail.parts)) {
            return Err(error);
        }
        let torn = end.is_some_and(|end| matches!(end.cause, LogEndCause::TornTail { .. }));
        let place = end.and_then(|end| end.place.position(&tail.parts));
        let end = if runs.total_bytes() == 0 {
            start
        } else {
            place.unwrap_or(start)
        };
        let is_unsettled = torn || ends_open;
        Ok(Self {
            tail,
            runs,
            summary,
            state,
            timelines_opened,
            is_unsettled,
            end,
        })
    }

    /// Whether there is no commit in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.summary.commits() == 0
    }

    /// Whether there is anything in it, be it no commit.
    pub(crate) fn has_bytes(&self) -> bool {
        self.runs.total_bytes() > 0
    }

    /// Epochs up to the highest that are neither in the stretch nor at or under `base`.
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
    pub(crate) start_epoch: Epoch,
    pub(crate) start: LogPosition,
    pub(crate) flags: SegmentFlags,
    pub(crate) created_at: UnixMillis,
}

impl Stretch<'_> {
    /// Writes the increment under its temporary name, and compares what was written with the log.
    pub(crate) fn write<'d>(
        self,
        disk: &'d dyn apograph_io::Disk,
        repository: &Repository,
        mode: Mode,
        framing: &Framing,
        threads: Threads,
        monitor: &dyn Monitor,
    ) -> Result<NewSegment<'d>> {
        let flags = framing.flags;
        let end_epoch = self.summary.end_epoch(&self.state);
        let mut parts: Vec<usize> = self.runs.as_slice().iter().map(|run| run.part).collect();
        parts.dedup();
        let log_files = parts.len() as u64;
        let start_epoch = framing.start_epoch;
        let header = SegmentHeader {
            start_epoch,
            end_epoch,
            log_files,
            flags,
        };

        let target = repository.folder().join(framing.name.to_string());
        let mut file = StagedFile::create(disk, &target, mode)?;
        monitor.phase("writing the increment", self.runs.total_bytes());
        file.write(&header.encode())?;
        for run in self.runs.as_slice() {
            let (Some(source), Some(part)) =
                (self.tail.files.get(run.part), self.tail.parts.get(run.part))
            else {
                continue;
            };
            let offset = part.file_offset.saturating_add(run.start as u64);
            file.copy_from(&source.file, offset, run.len() as u64)?;
            monitor.advance(run.len() as u64);
        }
        file.sync()?;

        let written = Mapped::open(file.temporary_path())?;
        if !self.is_written_in(&written, &header) {
            let path = file.temporary_path().to_owned();
            return Err(RepositoryError::ReadBack { path }.into());
        }
        let name = FileName::try_from(framing.name.to_string());
        let Ok(name) = name else {
            return Err(RepositoryError::ReadBack { path: target }.into());
        };
        let segment = Segment {
            kind: SegmentKind::Incremental,
            file: name,
            start_epoch,
            end_epoch,
            checksum: crc32(&written, threads),
            size_bytes: written.len() as u64,
            created_at: framing.created_at,
        };
        let surroundings = Surroundings {
            range: Some(LogRange {
                start: framing.start,
                end: self.end,
            }),
            overlap_bytes: 0,
            repeats: flags.repeats,
            catches_up: flags.catches_up,
        };
        let content = SegmentContent::Increment(self.summary.content(surroundings, &self.state));
        Ok(NewSegment {
            file,
            record: SegmentRecord { segment, content },
        })
    }

    fn is_written_in(&self, written: &[u8], header: &SegmentHeader) -> bool {
        let Some(mut rest) = written.strip_prefix(&header.encode()) else {
            return false;
        };
        for run in self.runs.as_slice() {
            match rest.strip_prefix(run.bytes(&self.tail.parts)) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }
}
