//! Manifests.

use std::path::Path;

use apograph_format::{Crc32, Epoch, Generation, SegmentKind, UnixMillis};
use apograph_io::{Folder, IoError, Mode, RealDisk};
use apograph_manifest::{
    FileName, MANIFEST_FILE_NAME, MANIFEST_MAX_BYTES, Manifest, ManifestError, SEGMENTS_MAX,
    Segment, Unknown, read_manifest, write_manifest,
};
use apograph_testing::encoding::varint;
use apograph_testing::errors::told;
use apograph_testing::fixtures::V1;
use apograph_testing::truth::Truth;
use apograph_testing::{damage, fuzz};

fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    Manifest::decode(bytes, Path::new("manifest"))
}

/// A manifest of one full backup under a name.
fn naming(name: &str) -> Vec<u8> {
    let length = varint(name.len() as u64);
    [&[1, 1, 0], &length[..], name.as_bytes(), &[0, 3, 7, 9, 5]].concat()
}

#[test]
fn golden_manifests_are_written_as_they_were_read() {
    for golden in V1.manifests() {
        let manifest = decode(&golden.bytes).expect(&golden.path);
        assert_eq!(manifest.encode(), golden.bytes, "{}", golden.path);
    }
}

#[test]
fn golden_manifests_agree_with_the_truth_and_the_files() {
    // How many segments each has: a fixture that is not here has no manifest.
    let rows = [
        ("01_full_only", 1),
        ("02_chain40", 4),
        ("03_two_fulls", 5),
        ("04_rotation", 3),
        ("05_schema", 4),
        ("06_transactions", 3),
        ("07_named_graphs", 4),
        ("09_values", 3),
        ("11_checkpoints_cursor", 2),
        ("12_crash_in_chain", 3),
        ("13_close_in_chain", 4),
        ("14_torn_in_chain", 2),
        ("15_concurrent", 2),
        ("15_concurrent_incr", 8),
        ("16_direct_api", 3),
        ("19_mixed_lives", 4),
        ("20_temporal_schema", 4),
    ];
    let mut found = Vec::new();
    for golden in V1.manifests() {
        let manifest = decode(&golden.bytes).expect(&golden.path);
        for segment in &manifest.segments {
            let file = V1.read(&format!("{}/backup/{}", golden.fixture(), segment.file));
            assert_eq!(file.bytes.len() as u64, segment.size_bytes, "{}", file.path);
            assert_eq!(Crc32::of(&file.bytes), segment.checksum, "{}", file.path);
        }
        // The truth leaves out what was taken while sessions committed.
        let truth = Truth::of(V1, golden.fixture());
        for backup in truth.taken() {
            let file = backup.file.as_deref().expect("a backup that was taken");
            let mut segments = manifest.segments.iter();
            let segment = segments.find(|it| it.file.as_str() == file).expect(file);
            assert_eq!(backup.kind, segment.kind, "{file}");
            let epochs = [segment.start_epoch, segment.end_epoch].map(|epoch| Some(epoch.get()));
            assert_eq!([backup.start_epoch, backup.end_epoch], epochs, "{file}");
            assert_eq!(backup.size, Some(segment.size_bytes), "{file}");
        }
        found.push((golden.fixture().to_owned(), manifest.segments.len()));
    }
    let found: Vec<_> = found
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(found, rows);
}

#[test]
fn a_manifest_answers_the_engines_questions() {
    let golden = V1.read("03_two_fulls/backup/backup_manifest.json");
    let manifest = decode(&golden.bytes).expect("a golden manifest");
    let full = manifest.latest_full().expect("a full backup");
    assert_eq!(full.file.as_str(), "backup_full_0003.grafeo");
    let after: Vec<_> = manifest
        .incrementals_after(full.end_epoch)
        .map(|segment| segment.file.as_str())
        .collect();
    assert_eq!(after, ["backup_incr_0004.wal"]);
    assert_eq!(
        manifest.epoch_range(),
        Some((Epoch::new(0), Epoch::new(15)))
    );
    assert_eq!(Manifest::default().epoch_range(), None);
    assert_eq!(Manifest::default().encode(), [1, 0]);
}

#[test]
fn an_increment_that_begins_at_an_epoch_is_not_after_it() {
    let golden = V1.read("02_chain40/backup/backup_manifest.json");
    let manifest = decode(&golden.bytes).expect("a golden manifest");
    let increments = &manifest.segments[1..];
    for (index, increment) in increments.iter().enumerate() {
        let behind = |epoch| manifest.incrementals_after(epoch).collect::<Vec<_>>();
        let (these, rest) = (&increments[index..], &increments[index + 1..]);
        let before = increment.start_epoch.previous().expect("an epoch before");
        assert!(behind(before).into_iter().eq(these), "{before}");
        assert!(
            behind(increment.start_epoch).into_iter().eq(rest),
            "{before}"
        );
    }
}

#[test]
fn no_cut_manifest_is_read() {
    for golden in V1.manifests() {
        damage::every_cut(&golden.bytes, |bytes| {
            let error = decode(bytes).expect_err("a cut manifest");
            assert_eq!(error.code(), "corrupt-manifest", "{} bytes", bytes.len());
        });
    }
}

#[test]
fn nothing_may_stand_after_a_manifest() {
    for golden in V1.manifests() {
        for byte in [0, 1, 255] {
            let mut longer = golden.bytes.clone();
            longer.push(byte);
            let error = told(&decode(&longer).expect_err("a long manifest"));
            assert_eq!(error, "manifest is damaged: 1 bytes after its end");
        }
    }
}

#[test]
fn a_changed_manifest_is_refused_or_says_what_it_says() {
    for golden in V1.manifests() {
        damage::every_bit(&golden.bytes, |_, bytes| {
            fuzz::manifest(bytes);
            let unchanged = decode(bytes).is_ok_and(|it| it.encode() == golden.bytes);
            assert!(!unchanged, "{}", golden.path);
        });
    }
}

#[test]
fn newer_versions_are_refused() {
    let rows: [(&[u8], &str); 4] = [
        (
            b"\0\0",
            "manifest has version 0; the newest version known here is 1",
        ),
        (
            b"\x02\0",
            "manifest has version 2; the newest version known here is 1",
        ),
        (
            br#"{"version":3,"segments":[]}"#,
            "manifest has version 3; the newest version known here is 2",
        ),
        (
            b"\xfc\xff\xff\xff\xff\0",
            "manifest has version 4294967295; the newest version known here is 1",
        ),
    ];
    for (bytes, text) in rows {
        let error = decode(bytes).expect_err(text);
        assert_eq!(told(&error), text);
        assert_eq!(error.code(), "unsupported-version");
    }
}

#[test]
fn what_a_manifest_claims_is_not_believed() {
    let rows: [&[u8]; 8] = [
        b"",
        b"{}",
        b"\xff",
        b"\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\xfc\xff\xff\xff\x7f",
        b"\x01\x01\0\xfd\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x01\x01\x02\x01a\0\x03\x07\x09\x05",
        b"\x01\x01\0\x02\xff\xfe\0\x03\x07\x09\x05",
    ];
    for bytes in rows {
        let error = decode(bytes).expect_err("a false claim");
        assert_eq!(error.code(), "corrupt-manifest", "{bytes:02x?}");
    }
}

#[test]
fn no_more_segments_are_claimed_than_there_are_bytes_for() {
    let rows: [(&[u8], &str); 3] = [
        (
            b"\x01\xfc\x65\x6f\xe2\0\x05afB",
            "manifest is damaged: 14839653 segments in 4 bytes",
        ),
        (
            b"\x01\x02\0\x01a\0\x03\x07\x09\x05",
            "manifest is damaged: 2 segments in 8 bytes",
        ),
        (
            b"\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
            "manifest is damaged: 18446744073709551615 segments in 0 bytes",
        ),
    ];
    for (bytes, text) in rows {
        assert_eq!(told(&decode(bytes).expect_err(text)), text);
    }
    assert_eq!(
        decode(&naming("a")).expect("the smallest").segments.len(),
        1
    );
}

/// What is no name of a file in the repository.
const NO_NAMES: &[&str] = &[
    "",
    ".",
    "..",
    ".hidden",
    "../x",
    "/x",
    "a/b",
    "a/",
    "a\\b",
    "C:x",
    "a\0",
    "\0",
    "a b",
    "a\n",
    "~",
    "$x",
    "*",
    "ä",
    "\u{202e}x",
    "a;b",
    "-\u{7f}",
];

/// Names are plain ones, in a manifest of either encoding that has a full backup of that name.
pub(crate) fn check_names(decode: impl Fn(&str) -> Result<Manifest, ManifestError>) {
    let longest = "n".repeat(255);
    for name in ["backup_full_0000.grafeo", "a", "A-b_c.9", "x..y", &longest] {
        let manifest = decode(name).expect(name);
        assert_eq!(manifest.segments[0].file.as_str(), name);
        assert_eq!(manifest.segments[0].kind, SegmentKind::Full);
    }
    let longer = "n".repeat(256);
    for name in NO_NAMES.iter().copied().chain([longer.as_str()]) {
        let error = decode(name).expect_err(name);
        assert_eq!(error.code(), "corrupt-manifest");
        assert!(
            told(&error).ends_with("is not a plain file name"),
            "{error}"
        );
        assert!(FileName::try_from(name.to_owned()).is_err(), "{name:?}");
    }
}

#[test]
fn a_name_is_not_a_path() {
    check_names(|name| decode(&naming(name)));
    for length in 1..256 {
        let text = "n".repeat(length);
        let name = FileName::try_from(text.clone()).expect("a name");
        assert_eq!((name.as_str(), name.to_string()), (&*text, text.clone()));
        assert_eq!(name, FileName::try_from(text.as_str()).expect("a name"));
        let other = FileName::try_from(format!("{}m", &text[1..])).expect("a name");
        assert_ne!(name, other);
    }
}

#[test]
fn no_file_is_named_twice() {
    let entry = &naming("a")[2..];
    let bytes = [&[1, 2], entry, entry].concat();
    let error = told(&decode(&bytes).expect_err("a name twice"));
    assert_eq!(error, "manifest is damaged: it names a twice");
}

/// A manifest of so many increments.
fn of_many(count: usize, generation: Generation) -> Manifest {
    let segment = |index| {
        let name = format!("backup_incr_{index:04}.wal");
        Segment {
            kind: SegmentKind::Incremental,
            file: FileName::try_from(name).expect("a name"),
            start_epoch: Epoch::new(1),
            end_epoch: Epoch::new(1),
            checksum: Crc32::new(0),
            size_bytes: 1,
            created_at: UnixMillis::new(1),
            end_lsn: None,
            unknown: Unknown::new(),
        }
    };
    Manifest {
        generation,
        segments: (0..count).map(segment).collect(),
        unknown: Unknown::new(),
    }
}

fn open(folder: &tempfile::TempDir) -> Folder {
    Folder::open(folder.path()).expect("an open folder")
}

#[test]
fn no_more_segments_are_named_than_are_read() {
    let most = of_many(SEGMENTS_MAX, Generation::One);
    assert_eq!(decode(&most.encode()).expect("the most"), most);
    for generation in [Generation::One, Generation::Two] {
        let more = of_many(SEGMENTS_MAX + 1, generation);
        let error = decode(&more.encode()).expect_err("too many");
        assert_eq!(error.code(), "corrupt-manifest");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let written = write_manifest(&RealDisk, &open(&folder), Mode::PRIVATE, &more);
        assert!(matches!(written, Err(ManifestError::Full { .. })));
        assert_eq!(read_manifest(&open(&folder)).expect("no error"), None);
    }
    // JSON takes more room, and comes to the other limit first.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = of_many(SEGMENTS_MAX, Generation::Two);
    let written = write_manifest(&RealDisk, &open(&folder), Mode::PRIVATE, &large);
    assert_eq!(written.expect_err("too large").code(), "io");
}

#[test]
fn as_many_segments_are_written_as_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let most = of_many(SEGMENTS_MAX, Generation::One);
    write_manifest(&RealDisk, &open(&folder), Mode::PRIVATE, &most).expect("a manifest");
}

#[test]
fn a_hundred_thousand_segments_are_written_and_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for generation in [Generation::One, Generation::Two] {
        let many = of_many(100_000, generation);
        write_manifest(&RealDisk, &open(&folder), Mode::PRIVATE, &many).expect("a manifest");
        assert_eq!(read_manifest(&open(&folder)).expect("no error"), Some(many));
    }
}

#[test]
fn a_manifest_as_large_as_a_disk_is_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = std::fs::File::create(folder.path().join(MANIFEST_FILE_NAME)).expect("a file");
    file.set_len(1 << 40).expect("a hole");
    let error = read_manifest(&open(&folder)).expect_err("too large");
    let ManifestError::Io(IoError::TooLarge { limit, found, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!((limit, found), (MANIFEST_MAX_BYTES, 1 << 40));
}
