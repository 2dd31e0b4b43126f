//! The headers of segments and of log files.

use apograph_format::v2::{PIECE_LENGTH_BYTES, Pieces, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Lsn, SEGMENT_HEADER_BYTES, SegmentHeader, UnixMillis};

/// A header that is accepted says the same once it is written again.
///
/// # Panics
///
/// Where that is not so.
pub fn gbak_header(data: &[u8]) {
    let Ok(header) = SegmentHeader::decode(data) else {
        return;
    };
    assert!(data.len() >= SEGMENT_HEADER_BYTES);
    let written = header.encode();
    assert_eq!(SegmentHeader::decode(&written), Ok(header));
    assert_eq!(written[..24], data[..24]);
}

/// The pieces of a body lie side by side, in the bytes as in the log, and so does a log file's
/// header before its frames.
///
/// # Panics
///
/// Where that is not so.
pub fn wal_segments(data: &[u8]) {
    wal_header(data);
    let (mut end, mut end_lsn, mut has_failed) = (0, None, false);
    for piece in Pieces::new(data) {
        assert!(!has_failed, "a piece after an error");
        let Ok(piece) = piece else {
            has_failed = true;
            continue;
        };
        wal_header(piece.header.bytes());
        let start = end + PIECE_LENGTH_BYTES + WAL_SEGMENT_HEADER_BYTES;
        assert_eq!(piece.offset, start as u64);
        end = start + piece.frames.len();
        assert_eq!(piece.frames, &data[start..end]);
        assert!(end_lsn.is_none_or(|lsn| lsn == piece.header.first_lsn));
        end_lsn = Some(piece.end());
    }
    assert!(
        has_failed || end == data.len(),
        "bytes after the last piece"
    );
}

fn wal_header(data: &[u8]) {
    let Ok(header) = WalSegmentHeader::decode(data) else {
        return;
    };
    assert_eq!(header.bytes()[..], data[..WAL_SEGMENT_HEADER_BYTES]);
    assert!(!WalSegmentHeader::is_unfinished(data));
    let moved = header.beginning_at(Lsn::new(7)).created(UnixMillis::new(9));
    assert_eq!(WalSegmentHeader::decode(moved.bytes()), Ok(moved));
    assert!(header.is_same_segment(&header.beginning_at(Lsn::new(7))));
    let back = moved
        .beginning_at(header.first_lsn)
        .created(header.created_at);
    assert_eq!(back, header);
}
