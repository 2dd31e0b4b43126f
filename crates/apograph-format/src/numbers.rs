//! Ids, counts and positions: numbers as types of their own.
//!
//! Each is a number with a private field, a [`Display`](std::fmt::Display) and a strict
//! [`FromStr`] (decimal digits and nothing else), and arithmetic that is checked.

use std::fmt;
use std::num::IntErrorKind;
use std::str::FromStr;

use crate::code::Code;

/// Why a text is not one of this module's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseWordError {
    /// The text is empty or holds something other than decimal digits.
    #[error("expected decimal digits")]
    NotANumber,
    /// The text is not so many lower-case hexadecimal digits.
    #[error("expected {digits} hexadecimal digits")]
    NotHexadecimal {
        /// How many digits are expected.
        digits: usize,
    },
    /// The number does not fit.
    #[error("the number is too large")]
    TooLarge,
    /// A point is `E` or `T:E`, an exact one `E+K` or `T:E+K`.
    #[error("expected an epoch (57), a timeline and an epoch (2:57), or an exact point (2:57+1)")]
    NotAPoint,
}

impl ParseWordError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::NotANumber | Self::NotHexadecimal { .. } | Self::TooLarge | Self::NotAPoint => {
                Code::Malformed
            }
        }
    }
}

pub(crate) fn parse_digits(text: &str) -> Result<u64, ParseWordError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseWordError::NotANumber);
    }
    text.parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => ParseWordError::TooLarge,
            _ => ParseWordError::NotANumber,
        })
}

/// Reads bytes that are written as two lower-case hexadecimal digits each, and nothing else.
///
/// # Errors
///
/// [`ParseWordError::NotHexadecimal`].
pub fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseWordError> {
    let refused = ParseWordError::NotHexadecimal {
        digits: N.saturating_mul(2),
    };
    let (pairs, rest) = text.as_bytes().as_chunks();
    if pairs.len() != N || !rest.is_empty() {
        return Err(refused);
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = hex_digit(*high).zip(hex_digit(*low)).ok_or(refused)?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

fn hex_digit(letter: u8) -> Option<u8> {
    let letter = char::from(letter);
    let digit = letter.to_digit(16).filter(|_| !letter.is_uppercase())?;
    u8::try_from(digit).ok()
}

macro_rules! number_word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            bincode::Encode, bincode::Decode,
        )]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(u64);

        impl $name {
            /// Wraps the number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number itself.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The next one, or `None` past 2^64 - 1.
            pub const fn next(self) -> Option<Self> {
                match self.0.checked_add(1) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// The one before, or `None` before 0.
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseWordError;

            fn from_str(text: &str) -> Result<Self, ParseWordError> {
                parse_digits(text).map(Self)
            }
        }
    };
}

number_word! {
    /// The engine's commit number. Generation 1 restarts it at every open.
    Epoch
}
number_word! {
    /// The number in the name of a generation 1 log file (`wal_00000007.log` is 7).
    LogSequence
}
number_word! {
    /// A position in the endless log of generation 2, in bytes. Segment headers do not count.
    Lsn
}
number_word! {
    /// The id under which a commit group was written.
    TransactionId
}
number_word! {
    /// The engine's id of a node, within its graph.
    NodeId
}
number_word! {
    /// The engine's id of an edge, within its graph.
    EdgeId
}
number_word! {
    /// A part of the history whose epochs one engine process counted: 1, 2, 3 along a chain.
    Timeline
}
number_word! {
    /// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z.
    UnixMillis
}

impl TransactionId {
    /// Groups that the engine writes outside of a transaction (schema, graphs, direct API).
    pub const SYSTEM: Self = Self(1);
    /// The id in the abort record with which the engine seals a torn tail.
    pub const INVALID: Self = Self(u64::MAX);

    /// Whether a session's transaction has this id: those are counted from 2 in each process.
    pub const fn is_session(self) -> bool {
        self.0 >= 2 && self.0 != u64::MAX
    }
}

impl Epoch {
    /// How many places a commit can be logged after a higher epoch.
    ///
    /// Generation 1 takes the epoch before it takes the log's lock. Eight sessions were up to 14
    /// places out of order, four on a busy machine 73: a session that the system puts aside in
    /// between is as far behind as there are commits until it goes on.
    pub const LATE_WINDOW: u64 = 4096;
}

impl Timeline {
    /// The first timeline of a chain.
    pub const FIRST: Self = Self(1);
}

/// The id of a database of generation 2, written as 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DatabaseId(u128);

impl DatabaseId {
    /// Wraps a stored id.
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The number itself.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for DatabaseId {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        parse_hex(text).map(u128::from_be_bytes).map(Self)
    }
}

serde_as_text!(DatabaseId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_parse_strictly() {
        assert_eq!("57".parse(), Ok(Epoch::new(57)));
        for text in ["", "+5", "-1", " 5", "5 ", "0x5", "5_0", "٥"] {
            assert_eq!(
                text.parse::<Epoch>(),
                Err(ParseWordError::NotANumber),
                "{text:?}"
            );
        }
        assert_eq!(
            "18446744073709551616".parse::<Epoch>(),
            Err(ParseWordError::TooLarge)
        );
        assert_eq!(Epoch::new(u64::MAX).next(), None);
        assert_eq!(Epoch::new(0).previous(), None);
    }

    #[test]
    fn sessions_count_their_transactions_from_two() {
        let rows = [
            (0, false),
            (1, false),
            (2, true),
            (3, true),
            (u64::MAX - 1, true),
            (u64::MAX, false),
        ];
        for (id, expected) in rows {
            assert_eq!(TransactionId::new(id).is_session(), expected, "{id}");
        }
    }

    #[test]
    fn database_ids_are_32_hex_digits() {
        let id = DatabaseId::new(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        let text = "0123456789abcdef0011223344556677";
        assert_eq!((id.to_string().as_str(), text.parse()), (text, Ok(id)));
        assert_eq!(id.get(), 0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        let short = &text[1..];
        let rows = [
            short.to_owned(),
            format!("0{text}"),
            format!("+{short}"),
            text.to_uppercase(),
            format!("g{short}"),
        ];
        for text in rows {
            let parsed = text.parse::<DatabaseId>();
            assert_eq!(
                parsed,
                Err(ParseWordError::NotHexadecimal { digits: 32 }),
                "{text}"
            );
        }
    }
}
