//! The generations of Grafeo, and what a backup segment of either holds.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_print_as_the_manifest_names_them() {
        assert_eq!(SegmentKind::Full.to_string(), "full");
        assert_eq!(SegmentKind::Incremental.to_string(), "incremental");
    }
}
