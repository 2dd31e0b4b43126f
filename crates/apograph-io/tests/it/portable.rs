//! Publishing and replacing where the file system does not have what that is best done with.

use std::fs;
use std::path::Path;

use apograph_io::{
    Disk, Folder, IoError, Lack, Mode, RealDisk, Result, StagedFile, is_temporary, replace_file,
};
use tempfile::TempDir;

use crate::noted::NotedDisk;

const NO_FLAGS: &[Lack] = &[Lack::FreeRename, Lack::Exchange];
const NO_FLAGS_OR_LINKS: &[Lack] = &[Lack::FreeRename, Lack::Exchange, Lack::Link];
const EACH: [&[Lack]; 6] = [
    &[],
    &[Lack::FreeRename],
    &[Lack::Exchange],
    &[Lack::Link],
    NO_FLAGS,
    NO_FLAGS_OR_LINKS,
];

fn stage() -> (TempDir, Folder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = Folder::open(folder.path()).expect("a folder");
    (folder, opened)
}

fn staged<'d>(disk: &'d dyn Disk, folder: &Folder) -> Result<StagedFile<'d>> {
    let mut staged = StagedFile::create(disk, folder.at("file"), Mode::PRIVATE)?;
    staged.write(b"new")?;
    Ok(staged)
}

/// The names in a folder, with the content of files.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut found: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let content = fs::read_to_string(&path).unwrap_or_else(|_| "a folder".to_owned());
            (name.into_owned(), content)
        })
        .collect();
    found.sort();
    found
}

fn only(name: &str, content: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), content.to_owned())]
}

/// What is asked of the disk from the first rename or link on.
fn steps(disk: &NotedDisk) -> Vec<String> {
    let notes = disk.notes();
    let begins = |note: &String| note == "sync file";
    let first = notes.iter().position(begins).map_or(0, |at| at + 1);
    notes[first..].to_vec()
}

#[test]
fn a_free_name_is_taken_by_whatever_is_there() {
    let claimed = ["create file", "rename file", "sync folder"];
    let linked = ["link file", "remove .file.apograph-tmp", "sync folder"];
    let renamed = ["publish file", "sync folder"];
    for (lacks, expected) in [
        (EACH[0], &renamed[..]),
        (EACH[1], &linked[..]),
        (EACH[2], &renamed[..]),
        (EACH[3], &renamed[..]),
        (NO_FLAGS, &linked[..]),
        (NO_FLAGS_OR_LINKS, &claimed[..]),
    ] {
        let (kept, folder) = stage();
        let disk = NotedDisk::default().without(lacks);
        let file = staged(&disk, &folder).expect("a file");
        file.publish().expect("a file");
        assert_eq!(steps(&disk), expected, "{lacks:?}");
        assert_eq!(contents(kept.path()), only("file", "new"));
        for lack in lacks {
            let was_wanted = *lack == Lack::FreeRename || lacks.contains(&Lack::FreeRename);
            let is_known = was_wanted && *lack != Lack::Exchange;
            assert_eq!(folder.lacks(*lack), is_known, "{lack:?} of {lacks:?}");
        }
    }
}

#[test]
fn a_content_is_replaced_by_whatever_is_there() {
    let aside = "..file.apograph-tmp.apograph-tmp";
    let back = [
        "rename file".to_owned(),
        "rename .file.apograph-tmp".to_owned(),
        "sync folder".to_owned(),
        "remove .file.apograph-tmp".to_owned(),
    ];
    let by_link = [&[format!("link {aside}")], &back[..]].concat();
    let copied = [format!("create {aside}"), "copy 3 from 0".to_owned()];
    let by_copy = [&copied[..], &back[..]].concat();
    for (lacks, expected) in [(NO_FLAGS, by_link), (NO_FLAGS_OR_LINKS, by_copy)] {
        let (kept, folder) = stage();
        fs::write(folder.at("file").path(), "old").expect("a file");
        let disk = NotedDisk::default().without(lacks);
        replace_file(&disk, folder.at("file"), Mode::PRIVATE, b"new").expect("a file");
        assert_eq!(steps(&disk), expected, "{lacks:?}");
        assert_eq!(contents(kept.path()), only("file", "new"));
    }
}

/// Killed in between, an empty small file would be one that is damaged.
#[test]
fn a_small_file_that_is_new_never_is_empty() {
    for lacks in [NO_FLAGS, NO_FLAGS_OR_LINKS] {
        let (kept, folder) = stage();
        let disk = NotedDisk::default().without(lacks);
        replace_file(&disk, folder.at("file"), Mode::PRIVATE, b"new").expect("a file");
        assert_eq!(steps(&disk), ["rename file", "sync folder"], "{lacks:?}");
        assert_eq!(contents(kept.path()), only("file", "new"));

        fs::remove_file(kept.path().join("file")).expect("a file");
        let disk = NotedDisk::failing("sync folder").without(lacks);
        replace_file(&disk, folder.at("file"), Mode::PRIVATE, b"new").expect_err("no sync");
        assert!(contents(kept.path()).is_empty(), "{lacks:?}");
    }
}

#[test]
fn a_taken_name_is_published_by_nobody_whatever_is_there() {
    for lacks in EACH {
        let (kept, folder) = stage();
        fs::create_dir(kept.path().join("folder")).expect("a folder");
        fs::create_dir(kept.path().join("taken folder")).expect("a folder");
        fs::write(kept.path().join("file"), "file").expect("a file");
        fs::write(kept.path().join("taken"), "taken").expect("a file");
        fs::write(kept.path().join("empty"), "").expect("a file");
        std::os::unix::fs::symlink("nowhere", kept.path().join("link")).expect("a link");
        let before = contents(kept.path());
        let disk = NotedDisk::default().without(lacks);
        for from in ["file", "folder"] {
            for taken in ["taken", "empty", "taken folder", "link", from] {
                let error = disk.publish(folder.at(from), folder.at(taken));
                let error = error.expect_err(taken);
                assert!(error.is_already_exists(), "{lacks:?}, {from}: {error}");
            }
        }
        assert_eq!(contents(kept.path()), before, "{lacks:?}");
    }
}

#[test]
fn a_folder_is_published_by_whatever_is_there() {
    for lacks in EACH {
        let (kept, folder) = stage();
        fs::create_dir(kept.path().join("folder")).expect("a folder");
        fs::write(kept.path().join("folder/in it"), "file").expect("a file");
        let disk = NotedDisk::default().without(lacks);
        disk.publish(folder.at("folder"), folder.at("free"))
            .expect("a folder");
        assert_eq!(contents(kept.path()), only("free", "a folder"));
        assert_eq!(contents(&kept.path().join("free")), only("in it", "file"));
    }
}

/// Where an operation fails, the names are as they were.
#[test]
fn what_fails_on_the_way_leaves_the_names_as_they_were_whatever_is_there() {
    let publishing = [
        "link",
        "remove .file",
        "create file",
        "rename file",
        "sync folder",
    ];
    let replacing = ["link", "create ..file", "copy", "rename", "sync folder"];
    for lacks in [NO_FLAGS, NO_FLAGS_OR_LINKS] {
        let mut struck = 0;
        for failing in publishing {
            let (kept, folder) = stage();
            let disk = NotedDisk::failing(failing).without(lacks);
            let published = staged(&disk, &folder).and_then(StagedFile::publish);
            let Err(error) = published else { continue };
            assert!(matches!(error, IoError::Failed { .. }), "{error}");
            struck += 1;
            // What cannot be removed stays, under a name that says what it is.
            let left = contents(kept.path());
            let is_removal = failing.starts_with("remove");
            let is_known = |(name, _): &(String, String)| is_temporary(name.as_ref());
            assert!(is_removal || left.is_empty(), "{failing}: {left:?}");
            assert!(left.iter().all(is_known), "{failing}: {left:?}");
        }
        for failing in replacing {
            let (kept, folder) = stage();
            fs::write(folder.at("file").path(), "old").expect("a file");
            let disk = NotedDisk::failing(failing).without(lacks);
            let replaced = staged(&disk, &folder).and_then(StagedFile::replace);
            let Err(error) = replaced else { continue };
            assert!(matches!(error, IoError::Failed { .. }), "{error}");
            struck += 1;
            assert_eq!(contents(kept.path()), only("file", "old"), "{failing}");
        }
        assert_eq!(struck, if lacks == NO_FLAGS { 6 } else { 7 }, "{lacks:?}");
    }
}

#[test]
fn what_a_killed_process_left_aside_is_in_nobodys_way() {
    for lacks in [NO_FLAGS, NO_FLAGS_OR_LINKS] {
        let (kept, folder) = stage();
        fs::write(folder.at("file").path(), "old").expect("a file");
        let aside = folder.at("..file.apograph-tmp.apograph-tmp");
        fs::write(aside.path(), "older").expect("a file");
        let disk = NotedDisk::default().without(lacks);
        replace_file(&disk, folder.at("file"), Mode::PRIVATE, b"new").expect("a file");
        assert_eq!(contents(kept.path()), only("file", "new"));
    }
}

#[test]
fn what_is_known_of_a_file_system_is_known_of_its_folders() {
    let (kept, folder) = stage();
    fs::create_dir(kept.path().join("in it")).expect("a folder");
    folder.note(Lack::Link);
    let inner = folder.at("in it").open_folder().expect("a folder");
    assert!(inner.lacks(Lack::Link) && !inner.lacks(Lack::Exchange));
    inner.note(Lack::Exchange);
    assert!(folder.clone().lacks(Lack::Exchange));
    let other = Folder::open(kept.path()).expect("a folder");
    assert!(!other.lacks(Lack::Link));
    RealDisk.sync_folder(&inner).expect("a sync");
}
