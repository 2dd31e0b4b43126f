//! Little-endian reads that end at the end of the slice, and bincode with a bound.

use crate::error::{FormatError, Result};

pub(crate) fn u8_at(bytes: &[u8], offset: usize) -> Option<u8> {
    bytes.get(offset).copied()
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes
        .get(offset..)?
        .first_chunk()
        .map(|chunk| u32::from_le_bytes(*chunk))
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes
        .get(offset..)?
        .first_chunk()
        .map(|chunk| u64::from_le_bytes(*chunk))
}

/// A length as a `u64`; `usize` has at most 64 bits on every target that can map a log.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The most that one bincode value of this crate may claim: strings of a record included.
const BINCODE_LIMIT_BYTES: usize = 1 << 20;

/// Decodes one value in bincode's standard configuration from the front of `bytes`.
///
/// Returns the value and how many bytes it took.
pub(crate) fn bincode_prefix<T: bincode::Decode<()>>(
    what: &'static str,
    bytes: &[u8],
) -> Result<(T, usize)> {
    let config = bincode::config::standard().with_limit::<BINCODE_LIMIT_BYTES>();
    bincode::decode_from_slice(bytes, config).map_err(|error| FormatError::Undecodable {
        what,
        offset: 0,
        source: error.into(),
    })
}

/// Decodes one value that must fill `bytes`.
pub(crate) fn bincode_whole<T: bincode::Decode<()>>(what: &'static str, bytes: &[u8]) -> Result<T> {
    let (value, taken) = bincode_prefix(what, bytes)?;
    if taken != bytes.len() {
        return Err(FormatError::Malformed {
            what,
            offset: u64::try_from(taken).unwrap_or(u64::MAX),
            detail: format!("{} bytes after its end", bytes.len().saturating_sub(taken)),
        });
    }
    Ok(value)
}

/// An unsigned number in bincode's standard configuration at the front of `bytes`, and what stands
/// after it.
///
/// The numbers of commits and epochs are read by the million: this is [`bincode_prefix`] without
/// what other types need.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=250 => Some((first.into(), rest)),
        251 => {
            let (number, rest) = rest.split_first_chunk()?;
            Some((u16::from_le_bytes(*number).into(), rest))
        }
        252 => {
            let (number, rest) = rest.split_first_chunk()?;
            Some((u32::from_le_bytes(*number).into(), rest))
        }
        253 => {
            let (number, rest) = rest.split_first_chunk()?;
            Some((u64::from_le_bytes(*number), rest))
        }
        _ => None,
    }
}

/// The same where the number must fill `bytes`.
pub(crate) fn varint_whole(bytes: &[u8]) -> Option<u64> {
    match varint(bytes)? {
        (number, []) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{bincode_whole, varint_whole};

    #[test]
    fn a_number_is_what_bincode_reads() {
        let tails = [
            &[][..],
            &[0],
            &[7, 1],
            &[1, 2, 3, 4],
            &[9; 7],
            &[0xff; 8],
            &[1; 9],
            &[2; 16],
        ];
        for first in 0..=u8::MAX {
            for tail in tails {
                let bytes = [&[first], tail].concat();
                let read = bincode_whole::<u64>("a number", &bytes).ok();
                assert_eq!(varint_whole(&bytes), read, "{bytes:?}");
            }
        }
        assert_eq!(varint_whole(&[]), None);
    }
}
