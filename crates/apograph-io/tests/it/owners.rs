//! Whom a new file belongs to. Only root can give files away: for others there is nothing to see.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use apograph_io::{Disk, Folder, Mode, RealDisk, StagedFile, replace_file};
use rustix::process::geteuid;
use tempfile::TempDir;

const USER: u32 = 4711;
const GROUP: u32 = 4712;
const OTHER: u32 = 4713;

/// A folder of another user; `None` where this one cannot give it away.
fn folder_of_another() -> Option<(TempDir, Folder)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    if !geteuid().is_root() {
        return None;
    }
    chown(folder.path(), Some(USER), Some(GROUP)).expect("another owner");
    let opened = Folder::open(folder.path()).expect("a folder");
    Some((folder, opened))
}

fn found(path: &Path) -> (u32, u32, u32) {
    let found = fs::metadata(path).expect("a file");
    (found.uid(), found.gid(), found.permissions().mode() & 0o777)
}

#[test]
fn what_root_creates_belongs_to_the_owner_of_its_folder() {
    let Some((kept, folder)) = folder_of_another() else {
        return;
    };
    let mut file =
        StagedFile::create(&RealDisk, folder.at("staged"), Mode::PRIVATE).expect("a file");
    file.write(b"bytes").expect("a write");
    file.publish().expect("a file");
    let mode = Mode::PRIVATE.for_folder();
    let inner = RealDisk.create_folder(folder.at("folder"), mode);
    let inner = inner.expect("a folder");
    replace_file(&RealDisk, inner.at("small"), Mode::PRIVATE, b"").expect("a file");
    assert_eq!(found(&kept.path().join("staged")), (USER, GROUP, 0o600));
    assert_eq!(found(&kept.path().join("folder")), (USER, GROUP, 0o700));
    assert_eq!(
        found(&kept.path().join("folder/small")),
        (USER, GROUP, 0o600)
    );
}

#[test]
fn what_takes_the_place_of_a_file_has_its_owner_and_permissions() {
    let Some((kept, folder)) = folder_of_another() else {
        return;
    };
    let path = kept.path().join("small");
    fs::write(&path, "old").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("permissions");
    for (owner, expected) in [(OTHER, OTHER), (USER, USER), (0, USER)] {
        let group = if owner == 0 { 0 } else { OTHER };
        chown(&path, Some(owner), Some(group)).expect("another owner");
        replace_file(&RealDisk, folder.at("small"), Mode::PRIVATE, b"new").expect("a file");
        // What root has put there before is not told from what nobody has.
        let group = if owner == 0 { GROUP } else { OTHER };
        assert_eq!(found(&path), (expected, group, 0o640), "{owner}");
    }
    assert_eq!(fs::read(&path).expect("a file"), b"new");
}

#[test]
fn a_file_of_ones_own_keeps_its_permissions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = Folder::open(folder.path()).expect("a folder");
    let path = folder.path().join("small");
    for mode in [0o600, 0o664, 0o400] {
        fs::write(&path, "old").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
        replace_file(&RealDisk, opened.at("small"), Mode::PRIVATE, b"new").expect("a file");
        assert_eq!(found(&path).2, mode);
        fs::remove_file(&path).expect("a file");
    }
}
