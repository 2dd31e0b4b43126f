//! A database, its log and its backups, as what happens to them.

use std::collections::{BTreeMap, BTreeSet};

use apograph_format::{
    Crc32, DatabaseId, Epoch, Generation, LogPosition, LogSequence, Lsn, Point, RangeSet,
    SegmentKind, SegmentName, Timeline, UnixMillis,
};
use apograph_manifest::{
    ChainEntry, FileName, FullContent, ImageIdentity, IncrementContent, IncrementOf, Segment,
    SegmentContent, TimeSpan, TimelineSpan, Unknown, Unusable,
};

/// What happens to a database, or to its backups.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// So many commits.
    Commit(u8),
    /// A change that takes no epoch.
    Change,
    /// Generation 1: two commits, of which the one with the lower epoch is logged by the next that
    /// comes, or lost in a crash.
    OutOfOrder,
    Checkpoint,
    /// Generation 1: the image of a checkpoint has some of the commits that go on meanwhile.
    BusyCheckpoint {
        commits: u8,
        seen: u8,
    },
    /// Generation 1: a crash, after which epochs count from 0.
    Reopen,
    /// An increment, which says where in the log it lies or not, and which in generation 2 repeats
    /// so many commits.
    Increment {
        is_told: bool,
        overlap: u8,
    },
    /// A full backup, with the rest of the log before it and the log since its image after it.
    Full,
    /// A full backup that does not go on from the log before it.
    Branch,
    /// An increment that leaves out what was committed before it.
    Skip,
}

/// What becomes of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Harm {
    Missing,
    Damaged,
    /// Its file and its record are lost.
    Unknown,
    /// The manifest does not name it any more.
    TakenOut,
}

/// A commit, or a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) number: u32,
    pub(super) at: Point,
    pub(super) has_epoch: bool,
    pub(super) time: u64,
    /// Where in the log it begins and ends.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A segment with what is really in it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) entry: ChainEntry,
    /// Of a full backup, what its image has.
    pub(super) image: BTreeSet<u32>,
    /// Of an increment, its commits.
    pub(super) body: Vec<Commit>,
    /// What was captured once it was.
    pub(super) captured: BTreeSet<u32>,
    /// Whether what comes before it in the manifest does not lead to it.
    pub(super) is_after_break: bool,
    /// Whether the manifest lacks the one before it.
    pub(super) lacks_before: bool,
    /// Of an increment that repeats, whether it catches up.
    pub(super) repeats: Option<bool>,
}

/// A timeline.
#[derive(Debug, Clone)]
struct Life {
    timeline: Timeline,
    base: u64,
    /// What the database had when it began.
    start: BTreeSet<u32>,
    commits: Vec<Commit>,
    is_reopened: bool,
}

/// The newest image.
#[derive(Debug, Clone)]
struct Image {
    at: Point,
    has: BTreeSet<u32>,
    log_start: LogPosition,
    iteration: u64,
    written_at: u64,
    is_ahead: bool,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) generation: Generation,
    pub(super) segments: Vec<Held>,
    clock: u64,
    file: u64,
    position: u64,
    epoch: u64,
    /// An epoch that is taken and not logged.
    held: Option<u64>,
    lives: Vec<Life>,
    state: BTreeSet<u32>,
    image: Image,
    /// The log since the image, what of it is not captured, and what of it was.
    since_image: Vec<Commit>,
    pending: Vec<Commit>,
    captured: Vec<Commit>,
    /// Whether the chain says where in the log it ends.
    is_end_told: bool,
    /// When there were commits that no segment has.
    dropped: Vec<(u64, u64)>,
}

/// The time from one thing to the next.
const STEP: u64 = 10;
/// How long a commit is in the log.
const COMMIT_BYTES: u64 = 10;
/// What the database holds in the beginning.
const FIRST: u32 = 0;

impl World {
    pub(super) fn of(generation: Generation, ops: &[Op], harms: &[(usize, Harm)]) -> Self {
        let at = Point::new(Timeline::FIRST, Epoch::new(5));
        let mut world = Self {
            generation,
            segments: Vec::new(),
            clock: 1000,
            file: 0,
            position: 0,
            epoch: 5,
            held: None,
            lives: Vec::new(),
            state: BTreeSet::from([FIRST]),
            image: Image {
                at,
                has: BTreeSet::new(),
                log_start: LogPosition::Lsn(Lsn::new(0)),
                iteration: 0,
                written_at: 0,
                is_ahead: false,
            },
            since_image: Vec::new(),
            pending: Vec::new(),
            captured: Vec::new(),
            is_end_told: true,
            dropped: Vec::new(),
        };
        world.branch();
        for op in ops {
            world.happen(*op);
        }
        let mut taken_out = BTreeSet::new();
        let last = world.segments.len() - 1;
        for &(index, harm) in harms.iter().filter(|(index, _)| *index <= last) {
            match harm {
                // The last one is adopted again.
                Harm::TakenOut if index < last => {
                    taken_out.insert(index);
                }
                harm => world.harm(index, harm),
            }
        }
        world.take_out(&taken_out);
        world.count();
        world
    }

    pub(super) fn entries(&self) -> Vec<ChainEntry> {
        self.segments.iter().map(|it| it.entry.clone()).collect()
    }

    /// Every commit, in the order of the logs.
    pub(super) fn commits(&self) -> impl Iterator<Item = &Commit> {
        self.lives.iter().flat_map(|life| &life.commits)
    }

    pub(super) fn first_state(&self) -> &BTreeSet<u32> {
        &self.lives[0].start
    }

    /// Every point that the database was at.
    pub(super) fn points(&self) -> impl Iterator<Item = Point> {
        self.lives.iter().flat_map(|life| {
            let last = life.commits.iter().map(|it| it.at.epoch.get()).max();
            let epochs = life.base..=last.unwrap_or(life.base);
            epochs.map(|epoch| Point::new(life.timeline, Epoch::new(epoch)))
        })
    }

    /// Every epoch from the beginning of a timeline up to its end that was given to a commit.
    pub(super) fn epochs_of(&self, timeline: Timeline) -> (u64, BTreeSet<u64>) {
        let life = self.life(timeline);
        let owners = life.commits.iter().filter(|it| it.has_epoch);
        (life.base, owners.map(|it| it.at.epoch.get()).collect())
    }

    /// The state at a point.
    pub(super) fn state_at(&self, point: Point) -> BTreeSet<u32> {
        let life = self.life(point.timeline);
        let commits = life.commits.iter().filter(|it| it.at <= point);
        let own = commits.map(|it| it.number);
        life.start.iter().copied().chain(own).collect()
    }

    /// Whether some commits are the state at a point. Changes that take no epoch, made later, may
    /// lie in what is lost or was not captured: the state is one without the last of them then.
    pub(super) fn is_state_at(&self, point: Point, found: &BTreeSet<u32>) -> bool {
        let mut state = self.state_at(point);
        let is_captured = |number: u32| {
            self.segments.iter().any(|it| {
                it.entry.unusable.is_none() && it.body.iter().any(|it| it.number == number)
            })
        };
        let is_there = |it: &Held| it.entry.unusable.is_none() && !it.lacks_before;
        let is_whole = self.dropped.is_empty() && self.segments.iter().all(is_there);
        let life = self.life(point.timeline);
        let own = life.commits.iter().rev().filter(|it| it.at == point);
        let mut changes = own.take_while(|it| !it.has_epoch);
        loop {
            if state == *found {
                return true;
            }
            match changes.next() {
                Some(last) if !(is_whole && is_captured(last.number)) => {
                    state.remove(&last.number);
                }
                _ => return false,
            }
        }
    }

    /// Instants between all that happens.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        (995..=self.clock + 5).step_by(5)
    }

    /// The state that is known to have been at an instant: in generation 1 that of the last capture,
    /// in generation 2 that of the last commit; `None` where there were commits that no segment has.
    pub(super) fn state_at_time(&self, time: u64) -> Option<BTreeSet<u32>> {
        if self.generation == Generation::One {
            let is_later = |it: &Held| it.entry.segment.created_at.get() > time;
            let later = self.segments.iter().position(is_later);
            let last = later.unwrap_or(self.segments.len()).checked_sub(1)?;
            // Whether that is a state by itself the next one would tell.
            let last = last.checked_sub(usize::from(self.is_uncertain(last)))?;
            return Some(self.segments[last].captured.clone());
        }
        let is_dropped = |(from, to): &(u64, u64)| (*from..*to).contains(&time);
        if self.dropped.iter().any(is_dropped) {
            return None;
        }
        let before = self.commits().filter(|it| it.time <= time);
        let numbers = before.map(|it| it.number);
        Some(self.first_state().iter().copied().chain(numbers).collect())
    }

    /// Whether it is a full backup, and the segment after it is lost that would tell whether it is a
    /// state by itself.
    fn is_uncertain(&self, index: usize) -> bool {
        let is_full = self.segments[index].entry.segment.kind == SegmentKind::Full;
        let next = self.segments.get(index + 1);
        let is_lost = |next: &Held| {
            let is_increment = next.entry.segment.kind == SegmentKind::Incremental;
            next.lacks_before || is_increment && next.entry.content.is_none()
        };
        is_full && next.is_some_and(is_lost)
    }

    fn life(&self, timeline: Timeline) -> &Life {
        let mut lives = self.lives.iter();
        lives
            .find(|it| it.timeline == timeline)
            .expect("a timeline")
    }

    fn happen(&mut self, op: Op) {
        let is_second = self.generation == Generation::Two;
        match op {
            Op::Commit(count) => {
                for _ in 0..count {
                    self.commit();
                }
                self.log_held();
            }
            Op::Change => self.log(self.epoch, false),
            Op::OutOfOrder if is_second => self.commit(),
            Op::OutOfOrder => {
                self.log_held();
                self.held = Some(self.epoch + 1);
                self.epoch += 1;
                self.commit();
            }
            Op::Checkpoint => self.checkpoint(0, 0),
            Op::BusyCheckpoint { .. } if is_second => self.checkpoint(0, 0),
            Op::BusyCheckpoint { commits, seen } => self.checkpoint(commits, seen),
            Op::Reopen if is_second => {}
            Op::Reopen => self.reopen(),
            Op::Increment { is_told, overlap } => {
                let overlap = if is_second { usize::from(overlap) } else { 0 };
                self.increment(is_told || is_second, overlap, false);
            }
            Op::Full => self.full(),
            Op::Branch => self.branch(),
            // Where the end of the log is not known, nothing tells that it goes on elsewhere.
            Op::Skip if !self.is_end_told => {}
            Op::Skip => {
                let is_dropped = self.drop_pending(self.clock + STEP);
                self.commit();
                self.increment(true, 0, is_dropped);
            }
        }
    }

    fn commit(&mut self) {
        self.epoch += 1;
        self.log(self.epoch, true);
    }

    fn log_held(&mut self) {
        if let Some(epoch) = self.held.take() {
            self.log(epoch, true);
        }
    }

    fn log(&mut self, epoch: u64, has_epoch: bool) {
        self.clock += STEP;
        let life = self.lives.last_mut().expect("a timeline");
        let commit = Commit {
            number: u32::try_from(self.clock).expect("a short scenario"),
            at: Point::new(life.timeline, Epoch::new(epoch)),
            has_epoch,
            time: self.clock,
            start: self.position,
            end: self.position + COMMIT_BYTES,
        };
        self.position = commit.end;
        life.commits.push(commit);
        self.state.insert(commit.number);
        self.since_image.push(commit);
        self.pending.push(commit);
    }

    /// A process that has logged nothing makes none here.
    fn checkpoint(&mut self, commits: u8, seen: u8) {
        let life = self.lives.last().expect("a timeline");
        if life.is_reopened && life.commits.is_empty() {
            return;
        }
        self.log_held();
        self.clock += STEP;
        self.since_image.clear();
        self.image = Image {
            at: self.point(),
            has: self.state.clone(),
            log_start: self.place(self.position),
            iteration: self.image.iteration + 1,
            written_at: self.clock,
            is_ahead: commits > 0,
        };
        for bit in 0..commits {
            self.commit();
            if seen & 1 << bit != 0 {
                self.image
                    .has
                    .extend(self.since_image.last().map(|it| it.number));
            }
        }
    }

    fn point(&self) -> Point {
        let life = self.lives.last().expect("a timeline");
        Point::new(life.timeline, Epoch::new(self.epoch))
    }

    fn place(&self, position: u64) -> LogPosition {
        match self.generation {
            Generation::One => LogPosition::in_file(LogSequence::new(self.file), position),
            Generation::Two => LogPosition::Lsn(Lsn::new(position)),
        }
    }

    fn reopen(&mut self) {
        self.held = None;
        let life = self.lives.last().expect("a timeline");
        if life.commits.is_empty() {
            return;
        }
        self.epoch = 0;
        self.begin(true);
    }

    fn begin(&mut self, is_reopened: bool) {
        let last = self.lives.last().map_or(0, |life| life.timeline.get());
        self.lives.push(Life {
            timeline: Timeline::new(last + 1),
            base: self.epoch,
            start: self.state.clone(),
            commits: Vec::new(),
            is_reopened,
        });
    }

    /// Commits that are captured by no increment, up to an instant. Whether there are any.
    fn drop_pending(&mut self, until: u64) -> bool {
        let dropped = self.pending.first().map(|first| (first.time, until));
        self.dropped.extend(dropped);
        self.pending.clear();
        self.captured.clear();
        dropped.is_some()
    }

    fn branch(&mut self) {
        if !self.lives.is_empty() {
            self.log_held();
        }
        self.drop_pending(self.clock + STEP);
        self.begin(false);
        if self.generation == Generation::One {
            (self.file, self.position) = (self.file + 1, 0);
        }
        self.is_end_told = true;
        self.checkpoint(0, 0);
        self.put_image(false);
    }

    fn full(&mut self) {
        self.log_held();
        self.increment(true, 0, false);
        self.put_image(true);
        if !self.since_image.is_empty() {
            let (body, is_ahead) = (self.since_image.clone(), self.image.is_ahead);
            self.put_increment(body, true, Some(is_ahead), false);
        }
    }

    fn increment(&mut self, is_told: bool, overlap: usize, is_after_break: bool) {
        if self.pending.is_empty() {
            return;
        }
        self.clock += STEP;
        let again = self.captured.len().saturating_sub(overlap);
        let body = [&self.captured[again..], &self.pending].concat();
        self.captured.append(&mut self.pending);
        self.put_increment(body, is_told, None, is_after_break);
    }

    fn put_image(&mut self, continues: bool) {
        self.clock += STEP;
        let image = &self.image;
        let content = FullContent {
            image: ImageIdentity {
                database_created_at: UnixMillis::new(1),
                iteration: image.iteration,
                checksum: Crc32::new(1),
                written_at: UnixMillis::new(image.written_at),
                database: (self.generation == Generation::Two).then_some(DatabaseId::new(7)),
                is_encrypted: false,
            },
            base: image.at,
            continues,
            of: Some(image.log_start).into(),
        };
        let (has, epoch, end) = (image.has.clone(), image.at.epoch, image.log_start.lsn());
        self.put(Put {
            kind: SegmentKind::Full,
            content: content.into(),
            end_epoch: epoch,
            end,
            image: has,
            body: Vec::new(),
            is_after_break: !continues,
            repeats: None,
        });
    }

    /// `repeats` is there where it repeats, and says whether it catches up.
    fn put_increment(
        &mut self,
        body: Vec<Commit>,
        is_told: bool,
        repeats: Option<bool>,
        is_after_break: bool,
    ) {
        let (first, last) = (body[0], body[body.len() - 1]);
        self.is_end_told = is_told;
        let (start, end) = (self.place(first.start), self.place(last.end));
        let mut of = IncrementOf::Unplaced;
        if is_told {
            of = IncrementOf::between(start, end).expect("a log");
        }
        if let IncrementOf::Lsns(log) = &mut of {
            log.committed = Some(TimeSpan {
                first: UnixMillis::new(first.time),
                last: UnixMillis::new(last.time),
            });
        }
        let catches_up = repeats == Some(true);
        let content = IncrementContent {
            of,
            overlap_bytes: 0,
            continues: is_told,
            repeats: repeats.is_some(),
            catches_up,
            stretches: self.spans(&body).into(),
            process_ended: false,
            commits: body.len() as u64,
            records: body.len() as u64,
            frames: body.len() as u64,
        };
        let life = self.life(last.at.timeline);
        let up_to = life.commits.iter().filter(|it| it.start <= last.start);
        let epoch = up_to.map(|it| it.at.epoch).max();
        self.put(Put {
            kind: SegmentKind::Incremental,
            content: content.into(),
            end_epoch: epoch.expect("a commit"),
            end: end.lsn(),
            image: BTreeSet::new(),
            body,
            is_after_break,
            repeats,
        });
    }

    /// What an increment says of its timelines.
    fn spans(&self, body: &[Commit]) -> Vec<TimelineSpan> {
        let mut timelines: BTreeMap<Timeline, Vec<&Commit>> = BTreeMap::new();
        for commit in body {
            timelines
                .entry(commit.at.timeline)
                .or_default()
                .push(commit);
        }
        let spans = timelines.into_iter().filter_map(|(timeline, commits)| {
            let life = self.life(timeline);
            let opens = life.is_reopened && commits[0] == &life.commits[0];
            let is_second = self.generation == Generation::Two;
            let counted = commits.iter().filter(|it| it.has_epoch || is_second);
            let epochs = counted.map(|it| (it.at.epoch.get(), it.at.epoch.get()));
            let span = TimelineSpan {
                timeline,
                base: Epoch::new(life.base),
                opens,
                epochs: epochs.collect(),
                transactions: RangeSet::new(),
            };
            (opens || !span.epochs.is_empty()).then_some(span)
        });
        spans.collect()
    }

    fn put(&mut self, put: Put) {
        let index = self.segments.len() as u64;
        let before = self.segments.last().map(|it| it.entry.segment.end_epoch);
        let start = match put.kind {
            SegmentKind::Full => None,
            SegmentKind::Incremental => before.and_then(Epoch::next),
        };
        let name = SegmentName {
            kind: put.kind,
            index,
        };
        let segment = Segment {
            kind: put.kind,
            file: FileName::try_from(name.to_string()).expect("a name"),
            start_epoch: start.unwrap_or_default(),
            end_epoch: put.end_epoch,
            checksum: Crc32::new(0),
            size_bytes: 100,
            created_at: UnixMillis::new(self.clock),
            end_lsn: put.end,
            unknown: Unknown::new(),
        };
        let captured = &self.state - &self.pending.iter().map(|it| it.number).collect();
        self.segments.push(Held {
            entry: ChainEntry {
                segment,
                hash: None,
                content: Some(put.content),
                unusable: None,
                is_counted: true,
            },
            image: put.image,
            body: put.body,
            captured,
            is_after_break: put.is_after_break,
            lacks_before: false,
            repeats: put.repeats,
        });
    }

    fn harm(&mut self, index: usize, harm: Harm) {
        let entry = &mut self.segments[index].entry;
        let damaged = Unusable::Damaged {
            offset: 9,
            detail: "flipped".into(),
        };
        entry.unusable = Some(Box::new(match harm {
            Harm::Damaged => damaged,
            _ => Unusable::Missing,
        }));
        if matches!(harm, Harm::Unknown) {
            entry.content = None;
        }
    }

    fn take_out(&mut self, indexes: &BTreeSet<usize>) {
        for index in indexes.iter().rev() {
            self.segments.remove(*index);
            self.segments[*index].lacks_before = true;
        }
    }

    /// Numbers after a segment of which nothing is known are guesses, and that of a full backup
    /// before it.
    fn count(&mut self) {
        let mut is_known = true;
        for index in 0..self.segments.len() {
            let is_counted = is_known && !self.is_uncertain(index);
            let entry = &mut self.segments[index].entry;
            entry.is_counted = is_counted;
            is_known &= entry.content.is_some();
        }
    }
}

/// A segment that is put after the others.
struct Put {
    kind: SegmentKind,
    content: SegmentContent,
    end_epoch: Epoch,
    end: Option<Lsn>,
    image: BTreeSet<u32>,
    body: Vec<Commit>,
    is_after_break: bool,
    repeats: Option<bool>,
}
