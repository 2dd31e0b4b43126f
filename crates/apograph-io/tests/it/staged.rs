//! Files that appear whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::sync::atomic::{AtomicUsize, Ordering};

use apograph_io::{
    Context, Disk, Folder, IoError, Mode, RealDisk, Result, StagedFile, Sums, Threads,
    is_temporary, temporary_name,
};
use tempfile::TempDir;

use crate::noted::NotedDisk;

fn stage() -> (TempDir, Folder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = Folder::open(folder.path()).expect("a folder");
    (folder, opened)
}

/// A file that will have the name `file` and holds `bytes`.
fn staged<'d>(disk: &'d dyn Disk, folder: &Folder) -> Result<StagedFile<'d>> {
    let mut staged = StagedFile::create(disk, folder.at("file"), Mode::PRIVATE)?;
    staged.write(b"bytes")?;
    Ok(staged)
}

fn published(disk: &dyn Disk, folder: &Folder) -> Result<()> {
    staged(disk, folder)?.publish()
}

fn replaced(disk: &dyn Disk, folder: &Folder) -> Result<()> {
    staged(disk, folder)?.replace()
}

/// The only name in a folder, and what it stands for.
fn only(folder: &Folder) -> (String, Vec<u8>) {
    let names: Result<Vec<_>> = folder.names().expect("a folder").collect();
    let [name] = &names.expect("the names")[..] else {
        panic!("not one name");
    };
    let bytes = folder
        .at(name)
        .source()
        .and_then(|it| it.read())
        .expect("a file");
    (name.to_string_lossy().into_owned(), bytes)
}

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

#[test]
fn a_file_is_durable_before_it_has_its_name_and_the_name_before_the_end() {
    let temporary = "create .file.apograph-tmp";
    let (_kept, folder) = stage();
    let disk = NotedDisk::default();
    published(&disk, &folder).expect("a file");
    let expected = [
        temporary,
        "write 5",
        "sync file",
        "publish file",
        "sync folder",
    ];
    assert_eq!(disk.notes(), expected);

    fs::write(folder.at("file").path(), "before").expect("a file");
    let disk = NotedDisk::default();
    replaced(&disk, &folder).expect("a file");
    let removed = "remove .file.apograph-tmp";
    let expected = [
        temporary,
        "write 5",
        "sync file",
        "exchange file",
        "sync folder",
        removed,
    ];
    assert_eq!(disk.notes(), expected);
    assert_eq!(only(&folder), ("file".into(), b"bytes".to_vec()));
}

#[test]
fn what_fails_on_the_way_leaves_the_names_as_they_were() {
    for failing in ["create", "write", "sync file", "publish", "sync folder"] {
        let (_kept, folder) = stage();
        let disk = NotedDisk::failing(failing);
        let error = published(&disk, &folder).expect_err(failing);
        assert!(matches!(error, IoError::Failed { .. }), "{error}");
        let count = folder.names().expect("a folder").count();
        assert_eq!(count, 0, "{failing}");
    }
    for failing in ["create", "write", "sync file", "exchange", "sync folder"] {
        let (_kept, folder) = stage();
        fs::write(folder.at("file").path(), "before").expect("a file");
        let disk = NotedDisk::failing(failing);
        let error = replaced(&disk, &folder).expect_err(failing);
        assert!(matches!(error, IoError::Failed { .. }), "{error}");
        assert_eq!(only(&folder), ("file".into(), b"before".to_vec()));
    }
}

#[test]
fn a_taken_name_is_published_by_nobody() {
    let (_kept, folder) = stage();
    let file = staged(&RealDisk, &folder).expect("a file");
    fs::write(folder.at("file").path(), "before").expect("a file");
    let error = file.publish().expect_err("a taken name");
    assert!(
        error.is_already_exists() && !error.is_not_found(),
        "{error}"
    );
    assert_eq!(only(&folder), ("file".into(), b"before".to_vec()));
}

#[test]
fn what_a_killed_process_left_is_in_nobodys_way() {
    let (_kept, folder) = stage();
    let temporary = temporary_name("file".as_ref());
    fs::write(folder.at(&temporary).path(), "half of another").expect("a file");
    published(&RealDisk, &folder).expect("a file");
    assert_eq!(only(&folder), ("file".into(), b"bytes".to_vec()));
}

#[test]
fn a_file_can_be_given_another_name_to_have() {
    for name in ["other", "file"] {
        let (_kept, folder) = stage();
        let file = staged(&RealDisk, &folder).expect("a file");
        let file = file.retarget(name.as_ref()).expect("another name");
        assert_eq!(file.target().name(), name);
        let temporary = temporary_name(name.as_ref());
        assert_eq!(file.temporary().name(), temporary);
        assert_eq!(
            file.source().and_then(|it| it.read()).expect("a file"),
            b"bytes"
        );
        file.publish().expect("a file");
        assert_eq!(only(&folder), (name.into(), b"bytes".to_vec()));
    }
}

#[test]
fn a_file_that_lost_bytes_is_not_made_durable() {
    let (_kept, folder) = stage();
    let mut file = staged(&RealDisk, &folder).expect("a file");
    file.sync().expect("a whole file");
    let path = file.temporary().path();
    let cut = OpenOptions::new().write(true).open(&path).expect("a file");
    cut.set_len(3).expect("a length");
    for error in [file.sync(), file.publish()] {
        let error = error.expect_err("a cut file");
        assert!(
            matches!(
                error,
                IoError::EndedEarly {
                    expected: 5,
                    read: 3,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(error.path(), path);
    }
    assert!(!path.exists());
}

/// A file of so many bytes and one more, which is written in pieces and read back.
fn read_back(length: usize, check: &(dyn Fn(usize, &[u8]) -> Result<()> + Sync)) -> Result<Sums> {
    let (kept, folder) = stage();
    let source = kept.path().join("source");
    fs::write(&source, bytes(length)).expect("a file");
    let source = File::open(source).expect("a file");
    let mut file = StagedFile::create(&RealDisk, folder.at("file"), Mode::PRIVATE)?;
    let threads = Threads::default();
    let context = Context {
        threads: &threads,
        ..Context::default()
    };
    let sums = file.write_and_read(length + 1, check, context, |file| {
        file.copy(&source, 0, length as u64 / 2, context)?;
        file.copy(
            &source,
            length as u64 / 2,
            length.div_ceil(2) as u64,
            context,
        )?;
        file.write(b"!")
    })?;
    file.publish()?;
    let found = folder.at("file").source()?.read()?;
    assert!(found == [&bytes(length)[..], b"!"].concat());
    Ok(sums)
}

fn bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[test]
fn what_is_written_is_read_back_and_summed() {
    for length in [0, 5, 2 << 20, 50 << 20] {
        let expected = [&bytes(length)[..], b"!"].concat();
        let seen = AtomicUsize::new(0);
        let sums = read_back(length, &|offset, step| {
            seen.fetch_add(step.len(), Ordering::Relaxed);
            assert!(expected[offset..].starts_with(step));
            Ok(())
        });
        assert_eq!(sums.expect("a file"), Sums::of(&expected));
        assert_eq!(seen.into_inner(), expected.len());
    }
}

#[test]
fn a_file_of_which_a_step_is_not_as_it_must_be_is_not_written() {
    for length in [5, 50 << 20] {
        let end = read_back(length, &|offset, step| {
            if offset + step.len() > length {
                return Err(IoError::Interrupted);
            }
            Ok(())
        });
        assert!(matches!(end, Err(IoError::Interrupted)));
    }
}

#[test]
fn a_file_that_is_written_shorter_than_it_must_be_is_told() {
    let (_kept, folder) = stage();
    let file = StagedFile::create(&RealDisk, folder.at("file"), Mode::PRIVATE);
    let end = file
        .expect("a file")
        .write_and_read(7, &|_, _| Ok(()), Context::default(), |file| {
            file.write(b"bytes")
        });
    assert!(matches!(end, Err(IoError::EndedEarly { expected: 7, .. })));
}
