//! The full backup: the rest of the old log, the image, and the log since the image.
//!
//! No epoch may fall between the last increment and the image, so the log that the chain has not
//! captured yet goes first, as an increment of the old base. An image of an open database is older
//! than its log, and may hold a part of it already: what was logged after it goes last. Why the
//! last part is flagged, and from where on the image serves, is told in docs/decisions.md.

use apograph_format::{
    Epoch, ExtentContent, Generation, LogPosition, Point, SegmentFlags, SegmentKind, Timeline,
    UnixMillis, WithCauses,
};
use apograph_manifest::{
    FileName, FullContent, ImageIdentity, Nonce, Segment, SegmentContent, SegmentRecord, Unknown,
};
use apograph_repository::{NewSegment, further_of_image, image_timeline};
use apograph_wal::{LogFolder, TimelineState, is_untouched};

use crate::continuity::ResumePoint;
use crate::error::{CaptureError, Result};
use crate::image_copy::ImageCopy;
use crate::increment::CapturedTail;
use crate::job::{End, Job};
use crate::live::{Live, Moment};
use crate::log_after::{Held, LogAfter, begins_after, replayed, timeline_from};
use crate::look::Seen;
use crate::request::Captured;

/// The type of the section of a compacted store.
const COMPACT_SECTION: u32 = 4;

/// What the chain lacked of the log, once it is captured.
struct Rest {
    /// The timeline at its end.
    state: TimelineState,
    /// Where the chain ends then.
    end: LogPosition,
}

impl<'a> Job<'a> {
    /// Takes a full backup. `None` where the database was opened or closed meanwhile.
    pub(crate) fn full(&self, seen: Seen, why: &str) -> Result<Option<Captured>> {
        let name = self.name(0, SegmentKind::Full).to_string();
        let target = self.held.staging().at(&name);
        let access = self.held.staged_access(self.database.mode());
        let copy = self.database.copy(target, access, self.context)?;
        let resume = seen.resume.ok();
        let before = self.looking.moment(&seen.live)?;
        let image = ImageIdentity::of(copy.image.headers());
        // An image that was there when the database was looked at goes with what was seen then. In
        // generation 1 nothing has to be left beside it.
        let is_seen = before.image == image && image.generation() == Generation::One;
        match seen.live.log {
            None if !is_seen && self.database.has_log()? => Ok(None),
            None => self.full_of_closed(copy, None, seen.known, why).map(Some),
            Some(log) if begins_after(&log, &copy) && self.is_at_rest(image.generation())? => {
                let full = self.full_of_closed(copy, Some(&log), seen.known, why);
                full.map(Some)
            }
            Some(log) => {
                let Some(moment) = self.moment_of(image, &before)? else {
                    return Ok(None);
                };
                let log = match moment.recorded {
                    Some(recorded) if moment.is_newest => log.at_checkpoint(recorded),
                    _ => log,
                };
                let Some(after) = self.log_after(log, &copy, is_seen)? else {
                    return Ok(None);
                };
                let full = self.full_of_open(copy, after, resume, seen.known, moment, why);
                full.map(Some)
            }
        }
    }

    /// Whether no engine of generation 1 goes on after the image in a log file that its next open
    /// would pass over.
    fn is_at_rest(&self, generation: Generation) -> Result<bool> {
        Ok(generation == Generation::Two || !self.database.is_being_written()?)
    }

    /// The full backup of a database whose image holds all there is: it is closed, or an engine has
    /// only just opened it.
    fn full_of_closed(
        &self,
        copy: ImageCopy<'a>,
        log: Option<&LogFolder>,
        known: Option<Nonce>,
        why: &str,
    ) -> Result<Captured> {
        let copied_at = self.context.clock.now();
        let image = ImageIdentity::of(copy.image.headers());
        let same = self.same_as_last(&image);
        let continues = same.is_some();
        let (timeline, further) = match same {
            Some(same) => (self.end_timeline(), same.further),
            None => (self.new_timeline(), Some(0)),
        };
        let base = Point::new(timeline, copy.epoch());
        let log_start = copy.log_start();
        let content = FullContent {
            image,
            base,
            further,
            continues,
            of: log_start.into(),
        };
        let full = self.full_segment(copy, 0, content)?;
        // A closed database of generation 2 keeps its log from now on: with a cursor beside it, the
        // engine's next close does not remove the log.
        let present = self.database.log_folder()?;
        let made = match (&present, log_start) {
            (None, Some(_)) => self.database.make_log_folder(self.context.disk).ok(),
            _ => None,
        };
        let folder = present.as_ref().or(made.as_ref());
        let end = folder.zip(log_start).map(|(folder, position)| End {
            folder,
            log,
            position,
            known,
        });
        let moment = Moment::of_image(image);
        let published = self.publish(vec![full], copied_at, end.as_ref(), &moment, Some(why));
        if published.is_err() && made.is_some() {
            // The error that led here is the one to report.
            let _ = self.database.remove_log_folder(self.context.disk);
        }
        published
    }

    fn full_of_open(
        &self,
        copy: ImageCopy<'a>,
        after: LogAfter,
        resume: Option<ResumePoint>,
        known: Option<Nonce>,
        moment: Moment,
        why: &str,
    ) -> Result<Captured> {
        let mut segments = Vec::new();
        let rest = match resume {
            Some(ResumePoint::At(start)) => {
                self.rest_of_log(&after, start, false, &mut segments)?
            }
            Some(ResumePoint::Before(start)) => {
                self.rest_of_log(&after, start, true, &mut segments)?
            }
            Some(ResumePoint::Closed) | None => None,
        };
        let continues = rest
            .as_ref()
            .is_some_and(|rest| after.is_in_timeline(&rest.state));

        let image = ImageIdentity::of(copy.image.headers());
        // Nothing is between an image and the same one.
        let same = self.same_as_last(&image).filter(|_| rest.is_none());
        let is_same = same.is_some();
        // What a log leads to that is older than an image was never in the timeline of that.
        let is_foreign = is_same && after.held == Held::Remains && !after.captured.is_empty();
        let is_reopened = after.is_reopened || is_foreign;
        let tail = replayed(&after.log, after.start, after.held)?;
        let (timeline, further) = match (&rest, same) {
            (None, Some(same)) => (self.end_timeline(), same.further),
            (None, None) => (self.new_timeline(), Some(0)),
            (Some(rest), _) if continues => {
                let (end, behind) = (&rest.state, &after.captured.state);
                let further = further_of_image(image.generation(), end, behind, copy.epoch());
                (image_timeline(end, behind), further)
            }
            (Some(rest), _) => (rest.state.next_timeline(), Some(0)),
        };
        let base = Point::new(timeline, copy.epoch());
        let state = if is_same {
            self.timeline_after_same(is_reopened)
        } else {
            timeline_from(base, is_reopened).holding(further)
        };
        // It was read to see whether it stands still.
        let (start, again) = (after.start, self.context.again());
        let captured = after.captured.beginning_at(&tail, start, state, again)?;
        let read_at = self.context.clock.now();
        // (In generation 1 one place has two names: the end of a log file is the start of the
        // next.)
        let captured_to = rest.as_ref().and_then(|rest| rest.end.lsn());
        let engines = copy.image.headers().engines();
        self.warn_of_log(engines, &tail, &captured)?;
        self.warn_of_spilled(copy.image.checkpoint())?;
        if engines.may_not_log_compacted() && is_compacted(&copy) {
            self.context.monitor.warn(
                "compact() was called on this database. Grafeo 0.5 logs nothing of what queries \
                 commit from then on: it is in a backup once the engine has checkpointed it",
            );
        }
        if captured.end.lsn() < captured_to {
            return Err(captured.damaged_at_end(&tail));
        }

        if after.held == Held::Remains && !captured.is_empty() {
            let written = self.database.written()?;
            if is_untouched(&after.log, copy.image.headers(), written) {
                self.warn_of_remains(segments.len());
            }
        }
        let content = FullContent {
            image,
            base,
            further,
            continues: continues || is_same,
            of: Some(after.start).into(),
        };
        segments.push(self.full_segment(copy, segments.len(), content)?);
        // Without it no segment would say that the log goes on across the image, or that another
        // process has begun it, which has logged nothing yet.
        let is_written = continues || is_reopened || !captured.is_empty();
        // What is not written is read again by the next increment.
        let end = if is_written {
            captured.end
        } else {
            after.start
        };
        if is_written {
            let flags = SegmentFlags {
                repeats: continues,
                catches_up: after.held != Held::Nothing && !captured.is_empty(),
                reopened: is_reopened,
                continues: true,
                spans: false,
            };
            let start_epoch = base.epoch.next().unwrap_or_default();
            let ahead = segments.len();
            segments.push(self.write((&tail, captured), ahead, start_epoch, after.start, flags)?);
        }
        let end = End {
            folder: after.log.folder(),
            log: Some(&after.log),
            position: end,
            known,
        };
        self.publish(segments, read_at, Some(&end), &moment, Some(why))
    }

    /// What is written down of an image that was copied, and that may be the one before that. In
    /// generation 1 the log is looked at once more. Where a checkpoint has replaced the image on
    /// both sides of the copy, the next backup finds no proof. `None` where the database is being
    /// opened or closed.
    fn moment_of(&self, image: ImageIdentity, before: &Moment) -> Result<Option<Moment>> {
        if image.generation() == Generation::Two {
            return Ok(Some(Moment::of_image(image)));
        }
        let now = match Live::of(self.database, None, self.context) {
            Ok(live) => Some(self.looking.moment(&live)?),
            Err(CaptureError::LogElsewhere { .. }) => None,
            Err(error) => return Err(error),
        };
        let is_now = now.is_some_and(|now| now.image == image);
        let before = Some(*before).filter(|before| !is_now && before.image == image);
        Ok(before.or(now).map(|moment| Moment {
            image,
            is_newest: is_now,
            ..moment
        }))
    }

    /// Says that an engine was killed while it closed the database, and what comes of that.
    fn warn_of_remains(&self, ahead: usize) {
        let image = self.name(ahead, SegmentKind::Full);
        self.context.monitor.warn(&format!(
            "the log is older than the database file: its engine was killed while it closed the \
             database and removed the log. What is left of it is replayed when the database is \
             opened, and may bring older values back: {image} alone, copied under another name, is \
             the database as it was closed"
        ));
    }

    /// Writes what the chain lacks of the log so far, and tells the timeline at its end. `None`
    /// where the log is damaged before the image: the image holds what stood there, and the chain
    /// begins anew with it.
    fn rest_of_log(
        &self,
        after: &LogAfter,
        start: LogPosition,
        spans: bool,
        segments: &mut Vec<NewSegment<'a>>,
    ) -> Result<Option<Rest>> {
        let log = &after.log;
        let tail = log.from(start)?;
        let (state, reopened) = self.looking.timeline_at(log, start, spans)?;
        let rest = match CapturedTail::read(&tail, start, state, self.context) {
            Ok(rest) if rest.end < after.start => match rest.cut_off(&tail)? {
                None => rest,
                Some(damage) => return Ok(self.without_rest(&damage)),
            },
            Ok(rest) => rest,
            // What is after the image was read before, and is sound.
            Err(damage @ CaptureError::WalDamaged { .. }) => {
                return Ok(self.without_rest(&damage));
            }
            Err(error) => return Err(error),
        };
        let (state, end) = (rest.state.clone(), rest.end);
        // A seal alone counts too: the chain goes on after it. So does another process that has
        // logged nothing: no segment that follows would say that it is not the one before.
        if rest.has_bytes() || reopened {
            let flags = SegmentFlags {
                continues: true,
                reopened,
                spans,
                ..SegmentFlags::default()
            };
            segments.push(self.write((&tail, rest), 0, self.next_start(), start, flags)?);
        }
        Ok(Some(Rest { state, end }))
    }

    /// Says that the commits between the chain and an image are in no backup of their own.
    fn without_rest(&self, damage: &CaptureError) -> Option<Rest> {
        self.context.monitor.warn(&format!(
            "{}; the database file holds what was committed there, and no point between the last \
             backup and it can be restored",
            WithCauses(damage)
        ));
        None
    }

    /// The timeline after an image that the chain ends with, for another log after it.
    fn timeline_after_same(&self, is_reopened: bool) -> TimelineState {
        let mut state = self.repository.timeline_at_end();
        if is_reopened {
            state.end_process();
        }
        state
    }

    /// The last segment, where it is the image of a full backup, and the same one.
    fn same_as_last(&self, image: &ImageIdentity) -> Option<&FullContent> {
        match &self.repository.chain().entries().last()?.content {
            Some(SegmentContent::Full(full)) if full.image == *image => Some(full),
            _ => None,
        }
    }

    fn new_timeline(&self) -> Timeline {
        if self.repository.chain().entries().is_empty() {
            return Timeline::FIRST;
        }
        self.repository.timeline_at_end().next_timeline()
    }

    fn full_segment(
        &self,
        copy: ImageCopy<'a>,
        ahead: usize,
        content: FullContent,
    ) -> Result<NewSegment<'a>> {
        let name = FileName::from(self.name(ahead, SegmentKind::Full));
        let file = copy.file.retarget(name.as_ref())?;
        let segment = Segment {
            kind: SegmentKind::Full,
            file: name,
            start_epoch: Epoch::default(),
            end_epoch: content.base.epoch,
            checksum: copy.sums.crc32,
            size_bytes: copy.size_bytes,
            created_at: UnixMillis::default(),
            end_lsn: content.start_lsn(),
            unknown: Unknown::new(),
        };
        let content = SegmentContent::from(content);
        Ok(NewSegment {
            file,
            record: SegmentRecord {
                segment,
                hash: copy.sums.blake3,
                content,
                is_uncounted: false,
                verified: None,
                damaged: None,
            },
        })
    }
}

/// Whether an image of generation 1 has a compacted store.
fn is_compacted(copy: &ImageCopy<'_>) -> bool {
    let mut extents = copy.image.extents().iter();
    extents.any(|extent| extent.content == ExtentContent::Section(COMPACT_SECTION))
}
