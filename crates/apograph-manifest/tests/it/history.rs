//! `apograph.json`.

use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, LogPosition, LogSequence, Point, RangeSet, Timeline,
    UnixMillis,
};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    FullContent, HISTORY_FILE_NAME, History, ImageIdentity, IncrementContent, LogRange, Lost,
    Manifest, SegmentContent, SegmentRecord, Stretch, Stretches, TimeSpan, read_records,
    write_history,
};
use apograph_testing::fixtures::V1;
use apograph_testing::{damage, fuzz};

use crate::marker::evidence;

/// What would be known of the first two segments of a golden repository, had apograph written it.
fn example() -> History {
    let golden = V1.read("13_close_in_chain/backup/backup_manifest.json");
    let manifest = Manifest::decode(&golden.bytes, golden.path.as_ref()).expect(&golden.path);
    let [full, increment] = &manifest.segments[..2] else {
        panic!("two segments");
    };
    let body = V1.read("13_close_in_chain/backup/backup_incr_0001.wal");
    let epochs = |from, to| RangeSet::from(vec![(from, to)]);
    let at = |offset| LogPosition::in_file(LogSequence::new(1), offset);
    History {
        records: vec![
            SegmentRecord {
                segment: full.clone(),
                hash: Blake3::of(b"full"),
                content: SegmentContent::from(FullContent {
                    image: ImageIdentity {
                        database_created_at: UnixMillis::new(0x1a1_fd00_969f),
                        iteration: 1,
                        checksum: Crc32::new(0x964a_dc73),
                        written_at: UnixMillis::new(0x1a1_fd00_96a8),
                        database: None,
                        is_encrypted: false,
                    },
                    base: Point::new(Timeline::FIRST, Epoch::new(3)),
                    continues: false,
                    log_start: Some(at(0)),
                    reopened: false,
                }),
                is_uncounted: false,
                verified: None,
                damaged: None,
            },
            SegmentRecord {
                segment: increment.clone(),
                hash: Blake3::of(&body.bytes),
                content: SegmentContent::from(IncrementContent {
                    range: Some(LogRange {
                        start: at(0),
                        end: at(47),
                    }),
                    committed: None,
                    is_encrypted: false,
                    diverges: false,
                    overlap_bytes: 0,
                    continues: false,
                    repeats: false,
                    catches_up: false,
                    spans: false,
                    stretches: vec![Stretch {
                        timeline: Timeline::FIRST,
                        base: Epoch::new(3),
                        opens: false,
                        epochs: epochs(4, 4),
                        transactions: epochs(5, 5),
                    }]
                    .into(),
                    process_ended: false,
                    commits: 1,
                    records: 2,
                    frames: 4,
                }),
                is_uncounted: false,
                verified: None,
                damaged: None,
            },
        ],
        evidence: Some(evidence(increment.file.clone())),
    }
}

#[test]
fn a_history_is_read_as_it_was_written() {
    for history in [History::default(), example()] {
        let bytes = history.encode();
        assert_eq!(bytes.last(), Some(&b'\n'));
        assert_eq!(History::decode(&bytes), Some(history));
    }
    let empty = br#"{"crc32":"5bad7f4f","body":{"format":2,"segments":[],"evidence":null}}"#;
    assert_eq!(History::decode(empty), Some(History::default()));
}

#[test]
fn a_history_of_many_records_is_read_one_by_one_as_it_was_written() {
    let mut history = example();
    let increment = history.records[1].clone();
    for number in 0..500 {
        let mut record = increment.clone();
        record.segment.size_bytes = number;
        history.records.push(record);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = Folder::open(folder.path()).expect("a folder");
    write_history(&RealDisk, &opened, Mode::PRIVATE, &history).expect("a history");
    let bytes = std::fs::read(folder.path().join(HISTORY_FILE_NAME)).expect("a file");
    assert!(bytes == history.encode());
    let mut seen = Vec::new();
    let evidence = read_records(&opened, |record| seen.push(record)).expect("no error");
    assert_eq!(evidence, Ok(history.evidence));
    assert!(seen == history.records);
    std::fs::remove_file(folder.path().join(HISTORY_FILE_NAME)).expect("a file");
    let none = read_records(&opened, |record| panic!("{record:?}"));
    assert_eq!(none.expect("no error"), Err(Lost));
}

#[test]
fn the_example_in_the_format_document_is_a_record() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../FORMAT.md");
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    let json = text
        .split("\n## ")
        .find_map(|section| section.strip_prefix("History file\n"))
        .and_then(|section| section.split("```").nth(1))
        .expect("an example under \"History file\"");
    let record: SegmentRecord = serde_json::from_str(json).expect("a record");
    assert_eq!(record, example().records[1]);
}

#[test]
fn a_changed_history_is_no_history() {
    let history = example();
    damage::every_bit(&history.encode(), |offset, bytes| {
        fuzz::history(bytes);
        let found = History::decode(bytes);
        assert!(
            found.is_none() || found.as_ref() == Some(&history),
            "byte {offset}"
        );
    });
}

#[test]
fn a_cut_history_is_no_history() {
    let bytes = example().encode();
    damage::every_cut(&bytes[..bytes.len() - 1], |bytes| {
        assert_eq!(History::decode(bytes), None);
    });
}

#[test]
fn another_format_is_no_history() {
    let sealed = |body: &str| {
        let crc32 = Crc32::of(body.as_bytes());
        format!(r#"{{"crc32":"{crc32}","body":{body}}}"#)
    };
    let rows = [
        (r#"{"format":2,"segments":[],"evidence":null}"#, true),
        (
            r#"{ "format": 2, "segments": [], "evidence": null, "more": 5 }"#,
            true,
        ),
        (r#"{"evidence":null,"segments":[],"format":2}"#, true),
        (r#"{"format":2,"segments":[]}"#, true),
        (r#"{"format":1,"segments":[],"evidence":null}"#, false),
        (r#"{"format":2,"segments":[],"segments":[]}"#, false),
        (r#"{"format":2,"format":2,"segments":[]}"#, false),
        (
            r#"{"format":2,"segments":[],"evidence":null,"evidence":null}"#,
            false,
        ),
        (r#"{"format":2,"segments":[],"evidence":{}}"#, false),
        (r#"{"format":2,"segments":{}}"#, false),
        (r#"{"format":2,"evidence":null}"#, false),
        (r#"{"format":2,"segments":[{}],"evidence":null}"#, false),
        (r#"{"segments":[],"evidence":null}"#, false),
        ("[]", false),
        ("null", false),
    ];
    for (body, is_read) in rows {
        assert_eq!(
            History::decode(sealed(body).as_bytes()).is_some(),
            is_read,
            "{body}"
        );
    }
    for text in ["", "{}", "null", "\0", r#"{"crc32":"00000000","body":{}}"#] {
        assert_eq!(History::decode(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn names_in_a_history_are_names_too() {
    let text = String::from_utf8(example().encode()).expect("JSON");
    let (_, body) = text.trim_end().split_once("\"body\":").expect("a body");
    let body = body.strip_suffix('}').expect("the end of the object");
    for name in ["../x", "/x", ".hidden", ""] {
        let body = body.replace("backup_incr_0001.wal", name);
        let crc32 = Crc32::of(body.as_bytes());
        let text = format!(r#"{{"crc32":"{crc32}","body":{body}}}"#);
        assert_eq!(History::decode(text.as_bytes()), None, "{name:?}");
    }
}

fn image() -> ImageIdentity {
    full().image
}

fn full() -> FullContent {
    let [record, _] = two_records();
    match record.content {
        SegmentContent::Full(full) => *full,
        SegmentContent::Increment(_) => panic!("a full backup"),
    }
}

fn increment() -> IncrementContent {
    let [_, record] = two_records();
    match record.content {
        SegmentContent::Increment(increment) => *increment,
        SegmentContent::Full(_) => panic!("an increment"),
    }
}

fn two_records() -> [SegmentRecord; 2] {
    example().records.try_into().expect("two records")
}

#[test]
fn a_segment_names_its_timeline_where_it_has_a_part_of_one() {
    let empty = IncrementContent {
        stretches: Stretches::new(),
        ..increment()
    };
    assert!(SegmentContent::from(full()).names_timeline());
    assert!(SegmentContent::from(increment()).names_timeline());
    assert!(!SegmentContent::from(empty).names_timeline());
}

#[test]
fn only_an_image_of_generation_1_that_had_a_checkpoint_may_be_ahead() {
    let database = Some(DatabaseId::new(7));
    for (database, iteration, expected) in [
        (None, 0, false),
        (None, 1, true),
        (None, 2, true),
        (database, 0, false),
        (database, 1, false),
    ] {
        let image = ImageIdentity {
            database,
            iteration,
            ..image()
        };
        let full = FullContent { image, ..full() };
        assert_eq!(full.may_be_ahead(), expected, "{image:?}");
    }
}

#[test]
fn a_database_is_known_by_its_id_or_else_by_when_it_was_created() {
    let image = |database: Option<u128>, created_at| ImageIdentity {
        database: database.map(DatabaseId::new),
        database_created_at: UnixMillis::new(created_at),
        ..image()
    };
    let rows = [
        (image(None, 1), image(None, 1), true),
        (image(None, 1), image(None, 2), false),
        (image(Some(7), 1), image(Some(7), 1), true),
        (image(Some(7), 1), image(Some(7), 2), true),
        (image(Some(7), 1), image(Some(8), 1), false),
        (image(Some(7), 1), image(None, 1), false),
    ];
    for (one, other, expected) in rows {
        let later = ImageIdentity {
            iteration: 5,
            checksum: Crc32::new(5),
            ..other
        };
        assert_eq!(
            one.is_of_same_database(&later),
            expected,
            "{one:?} {later:?}"
        );
        assert_eq!(
            later.is_of_same_database(&one),
            expected,
            "{one:?} {later:?}"
        );
    }
}

#[test]
fn a_span_of_commits_begins_with_the_first_and_ends_with_the_latest() {
    let spans = [(5, 5, 5), (7, 5, 7), (3, 5, 7), (9, 5, 9)];
    let mut span = None;
    for (time, first, last) in spans {
        let longer = TimeSpan::with(span, UnixMillis::new(time));
        assert_eq!(longer.first, UnixMillis::new(first), "{time}");
        assert_eq!(longer.last, UnixMillis::new(last), "{time}");
        span = Some(longer);
    }
}
