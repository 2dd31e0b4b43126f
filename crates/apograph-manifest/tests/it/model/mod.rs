//! A chain against a naive model of it: a database of which every commit is known, its backups, and
//! what becomes of them.
//!
//! A state is a set of commits. What the chain says that it restores is put together from the
//! segments of its plan, commit by commit, and has to be the state that the database was in. And
//! what can obviously be put together has to be restorable.

mod replay;
mod world;

use std::collections::BTreeSet;

use apograph_format::{
    Epoch, ExactPoint, Generation, Lsn, Point, PointName, SegmentKind, UnixMillis,
};
use apograph_manifest::{Chain, GapCause, Target};
use apograph_testing::strategies::cases;
use proptest::collection::vec;
use proptest::prelude::*;

use replay::{is_obvious, is_obvious_exactly, reached, restored};
use world::{Harm, Held, Op, World};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1..4_u8).prop_map(Op::Commit),
        1 => Just(Op::Change),
        2 => Just(Op::OutOfOrder),
        2 => Just(Op::Checkpoint),
        1 => (1..4_u8, any::<u8>()).prop_map(|(commits, seen)| Op::BusyCheckpoint { commits, seen }),
        1 => Just(Op::Reopen),
        6 => (any::<bool>(), 0..4_u8).prop_map(|(is_told, overlap)| Op::Increment { is_told, overlap }),
        2 => Just(Op::Full),
        1 => Just(Op::Branch),
        1 => Just(Op::Skip),
    ]
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        Just(Harm::Missing),
        Just(Harm::Damaged),
        Just(Harm::Unknown),
        Just(Harm::TakenOut),
    ]
}

/// What happens to a database and to some of its segments.
type DamagedRun = (Vec<Op>, Vec<(usize, Harm)>);

fn scenario() -> impl Strategy<Value = DamagedRun> {
    let harms = prop_oneof![Just(Vec::new()), vec((0..12_usize, harm()), 1..3)];
    (vec(op(), 1..30), harms)
}

/// Every point that the chain says it can restore.
fn points(chain: &Chain) -> Vec<Point> {
    let ranges = chain.restorable().into_iter();
    let points = ranges.flat_map(|range| {
        let epochs = range.from.get()..=range.to.get();
        epochs.map(move |epoch| Point::new(range.timeline, Epoch::new(epoch)))
    });
    points.collect()
}

fn check_points(world: &World, chain: &Chain) -> Result<(), TestCaseError> {
    let points = points(chain);
    for point in &points {
        let lasting = chain.lasting_name(*point);
        let plan = chain.plan(&Target::Point((*point).into()));
        let is_refused = plan.is_err() && world.is_harmed() && lasting.further.is_some();
        let plan = plan.or_else(|error| {
            // What is lost may belong to it: the name says what is there.
            let plan = chain.plan(&Target::Point(lasting)).ok();
            plan.filter(|_| is_refused).ok_or(error)
        });
        let plan = plan.map_err(|error| TestCaseError::fail(format!("{point}: {error}")))?;
        prop_assert_eq!(plan.point, Some(*point));
        let found = restored(world, &plan);
        prop_assert!(
            world.is_state_at(*point, &found),
            "{}: {:?} {:?}",
            point,
            plan,
            found
        );
        let lost = world.lost_of(*point).find(|it| !found.contains(&it.number));
        prop_assert!(
            is_refused || lost.is_none(),
            "{}: without {:?}",
            point,
            lost
        );
        let before = point
            .epoch
            .previous()
            .map(|epoch| Point::new(point.timeline, epoch));
        if let Some(before) = before.filter(|before| points.contains(before)) {
            let right_before = chain.plan(&Target::Before((*point).into()));
            let at_before = chain.plan(&Target::Point(before.into()));
            prop_assert_eq!(right_before.ok(), at_before.ok());
        }
    }
    for point in world.points().filter(|point| is_obvious(world, *point)) {
        prop_assert!(points.contains(&point), "{} is not restorable", point);
    }
    Ok(())
}

/// The state right after each commit is found by its name, or it is refused; and where an earlier
/// full backup and all that follows are there, it is found.
fn check_commits(world: &World, chain: &Chain) -> Result<(), TestCaseError> {
    for commit in world.commits() {
        let (point, further) = (commit.at, commit.further);
        let exact = ExactPoint { point, further };
        let found = chain.plan(&Target::Point(exact.into())).ok();
        let found = found.filter(|plan| reached(world, plan, point) == further);
        if let Some(plan) = &found {
            let state = world.state_after(commit);
            prop_assert_eq!(restored(world, plan), state, "{}: {:?}", exact, plan);
        }
        let is_lost = found.is_none() && is_obvious_exactly(world, point);
        prop_assert!(!is_lost, "{} is not restorable", exact);
        let before = chain.plan(&Target::Before(exact.into()));
        if let (Some(number), Ok(before)) = (further.checked_sub(1), before) {
            let earlier = ExactPoint {
                point,
                further: number,
            };
            prop_assert_eq!(Ok(before), chain.plan(&Target::Point(earlier.into())));
        }
    }
    Ok(())
}

/// The points around each are the nearest of all.
fn check_nearest(chain: &Chain) -> Result<(), TestCaseError> {
    let points = points(chain);
    let last = points.iter().map(|point| point.epoch.get()).max();
    for epoch in (0..=last.unwrap_or(0) + 1).map(Epoch::new) {
        let timelines = points.iter().map(|point| Some(point.timeline));
        let names = timelines.chain([None]).map(|timeline| PointName {
            timeline,
            epoch,
            further: None,
        });
        for name in names {
            let is_asked = |it: &&Point| name.timeline.is_none_or(|named| named == it.timeline);
            let asked = || points.iter().filter(is_asked);
            let below = asked().filter(|it| it.epoch < epoch);
            let below = below.max_by_key(|it| (it.epoch, it.timeline));
            let above = asked().filter(|it| it.epoch > epoch);
            let above = above.min_by_key(|it| (it.epoch, std::cmp::Reverse(it.timeline)));
            let as_asked = |it: &Point| match name.timeline {
                Some(timeline) => PointName {
                    timeline: Some(timeline),
                    ..chain.name_of(*it)
                },
                None => chain.name_of(*it),
            };
            let nearest = chain.nearest(name);
            prop_assert_eq!(nearest.below, below.map(as_asked), "below {}", name);
            prop_assert_eq!(nearest.above, above.map(as_asked), "above {}", name);
        }
    }
    Ok(())
}

/// What is put together for a target is the state that was captured, or it is an error.
fn check_ends(world: &World, chain: &Chain) -> Result<(), TestCaseError> {
    let captured = |plan| restored(world, &plan);
    if let Ok(plan) = chain.plan(&Target::Latest) {
        let last = world.segments.last().expect("a segment");
        prop_assert_eq!(captured(plan), last.captured.clone(), "latest");
    }
    for time in world.times() {
        let Ok(plan) = chain.plan(&Target::Time(UnixMillis::new(time))) else {
            continue;
        };
        if let Some(state) = world.state_at_time(time) {
            prop_assert_eq!(captured(plan.clone()), state, "time {}: {:?}", time, plan);
        }
    }
    for commit in world
        .commits()
        .filter(|_| world.generation == Generation::Two)
    {
        if let Ok(plan) = chain.plan(&Target::Lsn(Lsn::new(commit.end))) {
            let before = world.commits().filter(|it| it.end <= commit.end);
            let state: BTreeSet<u32> = before.map(|it| it.number).collect();
            let state: BTreeSet<u32> = world.first_state().union(&state).copied().collect();
            prop_assert_eq!(captured(plan), state, "LSN {}", commit.end);
        }
    }
    Ok(())
}

/// The log breaks off where something was done to it, and nowhere else.
fn check_gaps(world: &World, chain: &Chain) -> Result<(), TestCaseError> {
    let is_full = |it: &Held| it.entry.segment.kind == SegmentKind::Full;
    let is_break = |index: usize| {
        let Some(before) = index.checked_sub(1).map(|it| &world.segments[it]) else {
            return false;
        };
        let is_unknown = before.entry.content.is_none();
        let is_lost = before.entry.unusable.is_some();
        match world.segments.get(index) {
            None => is_lost,
            Some(_) if is_unknown || is_lost && !is_full(before) && before.repeats.is_none() => {
                true
            }
            Some(next) if next.lacks_before => true,
            // An increment of which nothing is known could be one that goes on.
            Some(next) if next.entry.content.is_none() => is_full(next),
            Some(next) => next.is_after_break,
        }
    };
    let breaks = (0..=world.segments.len())
        .filter(|index| is_break(*index))
        .count();
    let gaps: Vec<_> = chain.gaps().collect();
    let is_of_epochs = |cause: &GapCause| matches!(cause, GapCause::EpochsMissing { .. });
    let found = gaps.iter().filter(|gap| !is_of_epochs(&gap.cause)).count();
    prop_assert_eq!(found, breaks, "{:?}", gaps);
    Ok(())
}

fn check(generation: Generation, (ops, harms): &DamagedRun) -> Result<(), TestCaseError> {
    let world = &World::of(generation, ops, harms);
    let chain = Chain::new(world.entries());
    check_points(world, &chain)?;
    check_commits(world, &chain)?;
    check_nearest(&chain)?;
    check_ends(world, &chain)?;
    check_gaps(world, &chain)
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn a_chain_of_generation_1_restores_what_was(scenario in scenario()) {
        check(Generation::One, &scenario)?;
    }

    #[test]
    fn a_chain_of_generation_2_restores_what_was(scenario in scenario()) {
        check(Generation::Two, &scenario)?;
    }
}
