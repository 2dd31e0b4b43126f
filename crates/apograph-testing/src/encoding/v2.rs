//! Generation 2.

mod catalog;
mod change;
mod value;

use super::{PAGE_BYTES, checksum, length, put, seal, varint};

pub use change::change;

/// The bytes of the header of a log file.
pub const LOG_HEADER_BYTES: usize = 128;
/// The bytes of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = 25;
/// The flag of the first frame of a group.
pub const FIRST: u8 = 1;
/// The flag of the last frame of a group.
pub const LAST: u8 = 2;
/// The kind of the record that begins a group.
pub const GROUP_BEGIN: u8 = 1;
/// The kind of a record that sets a property of a node.
pub const SET_NODE_PROPERTY: u8 = 20;
/// The flag of a record that a reader must know.
pub const REQUIRED: u8 = 1;

const LOG_CHECKSUM_OFFSET: usize = 124;
const FILE_CHECKSUM_OFFSET: usize = 72;
const SLOT_CHECKSUM_OFFSET: usize = 80;

/// A record.
pub fn record(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, flags], &length(payload.len())[..], payload].concat()
}

/// The record that begins a group.
pub fn group_begin(epoch: u64, time: u64, origin: u64) -> Vec<u8> {
    let fields = [epoch, time, origin].map(varint).concat();
    record(GROUP_BEGIN, REQUIRED, &fields)
}

/// A frame at a position of the log.
pub fn frame(lsn: u64, transaction: u64, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    put(&mut frame, 8, &lsn.to_le_bytes());
    put(&mut frame, 16, &transaction.to_le_bytes());
    put(&mut frame, 24, &[flags]);
    frame.extend_from_slice(payload);
    seal_frame(&mut frame);
    frame
}

/// Makes the length and the checksum of a frame those of its bytes.
pub fn seal_frame(frame: &mut [u8]) {
    let payload_bytes = frame.len() - FRAME_HEADER_BYTES;
    frame[..4].copy_from_slice(&length(payload_bytes));
    let covered = [&frame[..4], &frame[8..]].concat();
    frame[4..8].copy_from_slice(&checksum(&covered));
}

/// The header of a log file.
pub fn log_header(database: u128, first_lsn: u64, created_at: u64) -> Vec<u8> {
    let mut header = vec![0; LOG_HEADER_BYTES];
    put(&mut header, 0, b"GRAFWAL\0");
    put(&mut header, 8, &2_u16.to_le_bytes());
    put(&mut header, 10, &128_u16.to_le_bytes());
    put(&mut header, 16, &database.to_le_bytes());
    put(&mut header, 32, &first_lsn.to_le_bytes());
    put(&mut header, 40, &created_at.to_le_bytes());
    seal_log_header(&mut header);
    header
}

/// Makes the checksum of the header of a log file right.
pub fn seal_log_header(file: &mut [u8]) {
    seal(file, LOG_CHECKSUM_OFFSET);
}

/// The page of a file header; the creator has at most 32 bytes.
pub fn file_header(database: u128, created_at: u64, creator: &str) -> Vec<u8> {
    let mut header = vec![0; PAGE_BYTES];
    put(&mut header, 0, b"GRAF");
    put(&mut header, 4, &3_u32.to_le_bytes());
    put(&mut header, 8, &length(PAGE_BYTES));
    put(&mut header, 16, &database.to_le_bytes());
    put(&mut header, 32, &created_at.to_le_bytes());
    put(&mut header, 40, creator.as_bytes());
    seal_file_header(&mut header);
    header
}

/// Makes the checksum of a file header right.
pub fn seal_file_header(file: &mut [u8]) {
    seal(file, FILE_CHECKSUM_OFFSET);
}

/// What a checkpoint writes into a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slot {
    /// How many checkpoints the file has had.
    pub iteration: u64,
    /// Where the log after the image begins.
    pub log_start: u64,
    /// The epoch of the image.
    pub epoch: u64,
    /// The last transaction.
    pub transaction: u64,
    /// Where the first block of the directory is, how long it is, and its checksum.
    pub root: Pointer,
    /// How many nodes there are.
    pub node_count: u64,
    /// How many edges there are.
    pub edge_count: u64,
    /// When it was written.
    pub written_at: u64,
}

/// The page of a slot.
pub fn slot(fields: &Slot) -> Vec<u8> {
    let (root, root_bytes, root_checksum) = fields.root;
    let mut slot = vec![0; PAGE_BYTES];
    put(&mut slot, 0, b"GDBH");
    put(&mut slot, 4, &1_u32.to_le_bytes());
    put(&mut slot, 8, &fields.iteration.to_le_bytes());
    put(&mut slot, 16, &fields.log_start.to_le_bytes());
    put(&mut slot, 24, &fields.epoch.to_le_bytes());
    put(&mut slot, 32, &fields.transaction.to_le_bytes());
    put(&mut slot, 40, &root.to_le_bytes());
    put(&mut slot, 48, &root_bytes.to_le_bytes());
    put(&mut slot, 52, &root_checksum.to_le_bytes());
    put(&mut slot, 56, &fields.node_count.to_le_bytes());
    put(&mut slot, 64, &fields.edge_count.to_le_bytes());
    put(&mut slot, 72, &fields.written_at.to_le_bytes());
    seal_slot(&mut slot);
    slot
}

/// Makes the checksum of a slot right.
pub fn seal_slot(slot: &mut [u8]) {
    seal(slot, SLOT_CHECKSUM_OFFSET);
}

/// Where a directory block is, how many bytes it has, and their checksum.
pub type Pointer = (u64, u32, u32);

/// A chunk of a section, as a directory block names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The number of the section's type.
    pub section: u8,
    /// Where it begins in the file.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Its checksum.
    pub checksum: u32,
    /// Its flags.
    pub flags: u8,
}

/// A directory block before another, which has no bytes where this is the last.
pub fn block(entries: &[Entry], next: Pointer) -> Vec<u8> {
    let mut block = b"GDIR".to_vec();
    block.extend(length(entries.len()));
    block.extend(next.0.to_le_bytes());
    block.extend(next.1.to_le_bytes());
    block.extend(next.2.to_le_bytes());
    block.extend([0; 8]);
    for entry in entries {
        block.extend([entry.section, 1, 0, 0]);
        block.extend([0; 20]);
        block.extend(entry.offset.to_le_bytes());
        block.extend(entry.length.to_le_bytes());
        block.extend(entry.checksum.to_le_bytes());
        block.extend([entry.flags, 0, 0, 0]);
    }
    block
}

/// The pointer to a block at an offset.
pub fn pointer(offset: u64, block: &[u8]) -> Pointer {
    let length = u32::from_le_bytes(length(block.len()));
    (offset, length, u32::from_le_bytes(checksum(block)))
}

/// A piece of a log file in the body of an increment: its header and frames.
pub fn piece(header: &[u8], frames: &[u8]) -> Vec<u8> {
    let length = (header.len() + frames.len()) as u64;
    [&length.to_le_bytes(), header, frames].concat()
}
