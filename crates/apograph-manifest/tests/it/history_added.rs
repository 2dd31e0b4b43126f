//! What a publish adds to `apograph.json`, and what it does not add to.

use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    Evidence, HISTORY_FILE_NAME, History, HistoryEnd, HistoryRead, Nonce, RecordRef, SegmentRecord,
    append_records, read_records, write_history,
};
use apograph_testing::damage;

use crate::history::example;

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
        append_records(&RealDisk, &self.folder, end, &records, Some(evidence)).expect("no error")
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
