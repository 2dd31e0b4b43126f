//! A stretch of a live log, and the increment made of it.

use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{
    Epoch, Generation, LogPosition, Lsn, SegmentFlags, SegmentHeader, SegmentKind, SegmentName,
    UnixMillis,
};
use apograph_io::{Bytes, IoError, Mode, Reading, StagedFile, Steps, sums};
use apograph_manifest::{FileName, LogRange, Segment, SegmentContent, SegmentRecord, Unknown};
use apograph_repository::{NewSegment, Repository, Summary, Surroundings};
use apograph_wal::{
    LogEndCause, LogFile, LogTail, Place, PlacedEvent, PlacedReader, Runs, TimelineState,
    groups_behind, read_ahead,
};

use crate::continuity::damage;
use crate::error::{CaptureError, Result};

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
    /// How many whole records stand behind the last commit.
    pub(crate) waiting: u64,
    /// Generation 2: where the log ends torn.
    torn_at: Option<Place>,
    /// Where the next increment begins.
    pub(crate) end: LogPosition,
}

impl<'a> Stretch<'a> {
    /// Reads a log tail, from `start` and the timeline there.
    ///
    /// # Errors
    ///
    /// [`CaptureError::WalDamaged`](crate::CaptureError::WalDamaged) for a damaged frame anywhere
    /// but at the end.
    pub(crate) fn read(
        tail: &'a LogTail<'a>,
        start: LogPosition,
        mut state: TimelineState,
        reading: Reading<'_>,
    ) -> Result<Self> {
        let total = tail.parts.iter().map(|part| part.bytes.len() as u64).sum();
        reading.monitor.phase("reading the log", total);
        let mut runs = Runs::default();
        let mut summary = Summary::default();
        let mut timelines_opened = 0;
        let mut ends_open = false;
        let mut steps = Steps::of(reading.monitor);
        let end = read_ahead(&tail.parts, reading.threads, |groups| {
            let mut reader = PlacedReader::of(groups, &mut state);
            while let Some(event) = reader.next() {
                let event = event?;
                summary.add(&event, reader.state());
                match event {
                    PlacedEvent::Group(group, placement) => {
                        timelines_opened += u64::from(placement.opens_timeline);
                        // In generation 1 the epoch is a record behind the commit.
                        ends_open = group.generation() == Generation::One && group.epoch.is_none();
                        for run in group.runs() {
                            if !reading.pace.is_unlimited() {
                                reading.take(run.len() as u64)?;
                            }
                            steps.advance(run.len() as u64)?;
                            runs.push(run);
                        }
                    }
                    PlacedEvent::Seal(run)
                    | PlacedEvent::LeadingEpoch(_, run)
                    | PlacedEvent::SyncMarker(run) => runs.push(run),
                }
            }
            Ok::<_, IoError>(reader.end())
        })?;
        steps.tell();
        if let Some(error) = end.and_then(|end| damage(&end, &tail.files, &tail.parts)) {
            return Err(error);
        }
        let torn = end.and_then(|end| match end.cause {
            LogEndCause::TornTail { records } => Some(records),
            _ => None,
        });
        let is_second = start.generation() == Generation::Two;
        let torn_at = end.filter(|_| is_second && torn.is_some());
        let torn_at = torn_at.map(|end| end.place);
        let behind_last = end.and_then(|end| end.place.position(&tail.parts));
        let end = if runs.total_bytes() == 0 {
            start
        } else {
            behind_last.unwrap_or(start)
        };
        let is_unsettled = torn.is_some() || ends_open;
        Ok(Self {
            tail,
            runs,
            summary,
            state,
            timelines_opened,
            is_unsettled,
            waiting: torn.unwrap_or_default(),
            torn_at,
            end,
        })
    }

    /// Generation 2: the error that whole commits stand behind a torn end, if there are any. An engine
    /// that has the database open has these commits; one that opens it cuts them off.
    pub(crate) fn cut_off(&self) -> Result<Option<CaptureError>> {
        let Some(place) = self.torn_at else {
            return Ok(None);
        };
        let commits = groups_behind(&self.tail.parts, place)?;
        let part = self.tail.parts.get(place.part);
        let file = self.tail.files.get(place.part);
        let (Some(part), Some(file), true) = (part, file, commits > 0) else {
            return Ok(None);
        };
        Ok(Some(CaptureError::WalDamaged {
            path: file.path.clone(),
            offset: part.file_offset.saturating_add(place.offset as u64),
            detail: format!(
                "what stands there is no commit, and {commits} whole ones stand behind it"
            ),
        }))
    }

    /// The error that it ends before commits that were captured from the same log.
    pub(crate) fn damaged_at_end(&self) -> CaptureError {
        let holds = |file: &&&LogFile| file.start <= self.end;
        let file = self.tail.files.iter().rfind(holds);
        let offset = file.map(|file| match (self.end, file.start) {
            (LogPosition::Lsn(end), LogPosition::Lsn(first)) => end
                .behind(first)
                .saturating_add(WAL_SEGMENT_HEADER_BYTES as u64),
            (LogPosition::File { offset, .. }, _) => offset,
            (LogPosition::Lsn(_), LogPosition::File { .. }) => 0,
        });
        CaptureError::WalDamaged {
            path: file.map(|file| file.path.clone()).unwrap_or_default(),
            offset: offset.unwrap_or_default(),
            detail: "the commits that were captured from there are not there any more".to_owned(),
        }
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
    /// Generation 1: the first epoch in the header.
    pub(crate) start_epoch: Epoch,
    pub(crate) start: LogPosition,
    pub(crate) flags: SegmentFlags,
}

/// What an increment's file consists of.
enum Chunk {
    /// Bytes that are made for it.
    Made(Vec<u8>),
    /// Bytes of the log.
    Log {
        /// The index of the log file in the tail.
        file: usize,
        /// Where they begin in it.
        offset: u64,
        /// How many they are.
        length: u64,
    },
}

impl Stretch<'_> {
    /// Writes the increment under its temporary name, and compares what was written with the log.
    pub(crate) fn write<'d>(
        self,
        disk: &'d dyn apograph_io::Disk,
        repository: &Repository,
        mode: Mode,
        framing: &Framing,
        reading: Reading<'_>,
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
        let mut chunks = vec![Chunk::Made(header.encode().to_vec())];
        let mut repeated = 0;
        match generation {
            Generation::One => chunks.extend(self.frames()),
            Generation::Two => (chunks, repeated) = self.pieces(chunks),
        }

        let name = framing.name.to_string();
        let target = repository.folder().at(&name);
        let mut file = StagedFile::create(disk, target, mode)?;
        reading
            .monitor
            .phase("writing the increment", self.runs.total_bytes());
        for chunk in &chunks {
            match chunk {
                Chunk::Made(bytes) => file.write(bytes)?,
                Chunk::Log {
                    file: index,
                    offset,
                    length,
                } => {
                    if let Some(source) = self.tail.files.get(*index) {
                        file.copy(source.file(), *offset, *length, reading)?;
                    }
                    reading.monitor.advance(*length);
                }
            }
        }
        let (is_written, sums, size_bytes) = file.sync_and_read(|written| {
            let is_written = self.is_written_in(written, &chunks)?;
            let sums = sums(written, reading.again())?;
            Ok::<_, IoError>((is_written, sums, written.len() as u64))
        })??;
        if !is_written {
            let path = file.temporary().path();
            return Err(IoError::NotAsWritten { path }.into());
        }
        let Ok(name) = FileName::try_from(name.clone()) else {
            let path = target.path();
            return Err(IoError::NotAsWritten { path }.into());
        };
        let segment = Segment {
            kind: SegmentKind::Incremental,
            file: name,
            start_epoch,
            end_epoch,
            checksum: sums.crc32,
            size_bytes,
            created_at: UnixMillis::default(),
            end_lsn: self.end.lsn(),
            unknown: Unknown::new(),
        };
        let start = match framing.start {
            LogPosition::Lsn(lsn) => Lsn::new(lsn.get().saturating_sub(repeated)).into(),
            start @ LogPosition::File { .. } => start,
        };
        let end = self.end;
        let surroundings = Surroundings {
            range: Some(LogRange { start, end }),
            overlap_bytes: repeated,
            flags,
            diverges: false,
        };
        let content = SegmentContent::from(self.summary.content(surroundings, &self.state));
        Ok(NewSegment {
            file,
            record: SegmentRecord {
                segment,
                hash: sums.blake3,
                content,
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

    /// Generation 1: the frames, side by side.
    fn frames(&self) -> impl Iterator<Item = Chunk> {
        self.runs.as_slice().iter().filter_map(|run| {
            let part = self.tail.parts.get(run.part)?;
            Some(Chunk::Log {
                file: run.part,
                offset: part.file_offset.saturating_add(run.start as u64),
                length: run.len() as u64,
            })
        })
    }

    /// Generation 2: a piece of each log file, with a header for the place where it begins, and how
    /// many bytes before the stretch are in the first.
    ///
    /// The header of an encrypted log file is bound to its key and to its first LSN. A piece of
    /// such a file begins where the file does, also where that was captured before.
    fn pieces(&self, mut chunks: Vec<Chunk>) -> (Vec<Chunk>, u64) {
        let mut repeated = 0;
        let runs = self.runs.as_slice();
        for (index, file) in self.tail.files.iter().enumerate() {
            let (Some(header), Some(part)) = (file.header, self.tail.parts.get(index)) else {
                continue;
            };
            let run = runs.iter().find(|run| run.part == index);
            let is_first = index == 0;
            if run.is_none() && !is_first {
                continue;
            }
            let captured = run.map_or(0, |run| run.len() as u64);
            let Some(first) = part.start.lsn() else {
                continue;
            };
            let before = if header.is_encrypted {
                first.behind(header.first_lsn)
            } else {
                0
            };
            if is_first {
                repeated = before;
            }
            let header = if header.is_encrypted {
                header
            } else {
                header.beginning_at(first)
            };
            let length = before.saturating_add(captured);
            let piece = length.saturating_add(WAL_SEGMENT_HEADER_BYTES as u64);
            let mut made = piece.to_le_bytes().to_vec();
            made.extend_from_slice(header.bytes());
            chunks.push(Chunk::Made(made));
            chunks.push(Chunk::Log {
                file: index,
                offset: part.file_offset.saturating_sub(before),
                length,
            });
        }
        (chunks, repeated)
    }

    fn is_written_in(&self, written: Bytes<'_>, chunks: &[Chunk]) -> apograph_io::Result<bool> {
        let mut rest = written;
        for chunk in chunks {
            let expected = match chunk {
                Chunk::Made(bytes) => bytes.into(),
                Chunk::Log {
                    file,
                    offset,
                    length,
                } => self.log_bytes(*file, *offset, *length),
            };
            if !rest.slice(0..expected.len()).equal(expected)? {
                return Ok(false);
            }
            rest = rest.skip(expected.len());
        }
        Ok(rest.is_empty())
    }

    fn log_bytes(&self, file: usize, offset: u64, length: u64) -> Bytes<'_> {
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let file = self.tail.files.get(file);
        file.map_or(Bytes::EMPTY, |file| {
            file.bytes()
                .slice(place(offset)..place(offset.saturating_add(length)))
        })
    }
}
