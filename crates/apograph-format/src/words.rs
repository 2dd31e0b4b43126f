//! The words of the project: ids, counts and positions as types of their own.
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
    /// A point is `E` or `T:E`.
    #[error("expected an epoch (57) or a timeline and an epoch (2:57)")]
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

pub(crate) const fn is_hex_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
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

/// A point in the history of a database: a timeline and an epoch in it, written `2:57`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Point {
    /// The timeline.
    pub timeline: Timeline,
    /// The epoch, as that timeline counts.
    pub epoch: Epoch,
}

impl Point {
    /// The point `timeline:epoch`.
    pub const fn new(timeline: Timeline, epoch: Epoch) -> Self {
        Self { timeline, epoch }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.timeline, self.epoch)
    }
}

/// A point as a user writes it: `57` where only one timeline has that epoch, else `2:57`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointName {
    /// The timeline, where it was named.
    pub timeline: Option<Timeline>,
    /// The epoch.
    pub epoch: Epoch,
}

impl From<Point> for PointName {
    fn from(point: Point) -> Self {
        Self {
            timeline: Some(point.timeline),
            epoch: point.epoch,
        }
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timeline {
            Some(timeline) => write!(f, "{timeline}:{}", self.epoch),
            None => write!(f, "{}", self.epoch),
        }
    }
}

impl FromStr for PointName {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        let (timeline, epoch) = match text.split_once(':') {
            Some((timeline, epoch)) => (Some(timeline.parse()?), epoch),
            None => (None, text),
        };
        if epoch.contains(':') {
            return Err(ParseWordError::NotAPoint);
        }
        Ok(Self {
            timeline,
            epoch: epoch.parse()?,
        })
    }
}

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
        let refused = ParseWordError::NotHexadecimal { digits: 8 };
        if text.len() != 8 || !text.bytes().all(is_hex_digit) {
            return Err(refused);
        }
        u32::from_str_radix(text, 16).map(Self).or(Err(refused))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Crc32 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Crc32 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
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
        let refused = ParseWordError::NotHexadecimal { digits: 32 };
        if text.len() != 32 || !text.bytes().all(is_hex_digit) {
            return Err(refused);
        }
        u128::from_str_radix(text, 16).map(Self).or(Err(refused))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for DatabaseId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DatabaseId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a backup segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, bincode::Encode, bincode::Decode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[doc(alias = "BackupKind")]
pub enum SegmentKind {
    /// A copy of the database file.
    Full,
    /// A part of the log, in a GBAK file.
    Incremental,
}

impl fmt::Display for SegmentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        })
    }
}

/// A generation of Grafeo's file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Generation {
    /// 0.5.x: no database id, epochs restart at every open.
    One,
    /// 0.6.x: LSNs, commit times, a database id.
    Two,
}

impl Generation {
    /// 1 or 2.
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_goes_on_behind_any_byte() {
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
    fn words_parse_strictly() {
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
    fn points_print_as_they_parse() {
        for text in ["57", "2:57", "0", "1:0"] {
            assert_eq!(
                text.parse::<PointName>().map(|point| point.to_string()),
                Ok(text.into())
            );
        }
        for text in ["", ":", "2:", ":5", "1:2:3", "a", "1:a", "1.5"] {
            assert!(text.parse::<PointName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn words_print_as_people_write_them() {
        let rows = [
            (
                Point::new(Timeline::new(2), Epoch::new(57)).to_string(),
                "2:57",
            ),
            (format!("{:?}", Crc32::new(0x0371_198c)), "Crc32(0371198c)"),
            (SegmentKind::Full.to_string(), "full"),
            (SegmentKind::Incremental.to_string(), "incremental"),
        ];
        for (text, expected) in rows {
            assert_eq!(text, expected);
        }
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

    #[test]
    fn checksums_are_eight_hex_digits() {
        assert_eq!(Crc32::new(0x0371_198c).to_string(), "0371198c");
        assert_eq!("0371198c".parse(), Ok(Crc32::new(0x0371_198c)));
        assert!("371198c".parse::<Crc32>().is_err());
        assert!("0371198C".parse::<Crc32>().is_err());
        assert_eq!(Crc32::of(b"123456789"), Crc32::new(0xcbf4_3926));
    }
}
