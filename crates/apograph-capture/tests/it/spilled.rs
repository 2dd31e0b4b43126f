//! Embeddings that an engine of generation 1 has moved out of the database.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};

use apograph_capture::Kind;
use apograph_format::v1::{SpillTable, SpilledFile};
use apograph_format::{Crc32, UnixMillis, spill_folder};
use apograph_io::RealDisk;
use apograph_manifest::SegmentRecord;
use apograph_testing::disk::SimDisk;
use apograph_testing::fixtures::{V1, V2};

use crate::captured::{added, names};
use crate::live::Live;
use crate::monitors::Heard;

const LIVE: &str = "10_live/source";

/// When the image of an open database was written.
const WRITTEN_AT: UnixMillis = UnixMillis::new(1_600_000_000_000);

const YOUNGER: &str = "of its spill folder that are younger than its last checkpoint";

/// Two files of embeddings, and what lies beside them and is none.
const FILES: [(&str, &[u8]); 4] = [
    ("vectors_b.bin", b"embeddings"),
    ("vectors_a.BIN", b"more of them"),
    ("vectors_a.tmp", b"what is being written"),
    ("other.bin", b""),
];

fn spill(live: &Live, name: &str, bytes: &[u8]) {
    let folder = spill_folder(&live.database());
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a file");
}

/// Sets when a spilled file was written: so many nanoseconds before the image.
fn set_time(live: &Live, name: &str, before: u64) {
    let time = UNIX_EPOCH + Duration::from_millis(WRITTEN_AT.get()) - Duration::from_nanos(before);
    let path = spill_folder(&live.database()).join(name);
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(time).expect("a time");
}

/// An open database, with an image of a time that is known.
fn open() -> Live {
    let live = Live::of(V1, LIVE);
    live.checkpoint_whole(|it| it.written_at = WRITTEN_AT);
    live
}

/// A full backup has the image as it is, and then these files.
#[track_caller]
fn check(live: &Live, record: &SegmentRecord, image: &[u8], expected: &[(&str, &[u8])]) {
    let path = live.repository().join(record.segment.file.as_str());
    let segment = fs::read(path).expect("a segment");
    assert_eq!(record.segment.size_bytes, segment.len() as u64);
    let table = SpillTable::decode(&segment).expect("a table");
    let Some((table, image_bytes)) = table else {
        assert!(expected.is_empty(), "no table");
        assert!(segment == image);
        return;
    };
    assert!(!expected.is_empty(), "{table:?}");
    assert_eq!(image_bytes, image.len() as u64);
    assert!(segment.starts_with(image));
    let found = table.ranges(image_bytes).map(|(file, range)| {
        let place = |offset| usize::try_from(offset).expect("an offset");
        let bytes = &segment[place(range.start)..place(range.end)];
        (file.clone(), bytes)
    });
    let expected = expected.iter().map(|(name, bytes)| {
        let file = SpilledFile {
            name: (*name).to_owned(),
            size_bytes: bytes.len() as u64,
            checksum: Crc32::of(bytes),
        };
        (file, *bytes)
    });
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_full_backup_of_a_closed_database_has_all_of_them_after_the_image() {
    let live = Live::of(V1, LIVE).closed();
    let image = fs::read(live.database()).expect("a database");
    for (name, bytes) in FILES {
        spill(&live, name, bytes);
    }
    let records = live.added(Kind::Auto);
    let [b, a, ..] = FILES;
    check(&live, &records[0], &image, &[a, b]);
}

/// The engine keeps them beside the name that it opens.
#[test]
fn they_are_found_beside_a_link_that_names_the_database() {
    let live = Live::of(V1, LIVE).closed();
    let image = fs::read(live.database()).expect("a database");
    let [b, ..] = FILES;
    spill(&live, b.0, b.1);
    let target = live.path("elsewhere.grafeo");
    fs::rename(live.database(), &target).expect("moved");
    symlink(target, live.database()).expect("a link");
    check(&live, &live.added(Kind::Auto)[0], &image, &[b]);
}

#[test]
fn what_is_no_spilled_file_is_left_out() {
    for fixtures in [V1, V2] {
        // No file of embeddings, and no folder.
        let live = Live::of(fixtures, LIVE).closed();
        let image = fs::read(live.database()).expect("a database");
        spill(&live, "other.bin", b"");
        check(&live, &live.added(Kind::Auto)[0], &image, &[]);
        let live = Live::of(fixtures, LIVE).closed();
        fs::write(spill_folder(&live.database()), b"").expect("a file");
        check(&live, &live.added(Kind::Auto)[0], &image, &[]);
    }
}

#[test]
fn a_database_of_generation_2_lacks_what_was_spilled_before_it_was_migrated() {
    for closed in [false, true] {
        let mut live = Live::of(V2, LIVE);
        if closed {
            live = live.closed();
        }
        spill(&live, "vectors_a.bin", b"");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "spilled-vectors");
        assert!(words.contains("which its file lacks"), "{words}");
    }
}

/// A file lay there when the image was written, or nothing tells what it is.
#[test]
fn an_image_of_an_open_database_has_the_files_that_are_older() {
    // By the millisecond in which a file was written.
    for (before, is_older) in [
        (1_000_000_000, true),
        (1_000_000, true),
        (1, true),
        (0, false),
    ] {
        let live = open();
        let image = fs::read(live.database()).expect("a database");
        for (name, bytes) in &FILES[..2] {
            spill(&live, name, bytes);
            set_time(&live, name, 2_000_000_000);
        }
        set_time(&live, "vectors_b.bin", before);
        if is_older {
            let heard = Heard::default();
            let records = added(live.capture_heard(&RealDisk, Kind::Auto, &heard));
            let [b, a, ..] = FILES;
            check(&live, &records[0], &image, &[a, b]);
            assert_eq!(heard.words(), [""; 0]);
        } else {
            let (code, words) = live.refused(Kind::Auto);
            assert_eq!(code, "spilled-vectors");
            assert!(words.contains("embeddings in vectors_b.bin"), "{words}");
        }
    }
}

/// The log of a database that never had an image has all.
#[test]
fn an_open_database_without_an_image_needs_none_of_them() {
    let live = Live::of(V1, "08_torn_tail/source");
    assert_eq!(live.headers().checkpoint.iteration, 0);
    let image = fs::read(live.database()).expect("a database");
    spill(&live, "vectors_a.bin", b"embeddings");
    set_time(&live, "vectors_a.bin", 0);
    let heard = Heard::default();
    let records = added(live.capture_heard(&RealDisk, Kind::Auto, &heard));
    check(&live, &records[0], &image, &[]);
    let words = heard.words();
    assert!(words.iter().any(|it| it.contains(YOUNGER)), "{words:?}");
}

#[test]
fn an_increment_beside_a_younger_file_warns_of_it() {
    for (before, is_warned_of) in [(1_000_000, false), (0, true)] {
        let live = open();
        live.added(Kind::Auto);
        spill(&live, "vectors_a.bin", b"embeddings");
        set_time(&live, "vectors_a.bin", before);
        let heard = Heard::default();
        live.capture_heard(&RealDisk, Kind::Auto, &heard)
            .expect("a backup");
        let words = heard.words();
        assert_eq!(
            words.iter().any(|it| it.contains(YOUNGER)),
            is_warned_of,
            "{words:?}"
        );
        let is_named = |it: &String| it.contains("embeddings in vectors_a.bin");
        assert_eq!(words.iter().any(is_named), is_warned_of, "{words:?}");
    }
}

/// A file that comes while the database is copied is of its state, or is not, and so is one that goes.
#[test]
fn a_copy_is_begun_anew_where_other_files_are_there_after_it() {
    let [b, a, ..] = FILES;
    for is_added in [false, true] {
        let before = || {
            let live = Live::of(V1, LIVE).closed();
            spill(&live, b.0, b.1);
            live
        };
        let probed = before();
        let probe = SimDisk::new(probed.path("").as_path());
        probed.capture_on(&probe, Kind::Auto).expect("a backup");
        let operations = probe.operations();
        let copy = operations.iter().position(|it| it.name == "copy");
        let copy = copy.expect("a copy");

        let live = before();
        let folder = spill_folder(&live.database());
        let disk = SimDisk::new(live.path("").as_path());
        let disk = disk.meanwhile(move |index| {
            if index == copy && is_added {
                fs::write(folder.join(a.0), a.1).expect("a file");
            } else if index == copy {
                fs::remove_file(folder.join(b.0)).expect("a file");
            }
        });
        let image = fs::read(live.database()).expect("a database");
        let records = added(live.capture_on(&disk, Kind::Auto));
        let expected: &[_] = if is_added { &[a, b] } else { &[] };
        check(&live, &records[0], &image, expected);
    }
}

/// The engine copies a full backup of ours as it is, with the table.
#[test]
fn a_table_after_the_image_of_a_database_is_no_part_of_it() {
    let live = Live::of(V1, LIVE).closed();
    let image = fs::read(live.database()).expect("a database");
    spill(&live, "vectors_a.bin", b"embeddings");
    let records = live.added(Kind::Auto);
    let segment = live.repository().join(records[0].segment.file.as_str());
    let copied = fs::read(segment).expect("a segment");
    assert!(copied.len() > image.len());

    let restored = Live::of(V1, LIVE).closed();
    fs::write(restored.database(), copied).expect("a database");
    let records = restored.added(Kind::Auto);
    assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
    check(&restored, &records[0], &image, &[]);
    // What it has spilled since takes its place.
    spill(&restored, "vectors_b.bin", b"others");
    let records = restored.added(Kind::Full);
    check(
        &restored,
        &records[0],
        &image,
        &[("vectors_b.bin", b"others")],
    );
}
