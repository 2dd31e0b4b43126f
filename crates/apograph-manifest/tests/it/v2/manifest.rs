//! JSON manifests.

use std::io::{BufReader, Cursor};
use std::path::Path;

use apograph_format::v2::Pieces;
use apograph_format::{Crc32, DatabaseHeaders, Generation, Lsn, SEGMENT_HEADER_BYTES, SegmentKind};
use apograph_io::Folder;
use apograph_manifest::{Manifest, ManifestError, read_manifest};
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::truth::Truth;
use apograph_testing::{damage, fuzz};
use serde_json::{Value, json};

use crate::manifest::check_names;

fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    Manifest::decode(bytes, Path::new("manifest"))
}

fn decode_value(value: &Value) -> Result<Manifest, ManifestError> {
    decode(&serde_json::to_vec(value).expect("JSON"))
}

/// The code of the error, or nothing.
fn code(value: &Value) -> &'static str {
    decode_value(value).map_or_else(|error| error.code().as_str(), |_| "")
}

fn segment(name: &str) -> Value {
    json!({
        "kind": "Full", "filename": name, "start_epoch": 0, "end_epoch": 3,
        "checksum": 7, "size_bytes": 9, "created_at_ms": 5, "end_wal_lsn": 74,
    })
}

/// A manifest of one full backup under a name.
fn naming(name: &str) -> Value {
    json!({"version": 2, "segments": [segment(name)]})
}

#[test]
fn golden_manifests_are_written_as_they_were_read() {
    for golden in V2.manifests() {
        let manifest = decode(&golden.bytes).expect(&golden.path);
        assert_eq!(manifest.generation, Generation::Two, "{}", golden.path);
        assert_eq!(manifest.encode(), golden.bytes, "{}", golden.path);
        assert!(manifest.unknown.is_empty(), "{}", golden.path);
    }
}

#[test]
fn a_manifest_is_read_little_by_little() {
    let golden = V2.read("02_chain40/backup/backup_manifest.json").bytes;
    let text = String::from_utf8(golden).expect("text");
    let whole = decode(text.as_bytes()).expect("a golden manifest");
    let read = |text: &str, buffer_bytes| {
        let file = BufReader::with_capacity(buffer_bytes, Cursor::new(text));
        Manifest::read(file, Path::new("manifest"))
    };
    for buffer_bytes in [1, 2, 7, 64, 1 << 20] {
        for space in ["", " ", "\n\t \r\n", &" ".repeat(200)] {
            let found = read(&format!("{space}{text}"), buffer_bytes).expect("a manifest");
            assert_eq!(found, whole, "{buffer_bytes} {space:?}");
        }
        for none in ["", " ", "\n\n\n\n\n\n\n\n"] {
            let error = read(none, buffer_bytes).expect_err("nothing");
            assert_eq!(
                error.code(),
                decode(none.as_bytes()).expect_err(none).code()
            );
        }
    }
}

#[test]
fn golden_repositories_are_read() {
    for golden in V2.manifests() {
        let repository = V2.root().join(golden.fixture()).join("backup");
        let repository = Folder::open(&repository).expect("a repository");
        let read = read_manifest(&repository).expect(&golden.path);
        assert_eq!(read, Some(decode(&golden.bytes).expect(&golden.path)));
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
        ("13_close_in_chain", 5),
        ("14_torn_in_chain", 2),
        ("15_concurrent_incr", 6),
        ("16_direct_api", 3),
        ("17_big_group", 2),
        ("18_sync_markers", 2),
    ];
    let mut found = Vec::new();
    for golden in V2.manifests() {
        let manifest = decode(&golden.bytes).expect(&golden.path);
        for segment in &manifest.segments {
            let file = V2.read(&format!("{}/backup/{}", golden.fixture(), segment.file));
            assert_eq!(file.bytes.len() as u64, segment.size_bytes, "{}", file.path);
            assert_eq!(Crc32::of(&file.bytes), segment.checksum, "{}", file.path);
            assert!(segment.unknown.is_empty(), "{}", file.path);
            assert_eq!(
                segment.end_lsn,
                end_of(segment.kind, &file.bytes),
                "{}",
                file.path
            );
        }
        let truth = Truth::of(V2, golden.fixture());
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

/// The LSN at which a segment ends, by its file.
fn end_of(kind: SegmentKind, bytes: &[u8]) -> Option<Lsn> {
    match kind {
        SegmentKind::Full => {
            DatabaseHeaders::decode(bytes)
                .expect("headers")
                .checkpoint
                .log_start
        }
        SegmentKind::Incremental => {
            let pieces = Pieces::new(&bytes[SEGMENT_HEADER_BYTES..]);
            pieces.last().map(|piece| piece.expect("a piece").end())
        }
    }
}

#[test]
fn the_generation_is_that_of_the_encoding() {
    for (golden, generation) in [(V1, Generation::One), (V2, Generation::Two)] {
        let bytes = golden.read("02_chain40/backup/backup_manifest.json").bytes;
        let manifest = decode(&bytes).expect("a golden manifest");
        assert_eq!(manifest.generation, generation);
        let lsns = manifest.segments.iter().filter(|it| it.end_lsn.is_some());
        let expected = if generation == Generation::One { 0 } else { 4 };
        assert_eq!(lsns.count(), expected);
    }
    let empty = Manifest {
        generation: Generation::Two,
        ..Manifest::default()
    };
    assert_eq!(
        empty.encode(),
        b"{\n  \"version\": 2,\n  \"segments\": []\n}"
    );
    assert_eq!(decode(&empty.encode()).expect("a manifest"), empty);
}

#[test]
fn unknown_fields_are_kept() {
    let mut one = segment("a");
    one["note"] = json!({"by": ["someone", null, 5], "deep": {"er": -7}});
    one["zz"] = json!(true);
    let two = segment("b");
    let manifest = json!({
        "version": 2, "segments": [one, two], "engine": "0.7.0",
        "labels": {"a": [1, 2, 3]}, "nothing": null, "largest": u64::MAX,
    });
    let read = decode_value(&manifest).expect("a manifest");
    assert_eq!(read.unknown.len(), 4);
    assert_eq!(read.segments[0].unknown.len(), 2);
    assert!(read.segments[1].unknown.is_empty());
    let written = read.encode();
    let value: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(value, manifest);
    assert_eq!(decode(&written).expect("a manifest"), read);

    let mut known = read.segments[0].clone();
    known.unknown.clear();
    assert!(known.is_same(&read.segments[0]) && known != read.segments[0]);
}

#[test]
fn versions() {
    let rows = [
        (json!(0), ""),
        (json!(1), ""),
        (json!(2), ""),
        (json!(3), "unsupported-version"),
        (json!(u32::MAX), "unsupported-version"),
        (json!(1_u64 << 32), "corrupt-manifest"),
        (json!(-1), "corrupt-manifest"),
        (json!(2.0), "corrupt-manifest"),
        (json!("2"), "corrupt-manifest"),
        (json!(null), "corrupt-manifest"),
    ];
    for (version, expected) in rows {
        assert_eq!(
            code(&json!({"version": version, "segments": []})),
            expected,
            "{version}"
        );
    }
    let error = decode(br#"{"version":3,"segments":{"of":"another shape"}}"#).expect_err("3");
    let text = "manifest has version 3; the newest version known here is 2";
    assert_eq!(told(&error), text);
    for text in [
        r#"{"segments":[]}"#,
        r#"{"version":2,"version":2,"segments":[]}"#,
        r#"{"version":2}"#,
        r#"{"version":2,"segments":[],"segments":[]}"#,
        r#"{"version":2,"segments":{}}"#,
        r#"{"version":2,"segments":null}"#,
        r#"{"version":2,"segments":[]}}"#,
        r#"{"version":2,"segments":[]},"#,
        r#"{"version":2,"segments":[],}"#,
    ] {
        assert_eq!(
            decode(text.as_bytes()).expect_err(text).code(),
            "corrupt-manifest"
        );
    }
}

#[test]
fn what_is_no_list_of_segments_is_told() {
    for segments in [json!({}), json!(null), json!("a")] {
        let error = decode_value(&json!({"version": 2, "segments": segments}));
        let text = told(&error.expect_err("no list"));
        assert!(text.contains("expected a list of segments"), "{text}");
    }
}

#[test]
fn fields_are_needed_and_of_their_kind() {
    let known = [
        "kind",
        "filename",
        "start_epoch",
        "end_epoch",
        "checksum",
        "size_bytes",
        "created_at_ms",
        "end_wal_lsn",
    ];
    for field in known {
        let mut manifest = naming("a");
        let segment = manifest["segments"][0].as_object_mut().expect("an object");
        segment.remove(field);
        let expected = if field == "end_wal_lsn" {
            ""
        } else {
            "corrupt-manifest"
        };
        assert_eq!(code(&manifest), expected, "without {field}");
    }
    let rows = [
        ("kind", json!("Incremental"), ""),
        ("kind", json!("full"), "corrupt-manifest"),
        ("kind", json!("Differential"), "corrupt-manifest"),
        ("kind", json!(0), "corrupt-manifest"),
        ("filename", json!(5), "corrupt-manifest"),
        ("start_epoch", json!(u64::MAX), ""),
        ("start_epoch", json!(-1), "corrupt-manifest"),
        ("start_epoch", json!(1.5), "corrupt-manifest"),
        ("end_epoch", json!("3"), "corrupt-manifest"),
        ("checksum", json!(u32::MAX), ""),
        ("checksum", json!(1_u64 << 32), "corrupt-manifest"),
        ("checksum", json!("00000007"), "corrupt-manifest"),
        ("size_bytes", json!(null), "corrupt-manifest"),
        ("created_at_ms", json!([]), "corrupt-manifest"),
        ("end_wal_lsn", json!(null), ""),
        ("end_wal_lsn", json!(u64::MAX), ""),
        ("end_wal_lsn", json!(-1), "corrupt-manifest"),
    ];
    for (field, value, expected) in rows {
        let mut manifest = naming("a");
        manifest["segments"][0][field] = value.clone();
        assert_eq!(code(&manifest), expected, "{field}: {value}");
    }
    let mut manifest = naming("a");
    manifest["segments"][0]["end_wal_lsn"] = json!(null);
    let read = decode_value(&manifest).expect("a manifest of 0.6.0");
    assert_eq!(read.segments[0].end_lsn, None);
    assert!(
        !String::from_utf8(read.encode())
            .expect("text")
            .contains("end_wal_lsn")
    );
}

#[test]
fn a_name_is_not_a_path() {
    check_names(|name| decode_value(&naming(name)));
    let twice = json!({"version": 2, "segments": [segment("a"), segment("a")]});
    let error = told(&decode_value(&twice).expect_err("a name twice"));
    assert_eq!(error, "manifest is damaged: it names a twice");
}

#[test]
fn no_cut_manifest_is_read() {
    for golden in V2.manifests() {
        damage::every_cut(&golden.bytes, |bytes| {
            let error = decode(bytes).expect_err("a cut manifest");
            assert_eq!(error.code(), "corrupt-manifest", "{} bytes", bytes.len());
        });
    }
}

#[test]
fn a_changed_manifest_is_refused_or_says_what_it_says() {
    for golden in V2.manifests() {
        damage::bits(&golden.bytes, |offset, bytes| {
            fuzz::manifest(bytes);
            // An older version is read as the known one.
            let is_version = golden.bytes[..offset].ends_with(b"\"version\": ");
            let unchanged = decode(bytes).is_ok_and(|it| it.encode() == golden.bytes);
            assert!(!unchanged || is_version, "{}, byte {offset}", golden.path);
        });
    }
}

#[test]
fn nothing_is_nested_deeper_than_can_be_read() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let text = format!(r#"{{"version":2,"segments":[],"deep":{deep}}}"#);
    assert_eq!(
        decode(text.as_bytes()).expect_err("too deep").code(),
        "corrupt-manifest"
    );
}
