//! A database, its log and its backups, as what happens to them.

mod segments;
mod truth;

use std::collections::BTreeSet;

use apograph_format::{Epoch, Generation, LogPosition, LogSequence, Lsn, Point, Timeline};
use apograph_manifest::ChainEntry;

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
    /// Which of the changes in its epoch it is; 0 where it has the epoch.
    pub(super) further: u64,
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

impl Life {
    /// How many changes stand in an epoch so far.
    fn changes_in(&self, epoch: u64) -> u64 {
        let changes = self.commits.iter().filter(|it| !it.has_epoch);
        changes.filter(|it| it.at.epoch.get() == epoch).count() as u64
    }
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
    /// How many changes of its epoch it has.
    further: u64,
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
                further: 0,
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
            further: if has_epoch {
                0
            } else {
                life.changes_in(epoch) + 1
            },
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
            further: self.life(self.point().timeline).changes_in(self.epoch),
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
}
