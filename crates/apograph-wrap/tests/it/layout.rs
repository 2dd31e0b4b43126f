//! Wrapped segments as others read them.

use std::io::Read;

use apograph_wrap::FRAME_BYTES;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

use crate::{SOME, plain, wrapped};

/// FORMAT.md, "Wrapped segment".
#[test]
fn zstd_unpacks_it_without_knowing_of_us() {
    for length in [0, 10, SOME] {
        let plain = plain(length);
        let wrapped = wrapped(&plain, b"{}");
        let mut again = Vec::new();
        Decoder::new(&wrapped[..])
            .and_then(|mut decoder| decoder.read_to_end(&mut again))
            .expect("frames of zstd");
        assert!(again == plain, "{length}");
    }
}

#[test]
fn frames_are_of_4_mib_and_the_table_says_where_they_are() {
    let wrapped = wrapped(&plain(SOME), b"{}");
    let table = &wrapped[wrapped.len() - 9 - 4 * 8..wrapped.len() - 9];
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four")) as usize;
    let mut rest = &wrapped[..];
    for (entry, plain) in table.chunks(8).zip([FRAME_BYTES, FRAME_BYTES, 12_345, 0]) {
        let packed = find_frame_compressed_size(rest).expect("a frame");
        assert_eq!((number(&entry[..4]), number(&entry[4..])), (packed, plain));
        if plain > 0 {
            let said = get_frame_content_size(rest).expect("a frame");
            assert_eq!(said, Some(plain as u64));
        }
        rest = &rest[packed..];
    }
    assert_eq!(rest.len(), 8 + 4 * 8 + 9);
}

/// The example of FORMAT.md.
#[test]
fn the_end_of_a_segment_is_as_it_is_written_down() {
    let whole = wrapped(b"abcabc", b"{}");
    let expected = b"\x50\x2a\x4d\x18\x0e\0\0\0APORECD1\x43\xbf\xa6\xa3{}\
        \x5e\x2a\x4d\x18\x19\0\0\0\x13\0\0\0\x06\0\0\0\x16\0\0\0\0\0\0\0\x02\0\0\0\
        \0\xb1\xea\x92\x8f";
    assert_eq!(&whole[19..], expected);
}
