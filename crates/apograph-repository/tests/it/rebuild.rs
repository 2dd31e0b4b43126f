//! A manifest made anew.

use std::fs::File;
use std::time::{Duration, SystemTime};

use apograph_format::Crc32;
use apograph_io::{Clock, Context, Mode, RealDisk, SystemClock};
use apograph_manifest::{
    MANIFEST_FILE_NAME, Notes, RepositoryId, Unknown, Unusable, read_notes, write_notes,
};
use apograph_repository::{Writer, plan_rebuild};
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::adopt::Warnings;
use crate::forge::{open, read, record, remove, with_header, write};

#[test]
fn of_two_segments_with_one_number_the_full_backup_is_first() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        write(
            &stage,
            "backup_full_0001.grafeo",
            &read(&stage, SEGMENTS[0]),
        );
        let plan = plan_rebuild(&stage.folder(), Context::default()).expect("a plan");
        let files = plan.manifest.segments.iter().map(|it| it.file.as_str());
        let [first, rest @ ..] = SEGMENTS;
        let expected = [&[first, "backup_full_0001.grafeo"], &rest[..]].concat();
        assert_eq!(files.collect::<Vec<_>>(), expected);
    }
}

/// What a manifest that can be read says of a missing segment is lost with it.
#[test]
fn a_rebuild_warns_of_what_it_forgets() {
    let stage = Stage::new(V1);
    let warned = || {
        let warnings = Warnings::default();
        let context = Context::heard_by(&warnings);
        plan_rebuild(&stage.folder(), context).expect("a plan");
        warnings.0.into_inner().expect("not poisoned")
    };
    assert_eq!(warned(), [""; 0]);
    remove(&stage, SEGMENTS[1]);
    let said = warned();
    assert_eq!(said.len(), 1, "{said:?}");
    let names = format!(
        "the manifest can be read and names {}, which is",
        SEGMENTS[1]
    );
    assert!(said[0].starts_with(&names), "{said:?}");
    remove(&stage, SEGMENTS[2]);
    assert!(warned()[0].contains(&format!("{} and 1 more", SEGMENTS[1])));
    // Of one that cannot be read nothing is lost.
    remove(&stage, MANIFEST_FILE_NAME);
    assert_eq!(warned(), [""; 0]);
}

#[test]
fn what_is_not_known_of_a_manifest_outlives_a_rebuild() {
    let stage = Stage::new(V2);
    let unknown: Unknown = serde_json::from_str(r#"{"later": 1}"#).expect("an object");
    stage.edit_manifest(|manifest| {
        manifest.unknown = unknown.clone();
        manifest.segments.pop();
    });
    assert!(
        !Writer::lock(&stage.folder(), Context::default())
            .and_then(|writer| writer.rebuild())
            .expect("a manifest")
            .unchanged
    );
    let found = stage.manifest();
    assert_eq!((found.unknown, found.segments.len()), (unknown, 4));
}

/// Whoever sets the time of a file back makes no commit older.
#[test]
fn a_time_that_is_taken_from_a_file_is_not_earlier_than_its_bytes_and_is_noted() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let sound = stage.manifest();
        let written = SystemClock.now();
        for name in SEGMENTS {
            write(&stage, name, &read(&stage, name));
            let file = File::options()
                .append(true)
                .open(stage.repository().join(name));
            let day = Duration::from_hours(24);
            let earlier = SystemTime::now() - day;
            file.expect("a file").set_modified(earlier).expect("a time");
        }
        // What the manifest knows stays.
        let known = plan_rebuild(&stage.folder(), Context::default()).expect("a plan");
        assert_eq!((known.manifest, known.file_times_through), (sound, None));

        let before = Notes {
            looked_until: Some(SystemClock.now()),
            ..Notes::of(RepositoryId::new(7))
        };
        write_notes(&RealDisk, &stage.folder(), Mode::PRIVATE, &before).expect("notes");
        remove(&stage, MANIFEST_FILE_NAME);
        Writer::lock(&stage.folder(), Context::default())
            .and_then(|writer| writer.rebuild())
            .expect("a manifest");
        let read = SystemClock.now();
        for segment in stage.manifest().segments {
            assert!(segment.created_at <= read, "{segment:?}");
            // The clock of a file system is a little behind.
            assert!(
                segment.created_at.get() + 20 >= written.get(),
                "{segment:?}"
            );
        }
        let notes = read_notes(&stage.folder()).expect("notes").expect("notes");
        let last = notes.file_times_through.expect("a segment");
        assert_eq!(last.as_str(), SEGMENTS[3]);
        assert_eq!((notes.id, notes.looked_until), (before.id, None));
    }
}

/// In generation 1 the checksum of an increment follows from the lengths of its frames.
#[test]
fn a_file_that_was_put_in_the_place_of_another_is_skipped() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        record(&stage, &open(&stage), 4);
        write(&stage, SEGMENTS[2], &read(&stage, SEGMENTS[1]));
        remove(&stage, MANIFEST_FILE_NAME);
        let plan = plan_rebuild(&stage.folder(), Context::default()).expect("a plan");
        let [(name, Unusable::Damaged { detail, .. })] = plan.skipped.as_slice() else {
            panic!("{:?}", plan.skipped);
        };
        assert_eq!(name.to_string(), SEGMENTS[2]);
        let expected = "it is another file than apograph.json knows";
        assert_eq!(detail.to_string(), expected);
        assert_eq!(plan.manifest.segments.len(), 3);
    }
}

/// Somebody has written another segment since, and the record is the older one.
#[test]
fn a_file_that_the_manifest_means_as_it_is_stays_beside_another_record() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        record(&stage, &open(&stage), 4);
        let other = with_header(&read(&stage, SEGMENTS[2]), |header| header.count += 1);
        write(&stage, SEGMENTS[2], &other);
        let skipped = || {
            let plan = plan_rebuild(&stage.folder(), Context::default());
            plan.expect("a plan").skipped.len()
        };
        assert_eq!(skipped(), 1);
        stage.edit_manifest(|manifest| manifest.segments[2].checksum = Crc32::of(&other));
        assert_eq!(skipped(), 0);
    }
}

#[test]
fn a_rebuild_makes_notes_of_times_that_are_those_of_files_alone() {
    for fixtures in [V1, V2] {
        for is_recorded in [false, true] {
            let stage = Stage::new(fixtures);
            if is_recorded {
                record(&stage, &open(&stage), 4);
            }
            remove(&stage, MANIFEST_FILE_NAME);
            Writer::lock(&stage.folder(), Context::default())
                .and_then(|writer| writer.rebuild())
                .expect("a manifest");
            let notes = read_notes(&stage.folder()).expect("notes");
            assert_eq!(notes.is_none(), is_recorded);
        }
    }
}

#[test]
fn a_repository_of_which_nothing_can_be_used_is_told_why() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        stage.keep_segments(2);
        let error = |name: &str, bytes: &[u8]| {
            write(&stage, name, bytes);
            let error = Writer::lock(&stage.folder(), Context::default())
                .and_then(|writer| writer.rebuild())
                .expect_err("no segment");
            let path = stage.repository().join(name);
            let text = told(&error);
            let front = format!("{} cannot be used: ", path.display());
            let detail = text.strip_prefix(&front).expect("a reason").to_owned();
            (error.code(), detail)
        };
        let mut later = read(&stage, SEGMENTS[1]);
        later[4] = 9;
        let (code, detail) = error(SEGMENTS[1], &later);
        assert_eq!(code, "unsupported-version");
        let expected = "segment header has version 9; the newest version known here is 2";
        assert_eq!(detail, expected);
        write(&stage, SEGMENTS[1], b"GBAK");
        let (code, detail) = error(SEGMENTS[0], b"GRAF");
        assert_eq!(code, "corrupt-segment");
        let expected = "database file header is too short: 4 bytes where 4096 are needed";
        assert_eq!(detail, expected);
    }
}
