//! Files that appear whole or not at all.

use std::ffi::OsStr;

use apograph_io::{is_temporary, temporary_name};

#[test]
fn a_temporary_name_is_known_by_both_of_its_ends() {
    for name in ["file", ".file", "a.apograph-tmp", ".", "..."] {
        let temporary = temporary_name(name.as_ref());
        assert!(is_temporary(&temporary), "{name}");
    }
    for name in [
        "",
        "file",
        ".file",
        "file.apograph-tmp",
        ".file.apograph-tm",
        ".file.apograph-tmp.",
        ".apograph-tmp",
        "apograph-tmp",
    ] {
        assert!(!is_temporary(OsStr::new(name)), "{name}");
    }
}
