//! The layouts that only generation 2 (Grafeo 0.6.x) has.

mod catalog;
mod change;
mod configuration;
mod database;
mod directory;
mod frame;
mod index;
mod piece;
mod record;
mod value;
mod wal_segment;

pub use catalog::{
    CatalogKey, CatalogRecord, ConstraintKind, DataType, EntityType, IndexNameKind, TypeConstraint,
    TypedProperty,
};
pub use change::{decode_change, element_of};
pub use configuration::{HistoryRetention, LogDurability, SectionMemory, StoredConfiguration};
pub use database::{BlockPointer, DATABASE_VERSION, DatabaseHeaders, FileHeader, Slot, SlotState};
pub(crate) use directory::extents;
pub use frame::{
    FRAME_HEADER_BYTES, FRAME_PAYLOAD_MAX_BYTES, FrameDefect, FrameFlags, FrameHead, FrameSum,
    PROLOGUE_BYTES, RawFrame, SEALED_OVERHEAD_BYTES,
};
pub use index::{DistanceMetric, IndexDefinition, IndexKey, Quantization, TextTokenizer};
pub use piece::{PIECE_FRONT_BYTES, PIECE_LENGTH_BYTES, Piece, PieceAt, PieceWalk, Pieces};
pub use record::{
    GroupBegin, Origin, RECORD_HEADER_BYTES, RawRecord, RecordDefect, RecordHead, RecordKind,
    Records,
};
pub use wal_segment::{WAL_SEGMENT_HEADER_BYTES, WAL_SEGMENT_MAGIC, WalSegmentHeader};
