//! Which epoch of which timeline a group belongs to.
//!
//! Generation 2 names the epoch of every group and goes on counting across processes: the groups of
//! a log are in one timeline, in the order of their epochs. Only an image can be ahead of its log:
//! a statement that changes nothing takes an epoch and logs nothing, and a crash gives that epoch
//! out again. What follows then is another timeline. Where the log of a chain goes on across such
//! an image, its epochs are taken from its place in the log on.
//!
//! Generation 1 counts epochs per process and says nowhere when another process took over. The
//! rules (docs/decisions.md, "Where does a timeline of generation 1 end?"):
//!
//! - a seal ends a timeline: the engine writes it when it opens a log that a crash tore;
//! - so does an epoch, or a session's transaction id, that this timeline has had: neither occurs
//!   twice in a process. (The direct API on a compacted database repeats the *current* epoch, in a
//!   group of the system's own; that is no new timeline.)
//! - so does an epoch at or under the timeline's base that is nearer to a count restarted at 1
//!   than to the highest epoch. Nearer to the highest it is out of order: sessions take their epoch
//!   before they take the log's lock, and runs with 8 of them were up to 14 places out of order.
//!
//! A group without an epoch belongs to the highest one before it. A session's group always has
//! one; where a crash tore it off, it was the next. Without a record too it takes none: the close of
//! a folder database commits nothing, by the id of its last transaction.
//!
//! What takes no epoch of its own is a further commit of the epoch that it stands in, and these are
//! counted: `2:57+1` is the state after the first of 57. The count is that of the log, so it is not
//! known right after an image that holds some of them, unless it is known how many.

use apograph_format::{
    Epoch, ExactPoint, LogPosition, Lsn, Point, RangeSet, Timeline, TransactionId,
};

use crate::group::{Group, GroupHead};

/// What a reader of groups knows about the timeline it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineState {
    /// The timeline.
    pub timeline: Timeline,
    /// The epoch at which it begins: everything up to it happened before.
    pub base: Epoch,
    /// The epochs that were seen in it.
    pub epochs: RangeSet,
    /// The session transaction ids that were seen in it.
    pub transactions: RangeSet,
    /// How many further commits the highest epoch has had; unknown right after an image that may
    /// hold some.
    pub further: Option<u64>,
    /// Another process is known to have begun writing; its first group opens the next timeline.
    pub process_ended: bool,
    /// Generation 2: the last image that the log went on across, and the highest epoch that one
    /// had.
    pub crossed: Option<(Lsn, Epoch)>,
    /// The last timeline that an image was placed in. In generation 1 it can be the next one, of
    /// which the log has no group yet; in generation 2 it can be one that the image had alone.
    pub imaged: Timeline,
}

/// Where a group stands in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The point the group belongs to.
    pub point: Point,
    /// Whether the group took the epoch, and does not only stand in it.
    pub own_epoch: bool,
    /// Whether the epoch is one that no other group of the timeline has.
    pub advances: bool,
    /// Whether the group is the first of its timeline.
    pub opens_timeline: bool,
    /// The number of the further commit that it is; 0 where it took the epoch, and unknown where
    /// those before it are.
    pub further: Option<u64>,
}

impl Placement {
    /// The state right after the group, where it is known which that is.
    pub fn exact(&self) -> Option<ExactPoint> {
        let point = self.point;
        self.further.map(|further| ExactPoint { point, further })
    }
}

impl TimelineState {
    /// A timeline that begins at `base`: what that holds of its epoch, it is.
    pub const fn at(base: Point) -> Self {
        Self {
            timeline: base.timeline,
            base: base.epoch,
            epochs: RangeSet::new(),
            transactions: RangeSet::new(),
            further: Some(0),
            process_ended: false,
            crossed: None,
            imaged: base.timeline,
        }
    }

    /// The same timeline, of which the base holds so many further commits of its epoch.
    #[must_use]
    pub fn holding(self, further: Option<u64>) -> Self {
        Self { further, ..self }
    }

    /// A timeline that neither the log nor an image has had.
    pub fn next_timeline(&self) -> Timeline {
        let last = self.timeline.max(self.imaged);
        last.next().unwrap_or(last)
    }

    /// The highest epoch so far.
    pub fn highest(&self) -> Epoch {
        self.epochs
            .last()
            .map_or(self.base, |last| Epoch::new(last.max(self.base.get())))
    }

    /// The current point.
    pub fn point(&self) -> Point {
        Point::new(self.timeline, self.highest())
    }

    /// The process that wrote the groups so far is known to have ended.
    pub fn end_process(&mut self) {
        self.process_ended = true;
    }

    /// The log goes on across an image of generation 2: what is logged from its place on does not
    /// have the epochs that it has had, though they may be logged nowhere.
    pub fn cross(&mut self, image: Lsn, epoch: Epoch) {
        let before = self.crossed.map_or(epoch, |(_, before)| before);
        self.crossed = Some((image, epoch.max(before)));
    }

    /// The epoch record of the last group, found at the start of the next part of the log.
    pub fn lead(&mut self, epoch: Epoch) {
        self.take(epoch);
    }

    /// A group has taken an epoch; no further commit of it can have come before.
    fn take(&mut self, epoch: Epoch) {
        let is_highest = epoch >= self.highest();
        self.epochs.insert(epoch.get());
        if is_highest {
            self.further = Some(0);
        }
    }

    /// The number of the further commit that comes next.
    fn count_further(&mut self) -> Option<u64> {
        self.further = self.further.map(|count| count.saturating_add(1));
        self.further
    }

    /// Tells where the next group of the log stands.
    pub fn place(&mut self, group: &Group<'_>) -> Placement {
        match group.head {
            GroupHead::One { epoch: None, .. } if is_close(group) => Placement {
                further: self.count_further(),
                ..self.place_here()
            },
            GroupHead::One { epoch, .. } => self.place_heads(group.transaction, epoch),
            GroupHead::Plain(begin) => {
                let start = group.start.position(group.parts);
                self.pass(start.and_then(LogPosition::lsn));
                self.place_ordered(begin.epoch, begin.takes_epoch())
            }
            GroupHead::Encrypted => self.place_here(),
        }
    }

    /// A group that begins at a position comes next, and names its epoch.
    fn pass(&mut self, start: Option<Lsn>) {
        let crossed = self.crossed.filter(|(image, _)| Some(*image) <= start);
        if let Some((_, taken)) = crossed.filter(|(_, taken)| *taken > self.base) {
            if taken > self.highest() {
                self.further = Some(0);
            }
            self.base = taken;
        }
    }

    /// Tells where the next group of a log of generation 2 stands, by its epoch and whether it took
    /// it.
    fn place_ordered(&mut self, epoch: Epoch, own_epoch: bool) -> Placement {
        let opens_timeline = epoch < self.highest() || own_epoch && epoch == self.highest();
        if opens_timeline {
            // What stood before is not told from the state at its epoch.
            self.open(self.next_timeline(), epoch);
        }
        let advances = epoch > self.highest();
        if advances {
            self.take(epoch);
        }
        let further = if own_epoch {
            Some(0)
        } else {
            self.count_further()
        };
        Placement {
            point: self.point(),
            own_epoch,
            advances,
            opens_timeline,
            further,
        }
    }

    /// A group that takes no epoch, or, where it is encrypted, one that nobody knows.
    fn place_here(&self) -> Placement {
        Placement {
            point: self.point(),
            own_epoch: false,
            advances: false,
            opens_timeline: false,
            further: None,
        }
    }

    /// Tells where the next group of the log stands, by its heads alone.
    pub fn place_heads(&mut self, transaction: TransactionId, own: Option<Epoch>) -> Placement {
        let opens_timeline = self.is_other_process(transaction, own);
        if opens_timeline {
            self.open_next(own);
        }
        if transaction.is_session() {
            self.transactions.insert(transaction.get());
        }
        let torn_off = transaction
            .is_session()
            .then(|| self.highest().next())
            .flatten();
        let epoch = own.or(torn_off);
        let advances = epoch.is_some_and(|epoch| !self.epochs.contains(epoch.get()));
        let further = match epoch.filter(|_| advances) {
            Some(epoch) => {
                self.take(epoch);
                Some(0)
            }
            None => self.count_further(),
        };
        let epoch = epoch.unwrap_or_else(|| self.highest());
        let point = Point::new(self.timeline, epoch);
        Placement {
            point,
            own_epoch: own.is_some(),
            advances,
            opens_timeline,
            further,
        }
    }

    fn is_other_process(&self, transaction: TransactionId, own: Option<Epoch>) -> bool {
        if self.process_ended {
            return true;
        }
        if transaction.is_session() && self.transactions.contains(transaction.get()) {
            return true;
        }
        let Some(epoch) = own else {
            return false;
        };
        if self.epochs.contains(epoch.get()) {
            let repeats_current = transaction == TransactionId::SYSTEM
                && epoch == self.highest()
                && epoch > Epoch::new(1);
            return !repeats_current;
        }
        epoch <= self.base && !self.is_out_of_order(epoch)
    }

    fn is_out_of_order(&self, epoch: Epoch) -> bool {
        let behind_highest = self.highest().get().saturating_sub(epoch.get());
        let past_restart = epoch.get().saturating_sub(1);
        behind_highest < Epoch::LATE_WINDOW && behind_highest < past_restart
    }

    /// A process without the `temporal` feature counts from 1; one with it goes on somewhere past
    /// the epochs it replayed.
    fn open_next(&mut self, first: Option<Epoch>) {
        let goes_on = first.filter(|&first| first > self.highest());
        let timeline = self.timeline.next().unwrap_or(self.timeline);
        let base = goes_on.and_then(Epoch::previous).unwrap_or_default();
        self.open(timeline, base);
    }

    fn open(&mut self, timeline: Timeline, base: Epoch) {
        *self = Self::at(Point::new(timeline, base));
    }
}

/// Whether a group without an epoch is what the close of a folder database logs: a commit of
/// nothing, by the id of its last transaction, be it that this was rolled back.
const fn is_close(group: &Group<'_>) -> bool {
    group.records == 0 && group.transaction.is_session()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact point, without `+0`; `*` is an epoch that no other group has.
    fn text(placement: Placement) -> String {
        let mark = if placement.advances { "*" } else { "" };
        let number = match placement.further {
            Some(0) => String::new(),
            Some(further) => format!("+{further}"),
            None => "+?".into(),
        };
        format!("{}{number}{mark}", placement.point)
    }

    fn walk(base: u64, groups: &[(u64, Option<u64>)]) -> String {
        let mut state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::new(base)));
        let place = |&(transaction, epoch): &(u64, Option<u64>)| {
            let own = epoch.map(Epoch::new);
            text(state.place_heads(TransactionId::new(transaction), own))
        };
        groups.iter().map(place).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn groups_are_placed() {
        type Groups = &'static [(u64, Option<u64>)];
        let rows: [(&str, u64, Groups, &str); 19] = [
            ("in order", 3, &[(5, Some(4)), (6, Some(5))], "1:4* 1:5*"),
            (
                "late",
                3,
                &[(5, Some(4)), (7, Some(6)), (6, Some(5))],
                "1:4* 1:6* 1:5*",
            ),
            (
                "schema follows",
                3,
                &[(5, Some(4)), (1, None), (6, Some(5))],
                "1:4* 1:4+1 1:5*",
            ),
            ("schema at the base", 3, &[(1, None)], "1:3+1"),
            (
                "restart",
                3,
                &[(5, Some(4)), (2, Some(1)), (3, Some(2))],
                "1:4* 2:1* 2:2*",
            ),
            (
                "restart over seen epochs",
                0,
                &[(2, Some(1)), (3, Some(2)), (2, Some(1))],
                "1:1* 1:2* 2:1*",
            ),
            (
                "restart after a full",
                41,
                &[(2, Some(1)), (3, Some(2))],
                "2:1* 2:2*",
            ),
            (
                "late after a full",
                20,
                &[(21, Some(19)), (24, Some(21))],
                "1:19* 1:21*",
            ),
            (
                "at the edge of the window",
                10_000,
                &[(5, Some(5905)), (6, Some(5904))],
                "1:5905* 2:5904*",
            ),
            (
                "as near to a restart as to the highest",
                21,
                &[(5, Some(12)), (6, Some(11))],
                "1:12* 2:11*",
            ),
            (
                "torn-off epoch",
                3,
                &[(5, Some(4)), (6, None), (2, Some(1))],
                "1:4* 1:5* 2:1*",
            ),
            (
                "compacted direct call",
                3,
                &[(5, Some(4)), (1, Some(4)), (6, Some(5))],
                "1:4* 1:4+1 1:5*",
            ),
            (
                "the system, the first epoch again",
                0,
                &[(1, Some(1)), (1, Some(1)), (1, Some(2))],
                "1:1* 2:1* 2:2*",
            ),
            (
                "the system, an epoch that is not the current one",
                3,
                &[(5, Some(4)), (6, Some(5)), (1, Some(4))],
                "1:4* 1:5* 2:4*",
            ),
            (
                "a session, an epoch that is not the current one",
                3,
                &[(5, Some(4)), (6, Some(5)), (7, Some(4))],
                "1:4* 1:5* 2:4*",
            ),
            (
                "a session, the current epoch",
                3,
                &[(5, Some(4)), (6, Some(4))],
                "1:4* 2:4*",
            ),
            (
                "the current epoch again, out of order",
                3,
                &[(5, Some(4)), (6, Some(4)), (7, Some(1))],
                "1:4* 2:4* 2:1*",
            ),
            (
                "restart of a process that went on counting",
                0,
                &[(2, Some(1)), (2, Some(15)), (4, Some(1))],
                "1:1* 2:15* 3:1*",
            ),
            (
                "transaction id again",
                0,
                &[(2, Some(1)), (3, Some(2)), (2, Some(15))],
                "1:1* 1:2* 2:15*",
            ),
        ];
        for (what, base, groups, expected) in rows {
            assert_eq!(walk(base, groups), expected, "{what}");
        }
    }

    #[test]
    fn groups_of_generation_2_are_placed() {
        const OWN: bool = true;
        const CURRENT: bool = false;
        type Groups = &'static [(Option<u64>, bool)];
        let rows: [(&str, u64, Groups, &str); 6] = [
            (
                "in order",
                3,
                &[(Some(4), OWN), (Some(5), OWN)],
                "1:4* 1:5*",
            ),
            (
                "schema",
                3,
                &[(Some(3), CURRENT), (Some(4), OWN), (Some(4), CURRENT)],
                "1:3+1 1:4* 1:4+1",
            ),
            (
                "encrypted",
                3,
                &[(None, OWN), (None, CURRENT)],
                "1:3+? 1:3+?",
            ),
            (
                "given out again",
                5,
                &[(Some(4), OWN), (Some(4), CURRENT), (Some(6), OWN)],
                "2:4 2:4+1 2:6*",
            ),
            (
                "the image's given out again",
                5,
                &[(Some(5), OWN), (Some(5), CURRENT), (Some(6), OWN)],
                "2:5 2:5+1 2:6*",
            ),
            (
                "a schema change after an image that is ahead",
                5,
                &[(Some(4), CURRENT), (Some(5), OWN)],
                "2:4+1 2:5*",
            ),
        ];
        for (what, base, groups, expected) in rows {
            let mut state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::new(base)));
            let placed = groups.iter().map(|(epoch, own_epoch)| {
                text(match epoch {
                    Some(epoch) => state.place_ordered(Epoch::new(*epoch), *own_epoch),
                    None => state.place_here(),
                })
            });
            assert_eq!(placed.collect::<Vec<_>>().join(" "), expected, "{what}");
        }
    }

    #[test]
    fn an_image_that_the_log_goes_on_across_has_its_epochs() {
        // The images, by position and epoch, and the groups: where each begins, and its epoch.
        type Row = (
            &'static str,
            &'static [(u64, u64)],
            &'static [(u64, Option<u64>)],
            &'static str,
        );
        let rows: [Row; 6] = [
            (
                "given out again",
                &[(100, 5)],
                &[(100, Some(5)), (150, Some(6))],
                "2:5 2:6",
            ),
            ("gone on from", &[(100, 5)], &[(100, Some(6))], "1:6"),
            (
                "before the image",
                &[(100, 5)],
                &[(50, Some(4)), (100, Some(5))],
                "1:4 2:5",
            ),
            (
                "before an image that lost epochs",
                &[(100, 5), (100, 3)],
                &[(120, Some(4))],
                "2:4",
            ),
            (
                "before an image that is no higher",
                &[(100, 3)],
                &[(100, Some(4))],
                "1:4",
            ),
            ("encrypted", &[(100, 5)], &[(100, None)], "1:3"),
        ];
        for (what, images, groups, expected) in rows {
            let mut state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::new(3)));
            for (image, epoch) in images {
                state.cross(Lsn::new(*image), Epoch::new(*epoch));
            }
            let placed = groups.iter().map(|(start, epoch)| {
                let Some(epoch) = epoch else {
                    return state.place_here().point.to_string();
                };
                state.pass(Some(Lsn::new(*start)));
                let placement = state.place_ordered(Epoch::new(*epoch), true);
                placement.point.to_string()
            });
            assert_eq!(placed.collect::<Vec<_>>().join(" "), expected, "{what}");
        }
    }
}
