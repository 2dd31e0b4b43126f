//! What the database files of both generations say about themselves and the image in them.
//!
//! A database file begins with a header and two slots, a page each. A checkpoint writes an image
//! and then the slot that names it, so the slot with the higher iteration is the active one.

use crate::crc32::Crc32;
use crate::engine::Engines;
use crate::generation::Generation;
use crate::numbers::{DatabaseId, Epoch, Lsn, TransactionId, UnixMillis};

/// The size of a page in bytes.
pub const PAGE_BYTES: usize = 4096;
/// The first four bytes of a database file.
pub const DATABASE_MAGIC: [u8; 4] = *b"GRAF";
/// The size of the file header and both slots, in bytes.
pub const DATABASE_HEADERS_BYTES: usize = 3 * PAGE_BYTES;

/// The header of a database file, written once when the database is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// The generation of the file.
    pub generation: Generation,
    /// When the file was created. In generation 1 copies and restored databases keep it.
    pub created_at: UnixMillis,
    /// The engine's version that created it.
    pub creator: String,
    /// Generation 2: the id that copies and restored databases share.
    pub id: Option<DatabaseId>,
    /// Whether the sections of the file, and the records of its log, are encrypted.
    pub is_encrypted: bool,
}

/// What a checkpoint recorded about the image it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many checkpoints the file has had; 0 where there was none.
    pub iteration: u64,
    /// Checksum of the directory, which has a checksum of each run of data.
    pub checksum: Crc32,
    /// The current epoch. Generation 1 reads it just before the image is made.
    pub epoch: Epoch,
    /// The last transaction id assigned by then.
    pub transaction: TransactionId,
    /// Nodes in the default graph.
    pub node_count: u64,
    /// Edges in the default graph.
    pub edge_count: u64,
    /// Wall clock of the checkpoint.
    pub written_at: UnixMillis,
    /// Generation 1: the image is one snapshot and has no sections. Engines before 0.5.35 write it.
    pub is_snapshot: bool,
    /// Generation 2: every commit before this position is in the image, and none from it on.
    pub log_start: Option<Lsn>,
}

/// The headers of a database file: its own, and the active slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseHeaders {
    /// The file header.
    pub file: FileHeader,
    /// The active slot.
    pub checkpoint: Checkpoint,
    /// Generation 2: whether the other slot is damaged. It may have been the active one: a
    /// checkpoint was cut off while it wrote it, or is writing it just now.
    pub has_damaged_slot: bool,
}

impl DatabaseHeaders {
    /// The engines that may have written to the database last.
    pub fn engines(&self) -> Engines {
        let engines = Engines::since(&self.file.creator, self.file.generation);
        if self.checkpoint.iteration > 0 && !self.checkpoint.is_snapshot {
            engines.that_write_sections()
        } else {
            engines
        }
    }
}
