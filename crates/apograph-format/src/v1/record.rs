//! Log records of generation 1 by their tags (FORMAT.md, "Log records").
//!
//! A backup moves records without understanding them: the first payload byte tells a data record
//! from the four control records, and only those are decoded, with the two index records that the
//! engine does not replay from its own log. Tag 39 is a record that only the betas of 0.6.0 wrote
//! into a log of generation 1, and that 0.6 replays.

use std::fmt;

use crate::bytes::{bincode_prefix, varint_whole};
use crate::error::{FormatError, Result};
use crate::v1::frame::{FrameDefect, RawFrame};
use crate::words::{Epoch, TransactionId};

macro_rules! record_kinds {
    ($($tag:literal $name:ident $text:literal,)*) => {
        /// The kind of a log record, the first byte of a payload.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum RecordKind {
            $(
                #[doc = concat!("`", $text, "`, tag ", stringify!($tag), ".")]
                $name = $tag,
            )*
        }

        impl RecordKind {
            /// Every kind, in the order of the tags.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The kind with this tag, if there is one.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Self::$name),)*
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
    0 CreateNode "create_node",
    1 DeleteNode "delete_node",
    2 CreateEdge "create_edge",
    3 DeleteEdge "delete_edge",
    4 SetNodeProperty "set_node_property",
    5 SetEdgeProperty "set_edge_property",
    6 RemoveNodeProperty "remove_node_property",
    7 RemoveEdgeProperty "remove_edge_property",
    8 AddNodeLabel "add_node_label",
    9 RemoveNodeLabel "remove_node_label",
    10 CreateNodeType "create_node_type",
    11 DropNodeType "drop_node_type",
    12 CreateEdgeType "create_edge_type",
    13 DropEdgeType "drop_edge_type",
    14 CreateIndex "create_index",
    15 DropIndex "drop_index",
    16 CreateConstraint "create_constraint",
    17 DropConstraint "drop_constraint",
    18 CreateGraphType "create_graph_type",
    19 DropGraphType "drop_graph_type",
    20 CreateSchema "create_schema",
    21 DropSchema "drop_schema",
    22 AlterNodeType "alter_node_type",
    23 AlterEdgeType "alter_edge_type",
    24 AlterGraphType "alter_graph_type",
    25 CreateProcedure "create_procedure",
    26 DropProcedure "drop_procedure",
    27 CreateNamedGraph "create_named_graph",
    28 DropNamedGraph "drop_named_graph",
    29 SwitchGraph "switch_graph",
    30 InsertRdfTriple "insert_rdf_triple",
    31 DeleteRdfTriple "delete_rdf_triple",
    32 ClearRdfGraph "clear_rdf_graph",
    33 CreateRdfGraph "create_rdf_graph",
    34 DropRdfGraph "drop_rdf_graph",
    35 TransactionCommit "transaction_commit",
    36 TransactionAbort "transaction_abort",
    37 Checkpoint "checkpoint",
    38 EpochAdvance "epoch_advance",
    39 Standalone "standalone",
}

impl RecordKind {
    /// The first byte of a payload of this kind.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// Whether the record ends, drops or numbers a group instead of changing data.
    pub const fn is_control(self) -> bool {
        matches!(
            self,
            Self::TransactionCommit
                | Self::TransactionAbort
                | Self::Checkpoint
                | Self::EpochAdvance
        )
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a record means for the grammar of commit groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A change to the data or the schema, not decoded.
    Data(RecordKind),
    /// The records since the last group are committed.
    Commit(TransactionId),
    /// The records since the last group never happened.
    Abort(TransactionId),
    /// A checkpoint marker. The 0.5.44 engine writes none; it carries no state.
    Checkpoint(TransactionId),
    /// The group just committed has this epoch.
    EpochAdvance(Epoch),
}

impl Record {
    /// Reads the record of a frame: the number of a control record, the kind of any other.
    ///
    /// # Errors
    ///
    /// [`FrameDefect::MalformedRecord`] where a control record is not its tag and one number.
    #[inline]
    pub fn of(frame: &RawFrame<'_>) -> std::result::Result<Self, FrameDefect> {
        let kind = frame.kind();
        if !kind.is_control() {
            return Ok(Self::Data(kind));
        }
        let malformed = FrameDefect::MalformedRecord { kind };
        let number_bytes = frame.payload().get(1..).ok_or(malformed)?;
        let number = varint_whole(number_bytes).ok_or(malformed)?;
        let transaction = TransactionId::new(number);
        Ok(match kind {
            RecordKind::TransactionCommit => Self::Commit(transaction),
            RecordKind::TransactionAbort => Self::Abort(transaction),
            RecordKind::Checkpoint => Self::Checkpoint(transaction),
            _ => Self::EpochAdvance(Epoch::new(number)),
        })
    }
}

/// An index record: the engine logs it and ignores it when it replays the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexRecord {
    /// `CREATE INDEX`.
    Create {
        /// The name of the index.
        name: String,
        /// The label that it covers.
        label: String,
        /// The property that it covers.
        property: String,
        /// The engine's name for its type.
        index_type: String,
    },
    /// `DROP INDEX`.
    Drop {
        /// The name of the index.
        name: String,
    },
}

impl IndexRecord {
    /// Decodes the payload of an index record; `None` for a record of any other kind.
    ///
    /// # Errors
    ///
    /// [`FormatError::Malformed`] where its fields cannot be read.
    pub fn decode(payload: &[u8]) -> Result<Option<Self>> {
        const WHAT: &str = "index record";
        let Some((&tag, fields)) = payload.split_first() else {
            return Ok(None);
        };
        let shift = |error: FormatError| error.shifted(1);
        match RecordKind::from_tag(tag) {
            Some(RecordKind::CreateIndex) => {
                let ((name, label, property, index_type), _) =
                    bincode_prefix(WHAT, fields).map_err(shift)?;
                Ok(Some(Self::Create {
                    name,
                    label,
                    property,
                    index_type,
                }))
            }
            Some(RecordKind::DropIndex) => {
                let (name, _) = bincode_prefix(WHAT, fields).map_err(shift)?;
                Ok(Some(Self::Drop { name }))
            }
            _ => Ok(None),
        }
    }
}
