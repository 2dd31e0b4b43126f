//! Log frames.

use apograph_format::v2::{
    FRAME_HEADER_BYTES, FRAME_PAYLOAD_MAX_BYTES, FrameDefect, RawFrame, WAL_SEGMENT_HEADER_BYTES,
};
use apograph_format::{Lsn, TransactionId};
use apograph_testing::damage;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::fixtures::V2;

use super::{log_file, walk};

const LSN: Lsn = Lsn::new(148);

/// Log files and pieces of them, and the frames in all of them.
const FILES: usize = 70;
const FRAMES: usize = 442;

/// The one frame of [`log_file`].
fn example() -> Vec<u8> {
    log_file().split_off(WAL_SEGMENT_HEADER_BYTES)
}

/// What is asked of a frame: its bounds and all its bytes.
fn check(bytes: &[u8], lsn: Lsn) -> Result<RawFrame<'_>, FrameDefect> {
    let frame = RawFrame::parse(bytes, lsn)?;
    frame.check()?;
    Ok(frame)
}

#[test]
fn golden_logs_are_frames_to_their_end() {
    let (mut files, mut count) = (0, 0);
    for golden in V2.wal_segments() {
        let (frames, defect) = walk(&golden.bytes);
        let torn = ["source_cut9", "source_cut23", "source_garbage"];
        let torn = torn.iter().any(|source| golden.path.contains(source));
        assert_eq!(defect.is_some(), torn, "{}: {defect:?}", golden.path);
        for frame in &frames {
            assert!(frame.transaction() >= TransactionId::SYSTEM);
            if frame.flags().is_first() {
                let synced = frame.synced_lsn().expect("a prologue");
                assert!(synced <= frame.lsn(), "{}", golden.path);
            }
        }
        files += 1;
        count += frames.len();
    }
    assert_eq!((files, count), (FILES, FRAMES));
}

#[test]
fn a_frame_knows_its_parts() {
    let mut bytes = example();
    let frame_bytes = bytes.len();
    bytes.extend(b"more");
    let frame = check(&bytes, LSN).expect("a frame");
    assert_eq!(frame.bytes(), &bytes[..frame_bytes]);
    assert_eq!(frame.payload(), &bytes[FRAME_HEADER_BYTES..frame_bytes]);
    assert_eq!((frame.lsn(), frame.end()), (LSN, Lsn::new(222)));
    assert_eq!(frame.transaction(), TransactionId::new(4));
    assert!(frame.flags().is_first() && frame.flags().is_last());
    assert_eq!(frame.synced_lsn(), Some(LSN));
}

#[test]
fn a_group_of_two_frames_has_a_first_and_a_last() {
    let file = V2.wal_segments();
    let big = file.iter().find(|it| it.fixture() == "17_big_group");
    let (frames, _) = walk(&big.expect("the big groups").bytes);
    let found: Vec<_> = frames
        .iter()
        .map(|frame| {
            let flags = frame.flags();
            let transaction = frame.transaction().get();
            (transaction, flags.is_first(), flags.is_last())
        })
        .collect();
    let expected = [
        (3, true, false),
        (3, false, true),
        (4, true, false),
        (4, false, true),
        (5, true, true),
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_flipped_bit_of_a_golden_frame_is_noticed() {
    let mut flips = 0_usize;
    for golden in V2.wal_segments() {
        for frame in walk(&golden.bytes).0 {
            let lsn = frame.lsn();
            let refused = |bytes: &[u8], offset: usize| {
                assert!(
                    check(bytes, lsn).is_err(),
                    "{}, {lsn}+{offset}",
                    golden.path
                );
            };
            if frame.bytes().len() <= 1024 {
                damage::every_bit(frame.bytes(), |offset, bytes| {
                    flips += 1;
                    refused(bytes, offset);
                });
            } else {
                // Of a long frame the header, and the ends of the payload.
                let end = frame.bytes().len();
                for range in [0..FRAME_HEADER_BYTES + 64, end - 64..end] {
                    damage::one_bit_each(frame.bytes(), range, |offset, bytes| {
                        flips += 1;
                        refused(bytes, offset);
                    });
                }
            }
        }
    }
    assert!(flips > 250_000, "{flips}");
}

#[test]
fn no_changed_frame_is_intact() {
    damage::every_value(&example(), |offset, bytes| {
        let defect = check(bytes, LSN).expect_err("a damaged frame");
        match offset {
            0..4 => assert!(
                !matches!(defect, FrameDefect::Misplaced { .. }),
                "byte {offset}: {defect}"
            ),
            8..16 => assert!(
                matches!(defect, FrameDefect::Misplaced { expected: LSN, .. }),
                "byte {offset}: {defect}"
            ),
            _ => assert!(
                matches!(defect, FrameDefect::ChecksumMismatch { .. }),
                "byte {offset}: {defect}"
            ),
        }
    });
}

#[test]
fn no_cut_frame_is_read() {
    let whole = example();
    damage::every_cut(&whole, |bytes| {
        let need = if bytes.len() < FRAME_HEADER_BYTES {
            FRAME_HEADER_BYTES
        } else {
            whole.len()
        };
        let expected = FrameDefect::Truncated {
            need: need as u64,
            have: bytes.len() as u64,
        };
        assert_eq!(RawFrame::parse(bytes, LSN), Err(expected));
    });
}

#[test]
fn a_frame_stands_where_it_says() {
    let bytes = example();
    for lsn in [0, 147, 149, u64::MAX] {
        let expected = Lsn::new(lsn);
        let misplaced = FrameDefect::Misplaced {
            expected,
            found: LSN,
        };
        assert_eq!(RawFrame::parse(&bytes, expected), Err(misplaced));
    }
}

/// Of 25 bytes on, a place is one exactly where its number is not what is wrong there.
#[test]
fn a_frame_can_begin_at_the_places_that_are_named() {
    let mut count = 0;
    for golden in V2.wal_segments() {
        let (frames, _) = walk(&golden.bytes);
        let Some(first) = frames.first() else {
            continue;
        };
        let bytes = &golden.bytes[WAL_SEGMENT_HEADER_BYTES..];
        let places: Vec<usize> = RawFrame::places(bytes, first.lsn()).collect();
        for offset in 0..=bytes.len().saturating_sub(FRAME_HEADER_BYTES) {
            let lsn = first.lsn().plus(offset as u64);
            let is_named = match RawFrame::parse(&bytes[offset..], lsn) {
                Err(FrameDefect::Misplaced { .. }) => false,
                Err(FrameDefect::TooLong { .. }) => continue,
                _ => true,
            };
            assert_eq!(places.contains(&offset), is_named, "{}", golden.path);
        }
        count += places.len();
        // No position is after the last one.
        for place in RawFrame::places(bytes, Lsn::new(u64::MAX)) {
            assert_eq!(bytes[place + 8..][..8], [0xff; 8]);
        }
    }
    assert!(count >= FRAMES, "{count}");
}

#[test]
fn a_payload_has_at_most_2_to_the_30_bytes() {
    let mut bytes = example();
    for (length, text) in [
        (
            FRAME_PAYLOAD_MAX_BYTES,
            "the frame needs 1073741849 bytes and 74 remain",
        ),
        (
            FRAME_PAYLOAD_MAX_BYTES + 1,
            "the frame claims a payload of 1073741825 bytes, at most 1073741824 fit",
        ),
        (
            u32::MAX,
            "the frame claims a payload of 4294967295 bytes, at most 1073741824 fit",
        ),
    ] {
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        let defect = RawFrame::parse(&bytes, LSN).expect_err(text);
        assert_eq!(defect.to_string(), text);
    }
}

#[test]
fn an_unknown_flag_counts_only_under_the_right_checksum() {
    for bits in 0..=u8::MAX {
        let mut bytes = example();
        bytes[24] = bits;
        if bits != 3 {
            let defect = check(&bytes, LSN).expect_err("a damaged frame");
            assert!(
                matches!(defect, FrameDefect::ChecksumMismatch { .. }),
                "{bits:#04x}: {defect}"
            );
        }
        seal_frame(&mut bytes);
        let found = check(&bytes, LSN).map(|frame| {
            let flags = frame.flags();
            u8::from(flags.is_first()) + 2 * u8::from(flags.is_last())
        });
        let expected = if bits < 4 {
            Ok(bits)
        } else {
            Err(FrameDefect::UnknownFlags { bits })
        };
        assert_eq!(found, expected, "{bits:#04x}");
    }
}

#[test]
fn defects_are_named() {
    let mut flipped = example();
    flipped[30] ^= 1;
    let mut newer = example();
    newer[24] = 7;
    seal_frame(&mut newer);
    let rows: [(&[u8], u64, &str); 5] = [
        (b"", 148, "the frame needs 25 bytes and 0 remain"),
        (
            &example()[..73],
            148,
            "the frame needs 74 bytes and 73 remain",
        ),
        (&example(), 147, "the frame has LSN 148 and stands at 147"),
        (
            &flipped,
            148,
            "the frame's checksum is e3ccd550, its bytes have ",
        ),
        (
            &newer,
            148,
            "the frame has the flags 0x07, of which some are not known here",
        ),
    ];
    for (bytes, lsn, text) in rows {
        let defect = check(bytes, Lsn::new(lsn)).expect_err(text).to_string();
        assert!(defect.starts_with(text), "{defect}");
    }
}

#[test]
fn a_payload_too_short_for_a_prologue_has_none() {
    for length in 0..8_u8 {
        let mut bytes = example();
        bytes.truncate(FRAME_HEADER_BYTES + usize::from(length));
        bytes[..4].copy_from_slice(&[length, 0, 0, 0]);
        seal_frame(&mut bytes);
        let frame = check(&bytes, LSN).expect("a frame");
        assert_eq!(frame.synced_lsn(), None, "{length} bytes");
    }
}
