//! Log records of generation 2 (FORMAT.md, "Log records, generation 2").
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 1 | kind |
//! | 1 | 1 | flags: bit 0 required; another of bits 0 to 3 is refused, bits 4 to 7 are ignored |
//! | 2 | 4 | length L of the payload, little-endian |
//! | 6 | L | payload, bincode |
//!
//! A record of an unknown kind may be skipped, unless it is required. The first record of a group
//! is its [`GroupBegin`]; it is the only one that a backup decodes.

use std::fmt;

use crate::bytes::{bincode_whole, u8_at, u32_at, varint};
use crate::code::Code;
use crate::error::Result;
use crate::numbers::{Epoch, UnixMillis};

/// Bytes in front of a record's payload.
pub const RECORD_HEADER_BYTES: usize = 6;

const FLAGS_OFFSET: usize = 1;
const LENGTH_OFFSET: usize = 2;
const REQUIRED: u8 = 1;
const REFUSED: u8 = 0b1110;

macro_rules! record_kinds {
    ($($number:literal $name:ident $text:literal,)*) => {
        /// The kind of a log record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum RecordKind {
            $(
                #[doc = concat!("`", $text, "`, kind ", stringify!($number), ".")]
                $name = $number,
            )*
        }

        impl RecordKind {
            /// Every kind, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The kind with this number, if it is known here.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The kind's name in snake case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

record_kinds! {
    1 GroupBegin "group_begin",
    16 CreateNode "create_node",
    17 DeleteNode "delete_node",
    18 CreateEdge "create_edge",
    19 DeleteEdge "delete_edge",
    20 SetNodeProperty "set_node_property",
    21 RemoveNodeProperty "remove_node_property",
    22 SetEdgeProperty "set_edge_property",
    23 RemoveEdgeProperty "remove_edge_property",
    24 AddNodeLabel "add_node_label",
    25 RemoveNodeLabel "remove_node_label",
    32 CreateGraph "create_graph",
    33 DropGraph "drop_graph",
    40 PutCatalog "put_catalog",
    41 DropCatalog "drop_catalog",
    64 InsertTriple "insert_rdf_triple",
    65 DeleteTriple "delete_rdf_triple",
    66 CreateRdfGraph "create_rdf_graph",
    67 DropRdfGraph "drop_rdf_graph",
    68 ClearRdfGraph "clear_rdf_graph",
    69 CopyRdfGraph "copy_rdf_graph",
    70 MoveRdfGraph "move_rdf_graph",
    71 AddRdfGraph "add_rdf_graph",
}

impl RecordKind {
    /// The number that stands in a record of this kind.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a payload is not a run of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordDefect {
    /// The payload ends inside of a record.
    #[error("a record needs {need} bytes and {have} remain")]
    Truncated {
        /// Bytes that the record takes.
        need: u64,
        /// Bytes that there are.
        have: u64,
    },
    /// Kind 0 is never written.
    #[error("a record has kind 0")]
    KindZero,
    /// The record must be understood, and its kind is not known here.
    #[error("a required record has kind {kind}, which is not known here")]
    UnknownRequired {
        /// The kind.
        kind: u8,
    },
    /// The record has a flag that must be understood.
    #[error("a record has the flags {flags:#04x}, of which some are not known here")]
    UnknownFlags {
        /// Its flags.
        flags: u8,
    },
    /// The first record of the group is not its beginning, or cannot be read.
    #[error("the group does not begin with a readable group_begin record")]
    NoGroupBegin,
    /// A record after the first is a beginning too.
    #[error("the group has a second group_begin record")]
    SecondGroupBegin,
}

impl RecordDefect {
    /// The kind of the defect, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Truncated { .. } => Code::TooShort,
            Self::KindZero | Self::NoGroupBegin | Self::SecondGroupBegin => Code::Malformed,
            Self::UnknownRequired { .. } | Self::UnknownFlags { .. } => Code::UnsupportedVersion,
        }
    }

    /// Whether a newer version of the format may explain it.
    pub const fn is_unsupported(self) -> bool {
        matches!(self.code(), Code::UnsupportedVersion)
    }
}

/// A record, not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The number of its kind.
    pub kind: u8,
    /// Its payload.
    pub payload: &'a [u8],
}

impl RawRecord<'_> {
    /// The kind, where it is known here.
    pub const fn known_kind(&self) -> Option<RecordKind> {
        RecordKind::from_number(self.kind)
    }
}

/// The front of a record: what is known of it without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// The number of its kind.
    pub kind: u8,
    /// How many bytes its payload has.
    pub payload_bytes: u32,
}

impl RecordHead {
    /// Reads the first [`RECORD_HEADER_BYTES`] of a record, with `have` bytes from there on.
    ///
    /// # Errors
    ///
    /// [`RecordDefect`] where no record stands there that may be passed over.
    pub fn parse(front: &[u8], have: u64) -> std::result::Result<Self, RecordDefect> {
        let truncated = |need: u64| RecordDefect::Truncated { need, have };
        let short = truncated(RECORD_HEADER_BYTES as u64);
        let kind = u8_at(front, 0).ok_or(short)?;
        let flags = u8_at(front, FLAGS_OFFSET).ok_or(short)?;
        let payload_bytes = u32_at(front, LENGTH_OFFSET).ok_or(short)?;
        let head = Self {
            kind,
            payload_bytes,
        };
        if head.record_bytes() > have {
            return Err(truncated(head.record_bytes()));
        }
        if kind == 0 {
            return Err(RecordDefect::KindZero);
        }
        if flags & REFUSED != 0 {
            return Err(RecordDefect::UnknownFlags { flags });
        }
        if flags & REQUIRED != 0 && RecordKind::from_number(kind).is_none() {
            return Err(RecordDefect::UnknownRequired { kind });
        }
        Ok(head)
    }

    /// How many bytes the record has.
    pub const fn record_bytes(self) -> u64 {
        // 32 bits and a constant.
        (self.payload_bytes as u64).saturating_add(RECORD_HEADER_BYTES as u64)
    }

    /// The kind, where it is known here.
    pub const fn known_kind(self) -> Option<RecordKind> {
        RecordKind::from_number(self.kind)
    }
}

/// The records of a plain payload, without the prologue of a first frame.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records that stand side by side in `payload`.
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    fn take(&mut self) -> std::result::Result<RawRecord<'a>, RecordDefect> {
        let have = self.rest.len() as u64;
        let head = RecordHead::parse(self.rest, have)?;
        let need = head.record_bytes();
        let truncated = RecordDefect::Truncated { need, have };
        let need = usize::try_from(need).map_err(|_| truncated)?;
        let (record, rest) = self.rest.split_at_checked(need).ok_or(truncated)?;
        self.rest = rest;
        Ok(RawRecord {
            kind: head.kind,
            payload: record.get(RECORD_HEADER_BYTES..).unwrap_or_default(),
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = std::result::Result<RawRecord<'a>, RecordDefect>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.take();
        if record.is_err() {
            self.rest = &[];
        }
        Some(record)
    }
}

/// What wrote a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, bincode::Encode, bincode::Decode)]
pub enum Origin {
    /// A transaction of a session.
    Transaction,
    /// A statement as a transaction of its own.
    Statement,
    /// A call on the database or on a graph.
    Direct,
    /// A change of the schema, a graph or an index. It takes no epoch of its own.
    Schema,
    /// A bulk import.
    Bulk,
}

impl Origin {
    /// Every origin, in the order of the numbers.
    const ALL: [Self; 5] = [
        Self::Transaction,
        Self::Statement,
        Self::Direct,
        Self::Schema,
        Self::Bulk,
    ];
}

/// The first record of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct GroupBegin {
    /// The epoch of the group's changes. A schema change carries the current one.
    pub epoch: Epoch,
    /// The wall clock when the group was written.
    pub committed_at: UnixMillis,
    /// What wrote the group.
    pub origin: Origin,
}

impl GroupBegin {
    /// Whether the group took its epoch, and does not only stand in it.
    pub fn takes_epoch(&self) -> bool {
        self.origin != Origin::Schema
    }

    /// Reads the payload of a record of kind [`RecordKind::GroupBegin`].
    ///
    /// # Errors
    ///
    /// [`FormatError::Malformed`](crate::FormatError::Malformed) where it is not exactly that.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let begin = Self::plain(payload).map(Ok);
        begin.unwrap_or_else(|| bincode_whole("group_begin record", payload))
    }

    /// One as every engine writes it: they are read by the million.
    fn plain(payload: &[u8]) -> Option<Self> {
        let (epoch, rest) = varint(payload)?;
        let (committed_at, rest) = varint(rest)?;
        let &[origin] = rest else {
            return None;
        };
        Some(Self {
            epoch: Epoch::new(epoch),
            committed_at: UnixMillis::new(committed_at),
            origin: *Origin::ALL.get(usize::from(origin))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_what_bincode_reads() {
        let numbers: [&[u8]; 8] = [
            &[0],
            &[250],
            &[251, 7, 1],
            &[251, 1, 0],
            &[252, 1, 2, 3, 4],
            &[253, 1, 2, 3, 4, 5, 6, 7, 8],
            &[254],
            &[],
        ];
        for epoch in numbers {
            for time in numbers {
                for origin in [
                    &[][..],
                    &[0],
                    &[1],
                    &[2],
                    &[3],
                    &[4],
                    &[5],
                    &[251, 1, 0],
                    &[1, 1],
                ] {
                    let payload = [epoch, time, origin].concat();
                    let read = bincode_whole("a beginning", &payload);
                    assert_eq!(GroupBegin::decode(&payload).ok(), read.ok(), "{payload:?}");
                }
            }
        }
    }
}
