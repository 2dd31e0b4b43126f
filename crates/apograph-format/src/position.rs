//! Places in a log: in a log file of generation 1, or in the endless log of generation 2.

use std::fmt;

use crate::generation::Generation;
use crate::numbers::{LogSequence, Lsn};

impl Lsn {
    /// The position so many bytes further on.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self::new(self.get().saturating_add(bytes))
    }

    /// How many bytes this position lies after another; 0 where it does not.
    pub const fn distance_from(self, other: Self) -> u64 {
        self.get().saturating_sub(other.get())
    }
}

/// A place in a log of generation 1: a log file, and the byte in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FilePosition {
    /// The number in the file's name.
    pub sequence: LogSequence,
    /// The offset in the file, in bytes.
    pub offset: u64,
}

impl FilePosition {
    /// The position so many bytes further on, in the same log file.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self {
            sequence: self.sequence,
            offset: self.offset.saturating_add(bytes),
        }
    }
}

/// A place in a log.
///
/// Positions of one generation are ordered as the log is; a position of generation 1 is never
/// compared with one of generation 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum LogPosition {
    /// Generation 1: the log file and the byte in it.
    File(FilePosition),
    /// Generation 2: the byte in the endless log.
    Lsn(Lsn),
}

impl LogPosition {
    /// A position in a log of generation 1.
    pub const fn in_file(sequence: LogSequence, offset: u64) -> Self {
        Self::File(FilePosition { sequence, offset })
    }

    /// The LSN of a position of generation 2.
    pub const fn lsn(self) -> Option<Lsn> {
        match self {
            Self::File(_) => None,
            Self::Lsn(lsn) => Some(lsn),
        }
    }

    /// The generation of the log.
    pub const fn generation(self) -> Generation {
        match self {
            Self::File(_) => Generation::One,
            Self::Lsn(_) => Generation::Two,
        }
    }

    /// The position so many bytes further on, in the same log file.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        match self {
            Self::File(place) => Self::File(place.plus(bytes)),
            Self::Lsn(lsn) => Self::Lsn(lsn.plus(bytes)),
        }
    }

    /// How many bytes this position lies after another; `None` where it lies before that, or in
    /// another log file of generation 1.
    pub fn distance_from(self, other: Self) -> Option<u64> {
        match (other, self) {
            (Self::Lsn(from), Self::Lsn(to)) => to.get().checked_sub(from.get()),
            (Self::File(from), Self::File(to)) if from.sequence == to.sequence => {
                to.offset.checked_sub(from.offset)
            }
            _ => None,
        }
    }
}

impl From<FilePosition> for LogPosition {
    fn from(place: FilePosition) -> Self {
        Self::File(place)
    }
}

impl From<Lsn> for LogPosition {
    fn from(lsn: Lsn) -> Self {
        Self::Lsn(lsn)
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(FilePosition { sequence, offset }) => write!(f, "{sequence}+{offset}"),
            Self::Lsn(lsn) => write!(f, "lsn {lsn}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_print_as_people_write_them() {
        let file = LogPosition::in_file(LogSequence::new(7), 32);
        assert_eq!(file.to_string(), "7+32");
        assert_eq!(LogPosition::from(Lsn::new(57)).to_string(), "lsn 57");
    }

    #[test]
    fn positions_lie_after_one_another() {
        let (near, far) = (Lsn::new(100), Lsn::new(157));
        assert_eq!(near.plus(57), far);
        assert_eq!(far.plus(u64::MAX), Lsn::new(u64::MAX));
        assert_eq!((far.distance_from(near), near.distance_from(far)), (57, 0));
        let file = LogPosition::in_file(LogSequence::new(7), 100);
        let rows = [
            (file, file.plus(57), Generation::One, None),
            (near.into(), far.into(), Generation::Two, Some(near)),
        ];
        for (position, after, generation, lsn) in rows {
            assert_eq!(position.plus(57), after);
            assert!(position < after);
            assert_eq!((position.generation(), position.lsn()), (generation, lsn));
        }
        assert_eq!(file.plus(57).to_string(), "7+157");
        let (near, far) = (LogPosition::Lsn(near), LogPosition::Lsn(far));
        let next = LogPosition::in_file(LogSequence::new(8), 200);
        let rows = [
            (file, file.plus(57), Some(57)),
            (file, file, Some(0)),
            (file.plus(57), file, None),
            (file, next, None),
            (near, far, Some(57)),
            (far, near, None),
            (file, far, None),
            (near, next, None),
        ];
        for (from, to, expected) in rows {
            assert_eq!(to.distance_from(from), expected, "{from} to {to}");
        }
    }
}
