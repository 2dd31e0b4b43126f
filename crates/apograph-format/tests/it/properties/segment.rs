//! GBAK headers.

use apograph_format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use apograph_testing::strategies::{Change, cases, change, segment_header};
use proptest::prelude::*;

/// Bits 48 to 58 of the last field, which nobody reads.
const IGNORED: u64 = 0x07ff << 48;

/// The bytes without what nobody reads.
fn known(bytes: &[u8]) -> Vec<u8> {
    let (front, last) = bytes.split_last_chunk().expect("a header");
    let last = u64::from_le_bytes(*last) & !IGNORED;
    [front, &last.to_le_bytes()].concat()
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn what_is_written_is_read(header in segment_header(), body in any::<[u8; 3]>()) {
        let bytes = header.encode();
        prop_assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        let segment = [&bytes[..], &body].concat();
        prop_assert_eq!(SegmentHeader::decode(&segment), Ok(header));
    }

    #[test]
    fn a_changed_header_is_refused_or_says_what_it_says(
        header in segment_header(),
        change in change(),
    ) {
        let changed = Change::of(&change, &header.encode());
        match SegmentHeader::decode(&changed) {
            Ok(found) => prop_assert_eq!(found.encode().to_vec(), known(&changed)),
            Err(_) => prop_assert!(change.place(SEGMENT_HEADER_BYTES) < 8),
        }
    }

    #[test]
    fn no_cut_header_is_read(header in segment_header(), length in 0..SEGMENT_HEADER_BYTES) {
        prop_assert!(SegmentHeader::decode(&header.encode()[..length]).is_err());
    }
}
