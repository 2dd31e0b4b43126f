//! The kinds of log records of generation 1 by their tags (FORMAT.md, "Log records").
//!
//! Tag 39 is a record that only the betas of 0.6.0 wrote into a log of generation 1, and that 0.6
//! replays.

use std::fmt;

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
