//! Where a chain of generation 2 goes on.
//!
//! An LSN names one place in the log of one database, and in the log of every copy that was
//! restored from it. What proves that a log is still the one that was captured (docs/decisions.md,
//! "When does a chain go on?"):
//!
//! 1. **the log file**: the header of the file in which the chain ends is the one that the last
//!    segment holds, created at the same time;
//! 2. **the bytes**: the last captured groups stand right before the place where the next segment
//!    begins, and the files before that one are as they were captured. Every frame has its LSN and
//!    a checksum, every group the time of its commit;
//!
//!    Of a segment in a vault, which would have to be fetched and for which there may be no key, the
//!    marker and the hash of these bytes in the catalog say the same;
//! 3. where nothing was captured after a full backup, or the engine has removed the log file, and
//!    where the log is encrypted: the **marker**, which no restore writes. The headers of encrypted
//!    log files are bound to their key and cannot be made anew, so a restored copy has them too;
//! 4. **the image against the log**: it is no older one, and the log has a file that begins where
//!    the image ends.

use apograph_format::{LogPosition, Lsn};
use apograph_manifest::{Keep, SegmentContent};
use apograph_repository::IncrementFile;
use apograph_wal::{LogFile, LogFolder};

use super::evidence::tail_stamp;
use super::proof::Proof;
use super::{PROOF_BYTES, ResumePoint, Search, counting, is_of, other_bytes};
use crate::chain_break::ChainBreak;
use crate::error::Result;

impl Search<'_> {
    pub(super) fn after_last_v2(&self, log: &LogFolder) -> Proof<ResumePoint> {
        let end = match &self.last.content {
            Some(SegmentContent::Full(full)) => full.start_lsn(),
            Some(SegmentContent::Increment(increment)) => increment.lsns().map(|it| it.range.end),
            None => None,
        };
        let Some(end) = end else {
            return Err(self.unusable().into());
        };
        reaches(log, end)?;
        self.holds(log, end)?;
        self.image_fits(log)?;
        let seen = counting(self.repository, self.beside, self.last).ok();
        let seen = seen.and_then(|evidence| evidence.older_files);
        self.older_are_same(log, self.live.image_position(None), end.into(), seen)?;
        Ok(ResumePoint::At(end.into()))
    }

    /// The log has what the chain ends with.
    fn holds(&self, log: &LogFolder, end: Lsn) -> Proof {
        // The file that holds the last captured byte; the engine may have removed it.
        let file = log.holding(end.into());
        // The publish that the marker is of says enough: the segment itself need not be read.
        let is_as_marked = self.is_as_marked(log, end)?;
        let captured = if is_as_marked {
            None
        } else {
            self.last_captured(end)?
        };
        let Some(file) = file.filter(|_| is_as_marked || captured.is_some()) else {
            return self.is_marked();
        };
        if log.is_encrypted() {
            self.is_marked()?;
        }
        let image = self.live.image_position(None);
        let is_short =
            LogPosition::from(end).distance_from(file.start()) <= Some(PROOF_BYTES as u64);
        let is_same = match &captured {
            Some(captured) => holds_end_of(file, captured, end)?,
            None => is_as_marked,
        };
        if is_same && !is_short {
            return Ok(());
        }
        match other_bytes(file, end.into(), image)? {
            // What stands before the bytes that were compared is looked at where it is not much.
            damaged @ ChainBreak::Damaged { .. } => Err(damaged.into()),
            _ if is_same => Ok(()),
            other => Err(other.into()),
        }
    }

    /// Of a vault: whether the log ends, up to a position, with what the newest publish saw, and lies
    /// in the folder that it marked. In a folder the segment itself is at hand, and says whether it can
    /// still be read.
    fn is_as_marked(&self, log: &LogFolder, end: Lsn) -> Result<bool> {
        if self.repository.folder().is_some() {
            return Ok(false);
        }
        let is_marked = counting(self.repository, self.beside, self.last).is_ok();
        let tail = self.recorded().and_then(|recorded| recorded.tail);
        match tail.filter(|_| is_marked) {
            Some(tail) => Ok(tail_stamp(log, end.into(), self.context)? == Some(tail)),
            None => Ok(false),
        }
    }

    /// The folder is the one that the newest publish saw. After a backup of the engine it is where
    /// one of ours marked it before, and the engine's cursor is of this backup.
    fn is_marked(&self) -> Proof {
        let Err(broken) = counting(self.repository, self.beside, self.last) else {
            return Ok(());
        };
        let keep = self.live.cursor.as_ref().map(|cursor| cursor.keep);
        let names_last = matches!(
            keep,
            Some(Keep::FromLsn(Some(lsn))) if Some(lsn) == self.last.segment.end_lsn
        );
        // The last publish of ours is an earlier one, and known: the last segment is not ours.
        let before = self.entries.iter().rev().skip(1);
        let published = self.repository.evidence().map(|it| &it.segment);
        let mut ours = before.filter(|entry| published.is_some_and(|it| is_of(it, entry)));
        let is_marked = |entry| counting(self.repository, self.beside, entry).is_ok();
        if names_last && ours.any(is_marked) {
            Ok(())
        } else {
            Err(broken.into())
        }
    }

    /// The image is no older one than was seen, and the log goes on from it.
    fn image_fits(&self, log: &LogFolder) -> Proof {
        let now = self.live.image;
        if let Some(before) = self.known_image()
            && (now.iteration < before.iteration
                || now.iteration == before.iteration && now != before)
        {
            return Err(ChainBreak::ImageReplaced {
                before: before.iteration,
                now: now.iteration,
            }
            .into());
        }
        let (Some(image), Some(last)) =
            (self.live.headers.checkpoint.log_start, log.files().last())
        else {
            return Ok(());
        };
        let log_end = last.part().end();
        let begins_there = log.named(image.into()).is_some();
        if log_end < image.into() || !begins_there {
            return Err(ChainBreak::ImageOffLog {
                image,
                log: log_end,
            }
            .into());
        }
        Ok(())
    }

    /// The newest segment that holds log before a position; `None` where it is the end of a full
    /// backup that begins a timeline.
    fn last_captured(&self, end: Lsn) -> Proof<Option<IncrementFile>> {
        for entry in self.entries.iter().rev() {
            match &entry.content {
                Some(SegmentContent::Increment(_)) => {
                    let file = self.increment(entry)?;
                    if !file.before(end).is_empty() {
                        return Ok(Some(file));
                    }
                }
                Some(SegmentContent::Full(full)) if !full.continues => return Ok(None),
                Some(SegmentContent::Full(_)) => {}
                None => break,
            }
        }
        Err(self.unusable().into())
    }
}

/// Whether a log has the position, or a file that begins there.
fn reaches(log: &LogFolder, lsn: Lsn) -> Proof {
    let (Some(first), Some(last)) = (log.files().first(), log.files().last()) else {
        return Ok(());
    };
    if first.start() > lsn.into() {
        Err(ChainBreak::Truncated.into())
    } else if last.part().end() < lsn.into() {
        Err(ChainBreak::Shortened.into())
    } else {
        Ok(())
    }
}

/// Whether a log file is the one in which a segment ends, by its header and by the bytes right
/// before that position. Both have some there: the file and the segment begin before it.
fn holds_end_of(file: &LogFile, captured: &IncrementFile, end: Lsn) -> Result<bool> {
    let (Some(live), Some(known)) = (file.header(), captured.last_wal_header()) else {
        return Ok(false);
    };
    let frames = file.part().bytes;
    let length = LogPosition::from(end)
        .distance_from(file.start())
        .and_then(|it| usize::try_from(it).ok());
    let Some(length) = length.filter(|length| *length <= frames.len()) else {
        return Ok(false);
    };
    let (front, known_bytes) = (frames.slice(0..length), captured.before(end));
    let compared = front.len().min(known_bytes.len()).min(PROOF_BYTES);
    let is_same = front.last(compared).equal(known_bytes.last(compared))?;
    Ok(live.is_same_segment(&known) && is_same)
}
