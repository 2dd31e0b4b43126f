//! GBAK headers.

use apograph_format::{SEGMENT_HEADER_BYTES, SegmentHeader};

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
