//! The comparison of a file with what the manifest and its record say of it.

use apograph_format::{Blake3, LogSequence, SEGMENT_HEADER_BYTES};
use apograph_io::{Context, IoError, Sums};
use apograph_manifest::Unusable;
use apograph_repository::{Expected, FileCheck, check_beside};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};
use apograph_wal::{LogPart, Run};

use crate::forge::read;

/// What a check says that has the bytes beforehand, and one that follows a reader.
fn both(bytes: &[u8], expected: Expected<'_>) -> [Result<(), Unusable>; 2] {
    let part = [LogPart {
        file_offset: SEGMENT_HEADER_BYTES as u64,
        ..LogPart::of_file(LogSequence::default(), 0, &bytes[SEGMENT_HEADER_BYTES..])
    }];
    let whole = Run {
        part: 0,
        start: 0,
        end: part[0].bytes.len(),
    };
    [true, false].map(|first| {
        let read = |check: &FileCheck<'_>| {
            check.passed(whole, &part);
            Ok::<_, IoError>(check.is_known_sound())
        };
        let context = Context::default();
        let (is_known, sums, found) =
            check_beside(bytes.into(), context, expected, first, read).expect("bytes in memory");
        assert_eq!(is_known, first && found.is_ok());
        assert_eq!(sums, Sums::of(bytes));
        found
    })
}

#[test]
fn every_byte_of_a_file_is_compared() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let segment = &stage.manifest().segments[1];
        let expected = Expected {
            segment,
            hash: None,
        };
        let sound = read(&stage, SEGMENTS[1]);
        assert_eq!(both(&sound, expected), [Ok(()), Ok(())]);
        for offset in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[offset] ^= 1;
            for found in both(&bytes, expected) {
                let Err(Unusable::Damaged { offset: 0, detail }) = found else {
                    panic!("{offset}: {found:?}");
                };
                let detail = detail.to_string();
                assert!(detail.contains("the manifest says"), "{detail}");
            }
        }
        let longer = [&sound[..], b"x"].concat();
        for bytes in [&sound[..sound.len() - 1], &longer] {
            for found in both(bytes, expected) {
                let Err(Unusable::Damaged { detail, .. }) = found else {
                    panic!("{found:?}");
                };
                let detail = detail.to_string();
                assert!(detail.starts_with("it has "), "{detail}");
            }
        }
    }
}

#[test]
fn a_hash_in_the_record_is_compared_too() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let segment = &stage.manifest().segments[1];
        let sound = read(&stage, SEGMENTS[1]);
        let of = |bytes: &[u8]| Expected {
            segment,
            hash: Some(Blake3::of(bytes)),
        };
        assert_eq!(both(&sound, of(&sound)), [Ok(()), Ok(())]);
        for found in both(&sound, of(b"another file with the same size and checksum")) {
            let Err(Unusable::Damaged { offset: 0, detail }) = found else {
                panic!("{found:?}");
            };
            let detail = detail.to_string();
            assert!(detail.contains("apograph.json"), "{detail}");
        }
    }
}
