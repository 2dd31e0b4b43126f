//! A cursor in the log folder that is not as it was written.

use std::fs;

use apograph_capture::Kind;
use apograph_format::{LogSequence, UnixMillis};
use apograph_manifest::{CURSOR_FILE_NAME, Cursor, Keep, Unknown};
use apograph_testing::damage::every_bit;
use apograph_testing::fixtures::{V1, V2};

use crate::live::Live;

const SOURCE: &str = "10_live/source";

#[test]
fn every_flipped_bit_of_a_cursor_of_generation_1_is_found() {
    let live = Live::of(V1, SOURCE);
    live.added(Kind::Auto);
    let path = live.log_folder().join(CURSOR_FILE_NAME);
    let sound = fs::read(&path).expect("a cursor");
    every_bit(&sound, |offset, flipped| {
        fs::write(&path, flipped).expect("a cursor");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "corrupt-cursor", "{offset}: {words}");
        assert!(words.contains(CURSOR_FILE_NAME), "{words}");
    });
    fs::write(&path, &sound).expect("a cursor");
    live.capture(Kind::Incremental).expect("a sound cursor");
}

#[test]
fn a_cursor_of_generation_1_names_no_log_file_behind_the_newest() {
    let live = Live::of(V1, SOURCE);
    let cursor = |sequence| {
        let keep = Keep::FilesAfter(LogSequence::new(sequence));
        let written_at = UnixMillis::new(1_795_246_036_700);
        Cursor {
            backed_up_epoch: live.headers().checkpoint.epoch,
            keep,
            written_at,
            unknown: Unknown::new(),
        }
    };
    live.set_cursor(&cursor(2));
    let (code, words) = live.refused(Kind::Auto);
    assert_eq!(code, "corrupt-cursor");
    assert!(
        words.ends_with("it names a log file that does not exist yet"),
        "{words}"
    );
    assert_eq!(live.cursor(), Some(cursor(2)));
    live.set_cursor(&cursor(1));
    live.added(Kind::Auto);
}

/// One byte alone cannot differ by anything that an engine wrote.
#[test]
fn a_cursor_of_an_engine_that_differs_in_more_than_a_byte_is_not_damaged() {
    let live = Live::of(V1, SOURCE);
    live.added(Kind::Auto);
    let ours = live.cursor().expect("a cursor");
    let later = |millis| Cursor {
        written_at: UnixMillis::new(ours.written_at.get() + millis),
        ..ours.clone()
    };
    // At least two bytes of each of these are others.
    let mut others = (0x0101..0x0200).map(later).filter(|it| !it.is_ours());
    let other = others.next().expect("a cursor of an engine");
    assert_eq!(other.encode().len(), ours.encode().len());
    live.set_cursor(&other);
    live.capture(Kind::Auto).expect("a backup");
}

/// There the positions in the log itself prove where a chain goes on.
#[test]
fn a_cursor_of_generation_2_that_is_no_witness_does_no_harm() {
    let live = Live::of(V2, SOURCE);
    live.added(Kind::Auto);
    let mut cursor = live.cursor().expect("a cursor");
    cursor.backed_up_epoch = cursor.backed_up_epoch.next().expect("an epoch");
    live.set_cursor(&cursor);
    live.capture(Kind::Incremental)
        .expect("a chain that goes on");
    fs::write(live.log_folder().join(CURSOR_FILE_NAME), "{").expect("a cursor");
    assert_eq!(live.refused(Kind::Incremental).0, "corrupt-cursor");
}
