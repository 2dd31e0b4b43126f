//! What a restore says of itself, for each kind of target.

use std::fs;
use std::path::Path;

use apograph_format::{Epoch, Generation, Lsn, Point, Timeline, UnixMillis, log_folder};
use apograph_io::{Clock, SystemClock};
use apograph_manifest::{ChainError, Target};
use apograph_restore::{Options, RestoreError, Restored, Result, restore};
use apograph_testing::context::{every_core, every_core_on};
use apograph_testing::disk::SimDisk;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::commits::all;
use crate::forge::{frames, log_files};

/// The position at which the image of generation 2 in [`Stage::new`] ends.
const IMAGE_END: Lsn = Lsn::new(600);

pub(crate) fn point(epoch: u64) -> Point {
    Point::new(Timeline::FIRST, Epoch::new(epoch))
}

fn to(target: Target) -> Options {
    Options::to(target)
}

/// Restores to `output.grafeo`.
pub(crate) fn restored(stage: &Stage, target: Target) -> Restored {
    let (repository, output) = (stage.repository(), stage.path("output.grafeo"));
    let outcome = restore(&repository, &output, &to(target), every_core());
    outcome.expect("a database")
}

/// Says what a restore would do.
pub(crate) fn planned(stage: &Stage, target: Target) -> Result<Restored> {
    let options = Options {
        dry_run: true,
        ..to(target)
    };
    let disk = SimDisk::new(&stage.path(""));
    let (repository, output) = (stage.repository(), stage.path("output.grafeo"));
    let outcome = restore(&repository, &output, &options, every_core_on(&disk));
    assert_eq!(disk.operations(), []);
    outcome
}

fn size_bytes(file: &Path) -> u64 {
    fs::metadata(file).expect("a file").len()
}

#[test]
fn a_restore_tells_what_it_read_and_what_it_wrote() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let target = Target::Point(point(20).into());
        let mut planned = planned(&stage, target).expect("a plan");
        assert!(planned.bytes_free.take().is_some());
        let restored = restored(&stage, target);
        assert_eq!(planned, restored);
        assert_eq!(restored.point, Some(point(20)));
        assert_eq!(restored.timeline, Some(Timeline::FIRST));
        assert_eq!(restored.commits, 20 - 7);
        assert_eq!(restored.interval, None);
        let segments = stage.manifest().segments;
        assert_eq!(restored.full, segments[0]);
        assert_eq!(restored.increments, segments[1..3]);
        let read = SEGMENTS[..3].iter();
        let read = read.map(|file| size_bytes(&stage.repository().join(file)));
        assert_eq!(restored.bytes_read, read.sum::<u64>());
        let logs = log_files(&restored.output);
        let log_bytes: usize = logs.iter().map(Vec::len).sum();
        let database_bytes = size_bytes(&restored.output);
        assert_eq!(restored.bytes_written, database_bytes + log_bytes as u64);
        let last = all(&stage).into_iter().find(|it| it.point == point(20));
        assert_eq!(restored.lsn, last.expect("a commit").end_lsn);
        assert_eq!(restored.generation(), fixtures.generation());
    }
}

#[test]
fn the_log_of_a_point_is_what_was_logged_up_to_it() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let whole = frames(
            fixtures.generation(),
            &restored(&stage, Target::Latest).output,
        );
        let mut before = Vec::new();
        for epoch in 8..=40 {
            let target = Target::Point(point(epoch).into());
            let output = stage.path(&format!("{epoch}.grafeo"));
            let outcome = restore(stage.repository(), &output, &to(target), every_core());
            assert_eq!(outcome.expect("a database").commits, epoch - 7);
            let log = frames(fixtures.generation(), &output);
            assert!(log.len() > before.len() && log.starts_with(&before));
            assert!(whole.starts_with(&log));
            before = log;
        }
        assert_eq!(before, whole);
    }
}

#[test]
fn log_files_of_generation_2_say_that_the_restore_created_them() {
    use apograph_format::v2::WalSegmentHeader;
    let stage = Stage::new(V2);
    let begun = SystemClock.now();
    let restored = restored(&stage, Target::Latest);
    let files = log_files(&restored.output);
    assert_eq!(files.len(), 3);
    let mut end = IMAGE_END;
    for file in files {
        let header = WalSegmentHeader::decode(&file).expect("a header");
        assert!(header.created_at >= begun && header.created_at <= SystemClock.now());
        assert_eq!(header.first_lsn, end);
        end = end.plus((file.len() - header.bytes().len()) as u64);
    }
    assert_eq!(restored.lsn, Some(end));
}

#[test]
fn an_instant_is_answered_with_the_interval_of_its_state() {
    let stage = Stage::new(V2);
    let commits = all(&stage);
    let mut times: Vec<UnixMillis> = commits.iter().filter_map(|it| it.committed_at).collect();
    times.dedup();
    assert!(times.len() > 5, "{times:?}");
    for (index, time) in times.iter().enumerate() {
        let restored = planned(&stage, Target::Time(*time)).expect("a plan");
        let next = times.get(index + 1).copied();
        assert_eq!(restored.interval, Some((*time, next)));
        let last = commits.iter().rfind(|it| it.committed_at == Some(*time));
        let last = last.expect("a commit");
        assert_eq!(restored.point, Some(last.point));
        assert_eq!(restored.lsn, last.end_lsn);
    }
    // Where no commit stands in the log, the state is as old as the image.
    let written = UnixMillis::new(times[0].get() - 1);
    let restored = planned(&stage, Target::Time(written)).expect("a plan");
    assert_eq!(restored.interval, Some((written, Some(times[0]))));
    assert_eq!((restored.commits, restored.point), (0, Some(point(7))));
}

#[test]
fn an_instant_of_generation_1_is_answered_with_the_captures_around_it() {
    let stage = Stage::new(V1);
    let segments = stage.manifest().segments;
    for (index, epoch) in [(1, 18), (2, 29), (3, 40)] {
        let created = segments[index].created_at;
        let restored = planned(&stage, Target::Time(created)).expect("a plan");
        let next = segments.get(index + 1).map(|it| it.created_at);
        assert_eq!(restored.interval, Some((created, next)));
        assert_eq!(restored.point, Some(point(epoch)));
    }
}

#[test]
fn a_position_is_a_target_where_a_commit_ends_and_nowhere_else() {
    let stage = Stage::new(V2);
    let ends = all(&stage).into_iter().map(|it| (it.point, it.end_lsn));
    let ends = ends.map(|(point, end)| (point, end.expect("a position")));
    let states: Vec<_> = [(point(7), IMAGE_END)].into_iter().chain(ends).collect();
    for (index, (point, lsn)) in states.iter().enumerate() {
        let restored = planned(&stage, Target::Lsn(*lsn)).expect("a plan");
        assert_eq!((restored.point, restored.lsn), (Some(*point), Some(*lsn)));
        assert_eq!(restored.commits, index as u64);
        assert_eq!(restored.interval, None);
        let Some((_, next)) = states.get(index + 1) else {
            break;
        };
        for between in [lsn.plus(1), Lsn::new(next.get() - 1)] {
            let error = planned(&stage, Target::Lsn(between)).expect_err("no boundary");
            assert_eq!(error.code(), "target-not-covered");
            let RestoreError::Chain(error) = error else {
                panic!("{error:?}");
            };
            let expected = ChainError::NotABoundary {
                lsn: between,
                below: Some(*lsn),
                above: Some(*next),
            };
            assert_eq!(error, expected);
        }
    }
}

#[test]
fn what_the_engine_does_not_replay_is_told_as_statements() {
    let stage = Stage::of(V1, "05_schema");
    let at = |epoch| {
        let target = Target::Point(point(epoch).into());
        planned(&stage, target).expect("a plan").statements_to_run
    };
    assert_eq!(at(2), Vec::<String>::new());
    assert_eq!(at(3), ["CREATE INDEX idx_name FOR (n:Person) ON (n.name)"]);
    assert_eq!(at(5), at(3));
}

#[test]
fn an_image_alone_has_no_log() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let restored = restored(&stage, Target::Point(point(7).into()));
        assert_eq!(restored.commits, 0);
        assert_eq!(restored.bytes_written, size_bytes(&restored.output));
        assert!(!log_folder(&restored.output).exists());
        let is_placed = fixtures.generation() == Generation::Two;
        assert_eq!(restored.lsn, is_placed.then_some(IMAGE_END));
    }
}
