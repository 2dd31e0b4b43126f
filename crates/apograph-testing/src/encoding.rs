//! How the engines write, from FORMAT.md alone: what tests put in is made by other code than what
//! reads it.
//!
//! Numbers here, and what one generation has in [`v1`] and [`v2`].

mod fields;
pub mod v1;
pub mod v2;

use apograph_format::Crc32;

/// A page of a database file.
pub const PAGE_BYTES: usize = 4096;

/// A number as bincode writes it.
pub fn varint(number: u64) -> Vec<u8> {
    let bytes = number.to_le_bytes();
    match number {
        0..=250 => vec![bytes[0]],
        251..=0xffff => [&[251], &bytes[..2]].concat(),
        0x1_0000..=0xffff_ffff => [&[252], &bytes[..4]].concat(),
        _ => [&[253], &bytes[..]].concat(),
    }
}

/// A number as bincode writes it, and what stands after it.
pub fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let width = match first {
        0..=250 => return Some((first.into(), rest)),
        251 => 2,
        252 => 4,
        253 => 8,
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(width)?;
    let mut wide = [0; 8];
    wide.get_mut(..width)?.copy_from_slice(number);
    Some((u64::from_le_bytes(wide), rest))
}

/// A length that is written into four bytes.
///
/// # Panics
///
/// Where it does not fit.
pub fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a short length").to_le_bytes()
}

/// The CRC-32 of some bytes, as it is written.
pub fn checksum(bytes: &[u8]) -> [u8; 4] {
    Crc32::of(bytes).get().to_le_bytes()
}

/// Writes bytes at an offset of others, which grow as far as that needs.
pub fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

/// Makes the checksum right that stands at an offset and covers all before it.
pub fn seal(bytes: &mut [u8], offset: usize) {
    let (covered, rest) = bytes.split_at_mut(offset);
    rest[..4].copy_from_slice(&checksum(covered));
}
