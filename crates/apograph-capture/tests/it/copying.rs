//! A database file that changes while it is copied.
//!
//! A checkpoint that runs through a copy is played by what happens right before an operation of the
//! disk: when the copy is created, its headers were read already; when its bytes are copied, the
//! state that is copied is the new one.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use apograph_capture::{Kind, Result};
use apograph_format::{Generation, checkpoint_image};
use apograph_manifest::SegmentRecord;
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::errors::told;
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::captured::{added, full};
use crate::changed_files::flip;
use crate::frames::{encrypted, slot};
use crate::live::Live;

const SOURCE: &str = "10_live/source";

/// A closed database, and a disk on which something happens before each operation.
struct Watched {
    live: Live,
    disk: SimDisk,
}

impl Watched {
    fn new(live: Live) -> Self {
        let disk = SimDisk::new(live.path("").as_path());
        Self { live, disk }
    }

    /// The index of the first operation with this name upon a segment, when nothing happens.
    fn index(fixtures: Fixtures, name: &str) -> usize {
        let watched = Self::new(Live::of(fixtures, SOURCE).closed());
        watched.capture().expect("a backup");
        watched.indexes(name)[0]
    }

    /// The indexes of the operations with this name upon segments.
    fn indexes(&self, name: &str) -> Vec<usize> {
        let operations = self.disk.operations();
        let wanted = operations.iter().enumerate().filter(|(_, it)| {
            let file = it.path.file_name().unwrap_or_default().to_string_lossy();
            it.name == name && file.contains("backup_")
        });
        wanted.map(|(index, _)| index).collect()
    }

    fn meanwhile(mut self, act: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.disk = self.disk.meanwhile(act);
        self
    }

    /// Writes these bytes to a file before the operation with an index.
    fn writing(self, before: usize, path: PathBuf, bytes: Vec<u8>) -> Self {
        self.meanwhile(move |index| {
            if index == before {
                fs::write(&path, &bytes).expect("a file");
            }
        })
    }

    fn capture(&self) -> Result<Vec<SegmentRecord>> {
        let captured = self.live.capture_on(&self.disk, Kind::Auto);
        captured.map(|captured| added(Ok(captured)))
    }

    /// How often the database file was copied.
    fn copies(&self) -> usize {
        let operations = self.disk.operations();
        operations.iter().filter(|it| it.name == "copy").count()
    }
}

fn closed(fixtures: Fixtures) -> Live {
    Live::of(fixtures, SOURCE).closed()
}

/// In generation 2 a copy whose checksums agree is one state, whatever ran through it.
#[test]
fn a_copy_is_begun_anew_where_a_checkpoint_ran_through_it() {
    for (fixtures, copies) in [(V1, 2), (V2, 1)] {
        let live = closed(fixtures);
        let iteration = live.headers().checkpoint.iteration;
        let (path, bytes) = (live.database(), live.checkpointed(|_| {}));
        let copy = Watched::index(fixtures, "copy");
        let watched = Watched::new(live).writing(copy, path, bytes);
        let segments = watched.capture().expect("a backup");
        assert_eq!(full(&segments[0]).image.iteration, iteration + 1);
        assert_eq!(watched.copies(), copies);
    }
}

/// Nobody without the key can tell whether a copy of it is one state.
#[test]
fn a_copy_of_an_encrypted_database_is_begun_anew() {
    let live = closed(V2);
    let path = live.database();
    let bytes = fs::read(&path).expect("a database");
    fs::write(&path, encrypted(bytes)).expect("a database");
    let bytes = live.checkpointed(|_| {});
    let copy = Watched::index(V2, "copy");
    let watched = Watched::new(live).writing(copy, path, bytes);
    let segments = watched.capture().expect("a backup");
    assert!(full(&segments[0]).image.is_encrypted());
    assert_eq!(watched.copies(), 2);
}

#[test]
fn an_image_that_begins_to_be_installed_is_the_one_that_is_captured() {
    let live = closed(V1);
    let iteration = live.headers().checkpoint.iteration;
    let path = checkpoint_image(&live.database());
    let bytes = live.checkpointed(|_| {});
    let copy = Watched::index(V1, "copy");
    let watched = Watched::new(live).writing(copy, path, bytes);
    let segments = watched.capture().expect("a backup");
    assert_eq!(full(&segments[0]).image.iteration, iteration + 1);
    assert_eq!(watched.copies(), 2);
}

#[test]
fn an_image_that_is_installed_is_the_database_in_generation_1_alone() {
    for fixtures in [V1, V2] {
        let live = closed(fixtures);
        let before = live.headers().checkpoint.iteration;
        let bytes = live.checkpointed(|_| {});
        fs::write(checkpoint_image(&live.database()), bytes).expect("an image");
        let segments = live.added(Kind::Auto);
        let expected = match fixtures.generation() {
            Generation::One => before + 1,
            Generation::Two => before,
        };
        assert_eq!(full(&segments[0]).image.iteration, expected);
    }
}

#[test]
fn what_cannot_be_opened_in_the_place_of_an_installed_image_is_an_error() {
    for fixtures in [V1, V2] {
        let live = closed(fixtures);
        fs::create_dir(checkpoint_image(&live.database())).expect("a folder");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "io");
        assert!(words.contains("src.grafeo.checkpoint"), "{words}");
        assert!(!live.repository().exists());
    }
}

#[test]
fn a_copy_that_fails_is_an_error_unless_the_database_changed_under_it() {
    for fixtures in [V1, V2] {
        let copy = Watched::index(fixtures, "copy");
        let failing = |live: Live| {
            let mut watched = Watched::new(live);
            let fault = Fault::Fails(ErrorKind::StorageFull);
            watched.disk = watched.disk.with_fault(copy, fault);
            watched
        };
        let watched = failing(closed(fixtures));
        let error = watched.capture().expect_err("a full disk");
        assert_eq!(error.code(), "io");
        assert_eq!(watched.copies(), 1);
        assert!(!watched.live.repository().exists());

        let live = closed(fixtures);
        let (path, bytes) = (live.database(), live.checkpointed(|_| {}));
        let watched = failing(live).writing(copy, path, bytes);
        watched.capture().expect("a backup");
        assert_eq!(watched.copies(), 2);
    }
}

#[test]
fn a_damaged_image_is_no_backup() {
    for fixtures in [V1, V2] {
        let live = closed(fixtures);
        let path = live.database();
        let image = fs::read(&path).expect("a database");
        let end = image.iter().rposition(|&byte| byte != 0);
        flip(&path, end.expect("an image"));
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "corrupt-database", "{words}");
        assert!(!live.repository().exists());
    }
}

/// The headers are found sound, and a slot damaged from the first copy on.
#[test]
fn a_damaged_slot_is_no_backup_and_one_that_is_being_written_is_waited_for() {
    let path = |live: &Live| live.database();
    let live = closed(V2);
    let sound = fs::read(path(&live)).expect("a database");
    let mut damaged = sound.clone();
    damaged[slot(live.headers().checkpoint.iteration + 1)] ^= 1;
    let first = Watched::index(V2, "create");
    let watched = Watched::new(live);
    let database = path(&watched.live);
    let watched = watched.writing(first, database, damaged.clone());
    let error = watched.capture().expect_err("a damaged slot");
    assert_eq!(error.code(), "corrupt-database", "{error}");
    let words = told(&error);
    assert!(words.contains("a header slot is damaged"), "{words}");

    let third = watched.indexes("create")[2];
    let watched = Watched::new(closed(V2));
    let database = path(&watched.live);
    let watched = watched.meanwhile(move |index| {
        let bytes = match index {
            _ if index == first => &damaged,
            _ if index == third => &sound,
            _ => return,
        };
        fs::write(&database, bytes).expect("a database");
    });
    watched.capture().expect("a backup");
    assert_eq!(watched.copies(), 3);
}
