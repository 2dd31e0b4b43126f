//! Files that are changed behind a backup's back.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

pub(crate) fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).open(path);
    let mut file = file.expect("a log file");
    file.write_all(bytes).expect("a log file");
}

/// Changes one byte of a file.
pub(crate) fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[offset] ^= 1;
    fs::write(path, bytes).expect("a file");
}

/// Puts what was copied in the place of a folder.
pub(crate) fn put_back(copied: &Path, folder: &Path) {
    fs::remove_dir_all(folder).expect("a folder");
    copy(copied, folder);
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a file");
        }
    }
}
