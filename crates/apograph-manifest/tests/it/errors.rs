//! What the errors of a catalogue say.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use apograph_format::{Code, Detail, FormatError};
use apograph_io::IoError;
use apograph_manifest::{
    ChainError, Cursor, FileName, GapCause, Manifest, ManifestError, Notes, Unusable,
    UnusableSegment,
};
use apograph_testing::errors::told;

const DETAIL: &str = "its checksum is another one";

#[test]
fn why_a_segment_cannot_be_used_is_told_with_its_place_and_its_file() {
    let short = FormatError::TooShort {
        what: "header",
        need: 9,
        have: 8,
    };
    let malformed = FormatError::Malformed {
        what: "header",
        offset: 3,
        detail: "odd".to_owned(),
    };
    let version = FormatError::UnsupportedVersion {
        what: "header",
        found: 3,
        known: 2,
    };
    let (of_short, of_malformed) = (short.to_string(), malformed.to_string());
    let of_version = version.to_string();
    let rows = [
        (
            Unusable::Missing,
            Code::ChainBroken,
            None,
            "it is missing",
            "it is missing".to_owned(),
        ),
        (
            Unusable::damaged(7, DETAIL),
            Code::CorruptSegment,
            Some(7),
            DETAIL,
            format!("damaged at byte 7: {DETAIL}"),
        ),
        (
            short.into(),
            Code::CorruptSegment,
            Some(0),
            &of_short,
            format!("damaged at byte 0: {of_short}"),
        ),
        (
            malformed.into(),
            Code::CorruptSegment,
            Some(3),
            &of_malformed,
            format!("damaged at byte 3: {of_malformed}"),
        ),
        (
            version.into(),
            Code::UnsupportedVersion,
            None,
            &of_version,
            of_version.clone(),
        ),
    ];
    for (reason, code, offset, detail, words) in rows {
        assert_eq!(told(&reason), words);
        assert_eq!((reason.code(), reason.offset()), (code, offset), "{words}");
        assert_eq!(reason.detail().to_string(), detail);

        let file = FileName::try_from("backup_incr_0001.wal").expect("a name");
        let words = match code {
            Code::ChainBroken => format!("{file} is missing"),
            Code::UnsupportedVersion => format!("{file}: {words}"),
            _ => format!("{file} is {words}"),
        };
        let segment = UnusableSegment { file, reason };
        assert_eq!((told(&segment), segment.code()), (words.clone(), code));
        let cause = GapCause::Unusable(segment);
        assert_eq!((told(&cause), cause.code()), (words.clone(), code));
        let error = ChainError::Unreachable {
            target: "epoch 3".to_owned(),
            cause: Box::new(cause),
            nearest: Box::default(),
        };
        assert_eq!(error.to_string(), "epoch 3 cannot be reached");
        let words = format!("epoch 3 cannot be reached: {words}");
        assert_eq!((told(&error), error.code()), (words, code));
    }
}

#[test]
fn what_is_wrong_with_a_small_file_is_told_once() {
    let path = || PathBuf::from("a/file");
    let detail = || Detail::from(DETAIL);
    let failed = IoError::Failed {
        operation: "open",
        path: path(),
        source: io::Error::from_raw_os_error(13),
    };
    let of_system = told(&failed);
    let damaged = format!("a/file is damaged: {DETAIL}");
    let rows = [
        (
            ManifestError::CorruptManifest {
                path: path(),
                detail: detail(),
            },
            &damaged,
        ),
        (
            ManifestError::CorruptCursor {
                path: path(),
                detail: detail(),
            },
            &damaged,
        ),
        (
            ManifestError::CorruptNotes {
                path: path(),
                detail: detail(),
            },
            &damaged,
        ),
        (failed.into(), &of_system),
    ];
    for (error, words) in rows {
        assert_eq!(told(&error), *words);
    }
}

#[test]
fn the_error_of_the_encoding_is_the_source() {
    let path = Path::new("a/file");
    let json = Manifest::decode(b"{}", path).expect_err("no manifest");
    let bincode = Manifest::decode(b"\x01\xff", path).expect_err("no manifest");
    let notes = Notes::decode(b"{}", path).expect_err("no notes");
    let cursor = Cursor::decode(b"", path).expect_err("no cursor");
    let of_json = |error: &ManifestError| {
        let source = error.source().expect("a source");
        source.is::<serde_json::Error>()
    };
    assert!(of_json(&json) && of_json(&notes));
    for error in [bincode, cursor] {
        let source = error.source().expect("a source");
        assert!(source.is::<bincode::error::DecodeError>(), "{source:?}");
        assert_eq!(told(&error), format!("a/file is damaged: {source}"));
    }
}

#[test]
fn what_is_no_file_name_is_an_error_with_a_code() {
    let error = FileName::try_from("a/b").expect_err("a path");
    assert_eq!(told(&error), "\"a/b\" is not a plain file name");
    assert_eq!(error.code(), "malformed");
}
