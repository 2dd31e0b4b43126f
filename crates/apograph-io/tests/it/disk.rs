//! The operating system's disk.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use apograph_io::{At, Disk, DiskFile, Folder, IoError, Lack, Mode, Monitor, RealDisk};
use apograph_testing::errors::told;
use rustix::process::umask;
use tempfile::TempDir;

/// What the disk is given, or gives, at a time.
const PIECE_BYTES: usize = 16 << 20;

fn stage() -> (TempDir, Folder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = Folder::open(folder.path()).expect("a folder");
    (folder, opened)
}

/// A new file with a content, to read from.
fn source(at: At<'_>, content: &[u8]) -> File {
    fs::write(at.path(), content).expect("a file");
    at.open().expect("a file")
}

fn target(at: At<'_>) -> Box<dyn DiskFile> {
    RealDisk
        .create_new(at, Mode::PRIVATE.into())
        .expect("a new file")
}

/// The mode of a file with these bits.
fn mode(folder: &Folder, bits: u32) -> Mode {
    let file = source(folder.at("model"), b"");
    let permissions = Permissions::from_mode(bits);
    file.set_permissions(permissions).expect("permissions");
    Mode::of(&file, &folder.at("model").path()).expect("a mode")
}

fn pattern(length: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..=250).collect();
    let mut bytes = period.repeat(length.div_ceil(period.len()));
    bytes.truncate(length);
    bytes
}

#[test]
fn a_mode_is_the_permission_bits_and_nothing_else() {
    let (_kept, folder) = stage();
    assert_eq!(Mode::PRIVATE.bits(), 0o600);
    for bits in [0o600, 0o640, 0o777, 0o400] {
        assert_eq!(mode(&folder, bits).bits(), bits, "{bits:o}");
        fs::remove_file(folder.at("model").path()).expect("a file");
    }
    assert_eq!(mode(&folder, 0o6755).bits(), 0o755);
}

#[test]
fn a_folder_lets_in_whoever_may_read_the_file() {
    let (_kept, folder) = stage();
    for (file, expected) in [
        (0o600, 0o700),
        (0o400, 0o700),
        (0o640, 0o750),
        (0o660, 0o770),
        (0o644, 0o755),
        (0o604, 0o705),
        (0o620, 0o720),
        (0o755, 0o755),
        (0o777, 0o777),
    ] {
        let found = mode(&folder, file).for_folder().bits();
        assert_eq!(found, expected, "{file:o}: {found:o}");
        fs::remove_file(folder.at("model").path()).expect("a file");
    }
}

#[test]
fn a_file_of_all_who_may_write_lets_them_read_and_write() {
    let (_kept, folder) = stage();
    for (writable, expected) in [
        (0o700, 0o600),
        (0o500, 0o600),
        (0o755, 0o600),
        (0o770, 0o660),
        (0o775, 0o660),
        (0o777, 0o666),
    ] {
        let found = mode(&folder, writable).for_writers().bits();
        assert_eq!(found, expected, "{writable:o}: {found:o}");
        fs::remove_file(folder.at("model").path()).expect("a file");
    }
}

#[test]
fn a_mode_is_exact_whatever_the_umask_says() {
    let (_kept, folder) = stage();
    let open = mode(&folder, 0o666);
    let usual = umask(rustix::fs::Mode::from_raw_mode(0o077));
    drop(target(folder.at("private")));
    RealDisk
        .create_new(folder.at("file"), open.into())
        .expect("a file");
    let made = RealDisk.create_folder(folder.at("folder"), open.for_folder());
    umask(usual);
    assert_eq!(made.expect("a folder").path(), folder.at("folder").path());
    for (name, expected) in [("private", 0o600), ("file", 0o666), ("folder", 0o777)] {
        let found = folder.at(name).metadata().expect("no error");
        let found = found.expect(name).permissions().mode() & 0o7777;
        assert_eq!(found, expected, "{name}: {found:o}");
    }
}

#[test]
fn what_is_written_and_copied_is_what_was_given() {
    let (_kept, folder) = stage();
    let bytes = pattern(2 * PIECE_BYTES + 3);
    let source = source(folder.at("source"), &bytes);
    for length in [
        0,
        1,
        PIECE_BYTES - 1,
        PIECE_BYTES,
        PIECE_BYTES + 1,
        2 * PIECE_BYTES,
    ] {
        let mut file = target(folder.at("file"));
        file.write(&bytes[..length]).expect("a write");
        file.copy_from(&source, 2, length as u64).expect("a copy");
        file.write(b"end").expect("a write");
        file.sync().expect("a sync");
        let expected = [&bytes[..length], &bytes[2..2 + length], b"end"].concat();
        assert!(
            folder
                .at("file")
                .source()
                .and_then(|it| it.read())
                .expect("a file")
                == expected,
            "{length}"
        );
        RealDisk.remove_file(folder.at("file")).expect("a removal");
    }
}

#[test]
fn a_source_that_ends_early_is_an_error() {
    let (_kept, folder) = stage();
    let long = PIECE_BYTES as u64 + 5;
    let source = source(folder.at("source"), &pattern(PIECE_BYTES + 5));
    for (offset, length, expected) in [
        (long - 4, 10, 4),
        (long, 1, 0),
        (long + 1, 1, 0),
        (0, long + 1, long),
        (3, 4 * long, long - 3),
    ] {
        let mut file = target(folder.at("file"));
        let error = file.copy_from(&source, offset, length);
        let error = error.expect_err("too little");
        let IoError::EndedEarly {
            expected: all,
            read,
            ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((all, read), (length, expected));
        RealDisk.remove_file(folder.at("file")).expect("a removal");
    }
}

#[test]
fn a_file_that_is_not_as_long_as_what_was_written_is_an_error() {
    let (_kept, folder) = stage();
    let source = source(folder.at("source"), &pattern(100));
    for length in [0, 9, 11] {
        let mut file = target(folder.at("file"));
        file.write(&[7; 10]).expect("a write");
        file.sync().expect("a sync");
        let path = folder.at("file").path();
        let changed = File::options().write(true).open(&path);
        changed.expect("a file").set_len(length).expect("a length");
        let error = file.sync().expect_err("another length");
        assert!(
            matches!(error, IoError::EndedEarly { expected: 10, read, .. } if read == length),
            "{error}"
        );
        let after = file.copy_from(&source, 0, 0).expect_err("another length");
        assert_eq!(told(&after), told(&error));
        fs::remove_file(path).expect("a removal");
    }
}

#[test]
fn what_is_taken_and_what_is_missing_are_told_apart() {
    let (_kept, folder) = stage();
    source(folder.at("file"), b"here");
    RealDisk
        .create_folder(folder.at("folder"), Mode::PRIVATE.for_folder())
        .expect("a folder");
    for name in ["file", "folder"] {
        let at = folder.at(name);
        for taken in [
            RealDisk.create_new(at, Mode::PRIVATE.into()).err(),
            RealDisk.create_folder(at, Mode::PRIVATE).err(),
            RealDisk.publish(folder.at("file"), at).err(),
        ] {
            let error = taken.expect(name);
            assert!(error.is_already_exists(), "{name}: {error}");
            assert!(!error.is_not_found(), "{name}: {error}");
            assert_eq!(error.path(), at.path());
        }
    }
    let (none, free) = (folder.at("none"), folder.at("free"));
    for missing in [
        RealDisk.publish(none, free),
        RealDisk.exchange(folder.at("file"), none),
        RealDisk.remove_file(none),
        RealDisk.remove_folder(none),
    ] {
        let error = missing.expect_err("nothing there");
        assert!(error.is_not_found(), "{error}");
        assert!(!error.is_already_exists(), "{error}");
    }
    let other = RealDisk.remove_folder(folder.at("file"));
    let other = other.expect_err("no folder");
    assert!(!other.is_not_found() && !other.is_already_exists());
    assert_eq!(
        folder
            .at("file")
            .source()
            .and_then(|it| it.read())
            .expect("a file"),
        b"here"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_synced_is_told_of_once() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);
    impl Monitor for Heard {
        fn warn(&self, message: &str) {
            self.0.lock().expect("no panic").push(message.to_owned());
        }
    }
    let (_kept, folder) = stage();
    let heard = Heard::default();
    RealDisk.sync_folder(&folder).expect("a sync");
    folder.tell_lacks(&heard);
    assert!(!folder.lacks(Lack::FolderSync));
    // What is in it is made up by the kernel, which has nothing to sync.
    let folder = Folder::open("/proc".as_ref()).expect("a folder");
    for _ in 0..2 {
        RealDisk
            .sync_folder(&folder)
            .expect("as durable as it gets");
        folder.tell_lacks(&heard);
    }
    assert!(folder.lacks(Lack::FolderSync));
    let heard = heard.0.into_inner().expect("no panic");
    let [said] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert!(
        said.starts_with("/proc: its file system cannot make"),
        "{said}"
    );
}
