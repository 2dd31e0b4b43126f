//! The numbers of timelines where something that they are counted by is lost or damaged.

use std::fs;

use apograph_format::{Point, UnixMillis};
use apograph_io::{Context, Mode, RealDisk};
use apograph_manifest::{
    HISTORY_FILE_NAME, MANIFEST_FILE_NAME, Notes, PointRange, RepositoryId, Target, read_history,
    write_history, write_notes,
};
use apograph_repository::{Repository, Writer};
use apograph_testing::context::every_core;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{counted, damage, open, record};

/// Two full backups, and increments after each.
const TWO_FULLS: &str = "03_two_fulls";
const LAST: &str = "backup_incr_0004.wal";

#[test]
fn a_full_backup_is_in_no_timeline_where_the_increment_that_would_tell_is_lost() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        let sound = open(&stage).chain().restorable();
        let in_first = |range: &&PointRange| range.timeline == sound[0].timeline;
        let certain: Vec<_> = sound.iter().filter(in_first).copied().collect();
        assert_ne!(certain, sound);
        let file = stage.repository().join(LAST);
        let whole = fs::read(&file).expect("a file");
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("a byte") ^= 1;

        let check = || {
            let repository = open(&stage);
            assert_eq!(counted(&repository), [true, true, true, false, false]);
            assert_eq!(repository.chain().restorable(), certain);
            assert!(!repository.is_counted());
            repository
        };
        fs::write(&file, &flipped).expect("a file");
        check();
        fs::remove_file(&file).expect("a file");
        let repository = check();
        // A guess does not become known by being recorded.
        record(&stage, &repository, usize::MAX);
        let uncounted: Vec<bool> = check().records().map(|it| it.is_uncounted).collect();
        assert_eq!(uncounted, [false, false, false, true]);

        fs::write(&file, &whole).expect("a file");
        let repository = open(&stage);
        assert_eq!(counted(&repository), [true; 5]);
        assert_eq!(repository.chain().restorable(), sound);
        assert!(repository.is_counted());
        // What is recorded needs no other segment.
        record(&stage, &repository, usize::MAX);
        fs::remove_file(&file).expect("a file");
        assert_eq!(counted(&open(&stage)), [true; 5]);
    }
}

#[test]
fn what_an_increment_repeats_of_a_damaged_one_is_not_known() {
    let stage = Stage::new(V1);
    record(&stage, &open(&stage), 3);
    assert_eq!(counted(&open(&stage)), [true; 4]);
    damage(&stage, SEGMENTS[2]);
    assert_eq!(counted(&open(&stage)), [true, true, true, false]);
}

/// Of an image that was written while commits went on only the increment after it tells from where
/// on it serves.
#[test]
fn an_image_is_no_point_where_the_increment_that_would_tell_is_lost() {
    let stage = Stage::of(V1, TWO_FULLS);
    let sound = open(&stage).chain().restorable();
    let target = Target::Point(Point::new(sound[0].timeline, sound[0].from).into());
    let file = stage.repository().join("backup_incr_0001.wal");
    let check = |expected: &str| {
        let repository = open(&stage);
        assert_eq!(repository.chain().restorable(), []);
        let error = repository.chain().plan(&target).expect_err("no state");
        assert_eq!(error.code(), "chain-broken");
        assert!(told(&error).contains(expected), "{error}");
        repository
    };
    let whole = fs::read(&file).expect("a file");
    fs::remove_file(&file).expect("a file");
    let repository = check("backup_incr_0001.wal is missing");
    record(&stage, &repository, usize::MAX);
    check("backup_incr_0001.wal is missing");

    // A record of the increment that is lost would tell, and one of the image has.
    fs::write(&file, whole).expect("a file");
    let repository = open(&stage);
    assert_eq!(repository.chain().restorable(), sound);
    record(&stage, &repository, 1);
    fs::remove_file(&file).expect("a file");
    let restorable = open(&stage).chain().restorable();
    assert_eq!((restorable[0].from, restorable.len()), (sound[0].from, 1));
}

#[test]
fn a_rebuild_does_not_make_a_point_of_an_image_that_lacks_what_would_tell() {
    let stage = Stage::of(V1, TWO_FULLS);
    let sound = open(&stage).chain().restorable();
    fs::remove_file(stage.repository().join("backup_incr_0001.wal")).expect("a file");
    Writer::lock(&stage.folder(), Context::default())
        .and_then(|writer| writer.rebuild())
        .expect("a manifest");
    let repository = open(&stage);
    let target = Target::Point(Point::new(sound[0].timeline, sound[0].from).into());
    let error = repository.chain().plan(&target).expect_err("no state");
    let expected = "names nothing between backup_full_0000.grafeo and backup_incr_0002.wal";
    assert!(told(&error).contains(expected), "{error}");
    // The full backup after it begins anew, in a timeline of which the number is a guess: others may have
    // begun in what is lost.
    assert_eq!(repository.chain().restorable(), []);
    assert!(repository.chain().plan(&Target::Latest).is_ok());
}

#[test]
fn what_is_recorded_is_not_read() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let known = open(&stage);
        record(&stage, &known, usize::MAX);
        for name in SEGMENTS {
            let file = stage.repository().join(name);
            let length = fs::read(&file).expect("a file").len();
            fs::write(&file, vec![0xa5; length]).expect("a file");
        }
        // Whoever read one of them would find nothing of it.
        let found = open(&stage);
        assert_eq!(found.chain().entries(), known.chain().entries());
        assert_eq!(found.chain().restorable(), known.chain().restorable());
        record(&stage, &known, 0);
        let found = open(&stage);
        let mut entries = found.chain().entries().iter();
        assert!(entries.all(|entry| entry.unusable.is_some()));
    }
}

/// A history that is damaged is as one of an earlier moment: what stands after is read again.
#[test]
fn a_history_that_is_cut_or_damaged_changes_nothing() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        let bare = open(&stage);
        record(&stage, &bare, usize::MAX);
        let file = stage.repository().join(HISTORY_FILE_NAME);
        let text = fs::read_to_string(&file).expect("a history");
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        assert_eq!(lines.len(), bare.chain().entries().len() + 1);
        for count in 0..=lines.len() {
            let whole = lines[..count].concat();
            let rest = lines[count..].concat();
            for tail in [
                "",
                "{\"crc32\":\"0",
                &rest.replacen("segment", "fragment", 1),
            ] {
                fs::write(&file, format!("{whole}{tail}")).expect("a history");
                let found = open(&stage);
                assert_eq!(found.has_history(), count > 1, "{count} {tail}");
                assert_eq!(
                    found.chain().entries(),
                    bare.chain().entries(),
                    "{count} {tail}"
                );
                assert_eq!(found.chain().restorable(), bare.chain().restorable());
            }
        }
    }
}

#[test]
fn a_history_of_other_segments_contradicts_the_manifest() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        record(&stage, &open(&stage), usize::MAX);
        let mut history = read_history(&stage.folder()).expect("a history");
        history.records[0].segment.size_bytes += 1;
        write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
        let error =
            Repository::open(stage.repository(), every_core()).expect_err("a contradiction");
        assert!(told(&error).contains("has other figures for"), "{error}");
    }
}

/// A manifest that was made anew has the times of the files, and says so in the notes: the history
/// may be from before. Any other time that differs is a contradiction.
#[test]
fn a_history_counts_whose_times_are_others_since_a_rebuild() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        let known = open(&stage);
        record(&stage, &known, usize::MAX);
        let mut manifest = known.manifest();
        let (first, rest) = manifest.segments.split_first_mut().expect("a segment");
        first.created_at = UnixMillis::new(first.created_at.get() + 1);
        let mut notes = Notes::of(RepositoryId::new(7));
        notes.file_times_through = Some(first.file.clone());
        let other = rest.first().expect("another").created_at;
        let file = stage.repository().join(MANIFEST_FILE_NAME);
        fs::write(&file, manifest.encode()).expect("a manifest");
        let refused = || {
            let error =
                Repository::open(stage.repository(), every_core()).expect_err("a contradiction");
            assert_eq!(error.code(), "corrupt-manifest");
        };
        refused();
        write_notes(&RealDisk, &stage.folder(), Mode::PRIVATE, &notes).expect("notes");
        let found = open(&stage);
        assert!(found.has_history());
        assert_eq!(found.chain().restorable(), known.chain().restorable());
        manifest.segments[1].created_at = UnixMillis::new(other.get() + 1);
        fs::write(&file, manifest.encode()).expect("a manifest");
        refused();
    }
}
