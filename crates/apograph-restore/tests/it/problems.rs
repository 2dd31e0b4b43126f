//! What a verification counts, and what it finds.

use std::fs;
use std::num::NonZero;
use std::time::Duration;

use apograph_format::{Code, Epoch, UnixMillis};
use apograph_io::{Clock, Context, Mode, Pace, RealDisk, Threads};
use apograph_manifest::{
    FullContent, IncrementContent, IncrementOf, Level, SegmentContent, TimeSpan, write_manifest,
};
use apograph_restore::{Problem, Result, Verified, VerifyOptions, verify};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{edit_history, edit_segment, record};
use crate::hearing::Hearing;

fn at(level: Level) -> VerifyOptions {
    VerifyOptions {
        level,
        ..VerifyOptions::default()
    }
}

fn verified(stage: &Stage, level: Level) -> Verified {
    verify(stage.repository(), &at(level), every_core()).expect("a repository")
}

fn total_bytes(stage: &Stage) -> u64 {
    let segments = stage.manifest().segments;
    let files = segments
        .iter()
        .map(|it| stage.repository().join(it.file.as_str()));
    files
        .map(|file| fs::metadata(file).expect("a file").len())
        .sum()
}

#[test]
fn what_was_checked_is_counted() {
    let rows: [(Fixtures, &str, u64, u64, u64); 4] = [
        (V1, "02_chain40", 4, 140, 33),
        (V2, "02_chain40", 4, 33, 33),
        (V1, "03_two_fulls", 5, 40, 10),
        // Half of the frames say how far the log was durable.
        (V2, "18_sync_markers", 2, 8, 4),
    ];
    for (fixtures, name, files, frames, commits) in rows {
        let stage = Stage::of(fixtures, name);
        let expected = Verified {
            files,
            bytes: total_bytes(&stage),
            frames,
            commits,
            ..Verified::default()
        };
        assert_eq!(verified(&stage, Level::Frames), expected);
        let expected = Verified {
            frames: 0,
            commits: 0,
            ..expected
        };
        assert_eq!(verified(&stage, Level::Files), expected);
    }
}

/// What a verification says first of all.
fn first_problem(stage: &Stage) -> Problem {
    let mut problems = verified(stage, Level::Frames).problems;
    assert!(!problems.is_empty());
    problems.remove(0)
}

fn check_differs(stage: &Stage, index: usize, expected: &str) {
    let segment = &stage.manifest().segments[index];
    let expected = Problem {
        code: Code::CorruptSegment,
        file: Some(SEGMENTS[index].to_owned()),
        offset: Some(0),
        detail: expected.to_owned(),
        epochs: Some((segment.start_epoch, segment.end_epoch)),
    };
    assert_eq!(first_problem(stage), expected);
}

#[test]
fn an_increment_that_is_not_what_its_record_says_is_damage() {
    let changes: [fn(&mut IncrementContent); 5] = [
        |it| it.stretches[0].transactions.insert(1000),
        |it| it.commits += 1,
        |it| it.repeats = true,
        |it| it.catches_up = true,
        |it| {
            let IncrementOf::Lsns(log) = &mut it.of else {
                panic!("{:?}", it.of);
            };
            let (first, last) = (UnixMillis::new(1), UnixMillis::new(2));
            log.committed = Some(TimeSpan { first, last });
        },
    ];
    for (fixtures, changes) in [(V1, &changes[..4]), (V2, &changes[..])] {
        for change in changes {
            let stage = Stage::new(fixtures);
            record(&stage);
            edit_history(&stage, |history| {
                if let SegmentContent::Increment(increment) = &mut history.records[1].content {
                    change(increment);
                }
            });
            check_differs(&stage, 1, "its commits are other ones than recorded");
        }
    }
}

#[test]
fn an_image_that_is_not_what_its_record_says_is_damage() {
    let changes: [fn(&mut FullContent); 2] = [
        |it| it.image.iteration += 1,
        |it| it.base.epoch = Epoch::new(6),
    ];
    for fixtures in [V1, V2] {
        for change in changes {
            let stage = Stage::new(fixtures);
            record(&stage);
            edit_history(&stage, |history| {
                if let SegmentContent::Full(full) = &mut history.records[0].content {
                    change(full);
                }
            });
            check_differs(&stage, 0, "its image is another one than recorded");
        }
    }
}

#[test]
fn a_header_that_is_not_what_the_manifest_says_is_damage() {
    for fixtures in [V1, V2] {
        for (first, last) in [(7, 18), (8, 17)] {
            let stage = Stage::new(fixtures);
            record(&stage);
            edit_segment(&stage, 1, |segment| {
                segment.start_epoch = Epoch::new(first);
                segment.end_epoch = Epoch::new(last);
            });
            check_differs(&stage, 1, "its header has other epochs than the manifest");
        }
    }
}

#[test]
fn an_entry_that_the_manifest_lacks_is_a_missing_link() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let mut manifest = stage.manifest();
        manifest.segments.remove(2);
        write_manifest(&RealDisk, &stage.folder(), Mode::PRIVATE, &manifest).expect("a manifest");
        let unnamed = Problem {
            code: Code::CorruptManifest,
            file: Some(SEGMENTS[2].to_owned()),
            offset: None,
            detail: "no entry of the manifest names it".to_owned(),
            epochs: None,
        };
        let missing = Problem {
            code: Code::ChainBroken,
            file: None,
            detail: format!(
                "the repository names nothing between {} and {}",
                SEGMENTS[1], SEGMENTS[3]
            ),
            ..unnamed.clone()
        };
        let both = [missing.clone(), unnamed.clone()];
        assert_eq!(verified(&stage, Level::Frames).problems, both);
        // Who looks at files alone looks for no commits.
        assert_eq!(verified(&stage, Level::Files).problems, [unnamed]);
        fs::remove_file(stage.repository().join(SEGMENTS[2])).expect("a file");
        assert_eq!(verified(&stage, Level::Frames).problems, [missing]);
        assert_eq!(verified(&stage, Level::Files).problems, []);
    }
}

#[test]
fn a_database_that_was_closed_between_two_backups_is_no_problem() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "13_close_in_chain");
        assert_eq!(verified(&stage, Level::Frames).problems, []);
    }
}

#[test]
fn a_verification_reads_no_faster_than_it_may() {
    const BYTES_PER_SECOND: u64 = 1000;
    for fixtures in [V1, V2] {
        for level in [Level::Files, Level::Frames] {
            let stage = Stage::new(fixtures);
            record(&stage);
            let clock = ManualClock::default();
            let rate = NonZero::new(BYTES_PER_SECOND).expect("a rate");
            let context = Context {
                pace: &Pace::by(rate, Box::new(clock.clone())),
                ..Context::default()
            };
            let verified = verify(stage.repository(), &at(level), context);
            assert_eq!(verified.expect("a repository").problems, []);
            let expected = Duration::from_secs(total_bytes(&stage)) / 1000;
            // A debt of less than 10 ms is carried on.
            let least = expected.saturating_sub(Duration::from_millis(10));
            let found = clock.running();
            assert!((least..=expected).contains(&found), "{level:?}: {found:?}");
        }
    }
}

/// The error of a verification during which some segments become folders.
fn interrupted(stage: &Stage, names: &[&str], threads: &Threads) -> Result<Verified> {
    let become_folders = || {
        for name in names {
            let file = stage.repository().join(name);
            fs::remove_file(&file).expect("a file");
            fs::create_dir(&file).expect("a folder");
        }
    };
    let hearing = Hearing::new(&become_folders);
    let context = Context {
        threads,
        ..Context::heard_by(&hearing)
    };
    verify(stage.repository(), &VerifyOptions::default(), context)
}

#[test]
fn of_several_files_that_cannot_be_read_the_first_is_told() {
    for last_bytes in [None, Some(4 << 20)] {
        for threads in [Threads::ONE, Threads::default()] {
            let stage = Stage::new(V2);
            record(&stage);
            // Large segments are read before small ones.
            edit_segment(&stage, 3, |segment| {
                segment.size_bytes = last_bytes.unwrap_or(segment.size_bytes);
            });
            let error = interrupted(&stage, &SEGMENTS[1..], &threads).expect_err("no files");
            assert_eq!(error.code(), "io");
            let file = stage.repository().join(SEGMENTS[1]);
            let expected = format!("{} is a folder, not a regular file", file.display());
            assert_eq!(told(&error), expected);
        }
    }
}
