//! The names of files that are not whole yet.

use std::ffi::{OsStr, OsString};

/// What the names of temporary files end in.
pub const TEMPORARY_SUFFIX: &str = ".apograph-tmp";

/// The temporary name of a file or folder, in the folder of its final one: `.NAME.apograph-tmp`.
pub fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(TEMPORARY_SUFFIX);
    temporary
}

/// Whether a file name is one that [`temporary_name`] makes.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes().strip_prefix(b".");
    name.is_some_and(|name| name.ends_with(TEMPORARY_SUFFIX.as_bytes()))
}
