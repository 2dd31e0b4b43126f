//! Markers, and the evidence in them.

use std::ffi::OsStr;
use std::fs;

use apograph_format::v1::CheckpointRecord;
use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, LogPosition, LogSequence, Lsn, TransactionId, UnixMillis,
};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    CapturedFile, Evidence, FileName, ImageIdentity, ImageOf, LogEvidence, Marker, Nonce,
    RepositoryId, SegmentStamp, Slot, marked_repository, marker_name, read_marker, read_markers,
    write_slot,
};
use apograph_testing::damage;

const REPOSITORY: RepositoryId = RepositoryId::new(0x0123_4567_89ab_cdef);

/// What a backup of generation 1 may have written down, with an increment as its last segment.
pub(crate) fn evidence(file: FileName) -> Evidence {
    let hash = Blake3::of(b"captured");
    let at = LogSequence::new;
    Evidence {
        nonce: Nonce::new(7 << 100),
        segment: SegmentStamp { file, hash },
        end: Some(LogPosition::in_file(at(3), 470)),
        image: ImageIdentity {
            database_created_at: UnixMillis::new(0x1a1_fd00_969f),
            iteration: 4,
            checksum: Crc32::new(0x964a_dc73),
            written_at: UnixMillis::new(0x1a1_fd00_96a8),
            of: ImageOf::One,
        },
        older_files: Some(Blake3::of(b"stamps")),
        tail: None,
        log: Some(LogEvidence {
            file: Some(CapturedFile {
                sequence: at(3),
                length: 470,
                hash,
            }),
            checkpoint: Some(CheckpointRecord {
                epoch: Epoch::new(9),
                log_sequence: at(2),
                written_at: UnixMillis::new(0x1a1_fd00_96a9),
                transaction: TransactionId::new(12),
            }),
            newest: at(3),
            pending: 1,
            marks: 0,
            is_older: false,
        }),
        folder: None,
    }
}

fn name(text: &str) -> FileName {
    FileName::try_from(text).expect("a name")
}

/// Slots of both generations, with and without what may be missing.
fn slots() -> Vec<Slot> {
    let slot = |evidence| Slot {
        repository: REPOSITORY,
        counter: 41,
        written_at: UnixMillis::new(1_795_246_036_649),
        evidence,
    };
    let first = evidence(name("backup_incr_0012.wal"));
    let full = Evidence {
        end: None,
        log: None,
        ..evidence(name("backup_full_0000.grafeo"))
    };
    let bare = LogEvidence {
        file: None,
        checkpoint: None,
        newest: LogSequence::default(),
        pending: 1,
        marks: 2,
        is_older: true,
    };
    let fresh = Evidence {
        end: Some(LogPosition::in_file(LogSequence::default(), 0)),
        log: Some(bare),
        ..full.clone()
    };
    let second = Evidence {
        end: Some(LogPosition::Lsn(Lsn::new(720))),
        image: ImageIdentity {
            of: ImageOf::Two {
                database: DatabaseId::new(5 << 90),
                is_encrypted: true,
            },
            ..full.image
        },
        ..full.clone()
    };
    let stored = "00000000000000000042-1-incr-964adc73964adc73964adc73964adc73";
    let in_vault = evidence(name(stored));
    [first, full, fresh, second, in_vault].map(slot).into()
}

#[test]
fn a_slot_is_read_as_it_was_written() {
    for slot in slots() {
        assert_eq!(Slot::decode(&slot.encode()), Some(slot));
    }
}

#[test]
fn a_changed_slot_is_none() {
    for slot in slots() {
        let bytes = slot.encode();
        damage::every_bit(&bytes, |offset, bytes| {
            let bytes = bytes.try_into().expect("as long");
            assert_eq!(Slot::decode(bytes), None, "byte {offset}");
        });
    }
}

#[test]
fn the_example_in_the_format_document_is_a_slot() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../FORMAT.md");
    let text = fs::read_to_string(path).expect("the document");
    let section = text
        .split("\n## ")
        .find_map(|it| it.strip_prefix("Marker\n"));
    let example = section
        .and_then(|it| it.split("```").nth(1))
        .expect("an example");
    let bytes = slots()[0].encode();
    let mut shown = 0;
    for line in example
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
    {
        let (offset, rest) = line.split_once("  ").expect("an offset");
        let offset = usize::from_str_radix(offset, 16).expect("an offset");
        let digits = rest.split("  ").next().unwrap_or_default().replace(' ', "");
        for (index, pair) in digits.as_bytes().chunks(2).enumerate() {
            let text = std::str::from_utf8(pair).expect("digits");
            let byte = u8::from_str_radix(text, 16).expect("a byte");
            assert_eq!(bytes[offset + index], byte, "{line}");
            shown += 1;
        }
    }
    assert!(shown >= 296, "{shown} bytes are shown");
}

#[test]
fn a_marker_is_named_by_its_repository() {
    let name = marker_name(REPOSITORY);
    assert_eq!(name, "apograph-00000000000000000123456789abcdef.mark");
    assert_eq!(marked_repository(OsStr::new(&name)), Some(REPOSITORY));
    for other in ["apograph-.mark", "apograph-0123.mark", "wal_00000000.log"] {
        assert_eq!(marked_repository(OsStr::new(other)), None, "{other}");
    }
}

/// The nonces in a marker, by slot.
fn nonces(folder: &Folder) -> [Option<u128>; 2] {
    let marker = read_marker(folder, REPOSITORY).expect("no error");
    let slots = marker.unwrap_or_default().slots;
    slots.map(|slot| slot.map(|slot| slot.evidence.nonce.get()))
}

#[test]
fn the_slot_that_the_repository_knows_is_not_overwritten() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(temporary.path()).expect("a folder");
    let slot = slots().remove(0);
    let publish = |nonce: u128, known: Option<u128>| {
        let mut slot = slot.clone();
        slot.evidence.nonce = Nonce::new(nonce);
        let known = known.map(Nonce::new);
        write_slot(&RealDisk, &folder, Mode::PRIVATE, slot, known).expect("written");
        nonces(&folder)
    };
    assert_eq!(nonces(&folder), [None, None]);
    assert_eq!(publish(1, None), [Some(1), None]);
    assert_eq!(publish(2, Some(1)), [Some(1), Some(2)]);
    // The publish failed: the repository knows the one before.
    assert_eq!(publish(3, Some(1)), [Some(1), Some(3)]);
    assert_eq!(publish(4, Some(3)), [Some(4), Some(3)]);
    // The repository knows neither: the older goes.
    assert_eq!(publish(5, Some(99)), [Some(4), Some(5)]);
    assert_eq!(publish(6, None), [Some(6), Some(5)]);
    let markers = read_markers(&folder).expect("no error");
    assert_eq!(markers.len(), 1);
    let newest = markers[0].1.newest().expect("a slot");
    assert_eq!((newest.counter, newest.evidence.nonce), (6, Nonce::new(6)));
}

#[test]
fn what_is_no_slot_of_the_repository_counts_as_none() {
    let slot = slots().remove(0);
    let mut bytes = slot.encode().to_vec();
    bytes.resize(4608, 0);
    let marker = Marker::decode(&bytes, REPOSITORY);
    assert_eq!(marker.slots, [Some(slot.clone()), None]);
    let other = RepositoryId::new(1);
    for (bytes, repository) in [
        (&bytes[..], other),
        (&bytes[..511], REPOSITORY),
        (&[], REPOSITORY),
    ] {
        assert_eq!(Marker::decode(bytes, repository), Marker::default());
    }
}
