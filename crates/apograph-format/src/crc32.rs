//! The checksum of frames, sections and segments.

use std::fmt;
use std::str::FromStr;

use crate::numbers::{ParseWordError, parse_hex};

/// A CRC-32 with the IEEE polynomial (zlib's `crc32`), written as 8 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, bincode::Encode, bincode::Decode)]
pub struct Crc32(u32);

impl Crc32 {
    /// Wraps a stored checksum.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The checksum of `bytes`.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        Self(crc32fast::hash(bytes))
    }

    /// The checksum of what this is the checksum of, with `bytes` after it.
    #[must_use]
    pub fn followed_by(self, bytes: &[u8]) -> Self {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(bytes);
        Self(hasher.finalize())
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Crc32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Crc32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crc32({self})")
    }
}

impl FromStr for Crc32 {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        parse_hex(text).map(u32::from_be_bytes).map(Self)
    }
}

serde_as_text!(Crc32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_goes_on_after_any_byte() {
        let bytes = b"123456789";
        assert_eq!(Crc32::of(bytes), Crc32::new(0xcbf4_3926));
        for cut in 0..=bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(
                Crc32::of(front).followed_by(back),
                Crc32::of(bytes),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_checksum_prints_as_eight_digits() {
        assert_eq!(format!("{:?}", Crc32::new(0x0371_198c)), "Crc32(0371198c)");
    }

    #[test]
    fn checksums_are_eight_hex_digits() {
        assert_eq!(Crc32::new(0x0371_198c).to_string(), "0371198c");
        assert_eq!("0371198c".parse(), Ok(Crc32::new(0x0371_198c)));
        assert!("371198c".parse::<Crc32>().is_err());
        assert!("0371198C".parse::<Crc32>().is_err());
        assert_eq!(Crc32::of(b"123456789"), Crc32::new(0xcbf4_3926));
    }
}
