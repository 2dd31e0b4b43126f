//! The strong hash: BLAKE3, 256 bits.
//!
//! A CRC-32 finds what chance changes. Where another content has to be told from the right one, as
//! a segment of another database or a log that was written anew, it is no evidence: the frames of
//! generation 1 end in their own CRC-32, and a CRC-32 over such frames depends on their lengths
//! alone.

use std::fmt;
use std::str::FromStr;

use crate::numbers::{ParseWordError, parse_hex};

/// A BLAKE3 hash of 256 bits, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Blake3([u8; Self::BYTES]);

impl Blake3 {
    /// The size of a hash.
    pub const BYTES: usize = 32;

    /// Wraps a stored hash.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        ::blake3::hash(bytes).into()
    }

    /// The bytes themselves.
    pub const fn get(self) -> [u8; Self::BYTES] {
        self.0
    }
}

impl From<::blake3::Hash> for Blake3 {
    fn from(hash: ::blake3::Hash) -> Self {
        Self(hash.into())
    }
}

impl fmt::Display for Blake3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Blake3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blake3({self})")
    }
}

impl FromStr for Blake3 {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        parse_hex(text).map(Self)
    }
}

serde_as_text!(Blake3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_the_paper_has_it() {
        let empty = Blake3::of(b"");
        let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(empty.to_string(), expected);
        assert_eq!(expected.parse(), Ok(empty));
        assert_eq!(Blake3::new(empty.get()), empty);
        for text in [
            "",
            "af13",
            &expected.to_uppercase(),
            &format!("{expected}0"),
        ] {
            assert_eq!(
                text.parse::<Blake3>(),
                Err(ParseWordError::NotHexadecimal { digits: 64 })
            );
        }
    }
}
