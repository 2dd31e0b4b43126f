//! `apograph.json`.

use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, FilePosition, LogSequence, Lsn, Point, RangeSet, Timeline,
    UnixMillis,
};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    Evidence, FullContent, FullOf, HISTORY_FILE_NAME, History, HistoryEnd, HistoryRead,
    ImageIdentity, ImageOf, IncrementContent, IncrementOf, Manifest, Nonce, RecordRef,
    SegmentContent, SegmentRecord, TimeSpan, TimelineSpan, TimelineSpans, append_records,
    read_records, write_history,
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

/// A folder with a history in it, and what reading it gives.
struct Kept {
    _folder: tempfile::TempDir,
    folder: Folder,
}

impl Kept {
    fn of(history: &History) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(temporary.path()).expect("a folder");
        write_history(&RealDisk, &folder, Mode::PRIVATE, history).expect("a history");
        Self {
            _folder: temporary,
            folder,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.at(HISTORY_FILE_NAME).path()
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).expect("a file")
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).expect("a file");
    }

    /// What it says, and whether a publish can add to it.
    fn read(&self) -> (History, Option<HistoryEnd>) {
        let mut records = Vec::new();
        let read = read_records(&self.folder, |record| records.push(record));
        match read.expect("no error") {
            Some(HistoryRead { evidence, end }) => (History { records, evidence }, end),
            None => (
                History {
                    records,
                    evidence: None,
                },
                None,
            ),
        }
    }

    /// Adds a record after an end.
    fn append(&self, end: &HistoryEnd, record: &SegmentRecord, evidence: &Evidence) -> bool {
        let records = [RecordRef::from(record)];
        append_records(&RealDisk, &self.folder, end, &records, evidence).expect("no error")
    }
}

/// The example without its increment, the record of that, and what its publish writes down.
fn before_and_added() -> (History, SegmentRecord, Evidence) {
    let History { records, evidence } = example();
    let [full, increment] = records.try_into().expect("two records");
    let evidence = evidence.expect("evidence");
    let before = History {
        records: vec![full],
        evidence: Some(Evidence {
            nonce: Nonce::new(1),
            ..evidence.clone()
        }),
    };
    (before, increment, evidence)
}

#[test]
fn what_a_publish_adds_stands_after_what_was_there() {
    let (before, increment, evidence) = before_and_added();
    let kept = Kept::of(&before);
    let old = kept.bytes();
    let (found, end) = kept.read();
    assert_eq!(found, before);
    assert!(kept.append(&end.expect("an end"), &increment, &evidence));
    let new = kept.bytes();
    assert_eq!(new[..old.len()], old);
    let added = new.len() - old.len();
    assert!(added < 1500, "{added} bytes");
    let (found, end) = kept.read();
    assert_eq!(found, example());
    assert!(end.is_some());
    assert_eq!(History::decode(&new), Some(example()));
}

/// Wherever the power goes while a publish adds its line, the file says what it said before, and
/// the next publish writes it anew.
#[test]
fn a_line_that_was_cut_off_says_nothing() {
    let (before, increment, evidence) = before_and_added();
    let kept = Kept::of(&before);
    let old = kept.bytes();
    let (_, end) = kept.read();
    assert!(kept.append(&end.expect("an end"), &increment, &evidence));
    let new = kept.bytes();
    for length in old.len() + 1..new.len() {
        let zeros = vec![0; new.len() - length];
        for tail in [&[][..], &zeros] {
            kept.write(&[&new[..length], tail].concat());
            assert_eq!(kept.read(), (before.clone(), None), "{length}");
            assert_eq!(History::decode(&kept.bytes()), None, "{length}");
        }
    }
    kept.write(&old);
    let (found, end) = kept.read();
    assert_eq!(found, before);
    assert!(end.is_some());
}

/// Every flipped bit leaves what was said before it, and nothing else.
#[test]
fn a_damaged_line_ends_what_is_said() {
    let (before, increment, evidence) = before_and_added();
    let kept = Kept::of(&before);
    let (_, end) = kept.read();
    assert!(kept.append(&end.expect("an end"), &increment, &evidence));
    let none = History::default();
    let first = History {
        evidence: None,
        ..before.clone()
    };
    damage::bits(&kept.bytes(), |offset, bytes| {
        kept.write(bytes);
        let (found, end) = kept.read();
        let is_earlier = [&none, &first, &before].contains(&&found);
        assert!(
            is_earlier && end.is_none() || found == example(),
            "byte {offset}"
        );
    });
}

/// What becomes of a file, and its name.
type Change = (&'static str, fn(&Kept));

/// A publish adds to the file that was read and to no other, nor to one that has another name too.
#[test]
fn a_file_that_was_changed_is_not_added_to() {
    let (before, increment, evidence) = before_and_added();
    let changes: [Change; 5] = [
        ("longer", |kept| {
            kept.write(&[kept.bytes(), b"x".to_vec()].concat());
        }),
        ("replaced", |kept| {
            let bytes = kept.bytes();
            std::fs::remove_file(kept.path()).expect("a file");
            let other = kept.path().with_extension("other");
            std::fs::write(&other, bytes).expect("a file");
            std::fs::rename(other, kept.path()).expect("a file");
        }),
        ("gone", |kept| {
            std::fs::remove_file(kept.path()).expect("a file");
        }),
        ("linked", |kept| {
            std::fs::hard_link(kept.path(), kept.path().with_extension("copy")).expect("a link");
        }),
        ("put back", |kept| {
            let file = std::fs::File::options().write(true).open(kept.path());
            let set = file.expect("a file").set_modified(std::time::UNIX_EPOCH);
            set.expect("a time");
        }),
    ];
    for (change, act) in changes {
        let kept = Kept::of(&before);
        let (_, end) = kept.read();
        act(&kept);
        let now = std::fs::read(kept.path()).ok();
        assert!(
            !kept.append(&end.expect("an end"), &increment, &evidence),
            "{change}"
        );
        assert_eq!(std::fs::read(kept.path()).ok(), now, "{change}");
    }
    let kept = Kept::of(&before);
    std::fs::hard_link(kept.path(), kept.path().with_extension("copy")).expect("a link");
    assert_eq!(kept.read(), (before, None), "linked before it was read");
}

fn image() -> ImageIdentity {
    full().image
}

fn image_of(database: Option<DatabaseId>) -> ImageOf {
    database.map_or(ImageOf::One, |database| ImageOf::Two {
        database,
        is_encrypted: false,
    })
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
        stretches: TimelineSpans::new(),
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
            of: image_of(database),
            iteration,
            ..image()
        };
        let of = match database {
            None => FullOf::One { log_start: None },
            Some(_) => FullOf::Two {
                log_start: Lsn::new(296),
                is_spanned: false,
            },
        };
        let full = FullContent {
            image,
            of,
            ..full()
        };
        assert_eq!(full.may_be_ahead(), expected, "{image:?}");
    }
}

#[test]
fn a_database_is_known_by_its_id_or_else_by_when_it_was_created() {
    let image = |database: Option<u128>, created_at| ImageIdentity {
        of: image_of(database.map(DatabaseId::new)),
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
