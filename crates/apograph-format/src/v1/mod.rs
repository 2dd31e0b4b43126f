//! The layouts that only generation 1 (Grafeo 0.5.x) has.

mod change;
mod checkpoint;
mod database;
mod folder_database;
mod frame;
mod record;
mod record_kind;
mod schema;
mod spill;
mod value;

pub use change::{decode_change, element_of};
pub use checkpoint::{CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord};
pub(crate) use database::extents;
pub use database::{
    DATABASE_VERSION, DatabaseHeaders, FileHeader, SECTIONS_OFFSET, Slot, has_section,
};
pub use folder_database::folder_base;
pub use frame::{
    FRAME_CHECKSUM_BYTES, FRAME_LENGTH_BYTES, FRAME_OVERHEAD_BYTES, FrameDefect, FrameHead,
    RawFrame,
};
pub use record::Record;
pub use record_kind::RecordKind;
pub use schema::{
    ProcedureDefinition, PropertyAlteration, PropertyDefinition, SchemaChange, TypeDefinition,
};
pub use spill::{SPILL_FOOTER_BYTES, SpillTable, SpilledFile, is_spilled_vectors, spill_bytes};
