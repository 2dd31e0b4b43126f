//! The cursor in the log folder: what it keeps, and that it proves nothing.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_format::{LogSequence, UnixMillis};
use apograph_manifest::{CURSOR_FILE_NAME, Cursor, Keep, Unknown};
use apograph_testing::damage::every_bit;
use apograph_testing::fixtures::{V1, V2};

use crate::live::Live;

const SOURCE: &str = "10_live/source";

/// What an engine of generation 1 writes.
fn cursor_of_engine(live: &Live, sequence: u64) -> Cursor {
    Cursor {
        backed_up_epoch: live.headers().checkpoint.epoch,
        keep: Keep::FilesAfter(LogSequence::new(sequence)),
        written_at: UnixMillis::new(1_795_246_036_700),
        is_wide: false,
        unknown: Unknown::new(),
    }
}

#[test]
fn a_chain_goes_on_whatever_the_cursor_says() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        live.added(Kind::Auto);
        let path = live.log_folder().join(CURSOR_FILE_NAME);
        let sound = fs::read(&path).expect("a cursor");
        let resume = |cursor: &[u8]| {
            fs::write(&path, cursor).expect("a cursor");
            let captured = live.capture(Kind::Incremental).expect("an answer");
            assert!(matches!(captured, Captured::UpToDate { .. }), "{cursor:?}");
        };
        every_bit(&sound, |_, flipped| resume(flipped));
        for length in 0..sound.len() {
            resume(&sound[..length]);
        }
        resume(&[0; 27]);
        resume(b"{");
        live.remove_cursor();
        live.capture(Kind::Incremental).expect("an answer");
    }
}

/// One that cannot be read, too.
#[test]
fn a_backup_puts_its_own_cursor_in_the_place_of_any_other() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        live.added(Kind::Auto);
        let ours = live.cursor().expect("a cursor");
        let path = live.log_folder().join(CURSOR_FILE_NAME);
        let sound = fs::read(&path).expect("a cursor");
        let others = [
            cursor_of_engine(&live, 0).encode(),
            // Of a file that does not exist yet.
            cursor_of_engine(&live, 2).encode(),
            cursor_of_engine(&live, u64::MAX).encode(),
            sound[..sound.len() / 2].to_vec(),
            // Longer than any.
            [&sound[..], b"and more"].concat(),
            b"{".to_vec(),
            Vec::new(),
        ];
        for other in others {
            fs::write(&path, &other).expect("a cursor");
            live.added(Kind::Full);
            let cursor = live.cursor().expect("a cursor");
            assert_eq!(cursor.keep, ours.keep, "{other:?}");
            assert_eq!(cursor.is_wide, ours.is_wide, "{other:?}");
            let length = fs::read(&path).expect("a cursor").len();
            assert_eq!(length, sound.len(), "{other:?}");
        }
    }
}
