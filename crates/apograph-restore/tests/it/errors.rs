//! Codes and words of errors.

use std::fs;
use std::path::Path;

use apograph_format::Code;
use apograph_io::{Monitor, NoProgress};
use apograph_manifest::{ChainError, FileName, GapCause, Target, Unusable};
use apograph_restore::{
    Options, Problem, RestoreError, Restored, Result, VerifyOptions, restore, verify,
};
use apograph_testing::context::{every_core, every_core_heard_by};
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{flip_last_byte, frames, record, rewrite};
use crate::hearing::Hearing;

/// Where the version stands in a segment's header.
const VERSION_OFFSET: usize = 4;

fn latest(repository: &Path, output: &Path, monitor: &dyn Monitor) -> Result<Restored> {
    let options = Options::to(Target::Latest);
    restore(repository, output, &options, every_core_heard_by(monitor))
}

/// Why a segment could not be used by a restore that began before it was found out.
fn refused(stage: &Stage, meanwhile: &(dyn Fn() + Sync)) -> (RestoreError, Unusable) {
    let hearing = Hearing::new(meanwhile);
    let outcome = latest(&stage.repository(), &stage.path("output"), &hearing);
    let error = outcome.expect_err("a segment that cannot be used");
    let RestoreError::Chain(ChainError::Unreachable { cause, nearest, .. }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(cause.file().map(FileName::as_str), Some(SEGMENTS[2]));
    assert_eq!(nearest.below.map(|it| it.epoch.get()), Some(18));
    assert!(!stage.path("output").exists());
    let reason = match (**cause).clone() {
        GapCause::Unusable(segment) => segment.reason,
        other => panic!("{other:?}"),
    };
    (error, reason)
}

/// What a verification says of the one segment that is wrong.
fn problem(stage: &Stage) -> Problem {
    let verified = verify(stage.repository(), &VerifyOptions::default(), every_core());
    let mut problems = verified.expect("a repository").problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    assert_eq!(problem.file.as_deref(), Some(SEGMENTS[2]));
    let epochs = problem
        .epochs
        .map(|(first, last)| (first.get(), last.get()));
    assert_eq!(epochs, Some((19, 29)));
    problem
}

#[test]
fn damage_is_told_with_its_place() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        record(&stage);
        let file = stage.repository().join(SEGMENTS[2]);
        flip_last_byte(&file);
        let (error, reason) = refused(&stage, &|| {});
        let Unusable::Damaged { offset, detail } = reason else {
            panic!("{reason:?}");
        };
        let cause = format!("{} is damaged at byte {offset}: {detail}", SEGMENTS[2]);
        let expected = format!("the latest state cannot be reached: {cause}");
        assert_eq!(
            (error.code(), told(&error)),
            (Code::CorruptSegment, expected)
        );
        let detail = detail.to_string();
        assert!(detail.contains("checksum"), "{detail}");
        let size_bytes = fs::metadata(&file).expect("a file").len();
        assert!((size_bytes - 100..size_bytes).contains(&offset), "{offset}");

        let problem = problem(&stage);
        assert_eq!(problem.code, "corrupt-segment");
        assert_eq!((problem.offset, problem.detail), (Some(offset), detail));
    }
}

#[test]
fn a_segment_of_another_version_is_not_called_damaged() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        record(&stage);
        rewrite(&stage, 2, |bytes| bytes[VERSION_OFFSET] = 3);
        let (error, reason) = refused(&stage, &|| {});
        let Unusable::Unsupported { detail } = reason else {
            panic!("{reason:?}");
        };
        let expected = format!(
            "the latest state cannot be reached: {}: {detail}",
            SEGMENTS[2]
        );
        assert_eq!(
            (error.code(), told(&error)),
            (Code::UnsupportedVersion, expected)
        );
        let detail = detail.to_string();
        assert!(detail.contains("version 3"), "{detail}");

        let problem = problem(&stage);
        assert_eq!(problem.code, "unsupported-version");
        assert_eq!((problem.offset, problem.detail), (None, detail));
    }
}

#[test]
fn a_segment_that_goes_away_meanwhile_is_told_to_be_missing() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        record(&stage);
        let file = stage.repository().join(SEGMENTS[2]);
        let remove = || fs::remove_file(&file).expect("a file");
        let (error, reason) = refused(&stage, &remove);
        assert_eq!(reason, Unusable::Missing);
        let expected = format!(
            "the latest state cannot be reached: {} is missing",
            SEGMENTS[2]
        );
        assert_eq!((error.code(), told(&error)), (Code::ChainBroken, expected));

        let problem = problem(&stage);
        assert_eq!(
            (problem.code.as_str(), problem.offset),
            ("chain-broken", None)
        );
        assert_eq!(problem.detail, "it is missing");
    }
}

/// A change that takes no epoch could stand in the damaged segment, unless its record says that none
/// does; what was captured before it has a name of its own.
#[test]
fn the_last_point_before_a_damaged_segment_is_restored_and_what_is_after_names_it() {
    for fixtures in [V1, V2] {
        for has_records in [true, false] {
            let stage = Stage::new(fixtures);
            let to = |point: &str| Options::to(Target::Point(point.parse().expect("a point")));
            let output = stage.path("sound");
            restore(stage.repository(), &output, &to("18"), every_core()).expect("sound");
            let sound = frames(fixtures.generation(), &output);
            if has_records {
                record(&stage);
            }
            flip_last_byte(&stage.repository().join(SEGMENTS[2]));
            let all = stage.path("all");
            let all_of_18 = restore(stage.repository(), &all, &to("18"), every_core());
            assert_eq!(all_of_18.is_ok(), has_records);
            let output = stage.path("output");
            restore(stage.repository(), &output, &to("18+0"), every_core()).expect("1:18+0");
            assert!(frames(fixtures.generation(), &output) == sound);
            let behind = stage.path("after");
            let outcome = restore(stage.repository(), &behind, &to("19"), every_core());
            let error = outcome.expect_err("a damaged segment");
            let RestoreError::Chain(ChainError::Unreachable { cause, nearest, .. }) = error else {
                panic!("{error:?}");
            };
            assert_eq!(cause.code(), "corrupt-segment");
            assert_eq!(nearest.below.map(|it| it.epoch.get()), Some(18));
        }
    }
}

#[test]
fn an_error_has_the_code_of_what_failed() {
    let stage = Stage::new(V1);
    let (repository, output) = (stage.repository(), stage.path("output"));
    let code = |repository: &Path, output: &Path| {
        let outcome = latest(repository, output, &NoProgress);
        outcome.err().map(|error| error.code())
    };
    assert_eq!(
        code(&stage.path("nowhere"), &output),
        Some(Code::NotARepository)
    );
    assert_eq!(
        code(&repository, &stage.path("nowhere/output")),
        Some(Code::Io)
    );
    assert_eq!(code(&repository, &output), None);
    assert_eq!(code(&repository, &output), Some(Code::OutputExists));
    let options = Options::to(Target::Point("41".parse().expect("a point")));
    let outcome = restore(&repository, &stage.path("other"), &options, every_core());
    assert_eq!(
        outcome.expect_err("no such point").code(),
        "target-not-covered"
    );
}
