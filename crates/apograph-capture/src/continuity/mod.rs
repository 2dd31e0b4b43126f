//! Where a chain goes on in a live log, with the proof, or why it cannot.
//!
//! A chain goes on where its end is proved to be one place of the log that an engine would replay.
//! Doubt is a full backup in a new timeline: that costs bytes, and the other mistake costs commits.
//! The rule stands in docs/decisions.md, "When does a chain go on?". What the generations have in
//! common: the newest publish left [`Evidence`] in `apograph.json` and in the marker beside the
//! log, and it counts where both are of the last segment. What is compared with it differs: see
//! `v1.rs` and `v2.rs`.

mod after_engine;
mod checkpoints;
mod evidence;
mod older_files;
mod proof;
mod v1;
mod v2;

pub(crate) use evidence::evidence_of;

use apograph_format::{Detail, Generation, LogPosition, Lsn, SegmentKind};
use apograph_io::Context;
use apograph_manifest::{
    ChainEntry, Evidence, FolderStamp, FullContent, ImageIdentity, Marker, Nonce, SegmentContent,
    SegmentStamp, Target, log_end,
};
use apograph_repository::Repository;
use apograph_wal::{
    GroupReader, LogEnd, LogEndCause, LogEvent, LogFile, LogFolder, LogPart, Place, PlacedEvent,
    PlacedReader, TimelineState,
};

use self::proof::{Proof, tried};
use crate::chain_break::ChainBreak;
use crate::error::{CaptureError, Result};
use crate::live::Live;

/// At most so many bytes before a position are compared.
const PROOF_BYTES: usize = 64 << 10;

/// Where the next segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResumePoint {
    /// At this position of the log.
    At(LogPosition),
    /// Generation 2: at this position, which lies before the full backup that is the last segment.
    /// The engine took it, and left out what was committed since the segment before it.
    Before(LogPosition),
    /// The database is closed and unchanged since the last full backup.
    Closed,
}

/// What lies beside the log for this repository.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The marker.
    pub(crate) marker: Option<Marker>,
    /// The folder itself, where the operating system tells when it was created.
    pub(crate) folder: Option<FolderStamp>,
}

/// Finds where the chain of a repository goes on in a live log.
pub(crate) fn find(
    repository: &Repository,
    live: &Live,
    beside: &Beside,
    context: Context<'_>,
) -> Result<std::result::Result<ResumePoint, ChainBreak>> {
    let entries = repository.chain().entries();
    let has_full = entries
        .iter()
        .any(|entry| entry.segment.kind == SegmentKind::Full);
    let Some(last) = entries.last().filter(|_| has_full) else {
        return Ok(Err(ChainBreak::NoFullBackup));
    };
    let search = Search {
        repository,
        live,
        beside,
        context,
        entries,
        last,
    };
    tried(search.find())
}

/// The publish that the repository knows: its slot in the marker is not overwritten.
pub(crate) fn known_publish(repository: &Repository, beside: &Beside) -> Option<Nonce> {
    let last = repository.chain().entries().last()?;
    counting(repository, beside, last)
        .ok()
        .map(|evidence| evidence.nonce)
}

/// The evidence of the publish whose last segment is an entry, where it counts.
fn counting<'a>(
    repository: &'a Repository,
    beside: &'a Beside,
    entry: &ChainEntry,
) -> std::result::Result<&'a Evidence, ChainBreak> {
    let record = repository.evidence().filter(|it| is_of(&it.segment, entry));
    let marker = beside.marker.as_ref();
    let mut slots = marker
        .iter()
        .flat_map(|marker| marker.slots.iter().flatten());
    let slot = slots.find(|slot| {
        let nonce = slot.evidence.nonce;
        // Where `apograph.json` was lost, or the command was killed before it, the slot knows more.
        is_of(&slot.evidence.segment, entry) && record.is_none_or(|record| record.nonce == nonce)
    });
    // A folder that cannot be written to is told by its number and its birth.
    let unwritten = || {
        let seen = record.filter(|record| record.folder.is_some());
        seen.filter(|record| record.folder == beside.folder)
    };
    let evidence = slot.map(|slot| &slot.evidence).or_else(unwritten);
    evidence.ok_or(match marker {
        Some(_) => ChainBreak::OtherMoment,
        None => ChainBreak::Unmarked,
    })
}

/// Whether a segment is the one that was published.
fn is_of(published: &SegmentStamp, entry: &ChainEntry) -> bool {
    published.file == entry.segment.file && entry.hash == Some(published.hash)
}

/// From where on a log of generation 2 has to be read to prove that a chain goes on after its last
/// increment. Where that is not proved, all of the log has to be looked at; where there is no
/// chain, nothing.
pub(crate) fn proved_from(repository: &Repository) -> Option<Lsn> {
    let Some(last) = repository.chain().entries().last() else {
        return Some(Lsn::new(u64::MAX));
    };
    let Some(SegmentContent::Increment(increment)) = &last.content else {
        return None;
    };
    let end = increment.lsns()?.range.end;
    Some(Lsn::new(end.get().saturating_sub(PROOF_BYTES as u64)))
}

struct Search<'a> {
    repository: &'a Repository,
    live: &'a Live,
    beside: &'a Beside,
    context: Context<'a>,
    entries: &'a [ChainEntry],
    last: &'a ChainEntry,
}

impl<'a> Search<'a> {
    fn find(&self) -> Proof<ResumePoint> {
        let found = self.after_last()?;
        // What goes on from there would be out of reach too.
        let plan = self.repository.chain().plan(&Target::Latest);
        plan.map_err(|cause| ChainBreak::Unreachable { cause })?;
        Ok(self.before_last()?.map_or(found, ResumePoint::Before))
    }

    fn after_last(&self) -> Proof<ResumePoint> {
        let is_of_live = self.last.generation() == Some(self.live.image.generation());
        if self.last.unusable.is_some() || self.last.content.is_none() {
            return Err(self.unusable().into());
        }
        if !is_of_live {
            return Err(ChainBreak::Migrated.into());
        }
        match &self.live.log {
            None => self.after_closed(),
            Some(log) if log.generation() == Generation::One => self.after_last_v1(log),
            Some(log) => self.after_last_v2(log),
        }
    }

    fn unusable(&self) -> ChainBreak {
        ChainBreak::LastSegment {
            file: self.last.segment.file.clone(),
            reason: self.last.unusable.as_deref().cloned(),
        }
    }

    /// There is no log.
    fn after_closed(&self) -> Proof<ResumePoint> {
        let newest = self.newest_full().map(|full| full.image);
        let recorded = self.recorded();
        let image = recorded.map(|it| it.image).or(newest);
        if image != Some(self.live.image) {
            return Err(ChainBreak::Closed.into());
        }
        let end = recorded.and_then(|it| it.end);
        let end = end.or_else(|| log_end(self.entries));
        let checkpoint = recorded.and_then(|it| it.log?.checkpoint);
        let image_position = self.live.image_position(checkpoint.as_ref());
        match end {
            Some(end) if end > image_position => Err(ChainBreak::LogLost { end }.into()),
            // A chain whose end is not known ends after its image where it has an increment.
            None if self.last.segment.kind == SegmentKind::Incremental => {
                let end = image_position;
                Err(ChainBreak::LogLost { end }.into())
            }
            _ => Ok(ResumePoint::Closed),
        }
    }

    /// What `apograph.json` knows of the newest publish.
    fn recorded(&self) -> Option<&'a Evidence> {
        let record = self.repository.evidence();
        record.filter(|record| is_of(&record.segment, self.last))
    }

    /// The newest full backup of which something is known.
    fn newest_full(&self) -> Option<&'a FullContent> {
        let newest_first = self.entries.iter().rev();
        let mut fulls = newest_first.filter_map(|entry| match &entry.content {
            Some(SegmentContent::Full(full)) => Some(full.as_ref()),
            _ => None,
        });
        fulls.next()
    }

    /// The image that our last publish saw. (The image in a full backup of the engine of generation
    /// 2 is made for it, and was never the database's.)
    fn known_image(&self) -> Option<ImageIdentity> {
        let marker = self.beside.marker.as_ref();
        let counting = counting(self.repository, self.beside, self.last).ok();
        let known = counting.or(self.repository.evidence());
        let newest = || marker.and_then(|marker| marker.newest().map(|slot| &slot.evidence));
        known.or_else(newest).map(|evidence| evidence.image)
    }

    /// Where the log goes on from the segments before the last one, a full backup of the engine:
    /// both stand in the same log, and what lies between them is still there, and whole, and of one
    /// timeline. One of ours has the timeline that it was told in, and keeps it.
    fn before_last(&self) -> Result<Option<LogPosition>> {
        if counting(self.repository, self.beside, self.last).is_ok() {
            return Ok(None);
        }
        let (Some(SegmentContent::Full(full)), Some((_, entries))) =
            (&self.last.content, self.entries.split_last())
        else {
            return Ok(None);
        };
        let (Some(end), Some(start), Some(before)) = (
            log_end(entries).and_then(LogPosition::lsn),
            full.start_lsn(),
            self.up_to(entries),
        ) else {
            return Ok(None);
        };
        // Where nothing lies between them, the image had to be what the segments before it lead to.
        // One with a higher epoch is ahead of its log, and that epoch may be given out again.
        let highest = self.repository.timeline_before(entries.len()).highest();
        let is_ahead = end == start && full.base.epoch > highest;
        if full.continues || end > start || is_ahead || before.last.unusable.is_some() {
            return Ok(None);
        }
        match (tried(before.after_last())?, &self.live.log) {
            (Ok(ResumePoint::At(position)), Some(log)) => {
                let leads_there = before.leads_to(log, position, start.into())?;
                Ok(leads_there.then_some(position))
            }
            _ => Ok(None),
        }
    }

    /// Whether a log can be read from the end of the entries up to a position, in one timeline.
    fn leads_to(&self, log: &LogFolder, from: LogPosition, to: LogPosition) -> Result<bool> {
        let tail = log.from(from)?;
        let mut state = self.timeline();
        let mut reader = PlacedReader::new(&tail.parts, &mut state);
        for event in reader.by_ref() {
            if let PlacedEvent::Group(group, placement) = event? {
                if group.start.position(&tail.parts) >= Some(to) {
                    return Ok(true);
                }
                if placement.opens_timeline {
                    return Ok(false);
                }
            }
        }
        let end = reader.end().map(|end| end.place.position(&tail.parts));
        Ok(end.is_none_or(|end| end.is_some_and(|end| end >= to)))
    }

    /// The same for a chain of the first entries alone.
    fn up_to(&self, entries: &'a [ChainEntry]) -> Option<Self> {
        let last = entries.last()?;
        Some(Self {
            entries,
            last,
            ..*self
        })
    }

    /// The timeline at the end of the entries.
    fn timeline(&self) -> TimelineState {
        self.repository.timeline_before(self.entries.len())
    }
}

/// What it means that a log file does not hold the bytes that were captured of it up to a position.
///
/// What was whole when it was captured, and cannot be read up to there any more, is damaged, even
/// where a crash could have left it. Where the image is after it nobody needs it. Else it is
/// another log.
fn other_bytes(file: &LogFile, end: LogPosition, image: LogPosition) -> Result<ChainBreak> {
    let parts = [file.part()];
    let [part] = &parts;
    let other_bytes = || ChainBreak::OtherBytes {
        file: name_of(file),
    };
    let mut groups = GroupReader::new(&parts);
    for event in groups.by_ref() {
        let after = match event? {
            LogEvent::Group(group) => group.end.offset,
            LogEvent::SyncMarker { run }
            | LogEvent::Seal { run }
            | LogEvent::LeadingEpoch { run, .. } => run.end,
        };
        if part.position(after) >= end {
            return Ok(other_bytes());
        }
    }
    let stopped = groups.end();
    let (place, detail) = match stopped.map(|stopped| stopped.cause) {
        Some(LogEndCause::Damage { place, defect }) => (place, Detail::from(defect)),
        _ => (
            stopped.map_or(Place::default(), |stopped| stopped.place),
            "the commits that were captured from there are not whole any more".into(),
        ),
    };
    if part.position(place.offset) < image {
        return Ok(other_bytes());
    }
    Ok(ChainBreak::Damaged {
        path: file.path.clone(),
        offset: part.file_offset.saturating_add(place.offset as u64),
        detail,
    })
}

/// The name of a log file, for a reason.
fn name_of(file: &LogFile) -> String {
    apograph_format::log_file_name(file.start())
}

/// The damage that ended the reading of a live log, if it was damage.
pub(crate) fn damage(
    end: &LogEnd,
    files: &[&LogFile],
    parts: &[LogPart<'_>],
) -> Option<CaptureError> {
    let LogEndCause::Damage { place, defect } = end.cause else {
        return None;
    };
    let (part, path) = (&parts[place.part], files[place.part].path.clone());
    Some(if defect.is_unsupported() {
        CaptureError::UnsupportedLog { path, defect }
    } else {
        CaptureError::WalDamaged {
            path,
            offset: part.file_offset.saturating_add(place.offset as u64),
            detail: defect.into(),
        }
    })
}
