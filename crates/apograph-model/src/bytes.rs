//! The few encodings that both generations are made of, written from FORMAT.md alone.

use apograph_format::Crc32;

pub(crate) use apograph_testing::encoding::varint;

/// A page of a database file.
pub(crate) const PAGE_BYTES: usize = 4096;

/// A number as bincode writes it, and what stands after it.
pub(crate) fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
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

/// The CRC-32 of some bytes, as it is written.
pub(crate) fn checksum(bytes: &[u8]) -> [u8; 4] {
    Crc32::of(bytes).get().to_le_bytes()
}

/// Writes bytes at an offset of others, which grow as far as that needs.
pub(crate) fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

/// A `u32` at an offset.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}

/// A `u64` at an offset.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u64::from_le_bytes(*field))
}

/// A `usize` that stands as a `u32` or a `u64`.
pub(crate) fn size(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

/// A length that is written into four bytes.
pub(crate) fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// What an image of the model holds: the numbers of its commits.
pub(crate) fn image_content(state: &[u32]) -> Vec<u8> {
    state
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// The numbers in an image of the model.
pub(crate) fn read_image_content(bytes: &[u8]) -> Vec<u32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|it| u32::from_le_bytes(*it)).collect()
}
