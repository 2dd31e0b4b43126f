//! What a verification remembers, and what it does not trust.

use std::fs;
use std::num::NonZero;
use std::path::Path;

use apograph_format::UnixMillis;
use apograph_io::{Clock, Context, FileLock, Mode, RealDisk, SystemClock, Threads};
use apograph_manifest::{
    FileStamp, HISTORY_FILE_NAME, History, Level, MANIFEST_FILE_NAME, Manifest, Verification,
    write_history,
};
use apograph_repository::Repository;
use apograph_restore::{Verified, VerifyOptions, verify, verify_and_record};
use apograph_testing::context::{every_core, every_core_heard_by};
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{flip_last_byte, history, put};
use crate::hearing::Hearing;

fn all() -> VerifyOptions {
    VerifyOptions::default()
}

fn new() -> VerifyOptions {
    VerifyOptions {
        only_new: true,
        ..all()
    }
}

fn recorded(stage: &Stage, options: &VerifyOptions) -> Verified {
    verify_and_record(stage.repository(), options, every_core()).expect("a repository")
}

/// How many segments were read and sound, passed over, and wrong.
fn counts(verified: &Verified) -> (u64, u64, usize) {
    (verified.files, verified.skipped, verified.problems.len())
}

/// Which of the segments have a verification record, and which of them by their frames.
fn verifications(stage: &Stage) -> Vec<Option<bool>> {
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    let found = (0..repository.chain().entries().len()).map(|index| repository.verified(index));
    found.map(|it| Some(it?.frames_at.is_some())).collect()
}

/// Says that a file was verified as it is.
fn forge_record(stage: &Stage, index: usize) {
    let mut history = history(stage);
    let record = &mut history.records[index];
    let metadata =
        fs::metadata(stage.repository().join(record.segment.file.as_str())).expect("a file");
    let stamp = FileStamp::from(&metadata);
    record.verified = Some(Verification::new(stamp, Level::Frames, SystemClock.now()));
    write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
}

#[test]
fn what_was_verified_is_not_read_again() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        assert_eq!(counts(&recorded(&stage, &new())), (4, 0, 0));
        assert_eq!(verifications(&stage), [Some(true); 4]);
        assert_eq!(counts(&recorded(&stage, &new())), (0, 4, 0));
        // Without being asked to, nothing is passed over.
        assert_eq!(counts(&recorded(&stage, &all())), (4, 0, 0));
    }
}

#[test]
fn a_repository_of_the_engine_alone_stays_as_it_is_unless_it_is_asked_to_remember() {
    let stage = Stage::new(V1);
    let file = stage.repository().join(HISTORY_FILE_NAME);
    recorded(&stage, &all());
    assert!(!file.exists());
    fs::write(&file, "damaged").expect("a file");
    recorded(&stage, &all());
    assert_eq!(fs::read(&file).expect("a file"), b"damaged");
    fs::remove_file(&file).expect("a file");
    recorded(&stage, &new());
    let known = history(&stage);
    assert_eq!(known.records.len(), SEGMENTS.len());
    let manifest = stage.repository().join(MANIFEST_FILE_NAME);
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).expect("a file").permissions().mode()
    };
    assert_eq!(
        mode(&stage.repository().join(HISTORY_FILE_NAME)),
        mode(&manifest)
    );
    // A verification that only reads leaves it alone.
    verify(stage.repository(), &all(), every_core()).expect("a repository");
    assert_eq!(history(&stage), known);
}

#[test]
fn a_file_that_was_changed_is_read_again() {
    let changes: [fn(&Path); 4] = [
        |file| fs::write(file, fs::read(file).expect("a file")).expect("a file"),
        |file| {
            // The same bytes, size and time of modification.
            let modified = fs::metadata(file).and_then(|it| it.modified());
            let bytes = fs::read(file).expect("a file");
            fs::write(file, bytes).expect("a file");
            let opened = fs::File::options().write(true).open(file);
            let opened = opened.expect("a file");
            opened
                .set_modified(modified.expect("a time"))
                .expect("a time");
        },
        |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy).expect("a file");
            fs::rename(&copy, file).expect("a file");
        },
        |file| {
            let aside = file.with_extension("aside");
            fs::rename(file, &aside).expect("a file");
            fs::rename(&aside, file).expect("a file");
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let stage = Stage::new(V2);
        recorded(&stage, &new());
        change(&stage.repository().join(SEGMENTS[1]));
        let expected = [Some(true), None, Some(true), Some(true)];
        assert_eq!(verifications(&stage), expected, "change {number}");
        assert_eq!(
            counts(&recorded(&stage, &new())),
            (1, 3, 0),
            "change {number}"
        );
        assert_eq!(verifications(&stage), [Some(true); 4]);
    }
}

#[test]
fn what_was_verified_by_its_checksum_was_not_verified_by_its_frames() {
    let stage = Stage::new(V1);
    let files = VerifyOptions {
        level: Level::Files,
        ..new()
    };
    assert_eq!(counts(&recorded(&stage, &files)), (4, 0, 0));
    assert_eq!(verifications(&stage), [Some(false); 4]);
    assert_eq!(counts(&recorded(&stage, &files)), (0, 4, 0));
    assert_eq!(counts(&recorded(&stage, &new())), (4, 0, 0));
    assert_eq!(counts(&recorded(&stage, &files)), (0, 4, 0));
    // To look less deep later takes nothing back.
    let all_files = VerifyOptions {
        only_new: false,
        ..files
    };
    assert_eq!(counts(&recorded(&stage, &all_files)), (4, 0, 0));
    assert_eq!(verifications(&stage), [Some(true); 4]);
    let record = &history(&stage).records[0];
    let found = record.verified.expect("a record");
    assert!(found.frames_at.expect("a time") <= found.at);
}

#[test]
fn damage_is_never_remembered_as_sound() {
    let stage = Stage::new(V1);
    recorded(&stage, &new());
    let file = stage.repository().join(SEGMENTS[2]);
    flip_last_byte(&file);
    for _ in 0..2 {
        assert_eq!(counts(&recorded(&stage, &new())), (0, 3, 1));
        assert_eq!(history(&stage).records[2].verified, None);
    }
    // What rots keeps its times. That is for a whole verification to find.
    forge_record(&stage, 2);
    assert_eq!(counts(&recorded(&stage, &new())), (0, 4, 0));
    assert_eq!(counts(&recorded(&stage, &all())), (3, 0, 1));
    assert_eq!(history(&stage).records[2].verified, None);
    assert_eq!(counts(&recorded(&stage, &new())), (0, 3, 1));
    // A lost one has no record either.
    forge_record(&stage, 2);
    fs::remove_file(&file).expect("a file");
    assert_eq!(counts(&recorded(&stage, &new())), (0, 3, 1));
    assert_eq!(history(&stage).records[2].verified, None);
}

#[test]
fn reading_needs_no_lock() {
    let stage = Stage::new(V1);
    recorded(&stage, &new());
    let known = history(&stage);
    let lock = FileLock::acquire_folder(&stage.folder()).expect("a lock");
    let hearing = Hearing::new(&|| {});
    let verified = verify_and_record(stage.repository(), &all(), every_core_heard_by(&hearing));
    assert_eq!(counts(&verified.expect("a repository")), (4, 0, 0));
    let warnings = hearing.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("what was verified is not recorded: another command"));
    assert_eq!(history(&stage), known);
    drop(lock);
}

#[test]
fn a_disk_that_fails_changes_nothing_but_the_memory() {
    let stage = Stage::new(V2);
    recorded(&stage, &new());
    let mut known = history(&stage);
    for record in &mut known.records {
        let found = record.verified.as_mut().expect("a record");
        found.at = UnixMillis::new(1);
    }
    for index in 0.. {
        write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &known).expect("a history");
        let disk = SimDisk::new(&stage.path(""))
            .with_fault(index, Fault::Fails(std::io::ErrorKind::StorageFull));
        let hearing = Hearing::new(&|| {});
        let verified = verify_and_record(
            stage.repository(),
            &all(),
            Context {
                disk: &disk,
                ..every_core_heard_by(&hearing)
            },
        );
        assert_eq!(counts(&verified.expect("a repository")), (4, 0, 0));
        if !disk.is_struck() {
            assert!(index > 3, "it took {index} operations");
            break;
        }
        let is_kept = history(&stage) == known;
        assert_eq!(is_kept, !hearing.warnings().is_empty(), "operation {index}");
    }
    assert_eq!(verifications(&stage), [Some(true); 4]);
}

#[test]
fn a_backup_that_publishes_meanwhile_loses_nothing() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        recorded(&stage, &new());
        let whole = (stage.manifest(), history(&stage));
        let mut front = whole.clone();
        front.0.segments.pop();
        let last = front.1.records.pop().expect("a record");
        fs::rename(
            stage.repository().join(last.segment.file.as_str()),
            stage.path("last"),
        )
        .expect("a file");
        put(&stage, &front);

        let publish = || {
            fs::rename(
                stage.path("last"),
                stage.repository().join(last.segment.file.as_str()),
            )
            .expect("a file");
            put(&stage, &whole);
        };
        let hearing = Hearing::new(&publish);
        let verified = verify_and_record(stage.repository(), &all(), every_core_heard_by(&hearing));
        assert_eq!(counts(&verified.expect("a repository")), (3, 0, 0));
        assert_eq!(hearing.warnings(), Vec::<String>::new());
        let unrecorded = |history: &History| {
            let mut history = history.clone();
            let records = history.records.iter_mut();
            records.for_each(|record| record.verified = None);
            history
        };
        assert_eq!(unrecorded(&history(&stage)), unrecorded(&whole.1));
        assert_eq!(
            verifications(&stage),
            [Some(true), Some(true), Some(true), None],
            "the last was moved"
        );
    }
}

#[test]
fn after_a_manifest_that_was_made_anew_meanwhile_old_records_do_not_come_back() {
    let stage = Stage::new(V1);
    let all = stage.manifest();
    let shorter = Manifest {
        segments: all.segments[..2].to_vec(),
        ..all
    };
    let rebuild = || put(&stage, &(shorter.clone(), History::default()));
    let hearing = Hearing::new(&rebuild);
    let verified = verify_and_record(stage.repository(), &new(), every_core_heard_by(&hearing));
    assert_eq!(counts(&verified.expect("a repository")), (4, 0, 0));
    assert_eq!(history(&stage), History::default());
}

#[test]
fn a_contradiction_that_comes_up_meanwhile_stays_one() {
    let stage = Stage::new(V1);
    recorded(&stage, &new());
    let known = history(&stage);
    let mut other = stage.manifest();
    other.segments.pop();
    let change = || put(&stage, &(other.clone(), known.clone()));
    let hearing = Hearing::new(&change);
    let verified = verify_and_record(stage.repository(), &all(), every_core_heard_by(&hearing));
    assert_eq!(counts(&verified.expect("a repository")), (4, 0, 0));
    assert_eq!(hearing.warnings().len(), 1);
    assert_eq!(history(&stage), known);
}

/// What can be restored, as `list` tells it: epochs from and to.
fn told(stage: &Stage) -> Vec<(u64, u64)> {
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    let ranges = repository.without_damaged().chain().restorable();
    ranges
        .iter()
        .map(|it| (it.from.get(), it.to.get()))
        .collect()
}

#[test]
fn what_was_found_damaged_is_told_until_the_file_changes() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        recorded(&stage, &new());
        assert_eq!(told(&stage), [(7, 40)]);
        let file = stage.repository().join(SEGMENTS[2]);
        flip_last_byte(&file);
        // Nobody has looked yet.
        assert_eq!(told(&stage), [(7, 40)]);
        assert_eq!(counts(&recorded(&stage, &all())), (3, 0, 1));
        assert_eq!(told(&stage), [(7, 18)]);
        let damaged = history(&stage).records[2].damaged.clone();
        assert!(damaged.is_some_and(|it| it.offset > 0 && it.detail.contains("checksum")));
        // A restore reads for itself, and gives what there is.
        let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
        assert_eq!(repository.chain().restorable().len(), 1);
        assert!(repository.damage(2).is_some());

        flip_last_byte(&file);
        assert_eq!(told(&stage), [(7, 40)]);
        assert_eq!(counts(&recorded(&stage, &all())), (4, 0, 0));
        assert_eq!(told(&stage), [(7, 40)]);
        assert_eq!(history(&stage).records[2].damaged, None);
    }
}

#[test]
fn one_thread_and_many_find_the_same_in_the_same_order() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        for name in SEGMENTS {
            flip_last_byte(&stage.repository().join(name));
        }
        let by = |threads| {
            let threads = NonZero::new(threads).expect("not zero");
            let context = Context {
                threads: &Threads::new(threads),
                ..Context::default()
            };
            verify(stage.repository(), &all(), context).expect("a repository")
        };
        let alone = by(1);
        let files: Vec<_> = alone.problems.iter().map(|it| it.file.as_deref()).collect();
        assert_eq!(files, SEGMENTS.map(Some));
        for threads in [2, 3, 8] {
            assert_eq!(by(threads), alone, "{threads}");
        }
    }
}
