//! What an error of a decoder says of itself.

use std::error::Error;
use std::io;

use apograph_format::v1::{self, CheckpointRecord, RecordKind};
use apograph_format::{Code, Crc32, Detail, FormatError, Lsn, ParseWordError, WithCauses, v2};
use apograph_testing::errors::told;

#[test]
fn errors_say_where_they_are_and_whether_another_version_helps() {
    let what = "a thing";
    let checksum = Crc32::new(7);
    let malformed = |offset| FormatError::Malformed {
        what,
        offset,
        detail: "odd".to_owned(),
    };
    let mismatch = |offset| FormatError::ChecksumMismatch {
        what,
        offset,
        expected: checksum,
        found: checksum,
    };
    let short = FormatError::TooShort {
        what,
        need: 9,
        have: 8,
    };
    let (found, known) = (3, 2);
    let version = FormatError::UnsupportedVersion { what, found, known };
    // The error, whether it is of another version, its offset, and that in a larger structure.
    let rows = [
        (malformed(5), false, 5, 105),
        (mismatch(5), false, 5, 105),
        (malformed(u64::MAX), false, u64::MAX, u64::MAX),
        (short, false, 0, 0),
        (version, true, 0, 0),
    ];
    for (error, is_unsupported, offset, shifted) in rows {
        assert_eq!(error.is_unsupported(), is_unsupported, "{error}");
        assert_eq!(error.offset(), offset, "{error}");
        let code = error.code();
        let error = error.shifted(100);
        assert_eq!((error.offset(), error.code()), (shifted, code), "{error}");
    }
}

#[test]
fn a_decoder_of_another_crate_is_the_source() {
    let error = CheckpointRecord::decode(&[0xff]).expect_err("no number");
    assert_eq!(error.code(), "malformed");
    let source = error.source().expect("a source");
    assert!(source.is::<bincode::error::DecodeError>(), "{source:?}");
    assert_eq!(told(&error), format!("{error}: {source}"));
}

#[test]
fn a_detail_is_the_error_that_it_was_made_of_and_equals_what_says_the_same() {
    let error = CheckpointRecord::decode(&[0xff]).expect_err("no number");
    let detail = Detail::from(error.clone());
    assert_eq!(detail.to_string(), told(&error));
    assert_eq!(detail, Detail::from(told(&error)));
    assert_ne!(detail, Detail::from(error.to_string()));
    let cause = detail.downcast_ref::<FormatError>();
    assert_eq!(cause, Some(&error));
}

#[test]
fn causes_are_told_in_their_order() {
    let deepest = io::Error::other("the third");
    let error = FormatError::Undecodable {
        what: "the first",
        offset: 2,
        source: deepest.into(),
    };
    let text = "the first is malformed at byte 2: the third";
    assert_eq!(WithCauses(&error).to_string(), text);
}

#[test]
fn every_defect_has_a_code() {
    let checksum = Crc32::new(7);
    let (need, have) = (9, 8);
    let kind = RecordKind::TransactionCommit;
    let first = |defect: v1::FrameDefect| (told(&defect), defect.code());
    let second = |defect: v2::FrameDefect| (told(&defect), defect.code());
    let record = |defect: v2::RecordDefect| (told(&defect), defect.code());
    let word = |error: ParseWordError| (told(&error), error.code());
    let (expected, found) = (checksum, checksum);
    let rows = [
        (
            first(v1::FrameDefect::Truncated { need, have }),
            Code::TooShort,
        ),
        (first(v1::FrameDefect::Empty), Code::Malformed),
        (
            first(v1::FrameDefect::UnknownRecord { tag: 9 }),
            Code::Malformed,
        ),
        (
            first(v1::FrameDefect::MalformedRecord { kind }),
            Code::Malformed,
        ),
        (
            first(v1::FrameDefect::ChecksumMismatch { expected, found }),
            Code::ChecksumMismatch,
        ),
        (
            second(v2::FrameDefect::Truncated { need, have }),
            Code::TooShort,
        ),
        (
            second(v2::FrameDefect::TooLong { length: 9 }),
            Code::Malformed,
        ),
        (
            second(v2::FrameDefect::Misplaced {
                expected: Lsn::new(1),
                found: Lsn::new(2),
            }),
            Code::Malformed,
        ),
        (
            second(v2::FrameDefect::ChecksumMismatch { expected, found }),
            Code::ChecksumMismatch,
        ),
        (
            second(v2::FrameDefect::UnknownFlags { bits: 9 }),
            Code::UnsupportedVersion,
        ),
        (
            record(v2::RecordDefect::Truncated { need, have }),
            Code::TooShort,
        ),
        (record(v2::RecordDefect::KindZero), Code::Malformed),
        (
            record(v2::RecordDefect::UnknownRequired { kind: 9 }),
            Code::UnsupportedVersion,
        ),
        (
            record(v2::RecordDefect::UnknownFlags { flags: 9 }),
            Code::UnsupportedVersion,
        ),
        (record(v2::RecordDefect::NoGroupBegin), Code::Malformed),
        (record(v2::RecordDefect::SecondGroupBegin), Code::Malformed),
        (word(ParseWordError::NotANumber), Code::Malformed),
        (
            word(ParseWordError::NotHexadecimal { digits: 8 }),
            Code::Malformed,
        ),
        (word(ParseWordError::TooLarge), Code::Malformed),
        (word(ParseWordError::NotAPoint), Code::Malformed),
    ];
    for ((words, code), expected) in rows {
        assert_eq!(code, expected, "{words}");
    }
}
