//! What an error of an operation on a file says.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use apograph_format::Code;
use apograph_io::IoError;
use apograph_testing::errors::told;

#[test]
fn what_the_system_answered_is_told_once() {
    let full = || io::Error::from_raw_os_error(28);
    let path = PathBuf::from("a/file");
    let failed = IoError::Failed {
        operation: "write",
        path: path.clone(),
        source: full(),
    };
    let unreadable = IoError::Unreadable {
        path: path.clone(),
        offset: 7,
        source: full(),
    };
    let rows = [
        (failed, "cannot write a/file"),
        (unreadable, "cannot read a/file at byte 7"),
    ];
    for (error, own) in rows {
        assert_eq!(error.to_string(), own);
        assert_eq!(told(&error), format!("{own}: {}", full()));
        assert_eq!(error.code(), Code::Io);
    }
    for error in [IoError::Busy { path }, IoError::Interrupted] {
        assert!(error.source().is_none(), "{error}");
    }
}
