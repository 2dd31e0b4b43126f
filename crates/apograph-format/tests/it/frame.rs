//! Log frames.

use apograph_format::SEGMENT_HEADER_BYTES;
use apograph_format::v1::{FrameDefect, RawFrame, RecordKind};
use apograph_testing::damage;
use apograph_testing::fixtures::V1;

/// Walks from frame to frame; tells how many there are, and what stands where none begins.
fn walk(mut bytes: &[u8]) -> (usize, Option<FrameDefect>) {
    let mut frames = 0;
    while !bytes.is_empty() {
        match RawFrame::parse(bytes).and_then(|frame| frame.check().map(|()| frame)) {
            Ok(frame) => bytes = &bytes[frame.bytes().len()..],
            Err(defect) => return (frames, Some(defect)),
        }
        frames += 1;
    }
    (frames, None)
}

#[test]
fn golden_segments_are_frames_to_their_end() {
    for golden in V1.segments() {
        let (frames, defect) = walk(&golden.bytes[SEGMENT_HEADER_BYTES..]);
        let torn = golden.fixture() == "14_torn_in_chain";
        assert_eq!(defect.is_some(), torn, "{}: {defect:?}", golden.path);
        assert!(frames >= 3, "{}", golden.path);
    }
}

#[test]
fn golden_logs_are_frames_to_their_end() {
    for golden in V1.logs() {
        let (_, defect) = walk(&golden.bytes);
        let torn = ["source_cut9", "source_cut23", "source_garbage"];
        let torn = torn.iter().any(|source| golden.path.contains(source));
        assert_eq!(defect.is_some(), torn, "{}: {defect:?}", golden.path);
    }
}

#[test]
fn a_frame_knows_its_parts() {
    let bytes = b"\x02\0\0\0\x26\x02\xf7\xf0\x09\x6cmore";
    let frame = RawFrame::parse(bytes).expect("a frame");
    assert_eq!(frame.bytes(), &bytes[..10]);
    assert_eq!(frame.payload(), b"\x26\x02");
    assert_eq!(frame.kind(), RecordKind::EpochAdvance);
    assert_eq!(frame.checksum().to_string(), "6c09f0f7");
    assert!(frame.is_intact());
}

#[test]
fn what_is_no_frame_is_named() {
    let rows: [(&[u8], &str); 9] = [
        (b"", "the frame needs 4 bytes and 0 remain"),
        (b"\x02\0\0", "the frame needs 4 bytes and 3 remain"),
        (b"\x02\0\0\0", "the frame needs 10 bytes and 4 remain"),
        (
            b"\x02\0\0\0\x26\x02\xf7\xf0\x09",
            "the frame needs 10 bytes and 9 remain",
        ),
        (
            b"\xff\xff\xff\xff\x26\x02",
            "the frame needs 4294967303 bytes and 6 remain",
        ),
        (b"\0\0\0\0\0\0\0\0", "the frame has an empty payload"),
        (
            b"\x01\0\0\0\x28\0\0\0\0",
            "the frame holds a record of the unknown kind 40",
        ),
        (
            b"\x01\0\0\0\xff\0\0\0\0",
            "the frame holds a record of the unknown kind 255",
        ),
        (
            b"\x02\0\0\0\x26\x03\xf7\xf0\x09\x6c",
            "the frame's checksum is 6c09f0f7, its payload has 1b0ec061",
        ),
    ];
    for (bytes, text) in rows {
        let (_, defect) = match bytes {
            [] => (0, RawFrame::parse(bytes).err()),
            _ => walk(bytes),
        };
        assert_eq!(defect.expect(text).to_string(), text);
    }
}

#[test]
fn no_cut_frame_is_read() {
    let frame = b"\x05\0\0\0\0\x02\x01\x01T\x0d\xf1\xf4\x18";
    assert_eq!(walk(frame), (1, None));
    damage::every_cut(frame, |bytes| {
        assert!(matches!(
            RawFrame::parse(bytes),
            Err(FrameDefect::Truncated { .. })
        ));
    });
}

#[test]
fn no_changed_frame_is_intact() {
    let frame = b"\x05\0\0\0\0\x02\x01\x01T\x0d\xf1\xf4\x18";
    damage::every_value(frame, |offset, bytes| {
        let (frames, defect) = walk(bytes);
        assert!(frames == 0 && defect.is_some(), "byte {offset}");
        assert!(
            !RawFrame::parse(bytes).is_ok_and(|frame| frame.is_intact()),
            "byte {offset}"
        );
    });
}
