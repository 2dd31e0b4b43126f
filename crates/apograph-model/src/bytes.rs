//! The few encodings that both generations are made of, written from FORMAT.md alone.

pub(crate) use apograph_testing::encoding::{PAGE_BYTES, checksum, put, read_varint, varint};

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
