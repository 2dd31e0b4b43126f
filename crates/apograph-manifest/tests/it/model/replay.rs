//! What segments make, put together commit by commit.

use std::collections::BTreeSet;

use apograph_format::{Epoch, Generation, Point, SegmentKind, Timeline};
use apograph_manifest::{ChainPlan, Cut, SegmentContent};

use super::world::{Commit, Held, World};

/// What a plan restores.
pub(super) fn restored(world: &World, plan: &ChainPlan) -> BTreeSet<u32> {
    let increments = plan.increments.iter().map(|index| &world.segments[*index]);
    let is_kept = |commit: &Commit| match plan.cut {
        Cut::At { point, further } if commit.at == point => {
            further.is_none_or(|last| commit.further <= last)
        }
        Cut::At { point, .. } => commit.at <= point,
        Cut::End => true,
        Cut::Captured(_) => unreachable!("nothing is merged here"),
        Cut::Until(time) => commit.time <= time.get(),
        Cut::Through(lsn) => commit.end <= lsn.get(),
    };
    put_together(&world.segments[plan.full], increments, is_kept)
}

fn put_together<'a>(
    full: &Held,
    increments: impl Iterator<Item = &'a Held>,
    is_kept: impl Fn(&Commit) -> bool,
) -> BTreeSet<u32> {
    let kept = increments.flat_map(|it| it.body.iter().filter(|it| is_kept(it)));
    let kept = kept.map(|it| it.number);
    full.image.iter().copied().chain(kept).collect()
}

/// The further commit of a point that a plan ends with: what a restore finds once it has read them.
pub(super) fn reached(world: &World, plan: &ChainPlan, point: Point) -> u64 {
    let full = &world.segments[plan.full];
    let in_image = match &full.entry.content {
        Some(SegmentContent::Full(full)) if full.base == point => full.further.unwrap_or(0),
        _ => 0,
    };
    let kept = restored(world, plan);
    let own = world
        .commits()
        .filter(|it| it.at == point && kept.contains(&it.number));
    let in_plan = |it: &&Commit| {
        let mut increments = plan.increments.iter().map(|index| &world.segments[*index]);
        increments.any(|segment| segment.body.contains(it))
    };
    own.filter(in_plan)
        .map(|it| it.further)
        .max()
        .unwrap_or(0)
        .max(in_image)
}

/// Whether the states of a point, one for each of its commits, can be put together from a full
/// backup of an earlier one and what stands right after it.
pub(super) fn is_obvious_exactly(world: &World, point: Point) -> bool {
    let mut fulls = (0..world.segments.len()).filter(|index| {
        let segment = &world.segments[*index];
        let entry = &segment.entry;
        entry.segment.kind == SegmentKind::Full
            && entry.unusable.is_none()
            && entry.is_counted
            && base(segment) < point
    });
    fulls.any(|full| leads_to(world, full, point) && served_from(world, full) < point)
}

/// From where on a full backup is a state.
fn served_from(world: &World, index: usize) -> Point {
    let base = base(&world.segments[index]);
    match world.segments.get(index + 1) {
        Some(next) if next.repeats == Some(true) => {
            let last = next.body.iter().map(|it| it.at).max();
            last.map_or(base, |last| last.max(base))
        }
        _ => base,
    }
}

/// Whether the state at a point can be put together from a full backup and what stands right after
/// it, and every epoch in between is there.
pub(super) fn is_obvious(world: &World, point: Point) -> bool {
    let mut fulls = (0..world.segments.len()).filter(|index| {
        let entry = &world.segments[*index].entry;
        let is_full = entry.segment.kind == SegmentKind::Full;
        is_full && entry.unusable.is_none() && entry.is_counted
    });
    fulls.any(|full| leads_to(world, full, point))
}

fn leads_to(world: &World, index: usize, point: Point) -> bool {
    let full = &world.segments[index];
    let behind = &world.segments[index + 1..];
    let end = behind
        .iter()
        .position(|it| it.is_after_break || it.lacks_before || it.entry.content.is_none());
    let mut increments: Vec<&Held> = Vec::new();
    let mut base = base(full);
    for (place, segment) in behind[..end.unwrap_or(behind.len())].iter().enumerate() {
        let is_own = place == 0;
        if segment.entry.segment.kind == SegmentKind::Full || segment.repeats.is_some() && !is_own {
            continue;
        }
        if segment.entry.unusable.is_some() {
            if is_own && segment.repeats == Some(true) {
                return false;
            }
            break;
        }
        if segment.repeats == Some(true) {
            base = served_from(world, index);
        }
        increments.push(segment);
    }
    let state = put_together(full, increments.iter().copied(), |it| it.at <= point);
    point >= base
        && state == world.state_at(point)
        && has_every_epoch(world, &increments, base, point)
}

fn base(full: &Held) -> Point {
    match &full.entry.content {
        Some(SegmentContent::Full(full)) => full.base,
        _ => unreachable!("a full backup that is known"),
    }
}

/// In generation 1 epochs alone prove that nothing is missing.
fn has_every_epoch(world: &World, increments: &[&Held], base: Point, point: Point) -> bool {
    let is_there = |timeline: Timeline, epoch: u64| {
        let mut commits = increments.iter().flat_map(|it| &it.body);
        commits.any(|it| it.at == Point::new(timeline, Epoch::new(epoch)) && it.has_epoch)
    };
    let begins = |timeline: Timeline| {
        let mut commits = increments.iter().flat_map(|it| &it.body);
        timeline == base.timeline || commits.any(|it| it.at.timeline == timeline)
    };
    let timelines = (base.timeline.get()..=point.timeline.get()).map(Timeline::new);
    let mut timelines = timelines.map(|timeline| {
        let (first, epochs) = world.epochs_of(timeline);
        let last = epochs.last().copied().unwrap_or(first);
        let from = if timeline == base.timeline {
            base.epoch.get()
        } else {
            first
        };
        let to = if timeline == point.timeline {
            point.epoch.get()
        } else {
            last
        };
        begins(timeline)
            && (world.generation == Generation::Two
                || (from + 1..=to).all(|epoch| is_there(timeline, epoch)))
    });
    timelines.all(|is_whole| is_whole)
}
