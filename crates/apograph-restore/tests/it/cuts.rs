//! Logs that were cut elsewhere than the engine cuts them, which changes nothing: where a segment
//! repeats the one before it, where it begins within a group, where it goes on across an image.

use std::fs;

use apograph_format::v1::RawFrame;
use apograph_format::v2::WalSegmentHeader;
use apograph_format::{Epoch, Lsn, Point, SEGMENT_HEADER_BYTES, SegmentFlags, Timeline};
use apograph_manifest::{IncrementContent, PointRange, SegmentContent, Target};
use apograph_repository::Repository;
use apograph_restore::{Verified, VerifyOptions, verify};
use apograph_testing::context::every_core;
use apograph_testing::encoding::v2::seal_log_header;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::commits::{all, epochs};
use crate::forge::{
    Increment, Log, add_full, body, edit_history, edit_history_text, frames, log_files, record,
    rewrite,
};
use crate::restore::{planned, point, restored};

/// A database that was closed between two increments and reopened, with a full backup of each life.
const TWO_FULLS: &str = "13_close_in_chain";

/// Where the log of [`TWO_FULLS`] is cut: at its first image, after its first increment, at its
/// second image, at its end.
const CUTS: [u64; 4] = [222, 296, 477, 551];

/// The frames of a database's log at a target.
fn log_at(stage: &Stage, target: Target) -> Vec<u8> {
    let restored = restored(stage, target);
    let log = match restored.commits {
        0 => Vec::new(),
        _ => frames(open(stage).generation(), &restored.output),
    };
    fs::remove_file(&restored.output).expect("a file");
    let _ = fs::remove_dir_all(stage.path("output.grafeo.wal"));
    log
}

fn open(stage: &Stage) -> Repository {
    Repository::open(stage.repository(), every_core()).expect("a repository")
}

fn points(stage: &Stage) -> Vec<Point> {
    let ranges = open(stage).chain().restorable();
    let points = |range: &PointRange| {
        let (timeline, from, to) = (range.timeline, range.from.get(), range.to.get());
        (from..=to).map(move |epoch| Point::new(timeline, Epoch::new(epoch)))
    };
    ranges.iter().flat_map(points).collect()
}

fn sound(stage: &Stage) -> Verified {
    let verified = verify(stage.repository(), &VerifyOptions::default(), every_core());
    let verified = verified.expect("a repository");
    assert_eq!(verified.problems, []);
    verified
}

/// A repository has the points and the commits of another one, and their states around its cuts.
fn check_same(stage: &Stage, whole: &Stage, cuts: &[u64]) {
    let around = cuts.iter().flat_map(|cut| [cut - 1, *cut, cut + 1]);
    let targets = around.map(|epoch| Target::Point(point(epoch).into()));
    let targets = targets.chain([Target::Latest]);
    let states: Vec<_> = targets
        .map(|target| (target, log_at(whole, target)))
        .collect();
    for is_recorded in [false, true] {
        if is_recorded {
            record(stage);
        }
        assert_eq!(points(stage), points(whole));
        for (target, log) in &states {
            assert!(log_at(stage, *target) == *log, "{target}");
        }
        assert_eq!(epochs(&all(stage)), epochs(&all(whole)));
        sound(stage);
    }
}

/// The increment at an index of a repository, as it is recorded.
fn increment(stage: &Stage, index: usize) -> IncrementContent {
    match open(stage).chain().entries()[index].content.clone() {
        Some(SegmentContent::Increment(increment)) => *increment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_epoch_record_goes_where_its_commit_went() {
    let (stage, whole) = (Stage::new(V1), Stage::new(V1));
    let bodies = SEGMENTS[1..].iter().map(|file| body(&whole, file));
    let [first, second, third] = bodies.collect::<Vec<_>>().try_into().expect("three");
    let mut last = 0;
    let mut rest = &first[..];
    while !rest.is_empty() {
        last = first.len() - rest.len();
        let frame = RawFrame::parse(rest).expect("a frame");
        rest = &rest[frame.bytes().len()..];
    }
    stage.keep_segments(1);
    let (front, epoch) = first.split_at(last);
    Increment::new((8, 18), front.to_vec()).add_to(&stage);
    Increment::new((19, 29), [epoch, &second].concat()).add_to(&stage);
    Increment::new((30, 40), third).add_to(&stage);
    check_same(&stage, &whole, &[18]);
}

#[test]
fn what_a_segment_repeats_of_the_one_before_it_is_restored_once() {
    for fixtures in [V1, V2] {
        let (stage, whole) = (Stage::new(fixtures), Stage::new(fixtures));
        let commits = all(&whole);
        let body_of = |file: &str| body(&whole, file);
        stage.keep_segments(2);
        // The last commit of the first increment, and the second one.
        let repeating = if fixtures == V1 {
            let offset = usize::try_from(commits[10].offset).expect("small");
            let first = &body_of(SEGMENTS[1])[offset - SEGMENT_HEADER_BYTES..];
            [first, &body_of(SEGMENTS[2])].concat()
        } else {
            let lsn = |index: usize| commits[index].end_lsn.expect("a position").get();
            Log::of(&whole, &SEGMENTS[1..3]).between(lsn(9), lsn(21))
        };
        Increment::new((19, 29), repeating).add_to(&stage);
        Increment::new((30, 40), body_of(SEGMENTS[3])).add_to(&stage);
        assert!(increment(&stage, 2).overlap_bytes > 0);
        check_same(&stage, &whole, &[18, 29]);
    }
}

#[test]
fn what_a_segment_repeats_of_its_image_is_not_restored() {
    let name = "04_rotation";
    let (stage, whole) = (Stage::of(V2, name), Stage::of(V2, name));
    let source = V2.logs_of(&format!("{name}/source"));
    let log = Log::of_files(source.into_iter().map(|file| file.bytes));
    stage.keep_segments(1);
    Increment::new((2, 6), log.between(0, 614)).add_to(&stage);
    Increment::new((7, 10), log.between(614, 1046)).add_to(&stage);
    assert_eq!(increment(&stage, 1).overlap_bytes, 74);
    check_same(&stage, &whole, &[2, 6]);
}

#[test]
fn a_log_that_begins_anew_is_read_from_its_beginning() {
    let (stage, other) = (Stage::new(V2), Stage::of(V2, "03_two_fulls"));
    add_full(&stage, 3, &other.repository().join(SEGMENTS[0]));
    Increment::new((4, 6), body(&other, SEGMENTS[1])).add_to(&stage);
    let expected: Vec<u64> = (8..=40).chain(4..=6).collect();
    assert_eq!(epochs(&all(&stage)), expected);
    assert_eq!(sound(&stage).commits, expected.len() as u64);
    let target = Target::Point(Point::new(Timeline::FIRST, Epoch::new(6)).into());
    assert!(log_at(&stage, Target::Latest) == log_at(&other, target));
}

/// A repository with the states of [`TWO_FULLS`] in one timeline: its last epoch is 7.
fn check_one_timeline(stage: &Stage, commits: u64) {
    let whole = Stage::of(V2, TWO_FULLS);
    for is_recorded in [false, true] {
        if is_recorded {
            record(stage);
        }
        let expected: Vec<Point> = (3..=7).map(point).collect();
        assert_eq!(points(stage), expected);
        for epoch in [3, 4, 5] {
            let target = Target::Point(point(epoch).into());
            assert!(log_at(stage, target) == log_at(&whole, target), "{epoch}");
        }
        let last = log_at(&whole, Target::Latest);
        for target in [Target::Latest, Target::Point(point(7).into())] {
            assert_eq!(planned(stage, target).expect("a plan").commits, 1);
            assert!(log_at(stage, target) == last, "{target}");
        }
        assert_eq!(epochs(&all(stage)), [4, 5, 6, 7]);
        assert_eq!(sound(stage).commits, commits);
    }
}

fn log_of_two_fulls(whole: &Stage) -> Log {
    let increments = [
        "backup_incr_0001.wal",
        "backup_incr_0002.wal",
        "backup_incr_0004.wal",
    ];
    Log::of(whole, &increments)
}

#[test]
fn a_log_goes_on_across_an_image_that_an_increment_spans() {
    let whole = Stage::of(V2, TWO_FULLS);
    let log = log_of_two_fulls(&whole);
    let flags = SegmentFlags {
        spans: true,
        continues: true,
        ..SegmentFlags::default()
    };
    // The image is in the middle of the increment after it, and at its front.
    for begins in [CUTS[1], CUTS[2]] {
        let stage = Stage::of(V2, TWO_FULLS);
        stage.keep_segments(1);
        let before = log.between(CUTS[0], begins);
        let last = if begins == CUTS[1] { 4 } else { 6 };
        Increment::new((4, last), before).add_to(&stage);
        add_full(
            &stage,
            6,
            &whole.repository().join("backup_full_0003.grafeo"),
        );
        let spanning = Increment {
            flags,
            ..Increment::new((last + 1, 7), log.between(begins, CUTS[3]))
        };
        spanning.add_to(&stage);
        check_one_timeline(&stage, 4);
    }
}

#[test]
fn what_was_captured_again_with_an_image_is_listed_once() {
    let (stage, whole) = (Stage::of(V2, TWO_FULLS), Stage::of(V2, TWO_FULLS));
    let log = log_of_two_fulls(&whole);
    stage.keep_segments(1);
    Increment::new((4, 7), log.between(CUTS[0], CUTS[3])).add_to(&stage);
    add_full(
        &stage,
        6,
        &whole.repository().join("backup_full_0003.grafeo"),
    );
    let repeating = Increment {
        flags: SegmentFlags {
            repeats: true,
            ..SegmentFlags::default()
        },
        ..Increment::new((7, 7), log.between(CUTS[2], CUTS[3]))
    };
    repeating.add_to(&stage);
    check_one_timeline(&stage, 5);
}

#[test]
fn an_encrypted_log_keeps_its_headers_and_hides_its_epochs() {
    let (stage, plain) = (Stage::new(V2), Stage::new(V2));
    let log = Log::of(&plain, &SEGMENTS[1..]).with_headers(encrypted);
    stage.keep_segments(1);
    for (first, last, from, to) in [
        (8, 18, 600, 1521),
        (19, 29, 1521, 2483),
        (30, 40, 2483, 3345),
    ] {
        Increment::new((first, last), log.between(from, to)).add_to(&stage);
    }
    let commits = all(&stage);
    assert_eq!(commits.len(), 33);
    assert!(
        commits
            .iter()
            .all(|it| it.is_encrypted && it.committed_at.is_none())
    );
    // Where no commit stands in the log, nothing is hidden.
    let image = planned(&stage, Target::Lsn(Lsn::new(600))).expect("a plan");
    assert_eq!(image.point, Some(point(7)));
    let restored = restored(&stage, Target::Latest);
    assert_eq!(
        (restored.point, restored.timeline),
        (None, Some(Timeline::FIRST))
    );
    assert_eq!((restored.commits, restored.lsn), (33, Some(Lsn::new(3345))));
    let headers: Vec<_> = log_files(&restored.output)
        .iter()
        .map(|file| header(file))
        .collect();
    assert_eq!(headers, log.headers().collect::<Vec<_>>());
}

fn header(file: &[u8]) -> WalSegmentHeader {
    WalSegmentHeader::decode(file).expect("a header")
}

fn encrypted(plain: WalSegmentHeader) -> WalSegmentHeader {
    const FLAGS_OFFSET: usize = 12;
    let mut bytes = *plain.bytes();
    bytes[FLAGS_OFFSET] |= 1;
    seal_log_header(&mut bytes);
    header(&bytes)
}

/// The record says that an increment has every epoch, and goes on across its image as only one of
/// generation 2 can; it lacks an epoch, and all checksums are right.
#[test]
fn a_record_that_was_made_up_does_not_make_a_commit() {
    let stage = Stage::new(V1);
    let commits = all(&stage);
    let lost = [&commits[4], &commits[5]].map(|it| usize::try_from(it.offset).expect("small"));
    record(&stage);
    rewrite(&stage, 1, |bytes| drop(bytes.drain(lost[0]..lost[1])));
    edit_history_text(&stage, |body| {
        if !body.contains(SEGMENTS[1]) {
            return body.to_owned();
        }
        let made_up = body.replace("\"repeats\":false", "\"repeats\":false,\"spans\":true");
        assert_ne!(made_up, body);
        made_up
    });
    // What is in the file counts.
    let repository = open(&stage);
    let gaps = repository.chain().gaps().map(|gap| gap.cause.to_string());
    assert!(gaps.eq(["epoch 1:12 is in no segment"]));
    for epoch in [12, 13, 18, 40] {
        let error = planned(&stage, Target::Point(point(epoch).into())).expect_err("a gap");
        assert_eq!(error.code(), "target-not-covered");
        let expected = format!("epoch 1:{epoch} is not in the repository");
        assert_eq!(told(&error), expected);
    }
    assert_eq!(
        log_at(&stage, Target::Point(point(11).into())).len(),
        lost[0] - SEGMENT_HEADER_BYTES
    );
}

/// An epoch was logged too early, and captured before an image that is older. All checksums are
/// right, and the record says that the log goes on across that image.
#[test]
fn an_epoch_that_lies_only_before_the_image_is_missed() {
    let (whole, stage) = (Stage::new(V1), Stage::new(V1));
    let commits = all(&whole);
    let bytes = fs::read(whole.repository().join(SEGMENTS[1])).expect("a segment");
    let group = |index: usize| {
        let range =
            [index, index + 1].map(|it| usize::try_from(commits[it].offset).expect("small"));
        &bytes[range[0]..range[1]]
    };
    assert_eq!(epochs(&commits)[..3], [8, 9, 10]);
    stage.keep_segments(1);
    Increment::new((8, 9), group(1).to_vec()).add_to(&stage);
    add_full(&stage, 7, &whole.repository().join(SEGMENTS[0]));
    Increment::new((8, 10), [group(0), group(2)].concat()).add_to(&stage);
    record(&stage);
    edit_history(&stage, |history| {
        for record in &mut history.records {
            match &mut record.content {
                SegmentContent::Full(full) => {
                    full.base = point(7);
                    full.continues = record.segment.file.as_str() != SEGMENTS[0];
                }
                SegmentContent::Increment(increment) => {
                    increment.stretches[0].timeline = Timeline::FIRST;
                    increment.stretches[0].base = Epoch::new(7);
                    increment.stretches[0].opens = false;
                }
            }
        }
    });
    // By the record nothing is missing; what is read tells.
    assert_eq!(open(&stage).chain().gaps().count(), 0);
    assert_eq!(points(&stage), [7, 8, 9, 10].map(point));
    for epoch in [9, 10] {
        let error = planned(&stage, Target::Point(point(epoch).into())).expect_err("a gap");
        assert_eq!(error.code(), "chain-broken");
        let expected = format!("epoch 1:{epoch} cannot be reached: epoch 1:9 is in no segment");
        assert_eq!(told(&error), expected);
    }
    planned(&stage, Target::Point(point(8).into())).expect("a state");
}
