//! What is true of a database and of its backups.

use std::collections::BTreeSet;

use apograph_format::{Epoch, Generation, Point, SegmentKind, Timeline};
use apograph_manifest::ChainEntry;

use super::{Commit, Held, Life, World};

impl World {
    pub(crate) fn entries(&self) -> Vec<ChainEntry> {
        self.segments.iter().map(|it| it.entry.clone()).collect()
    }

    /// Every commit, in the order of the logs.
    pub(crate) fn commits(&self) -> impl Iterator<Item = &Commit> {
        self.lives.iter().flat_map(|life| &life.commits)
    }

    pub(crate) fn first_state(&self) -> &BTreeSet<u32> {
        &self.lives[0].start
    }

    /// Every point that the database was at.
    pub(crate) fn points(&self) -> impl Iterator<Item = Point> {
        self.lives.iter().flat_map(|life| {
            let last = life.commits.iter().map(|it| it.at.epoch.get()).max();
            let epochs = life.base..=last.unwrap_or(life.base);
            epochs.map(|epoch| Point::new(life.timeline, Epoch::new(epoch)))
        })
    }

    /// Every epoch from the beginning of a timeline up to its end that was given to a commit.
    pub(crate) fn epochs_of(&self, timeline: Timeline) -> (u64, BTreeSet<u64>) {
        let life = self.life(timeline);
        let owners = life.commits.iter().filter(|it| it.has_epoch);
        (life.base, owners.map(|it| it.at.epoch.get()).collect())
    }

    /// The state at a point.
    pub(crate) fn state_at(&self, point: Point) -> BTreeSet<u32> {
        let life = self.life(point.timeline);
        let commits = life.commits.iter().filter(|it| it.at <= point);
        let own = commits.map(|it| it.number);
        life.start.iter().copied().chain(own).collect()
    }

    /// The state right after a commit.
    pub(crate) fn state_after(&self, last: &Commit) -> BTreeSet<u32> {
        let life = self.life(last.at.timeline);
        let place = |it: &Commit| (it.at, it.further);
        let commits = life.commits.iter().filter(|it| place(it) <= place(last));
        let own = commits.map(|it| it.number);
        life.start.iter().copied().chain(own).collect()
    }

    /// Whether something happened to segments.
    pub(crate) fn is_harmed(&self) -> bool {
        let is_harmed = |it: &Held| it.entry.unusable.is_some() || it.lacks_before;
        self.segments.iter().any(is_harmed)
    }

    /// The commits of a point that are in segments that cannot be used.
    pub(crate) fn lost_of(&self, point: Point) -> impl Iterator<Item = &Commit> {
        let lost = self.segments.iter();
        let lost = lost.filter(|it| it.entry.unusable.is_some());
        let commits = lost.flat_map(|it| &it.body);
        commits.filter(move |commit| commit.at == point)
    }

    /// Whether some commits are the state at a point. Changes that take no epoch, made later, may
    /// lie in what is lost or was not captured: the state is one without the last of them then.
    pub(crate) fn is_state_at(&self, point: Point, found: &BTreeSet<u32>) -> bool {
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
    pub(crate) fn times(&self) -> impl Iterator<Item = u64> {
        (995..=self.clock + 5).step_by(5)
    }

    /// The state that is known to have been at an instant: in generation 1 that of the last
    /// capture, in generation 2 that of the last commit; `None` where there were commits that no
    /// segment has.
    pub(crate) fn state_at_time(&self, time: u64) -> Option<BTreeSet<u32>> {
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

    /// Whether it is a full backup, and the segment after it is lost that would tell whether it is
    /// a state by itself.
    pub(super) fn is_uncertain(&self, index: usize) -> bool {
        let is_full = self.segments[index].entry.segment.kind == SegmentKind::Full;
        let next = self.segments.get(index + 1);
        let is_lost = |next: &Held| {
            let is_increment = next.entry.segment.kind == SegmentKind::Incremental;
            next.lacks_before || is_increment && next.entry.content.is_none()
        };
        is_full && next.is_some_and(is_lost)
    }

    pub(super) fn life(&self, timeline: Timeline) -> &Life {
        let mut lives = self.lives.iter();
        lives
            .find(|it| it.timeline == timeline)
            .expect("a timeline")
    }
}
