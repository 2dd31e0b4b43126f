//! What the errors of a repository say.

use std::io;
use std::path::PathBuf;

use apograph_format::{Code, FormatError};
use apograph_io::IoError;
use apograph_manifest::{ManifestError, Unusable};
use apograph_repository::{RepositoryError, SegmentDefect};
use apograph_testing::errors::told;

const DETAIL: &str = "its checksum is another one";

fn denied(code: i32) -> IoError {
    IoError::Failed {
        operation: "open",
        path: "a/file".into(),
        source: io::Error::from_raw_os_error(code),
    }
}

#[test]
fn what_is_below_a_repository_is_told_once() {
    let path = || PathBuf::from("a/file");
    let of_system = told(&denied(13));
    let damaged = ManifestError::CorruptManifest {
        path: path(),
        detail: DETAIL.into(),
    };
    let reason = Unusable::damaged(7, DETAIL);
    let none_usable = RepositoryError::NoneUsable {
        path: path(),
        code: reason.code(),
        detail: reason.detail(),
    };
    let rows = [
        (denied(13).into(), of_system, Code::Io),
        (
            damaged.into(),
            format!("a/file is damaged: {DETAIL}"),
            Code::CorruptManifest,
        ),
        (
            none_usable,
            format!("a/file cannot be used: {DETAIL}"),
            Code::CorruptSegment,
        ),
    ];
    for (error, words, code) in rows {
        assert_eq!((told(&error), RepositoryError::code(&error)), (words, code));
    }
}

#[test]
fn a_file_that_cannot_be_used_is_told_as_its_reason() {
    let version = FormatError::UnsupportedVersion {
        what: "header",
        found: 3,
        known: 2,
    };
    let rows = [
        (denied(13).into(), told(&denied(13)), Code::Io),
        // Nothing is there.
        (
            denied(2).into(),
            "it is missing".to_owned(),
            Code::ChainBroken,
        ),
        (
            Unusable::damaged(7, DETAIL).into(),
            format!("damaged at byte 7: {DETAIL}"),
            Code::CorruptSegment,
        ),
        (
            version.clone().into(),
            version.to_string(),
            Code::UnsupportedVersion,
        ),
    ];
    for (defect, words, code) in rows {
        assert_eq!((told(&defect), SegmentDefect::code(&defect)), (words, code));
    }
}
