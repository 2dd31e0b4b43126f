//! Logs that a crash tore.

use apograph_testing::damage;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::fixtures::V2;
use apograph_wal::{LogDefect, LogEnd, LogEndCause, LogPart, Place};

use super::{boundaries, frames, log_file, part, piece, sealed, source};
use crate::log;

const WHOLE: &str = "2@1x1 3@2x1 4@3x1 5@4x1 6@5x1";

#[test]
fn a_torn_tail_ends_after_the_last_whole_group() {
    let torn = LogEndCause::TornTail { records: 0 };
    let rows = [
        ("source", WHOLE, 440, LogEndCause::Clean),
        ("source_cut9", "2@1x1 3@2x1 4@3x1 5@4x1", 352, torn),
        ("source_cut23", "2@1x1 3@2x1 4@3x1 5@4x1", 352, torn),
        ("source_garbage", WHOLE, 440, torn),
    ];
    for (name, groups, offset, cause) in rows {
        let files = V2.logs_of(&format!("08_torn_tail/{name}"));
        let (found, end) = log::text(&source(&files));
        assert_eq!(found, groups, "{name}");
        assert_eq!((end.place.offset, end.cause), (offset, cause), "{name}");
    }
}

/// Checks a cut of a part at an offset: what stands before it is there, and how the log ends.
fn check_cut(whole: &LogPart<'_>, at: usize) {
    let cut = LogPart {
        bytes: whole.bytes.slice(0..at),
        ..*whole
    };
    let boundary = *boundaries(whole)
        .iter()
        .rfind(|&&end| end <= at)
        .expect("0");
    let before = LogPart {
        bytes: whole.bytes.slice(0..boundary),
        ..*whole
    };
    let (expected, _) = log::text(&[before]);
    let (found, end) = log::text(&[cut]);
    assert_eq!(found, expected, "{at} bytes");
    let within = frames(whole)
        .into_iter()
        .filter(|(offset, frame)| *offset >= boundary && offset + frame.bytes().len() <= at);
    let records = within.count() as u64;
    let place = Place {
        part: 0,
        offset: boundary,
    };
    let cause = if at == boundary {
        LogEndCause::Clean
    } else {
        LogEndCause::TornTail { records }
    };
    assert_eq!(end, LogEnd { place, cause }, "{at} bytes");

    // What a segment holds must end with a group.
    let sealed = sealed(cut);
    let (found, end) = log::text(&[sealed]);
    assert_eq!(found, expected, "{at} bytes");
    match end.cause {
        LogEndCause::Clean => assert_eq!(at, boundary),
        LogEndCause::Damage { place, .. } => {
            assert!(at != boundary && (boundary..at).contains(&place.offset));
        }
        cause => panic!("{at} bytes: {cause:?}"),
    }
}

#[test]
fn a_log_cut_anywhere_is_a_prefix_of_itself() {
    for file in [
        log_file("08_torn_tail/source", 0),
        log_file("05_schema/source", 332),
        log_file("10_live/source", 296),
        piece("18_sync_markers/backup/backup_incr_0001.wal", 0),
        piece("13_close_in_chain/backup/backup_incr_0002.wal", 0),
    ] {
        let whole = part(&file);
        damage::every_cut(log::slice(&whole), |bytes| check_cut(&whole, bytes.len()));
    }
}

#[test]
fn a_big_group_cut_around_its_frames_is_torn() {
    let file = piece("17_big_group/backup/backup_incr_0001.wal", 0);
    let whole = part(&file);
    let mut cuts = 0;
    for (offset, frame) in frames(&whole) {
        for near in [offset, offset + frame.bytes().len()] {
            for at in near.saturating_sub(26)..=(near + 40).min(whole.bytes.len()) {
                check_cut(&whole, at);
                cuts += 1;
            }
        }
    }
    assert!(cuts > 500, "{cuts}");
}

#[test]
fn a_cut_file_before_another_is_damaged() {
    let (old, new) = (
        log_file("04_rotation/source", 74),
        log_file("04_rotation/source", 290),
    );
    let (old, new) = (part(&old), part(&new));
    let ends = boundaries(&old);
    damage::every_cut(log::slice(&old), |bytes| {
        let cut = LogPart {
            bytes: bytes.into(),
            ..old
        };
        let (_, end) = log::text(&[cut, new]);
        if ends.contains(&bytes.len()) {
            // That it does not meet the next file is for whoever lays the parts side by side.
            assert_eq!(end.cause, LogEndCause::Clean);
        } else {
            assert!(
                matches!(end.cause, LogEndCause::Damage { place, .. } if place.part == 0),
                "{} bytes: {:?}",
                bytes.len(),
                end.cause
            );
        }
    });
}

/// Five groups of 88 bytes, the third of them damaged, and the fifth saying how far the log was
/// durable.
fn proved(synced: u64) -> Vec<u8> {
    let mut file = log_file("08_torn_tail/source", 0);
    let frames = &mut file[128..];
    frames[2 * 88 + 40] ^= 1;
    let fifth = &mut frames[4 * 88..];
    fifth[25..33].copy_from_slice(&synced.to_le_bytes());
    seal_frame(fifth);
    file
}

#[test]
fn a_later_group_that_says_the_bytes_were_durable_proves_damage() {
    let bad = 2 * 88;
    // The fifth group says that the log was durable up to there.
    let rows = [
        (0, false),
        (bad - 1, false),
        (bad, false),
        (bad + 1, true),
        (bad + 88, true),
        (4 * 88, true),
    ];
    for (synced, is_damage) in rows {
        let file = proved(synced);
        let (found, end) = log::text(&[part(&file)]);
        assert_eq!(found, "2@1x1 3@2x1", "{synced}");
        assert_eq!(end.place.offset, 2 * 88, "{synced}");
        match end.cause {
            LogEndCause::Damage { place, defect } => {
                assert!(is_damage, "{synced}");
                assert_eq!(place.offset, 2 * 88);
                assert!(matches!(defect, LogDefect::FrameV2(_)), "{defect}");
            }
            cause => {
                assert_eq!(cause, LogEndCause::TornTail { records: 0 }, "{synced}");
                assert!(!is_damage, "{synced}");
            }
        }
    }
}

#[test]
fn a_proof_that_is_damaged_itself_proves_nothing() {
    let file = proved(4 * 88);
    let whole = part(&file);
    let fifth = 4 * 88..5 * 88;
    damage::one_bit_each(log::slice(&whole), fifth, |offset, bytes| {
        let (found, end) = log::text(&[LogPart {
            bytes: bytes.into(),
            ..whole
        }]);
        assert_eq!(found, "2@1x1 3@2x1");
        assert_eq!(
            end.cause,
            LogEndCause::TornTail { records: 0 },
            "byte {offset}"
        );
    });
}

/// A group cannot have been durable past its own beginning.
#[test]
fn a_group_that_was_durable_before_it_began_is_damaged() {
    let mut file = log_file("08_torn_tail/source", 0);
    let second = &mut file[128 + 88..128 + 2 * 88];
    second[25..33].copy_from_slice(&89_u64.to_le_bytes());
    seal_frame(second);
    let (found, end) = log::text(&[part(&file)]);
    assert_eq!(found, "2@1x1");
    let LogEndCause::Damage { place, defect } = end.cause else {
        panic!("{:?}", end.cause);
    };
    assert_eq!(place.offset, 88);
    assert_eq!(
        defect.to_string(),
        "the group says that the log was durable up to LSN 89, after its own beginning"
    );
}
