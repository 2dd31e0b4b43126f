//! The pieces in the body of an incremental segment.

use apograph_format::v2::{PIECE_LENGTH_BYTES, Pieces, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{FormatError, Lsn, SEGMENT_HEADER_BYTES};
use apograph_testing::damage;
use apograph_testing::encoding::v2::{piece, seal_log_header};
use apograph_testing::fixtures::V2;

use super::read;

/// A segment of four pieces.
const EXAMPLE: &str = "11_checkpoints_cursor/backup/backup_incr_0001.wal";
const PIECE: usize = PIECE_LENGTH_BYTES + WAL_SEGMENT_HEADER_BYTES + 74;

fn body(path: &str) -> Vec<u8> {
    read(path).split_off(SEGMENT_HEADER_BYTES)
}

/// Where each piece begins and ends in the log.
fn ranges(body: &[u8]) -> Result<Vec<(u64, u64)>, FormatError> {
    let range =
        |piece: apograph_format::v2::Piece<'_>| (piece.header.first_lsn.get(), piece.end().get());
    Pieces::new(body).map(|piece| piece.map(range)).collect()
}

/// Changes the header of a piece of the example, and makes its checksum right.
fn with_header(piece: usize, offset: usize, field: &[u8]) -> Vec<u8> {
    let mut body = body(EXAMPLE);
    let start = piece * PIECE + PIECE_LENGTH_BYTES;
    let header = &mut body[start..start + WAL_SEGMENT_HEADER_BYTES];
    header[offset..offset + field.len()].copy_from_slice(field);
    seal_log_header(header);
    body
}

#[test]
fn golden_pieces_lie_side_by_side() {
    let rows: [(&str, &[(u64, u64)]); 5] = [
        (EXAMPLE, &[(74, 148), (148, 222), (222, 296), (296, 370)]),
        (
            "04_rotation/backup/backup_incr_0001.wal",
            &[(74, 290), (290, 614)],
        ),
        (
            "13_close_in_chain/backup/backup_incr_0002.wal",
            &[(296, 403), (403, 477)],
        ),
        ("17_big_group/backup/backup_incr_0001.wal", &[(74, 143_318)]),
        ("18_sync_markers/backup/backup_incr_0001.wal", &[(107, 535)]),
    ];
    for (path, expected) in rows {
        assert_eq!(ranges(&body(path)), Ok(expected.to_vec()), "{path}");
    }
    for golden in V2.segments() {
        let body = &golden.bytes[SEGMENT_HEADER_BYTES..];
        let mut end = 0;
        for piece in Pieces::new(body) {
            let piece = piece.expect(&golden.path);
            let start = end + PIECE_LENGTH_BYTES + WAL_SEGMENT_HEADER_BYTES;
            assert_eq!(piece.offset, start as u64, "{}", golden.path);
            end = start + piece.frames.len();
            assert_eq!(piece.frames, &body[start..end], "{}", golden.path);
        }
        assert_eq!(end, body.len(), "{}", golden.path);
    }
}

#[test]
fn a_body_without_bytes_has_no_pieces() {
    assert_eq!(ranges(b""), Ok(Vec::new()));
}

#[test]
fn a_cut_body_is_refused_or_ends_with_a_piece() {
    let body = body(EXAMPLE);
    let whole = ranges(&body).expect("pieces");
    damage::every_cut(&body, |cut| {
        let found = ranges(cut);
        if cut.len() % PIECE == 0 {
            assert_eq!(found, Ok(whole[..cut.len() / PIECE].to_vec()));
        } else {
            let error = found.expect_err("a cut piece");
            assert_eq!(error.code(), "too-short", "{} bytes: {error}", cut.len());
        }
    });
}

#[test]
fn every_flipped_bit_of_a_length_or_a_header_is_noticed() {
    let body = body(EXAMPLE);
    for piece in 0..4 {
        let start = piece * PIECE;
        let end = start + PIECE_LENGTH_BYTES + WAL_SEGMENT_HEADER_BYTES;
        damage::every_bit(&body[start..end], |offset, front| {
            let mut flipped = body.clone();
            flipped[start..end].copy_from_slice(front);
            assert!(ranges(&flipped).is_err(), "piece {piece}, byte {offset}");
        });
    }
}

#[test]
fn pieces_of_one_log_meet() {
    let rows: [(&str, Vec<u8>, &str); 8] = [
        ("as it was", with_header(1, 32, &[148]), ""),
        (
            "a gap",
            with_header(1, 32, &[149]),
            "incremental segment is malformed at byte 218: \
             a piece begins at LSN 149, the one before it ends at 148",
        ),
        (
            "an overlap",
            with_header(1, 32, &[147]),
            "incremental segment is malformed at byte 218: \
             a piece begins at LSN 147, the one before it ends at 148",
        ),
        (
            "a first piece elsewhere",
            with_header(0, 32, &[73]),
            "incremental segment is malformed at byte 218: \
             a piece begins at LSN 148, the one before it ends at 147",
        ),
        (
            "a foreign database",
            with_header(2, 16, &[0; 16]),
            "incremental segment is malformed at byte 428: a piece is of another database",
        ),
        (
            "encrypted",
            with_header(3, 12, &[1]),
            "incremental segment is malformed at byte 638: a piece is of another database",
        ),
        ("created at another time", with_header(3, 40, &[9; 8]), ""),
        (
            "of a newer version",
            with_header(3, 8, &[3]),
            "WAL segment header has version 3; the newest version known here is 2",
        ),
    ];
    for (what, body, expected) in rows {
        let found = ranges(&body).map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_length_is_not_believed() {
    let mut body = body(EXAMPLE);
    let golden = body.clone();
    for length in [0, 1, 127, 201, 203, 1000, 1 << 40, u64::MAX] {
        body[..8].copy_from_slice(&u64::to_le_bytes(length));
        assert!(ranges(&body).is_err(), "{length}");
    }
    // 128 bytes are a log file without frames: what follows is no length.
    body[..8].copy_from_slice(&128_u64.to_le_bytes());
    let mut pieces = Pieces::new(&body);
    let first = pieces.next().expect("a piece").expect("a header");
    assert!(first.frames.is_empty());
    assert!(pieces.next().expect("the rest").is_err());
    assert!(pieces.next().is_none(), "nothing follows an error");

    let error = ranges(&golden[..PIECE + 7]).expect_err("half a length");
    let text = "incremental segment is too short: 218 bytes where 217 are needed";
    assert_ne!(error.to_string(), text);
    assert_eq!(
        error.to_string(),
        "incremental segment is too short: 217 bytes where 218 are needed"
    );
}

#[test]
fn a_piece_may_begin_in_the_middle_of_a_log_file() {
    let golden = read("18_sync_markers/backup/backup_incr_0001.wal");
    let file = &golden[SEGMENT_HEADER_BYTES + PIECE_LENGTH_BYTES..];
    let header = WalSegmentHeader::decode(file).expect("a header");
    let frames = &file[WAL_SEGMENT_HEADER_BYTES..];
    let (before, behind) = frames.split_at(74);
    let made = header.beginning_at(header.first_lsn.plus(74));
    let body = [piece(header.bytes(), before), piece(made.bytes(), behind)].concat();
    assert_eq!(ranges(&body), Ok(vec![(107, 181), (181, 535)]));
    assert_eq!(made.first_lsn, Lsn::new(181));
}
