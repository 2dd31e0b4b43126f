//! What an engine's increment repeats of the segments before it.

use apograph_format::v2::{FRAME_HEADER_BYTES, Pieces, WAL_SEGMENT_HEADER_BYTES};
use apograph_format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use apograph_manifest::{GapCause, IncrementContent};
use apograph_testing::encoding::v1::frame;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{
    add_increment, counted, damage, increment, open, read, record, rewrite, with_header,
};

/// The engine's log files have at most this many bytes before the group that ends them.
const LOG_FILE_BYTES: usize = 64 << 20;

/// The log in an increment.
fn body(stage: &Stage, name: &str) -> Vec<u8> {
    read(stage, name).split_off(SEGMENT_HEADER_BYTES)
}

fn diverges(increment: &IncrementContent) -> bool {
    increment.lsns().expect("a place in the log").diverges
}

/// An increment with such a log, and another header's numbers.
fn with_body(model: &[u8], body: &[u8]) -> Vec<u8> {
    [&model[..SEGMENT_HEADER_BYTES], body].concat()
}

/// Makes an increment one of ours.
fn make_ours(stage: &Stage, index: usize) {
    rewrite(stage, index, |bytes| {
        with_header(&bytes, |header| header.flags.continues = true)
    });
}

#[test]
fn what_the_engine_captures_again_of_several_increments_of_ours_is_no_commit_more() {
    let sound = open(&Stage::new(V1));
    let stage = Stage::new(V1);
    let bodies = [1, 2, 3].map(|index| body(&stage, SEGMENTS[index]));
    make_ours(&stage, 1);
    make_ours(&stage, 2);
    rewrite(&stage, 3, |bytes| with_body(&bytes, &bodies.concat()));
    let found = open(&stage);
    assert_eq!(counted(&found), [true; 4]);
    assert_eq!(found.chain().restorable(), sound.chain().restorable());
    let last = increment(&found, 3);
    let repeated = bodies[0].len() + bodies[1].len();
    assert_eq!(last.overlap_bytes, repeated as u64);
    assert_eq!(last.commits, increment(&sound, 3).commits);
}

/// The engine captures whole log files: after one of its increments it begins with another.
#[test]
fn nothing_is_repeated_of_what_lies_before_an_increment_of_the_engine() {
    let stage = Stage::new(V1);
    record(&stage, &open(&stage), 3);
    damage(&stage, SEGMENTS[1]);
    assert_eq!(counted(&open(&stage)), [true; 4]);
    damage(&stage, SEGMENTS[2]);
    assert_eq!(counted(&open(&stage)), [true, true, true, false]);
}

/// That it goes on exactly after the one before was proved when it was captured.
#[test]
fn an_increment_of_ours_repeats_nothing_of_one_that_is_damaged() {
    let stage = Stage::new(V1);
    record(&stage, &open(&stage), 3);
    make_ours(&stage, 3);
    damage(&stage, SEGMENTS[2]);
    assert_eq!(counted(&open(&stage)), [true; 4]);
}

/// A log file can begin as far before the end of the log as it is long.
#[test]
fn no_increment_is_looked_at_that_lies_further_back_than_a_log_file_is_long() {
    // The log of the middle one is a frame without a commit: it is recorded, and only compared.
    let middle = |bytes: usize| {
        let stage = Stage::new(V1);
        record(&stage, &open(&stage), 3);
        make_ours(&stage, 1);
        let log = frame(&vec![0; bytes - 8]);
        rewrite(&stage, 2, |old| {
            let ours = with_header(&old, |header| header.flags.continues = true);
            with_body(&ours, &log)
        });
        (stage, log)
    };
    let (stage, log) = middle(LOG_FILE_BYTES);
    let front = [&body(&stage, SEGMENTS[1])[..], &log].concat();
    rewrite(&stage, 3, |old| {
        with_body(&old, &[&front[..], &old[SEGMENT_HEADER_BYTES..]].concat())
    });
    let found = open(&stage);
    assert_eq!(increment(&found, 3).overlap_bytes, front.len() as u64);

    let (stage, _) = middle(LOG_FILE_BYTES + 1);
    damage(&stage, SEGMENTS[1]);
    let found = open(&stage);
    assert_eq!(counted(&found), [true; 4]);
    assert_eq!(increment(&found, 3).overlap_bytes, 0);
}

/// Puts what the segment before the last one has of the log in front of what the last one has, with
/// a change in it.
fn repeating(stage: &Stage, change: impl FnOnce(&mut Vec<u8>)) -> usize {
    let [second, third] = [2, 3].map(|index| body(stage, SEGMENTS[index]));
    let frames = |body: &[u8]| {
        let mut pieces = Pieces::new(body).map(|piece| piece.expect("a piece"));
        let piece = pieces.next().expect("a piece");
        assert!(pieces.next().is_none());
        (*piece.header.bytes(), piece.frames.to_vec())
    };
    let ((header, mut repeated), (_, own)) = (frames(&second), frames(&third));
    change(&mut repeated);
    let length = (WAL_SEGMENT_HEADER_BYTES + repeated.len() + own.len()) as u64;
    let one_piece = [&length.to_le_bytes()[..], &header, &repeated, &own].concat();
    rewrite(stage, 3, |bytes| with_body(&bytes, &one_piece));
    repeated.len()
}

#[test]
fn what_is_repeated_of_a_log_file_of_generation_2_is_no_commit_more() {
    let sound = open(&Stage::new(V2));
    let stage = Stage::new(V2);
    let repeated = repeating(&stage, |_| {});
    let found = open(&stage);
    assert_eq!(found.chain().restorable(), sound.chain().restorable());
    let last = increment(&found, 3);
    assert_eq!(last.overlap_bytes, repeated as u64);
    assert!(!diverges(last));
    assert_eq!(last.commits, increment(&sound, 3).commits);
}

#[test]
fn what_is_repeated_of_generation_2_with_other_bytes_is_of_another_log() {
    let stage = Stage::new(V2);
    repeating(&stage, |frames| {
        let length = u32::from_le_bytes(*frames.first_chunk().expect("a length"));
        let end = FRAME_HEADER_BYTES + usize::try_from(length).expect("a length");
        frames[end - 1] ^= 1;
        seal_frame(&mut frames[..end]);
    });
    let found = open(&stage);
    let last = increment(&found, 3);
    assert_eq!((diverges(last), last.overlap_bytes), (true, 0));
}

#[test]
fn a_log_of_generation_2_that_ends_before_what_was_captured_of_it_is_another() {
    let stage = Stage::new(V2);
    let [first, second] = [1, 2].map(|index| read(&stage, SEGMENTS[index]));
    stage.keep_segments(3);
    let sound = open(&stage).chain().restorable();

    // As far as it goes it is the same log.
    add_increment(&stage, &second);
    let found = open(&stage);
    let last = increment(&found, 3);
    let header = SegmentHeader::decode(&second).expect("a header");
    assert!(!diverges(last) && last.overlap_bytes > 0);
    assert_eq!((last.commits, header.count > 0), (0, true));
    assert_eq!(found.chain().restorable(), sound);
    assert_eq!(found.chain().gaps().count(), 0);

    // It lacks the commits of the last one.
    stage.keep_segments(3);
    add_increment(&stage, &first);
    let found = open(&stage);
    let last = increment(&found, 3);
    assert_eq!((diverges(last), last.overlap_bytes), (true, 0));
    let causes = found.chain().gaps().map(|gap| gap.cause);
    let file = SEGMENTS[3].to_owned().try_into().expect("a name");
    assert_eq!(causes.collect::<Vec<_>>(), [GapCause::Diverges { file }]);
}
