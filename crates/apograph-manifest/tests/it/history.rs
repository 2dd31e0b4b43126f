//! `apograph.json`.

use apograph_format::{
    Blake3, Crc32, Epoch, FilePosition, LogSequence, Point, RangeSet, Timeline, UnixMillis,
};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    Captures, FullContent, FullOf, FurtherCommits, HISTORY_FILE_NAME, History, ImageIdentity,
    ImageOf, IncrementContent, IncrementOf, Manifest, SegmentContent, SegmentRecord, TimelineSpan,
    read_records, write_history,
};
use apograph_testing::fixtures::V1;
use apograph_testing::{damage, fuzz};

use crate::marker::evidence;

/// What would be known of the first two segments of a golden repository, had apograph written it.
pub(crate) fn example() -> History {
    let golden = V1.read("13_close_in_chain/backup/backup_manifest.json");
    let manifest = Manifest::decode(&golden.bytes, golden.path.as_ref()).expect(&golden.path);
    let [full, increment] = &manifest.segments[..2] else {
        panic!("two segments");
    };
    let body = V1.read("13_close_in_chain/backup/backup_incr_0001.wal");
    let epochs = |from, to| RangeSet::from(vec![(from, to)]);
    let sequence = LogSequence::new(1);
    let at = |offset| FilePosition { sequence, offset };
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
                        of: ImageOf::One,
                    },
                    base: Point::new(Timeline::FIRST, Epoch::new(3)),
                    further: None,
                    continues: false,
                    of: FullOf::One {
                        log_start: Some(at(0)),
                    },
                }),
                is_uncounted: false,
                verified: None,
                damaged: None,
            },
            SegmentRecord {
                segment: increment.clone(),
                hash: Blake3::of(&body.bytes),
                content: SegmentContent::from(IncrementContent {
                    of: IncrementOf::Files(at(0)..at(47)),
                    overlap_bytes: 0,
                    continues: false,
                    repeats: false,
                    catches_up: false,
                    stretches: vec![TimelineSpan {
                        timeline: Timeline::FIRST,
                        base: Epoch::new(3),
                        opens: false,
                        epochs: epochs(4, 4),
                        further: FurtherCommits::UNKNOWN,
                        transactions: epochs(5, 5),
                    }]
                    .into(),
                    process_ended: false,
                    commits: 1,
                    records: 2,
                    frames: 4,
                    captures: Captures::default(),
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
    let empty = History::default().encode();
    let expected = "{\"crc32\":\"HEX\",\"body\":{\"format\":3}}\n";
    let crc32 = Crc32::of(b"{\"format\":3}").to_string();
    assert_eq!(empty, expected.replace("HEX", &crc32).into_bytes());
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
    let read = read_records(&opened, |record| seen.push(record)).expect("no error");
    assert_eq!(read.map(|read| read.evidence), Some(history.evidence));
    assert!(seen == history.records);
    std::fs::remove_file(folder.path().join(HISTORY_FILE_NAME)).expect("a file");
    let none = read_records(&opened, |record| panic!("{record:?}"));
    assert_eq!(none.expect("no error"), None);
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
fn a_cut_history_is_an_earlier_one_or_none() {
    let bytes = example().encode();
    damage::every_cut(&bytes[..bytes.len() - 1], |bytes| {
        let is_between_lines = bytes.last() == Some(&b'\n');
        assert_eq!(History::decode(bytes).is_some(), is_between_lines);
    });
}

/// A file of these bodies, each with the checksum of all of them up to it.
pub(crate) fn sealed(bodies: &[&str]) -> Vec<u8> {
    let mut said = Vec::new();
    let lines = bodies.iter().map(|body| {
        said.extend(body.as_bytes());
        let crc32 = Crc32::of(&said);
        format!("{{\"crc32\":\"{crc32}\",\"body\":{body}}}\n")
    });
    lines.collect::<String>().into_bytes()
}

#[test]
fn another_format_is_no_history() {
    let head = r#"{"format":3}"#;
    let rows: [(&[&str], bool); 14] = [
        (&[head], true),
        (&[r#"{ "format": 3, "more": 5 }"#], true),
        (&[head, "{}"], true),
        (&[head, r#"{"segments":[]}"#, r#"{"evidence":null}"#], true),
        (
            &[head, r#"{ "evidence" : null, "segments": [], "more": 5 }"#],
            true,
        ),
        (&[r#"{"format":2,"segments":[],"evidence":null}"#], false),
        (&[r#"{"format":2}"#], false),
        (&[r#"{"format":4}"#], false),
        (&[r#"{"format":3,"format":3}"#], false),
        (&[r#"{"segments":[]}"#, head], false),
        (&[head, r#"{"segments":[],"segments":[]}"#], false),
        (&[head, r#"{"segments":{}}"#], false),
        (&[head, r#"{"segments":[{}]}"#], false),
        (&[head, "5"], false),
    ];
    for (bodies, is_read) in rows {
        let found = History::decode(&sealed(bodies));
        assert_eq!(found.is_some(), is_read, "{bodies:?}");
    }
    for text in [
        "",
        "{}",
        "null",
        "\0",
        "\n",
        r#"{"crc32":"00000000","body":{}}"#,
    ] {
        assert_eq!(History::decode(text.as_bytes()), None, "{text:?}");
    }
}

/// What a line says counts where it stands after the lines that it was written after.
#[test]
fn a_line_counts_after_those_before_it_alone() {
    let lines = [
        r#"{"format":3}"#,
        r#"{"segments":[]}"#,
        r#"{"more":1}"#,
        r#"{"more":2}"#,
    ];
    let file = sealed(&lines);
    let mut swapped: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(History::decode(&swapped.concat()).is_some());
    swapped.swap(2, 3);
    assert_eq!(History::decode(&swapped.concat()), None);
    swapped.swap(2, 3);
    swapped.remove(2);
    assert_eq!(History::decode(&swapped.concat()), None);
}

#[test]
fn names_in_a_history_are_names_too() {
    let bytes = example().encode();
    let text = String::from_utf8(bytes).expect("JSON");
    for name in ["../x", "/x", ".hidden", ""] {
        let bodies = text.lines().map(|line| {
            let (_, body) = line.split_once("\"body\":").expect("a body");
            let body = body.strip_suffix('}').expect("the end of the object");
            body.replace("backup_incr_0001.wal", name)
        });
        let bodies: Vec<_> = bodies.collect();
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        assert_eq!(History::decode(&sealed(&bodies)), None, "{name:?}");
    }
}
