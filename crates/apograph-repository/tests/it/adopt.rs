//! What becomes of segments that no manifest names.

use std::fs;
use std::io::ErrorKind;
use std::sync::Mutex;

use apograph_format::Generation;
use apograph_io::{Context, Mode, Monitor};
use apograph_manifest::MANIFEST_FILE_NAME;
use apograph_repository::{Repository, Writer};
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{open, read, remove, with_header, write};

/// What is warned of.
#[derive(Default)]
pub(crate) struct Warnings(pub(crate) Mutex<Vec<String>>);

impl Monitor for Warnings {
    fn warn(&self, message: &str) {
        self.0.lock().expect("a lock").push(message.to_owned());
    }
}

/// The repository as the next backup would go on with it.
fn adopted(stage: &Stage) -> Repository {
    let (folder, context) = (stage.folder(), Context::default());
    let writer = Writer::lock(&folder, context).expect("the lock");
    let held = writer.open(Mode::PRIVATE).expect("a repository");
    let repository = Repository::open_or_empty(folder, context).expect("a repository");
    // What is held is as it is now.
    assert_eq!(unnamed(held.repository()), unnamed(&repository));
    assert_eq!(held.repository().manifest(), repository.manifest());
    assert!(format!("{held:?}").contains("repository"));
    repository
}

/// Leaves only the first segments their entries, as if what added the others had been killed.
fn forget(stage: &Stage, count: usize) {
    stage.edit_manifest(|manifest| manifest.segments.truncate(count));
}

fn unnamed(repository: &Repository) -> Vec<String> {
    let names = repository.unnamed().iter();
    names.map(ToString::to_string).collect()
}

/// A segment that is no part of the chain gets no entry, and a name that no segment has.
#[track_caller]
fn check_left(stage: &Stage, name: &str) {
    let (before, bytes) = (stage.manifest(), read(stage, name));
    for aside in [format!("{name}.aside"), format!("{name}.aside-2")] {
        write(stage, name, &bytes);
        assert_eq!(unnamed(&adopted(stage)), [""; 0]);
        assert!(!stage.repository().join(name).exists());
        assert_eq!((&stage.manifest(), &read(stage, &aside)), (&before, &bytes));
    }
}

#[test]
fn what_goes_on_after_the_last_entry_gets_an_entry() {
    for fixtures in [V1, V2] {
        for fixture in ["02_chain40", "03_two_fulls", "12_crash_in_chain"] {
            let whole = open(&Stage::of(fixtures, fixture));
            let sound = whole.manifest().segments;
            for count in 1..=sound.len() {
                let stage = Stage::of(fixtures, fixture);
                forget(&stage, count);
                assert_eq!(open(&stage).unnamed().len(), sound.len() - count);
                let repository = adopted(&stage);
                assert_eq!(unnamed(&repository), [""; 0]);
                let restorable = repository.chain().restorable();
                assert_eq!(restorable, whole.chain().restorable(), "{fixture}, {count}");
                let mut found = repository.manifest().segments;
                for (found, sound) in found.iter_mut().zip(&sound) {
                    found.created_at = sound.created_at;
                }
                assert_eq!(found, sound);
            }
        }
    }
}

#[test]
fn a_first_backup_that_got_no_manifest_gets_one_of_its_generation() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        stage.keep_segments(2);
        let mut sound = stage.manifest();
        remove(&stage, MANIFEST_FILE_NAME);
        let repository = adopted(&stage);
        assert_eq!(repository.generation(), fixtures.generation());
        let found = stage.manifest();
        for (sound, found) in sound.segments.iter_mut().zip(&found.segments) {
            sound.created_at = found.created_at;
        }
        assert_eq!(found, sound);
    }
}

/// The first full backup after a migration.
#[test]
fn a_manifest_that_gets_an_entry_of_generation_2_is_of_generation_2() {
    let stage = Stage::new(V1);
    let full = V2.read("01_full_only/backup/backup_full_0000.grafeo");
    write(&stage, "backup_full_0004.grafeo", &full.bytes);
    let repository = adopted(&stage);
    assert_eq!(repository.generation(), Generation::Two);
    let segments = stage.manifest().segments;
    assert_eq!(segments.len(), SEGMENTS.len() + 1);
    assert_eq!(segments.iter().filter(|it| it.end_lsn.is_some()).count(), 1);
}

#[test]
fn an_increment_that_does_not_go_on_gets_no_entry() {
    for fixtures in [V1, V2] {
        // A number is missing.
        let stage = Stage::new(fixtures);
        forget(&stage, 2);
        remove(&stage, SEGMENTS[2]);
        check_left(&stage, SEGMENTS[3]);

        // What stands in it is another one's.
        let other = match fixtures.generation() {
            Generation::One => V2,
            Generation::Two => V1,
        };
        let other = other.read("02_chain40/backup/backup_incr_0002.wal");
        let stage = Stage::new(fixtures);
        stage.keep_segments(2);
        write(&stage, SEGMENTS[2], &other.bytes);
        check_left(&stage, SEGMENTS[2]);
    }

    // In generation 1 the epochs tell.
    let stage = Stage::new(V1);
    let last = read(&stage, SEGMENTS[3]);
    stage.keep_segments(2);
    write(&stage, SEGMENTS[2], &last);
    check_left(&stage, SEGMENTS[2]);

    // In generation 2 the positions.
    let stage = Stage::of(V2, "03_two_fulls");
    let first = read(&stage, "backup_incr_0001.wal");
    stage.keep_segments(3);
    stage.edit_manifest(|manifest| {
        manifest.segments.remove(1);
    });
    remove(&stage, "backup_incr_0001.wal");
    let name = "backup_incr_0003.wal";
    write(&stage, name, &first);
    check_left(&stage, name);
}

/// Another process counts the epochs again with which it begins.
#[test]
fn a_copy_of_an_increment_gets_no_entry() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        stage.keep_segments(2);
        let [full, increment] = [SEGMENTS[0], SEGMENTS[1]].map(|name| read(&stage, name));
        write(&stage, "backup_full_0002.grafeo", &full);
        adopted(&stage);
        assert_eq!(stage.manifest().segments.len(), 3);
        let name = "backup_incr_0003.wal";
        write(&stage, name, &increment);
        check_left(&stage, name);
        // Another one in its place goes on.
        let other = with_header(&increment, |header| header.count += 1);
        write(&stage, name, &other);
        adopted(&stage);
        assert_eq!(stage.manifest().segments.len(), 4);
    }
}

#[test]
fn a_full_backup_of_another_database_gets_no_entry() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let other = fixtures.read("03_two_fulls/backup/backup_full_0000.grafeo");
        let name = "backup_full_0004.grafeo";
        write(&stage, name, &other.bytes);
        check_left(&stage, name);
    }
}

#[test]
fn what_is_damaged_gets_no_entry() {
    for fixtures in [V1, V2] {
        let rows = [
            (SEGMENTS[0], "backup_full_0004.grafeo"),
            (SEGMENTS[1], "backup_incr_0004.wal"),
        ];
        for (model, name) in rows {
            let stage = Stage::new(fixtures);
            let bytes = read(&stage, model);
            write(&stage, name, &bytes[..bytes.len() / 2]);
            check_left(&stage, name);
        }
    }
}

/// A full backup is published after the increment that belongs to it.
#[test]
fn an_increment_whose_image_got_no_name_is_removed() {
    let flags = [(V1, true, false), (V1, false, true), (V2, true, false)];
    for (fixtures, repeats, catches_up) in flags {
        let stage = Stage::new(fixtures);
        let of_an_image = with_header(&read(&stage, SEGMENTS[1]), |header| {
            header.flags.continues = true;
            (header.flags.repeats, header.flags.catches_up) = (repeats, catches_up);
        });
        let name = "backup_incr_0005.wal";
        write(&stage, name, &of_an_image);
        let before = stage.manifest();
        assert_eq!(unnamed(&adopted(&stage)), [""; 0]);
        let aside = format!("{name}.aside");
        for name in [name, &aside] {
            assert!(!stage.repository().join(name).exists());
        }
        assert_eq!(stage.manifest(), before);

        // Of a first backup there is nothing else.
        let stage = Stage::new(fixtures);
        stage.keep_segments(2);
        remove(&stage, MANIFEST_FILE_NAME);
        remove(&stage, SEGMENTS[0]);
        assert_eq!(unnamed(&adopted(&stage)), [""; 0]);
        assert!(!stage.repository().join(SEGMENTS[1]).exists());
    }
}

#[test]
fn temporary_files_are_removed_and_a_folder_with_such_a_name_is_told() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let [file, folder] = [
            ".backup_full_0004.grafeo.apograph-tmp",
            ".backup_incr_0005.wal.apograph-tmp",
        ];
        write(&stage, file, b"half of it");
        fs::create_dir(stage.repository().join(folder)).expect("a folder");
        let warnings = Warnings::default();
        let context = Context::heard_by(&warnings);
        let at = stage.folder();
        let writer = Writer::lock(&at, context).expect("the lock");
        writer.open(Mode::PRIVATE).expect("a repository");
        assert!(!stage.repository().join(file).exists());
        assert!(stage.repository().join(folder).is_dir());
        let told = warnings.0.into_inner().expect("a lock");
        let [told] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(told.ends_with(&format!("{folder} is a folder, and stays")));
    }
}

#[test]
fn a_file_that_cannot_be_set_aside_is_an_error() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        write(&stage, "backup_incr_0004.wal", b"no segment");
        let open_on = |disk: &SimDisk| {
            let context = Context {
                disk,
                ..Context::default()
            };
            let at = stage.folder();
            let writer = Writer::lock(&at, context).expect("the lock");
            writer.open(Mode::PRIVATE).map(drop)
        };
        let fault = Fault::Fails(ErrorKind::StorageFull);
        let failing = SimDisk::new(&stage.repository()).with_fault(0, fault);
        let error = open_on(&failing).expect_err("no room");
        assert_eq!(error.code().as_str(), "io");
        assert_eq!(failing.operations()[0].name, "publish");
        assert!(stage.repository().join("backup_incr_0004.wal").exists());
        open_on(&SimDisk::new(&stage.repository())).expect("a repository");
    }
}
