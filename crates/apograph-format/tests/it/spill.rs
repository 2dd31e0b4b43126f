//! Spilled vectors after an image.

use apograph_format::Crc32;
use apograph_format::v1::{SPILL_FOOTER_BYTES, SpillTable, SpilledFile, spill_bytes};
use apograph_testing::damage;

const IMAGE: &[u8] = b"an image";

/// An image with two files after it.
fn example() -> (SpillTable, Vec<u8>) {
    let contents: [(&str, &[u8]); 2] =
        [("vectors_A%3Ax.bin", b"first"), ("vectors_B%3Ay.bin", b"")];
    let files = contents.map(|(name, bytes)| SpilledFile {
        name: name.to_owned(),
        size_bytes: bytes.len() as u64,
        checksum: Crc32::of(bytes),
    });
    let table = SpillTable {
        files: files.to_vec(),
    };
    let mut bytes = IMAGE.to_vec();
    for (_, content) in contents {
        bytes.extend(content);
    }
    bytes.extend(table.encode());
    (table, bytes)
}

#[test]
fn what_is_encoded_is_decoded() {
    let (table, bytes) = example();
    let image_bytes = IMAGE.len() as u64;
    assert_eq!(
        SpillTable::decode(&bytes),
        Ok(Some((table.clone(), image_bytes)))
    );
    let places = table.ranges(image_bytes).map(|(_, range)| range);
    assert_eq!(places.collect::<Vec<_>>(), [8..13, 13..13]);
    let footer = bytes.len() - SPILL_FOOTER_BYTES;
    assert_eq!(
        spill_bytes(&bytes[footer..]),
        bytes.len() as u64 - image_bytes
    );
}

#[test]
fn the_layout_is_the_documented_one() {
    let (_, bytes) = example();
    let hex: Vec<_> = bytes[13..].iter().map(|it| format!("{it:02x}")).collect();
    let expected = [
        "11000000 0500000000000000 57ee7192 766563746f72735f41253341782e62696e",
        "11000000 0000000000000000 00000000 766563746f72735f42253341792e62696e",
        "01000000 02000000 42000000 21557b18 6700000000000000 4150475350494c4c",
    ];
    let expected: String = expected.concat().split(' ').collect();
    assert_eq!(hex.concat(), expected);
}

#[test]
fn an_image_alone_has_no_table() {
    for bytes in [&b""[..], IMAGE, &[0; 100]] {
        assert_eq!(SpillTable::decode(bytes), Ok(None));
    }
}

#[test]
fn a_flipped_byte_of_the_table_is_found() {
    let (table, bytes) = example();
    let magic = bytes.len() - 8;
    for offset in 13..magic {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 0x10;
        let found = SpillTable::decode(&damaged);
        assert!(found.is_err(), "{offset}: {found:?}");
    }
    // Those of the files are covered by their own checksums, and by the segment's.
    let mut damaged = bytes;
    damaged[8] ^= 1;
    let found = SpillTable::decode(&damaged).expect("a whole table");
    assert_eq!(found.map(|(table, _)| table), Some(table));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "vectors_/../x.bin",
        "../vectors_x.bin",
        "vectors_x",
        "",
        "vectors_\0.bin",
    ] {
        let files = vec![SpilledFile {
            name: name.to_owned(),
            size_bytes: 0,
            checksum: Crc32::of(b""),
        }];
        let bytes = SpillTable { files }.encode();
        assert!(SpillTable::decode(&bytes).is_err(), "{name}");
    }
}

#[test]
fn no_cut_is_read_as_whole() {
    let (table, bytes) = example();
    damage::every_cut(&bytes, |cut| {
        assert_ne!(SpillTable::decode(cut), Ok(Some((table.clone(), 8))));
    });
}
