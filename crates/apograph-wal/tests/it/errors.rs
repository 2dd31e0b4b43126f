//! What the errors and the defects of a log say.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use apograph_format::{Code, Epoch, FormatError, Lsn, TransactionId, v1, v2};
use apograph_io::IoError;
use apograph_testing::errors::told;
use apograph_wal::{GroupDefect, LogDefect, WalError};

#[test]
fn what_is_wrong_with_a_file_is_told_once() {
    let path = || PathBuf::from("a/file");
    let version = || FormatError::UnsupportedVersion {
        what: "header",
        found: 3,
        known: 2,
    };
    let short = || FormatError::TooShort {
        what: "header",
        need: 9,
        have: 8,
    };
    let denied = || io::Error::from_raw_os_error(13);
    let checkpoint = WalError::Checkpoint {
        path: path(),
        source: short(),
    };
    let header = |source| WalError::Header {
        path: path(),
        source,
    };
    let io = WalError::from(IoError::Failed {
        operation: "open",
        path: path(),
        source: denied(),
    });
    let rows: [(_, _, Box<dyn Error>, _); 4] = [
        (
            checkpoint,
            "a/file is damaged",
            short().into(),
            Code::CorruptWal,
        ),
        (
            header(short()),
            "a/file is damaged",
            short().into(),
            Code::WalDamaged,
        ),
        (
            header(version()),
            "a/file is damaged",
            version().into(),
            Code::UnsupportedVersion,
        ),
        (io, "cannot open a/file", denied().into(), Code::Io),
    ];
    for (error, own, cause, code) in rows {
        assert_eq!(error.to_string(), own);
        assert_eq!(told(&error), format!("{own}: {cause}"));
        assert_eq!(error.code(), code, "{cause}");
    }
}

#[test]
fn a_defect_has_the_code_of_what_it_is_of() {
    let transaction = TransactionId::new(3);
    let rows = [
        (v1::FrameDefect::Empty.into(), Code::Malformed),
        (
            LogDefect::StrayEpoch {
                epoch: Epoch::new(3),
            },
            Code::Malformed,
        ),
        (
            v2::FrameDefect::UnknownFlags { bits: 9 }.into(),
            Code::UnsupportedVersion,
        ),
        (
            v2::FrameDefect::TooLong { length: 9 }.into(),
            Code::Malformed,
        ),
        (
            v2::RecordDefect::UnknownFlags { flags: 9 }.into(),
            Code::UnsupportedVersion,
        ),
        (v2::RecordDefect::KindZero.into(), Code::Malformed),
        (
            GroupDefect::NotFirst { transaction }.into(),
            Code::Malformed,
        ),
        (GroupDefect::Interrupted.into(), Code::Malformed),
        (GroupDefect::NoPrologue.into(), Code::TooShort),
        (
            GroupDefect::SyncedAhead {
                synced: Lsn::new(9),
            }
            .into(),
            Code::Malformed,
        ),
        (GroupDefect::CutOff.into(), Code::Malformed),
    ];
    for (defect, code) in rows {
        let words = told(&defect);
        assert_eq!(defect.code(), code, "{words}");
        assert_eq!(
            defect.is_unsupported(),
            code == Code::UnsupportedVersion,
            "{words}"
        );
    }
}
