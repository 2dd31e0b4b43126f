//! Headers of WAL segments.

use std::collections::BTreeSet;

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{DatabaseHeaders, LogPosition, Lsn, UnixMillis, log_file_name};
use apograph_testing::damage;
use apograph_testing::encoding::v2::seal_log_header;
use apograph_testing::fixtures::V2;

use super::log_file;

/// The header of [`log_file`].
fn example() -> [u8; WAL_SEGMENT_HEADER_BYTES] {
    *log_file().first_chunk().expect("a header")
}

fn decode(bytes: &[u8]) -> WalSegmentHeader {
    WalSegmentHeader::decode(bytes).expect("a header")
}

#[test]
fn golden_headers_say_what_they_say() {
    let header = decode(&log_file());
    let id = "21d792807628ca6f60e8dfb011a6b84a";
    assert_eq!(header.database.to_string(), id);
    assert_eq!(header.first_lsn, Lsn::new(148));
    assert_eq!(header.created_at, UnixMillis::new(0x1a1_fd00_9781));
    assert!(!header.is_encrypted);
    assert_eq!(header.bytes()[..], log_file()[..WAL_SEGMENT_HEADER_BYTES]);
}

#[test]
fn golden_log_files_are_of_the_database_beside_them_and_named_by_their_first_lsn() {
    let mut sources = BTreeSet::new();
    for golden in V2.logs() {
        let header = decode(&golden.bytes);
        assert_eq!(
            log_file_name(LogPosition::Lsn(header.first_lsn)),
            golden.file_name(),
            "{}",
            golden.path
        );
        let (database, _) = golden.path.split_once(".wal/").expect("a log folder");
        let headers = DatabaseHeaders::decode(&V2.read(database).bytes).expect(database);
        assert_eq!(headers.file.id, Some(header.database), "{}", golden.path);
        assert!(header.created_at >= headers.file.created_at);
        sources.insert(database.to_owned());
    }
    assert_eq!(sources.len(), 11);
}

#[test]
fn golden_pieces_are_of_the_database_of_the_full_backup() {
    for golden in V2.wal_segments() {
        let Some((repository, _)) = golden.path.split_once("backup_incr") else {
            continue;
        };
        let full = V2.read(&format!("{repository}backup_full_0000.grafeo"));
        let headers = DatabaseHeaders::decode(&full.bytes).expect(&full.path);
        let header = decode(&golden.bytes);
        assert_eq!(headers.file.id, Some(header.database), "{}", golden.path);
        assert!(!header.is_encrypted, "{}", golden.path);
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    damage::every_value(&example(), |offset, bytes| {
        let error = WalSegmentHeader::decode(bytes).expect_err("a damaged header");
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        let expected = match offset {
            0..8 => "wrong-magic",
            8..10 if version < 2 => "malformed",
            8..10 => "unsupported-version",
            _ => "checksum-mismatch",
        };
        assert_eq!(error.code(), expected, "byte {offset}: {error}");
    });
}

#[test]
fn no_cut_header_is_read() {
    damage::every_cut(&example(), |bytes| {
        let error = WalSegmentHeader::decode(bytes).expect_err("a cut header");
        assert_eq!(error.code(), "too-short", "{} bytes", bytes.len());
    });
}

#[test]
fn headers_with_the_right_checksum_are_refused_by_name() {
    let rows: [(&str, usize, &[u8], &str); 17] = [
        ("as it was", 8, &[2], ""),
        (
            "version 3",
            8,
            &[3],
            "WAL segment header has version 3; the newest version known here is 2",
        ),
        (
            "version 65535",
            8,
            &[255, 255],
            "WAL segment header has version 65535; the newest version known here is 2",
        ),
        (
            "version 1",
            8,
            &[1],
            "WAL segment header is malformed at byte 8: version 1",
        ),
        (
            "version 0",
            8,
            &[0],
            "WAL segment header is malformed at byte 8: version 0",
        ),
        (
            "a longer header",
            10,
            &[129],
            "WAL segment header is malformed at byte 10: a header of 129 bytes",
        ),
        (
            "no header",
            10,
            &[0],
            "WAL segment header is malformed at byte 10: a header of 0 bytes",
        ),
        ("encrypted", 12, &[1], ""),
        (
            "the first unknown feature",
            12,
            &[2],
            "WAL segment header uses the flags 0x0002, which is not known here",
        ),
        (
            "the last unknown feature",
            13,
            &[0x80],
            "WAL segment header uses the flags 0x8000, which is not known here",
        ),
        (
            "encrypted and unknown",
            12,
            &[5],
            "WAL segment header uses the flags 0x0004, which is not known here",
        ),
        ("the first feature to ignore", 14, &[1], ""),
        ("the last feature to ignore", 15, &[0x80], ""),
        ("a salt", 48, &[9; 32], ""),
        ("a key check", 80, &[9; 28], ""),
        ("reserved bytes", 108, &[9; 16], ""),
        ("the last LSN", 32, &[255; 8], ""),
    ];
    for (what, offset, field, expected) in rows {
        let mut bytes = example();
        bytes[offset..offset + field.len()].copy_from_slice(field);
        seal_log_header(&mut bytes);
        let found = WalSegmentHeader::decode(&bytes);
        let found = found.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(found, expected, "{what}");
    }
    let mut newer = example();
    newer[8] = 3;
    let error = WalSegmentHeader::decode(&newer).expect_err("before its checksum is looked at");
    assert_eq!(error.code(), "unsupported-version");
}

#[test]
fn encryption_is_a_flag() {
    let mut bytes = example();
    bytes[12] = 1;
    seal_log_header(&mut bytes);
    assert!(decode(&bytes).is_encrypted);
}

#[test]
fn a_header_made_for_another_position_is_of_the_same_segment() {
    let golden = decode(&example());
    let later = golden.beginning_at(Lsn::new(170));
    assert_eq!(later.first_lsn, Lsn::new(170));
    assert_eq!(decode(later.bytes()), later);
    assert!(later.is_same_segment(&golden) && golden.is_same_segment(&later));
    assert_eq!(later.beginning_at(golden.first_lsn), golden);

    let remade = golden.created(UnixMillis::new(7));
    assert_eq!(remade.created_at, UnixMillis::new(7));
    assert_eq!(decode(remade.bytes()), remade);
    assert!(!remade.is_same_segment(&golden));
    assert!(!remade.beginning_at(Lsn::new(1)).is_same_segment(&later));
    assert_eq!(remade.created(golden.created_at), golden);

    let mut foreign = example();
    foreign[16] ^= 1;
    seal_log_header(&mut foreign);
    assert!(!decode(&foreign).is_same_segment(&golden));
}

#[test]
fn made_headers_differ_in_their_fields_and_the_checksum_only() {
    let golden = example();
    let made = decode(&golden).beginning_at(Lsn::new(u64::MAX));
    let made = made.created(UnixMillis::new(u64::MAX));
    for (offset, (old, new)) in golden.iter().zip(made.bytes()).enumerate() {
        let may_differ = (32..48).contains(&offset) || offset >= 124;
        assert!(old == new || may_differ, "byte {offset}");
    }
}

#[test]
fn an_unfinished_file_is_short_or_zeros() {
    assert!(!WalSegmentHeader::is_unfinished(&log_file()));
    assert!(!WalSegmentHeader::is_unfinished(&example()));
    damage::every_cut(&example(), |bytes| {
        assert!(WalSegmentHeader::is_unfinished(bytes));
    });
    for length in [0, 1, 127, 128, 129, 4096] {
        let mut file = vec![0; length];
        assert!(WalSegmentHeader::is_unfinished(&file), "{length}");
        if length >= 128 {
            for offset in [0, 127, length - 1] {
                file[offset] = 1;
                assert!(!WalSegmentHeader::is_unfinished(&file), "{length} {offset}");
                file[offset] = 0;
            }
        }
    }
}
