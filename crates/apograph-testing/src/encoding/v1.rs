//! Generation 1.

mod change;

use super::{PAGE_BYTES, checksum, length, put, varint};

pub use change::record;
pub(super) use change::{procedure, term};

/// The tag of a record that sets a property of a node.
pub const SET_NODE_PROPERTY: u8 = 4;
/// The tag of a record that commits a transaction.
pub const COMMIT: u8 = 35;
/// The tag of a record that aborts one.
pub const ABORT: u8 = 36;
/// The tag of a record that numbers the group before it.
pub const EPOCH: u8 = 38;

/// A frame around a payload.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    [&length(payload.len()), payload, &checksum(payload)].concat()
}

/// The frame of a control record.
pub fn control(tag: u8, number: u64) -> Vec<u8> {
    frame(&[vec![tag], varint(number)].concat())
}

/// The frame of a change: whatever sets a property to these bytes.
pub fn data(value: &[u8]) -> Vec<u8> {
    frame(&[&[SET_NODE_PROPERTY], value].concat())
}

/// A commit without a change, whose transaction and epoch have one number.
pub fn empty_commit(number: u64) -> Vec<u8> {
    [control(COMMIT, number), control(EPOCH, number)].concat()
}

/// A commit of one change.
pub fn commit(number: u64, value: &[u8]) -> Vec<u8> {
    [data(value), empty_commit(number)].concat()
}

/// What an engine writes when it opens a database that was not closed.
pub fn process_end() -> Vec<u8> {
    control(ABORT, u64::MAX)
}

/// The page of a slot: iteration, checksum, bytes of a snapshot, epoch, transaction, nodes, edges,
/// time.
pub fn slot(fields: [u64; 8]) -> Vec<u8> {
    let mut slot = fields.map(varint).concat();
    slot.resize(PAGE_BYTES, 0);
    slot
}

/// The page of a file header; the creator has at most 32 bytes.
pub fn file_header(created_at: u64, creator: &str) -> Vec<u8> {
    let fields = [
        b"GRAF".to_vec(),
        varint(1),
        varint(PAGE_BYTES as u64),
        varint(created_at),
        creator.as_bytes().to_vec(),
    ];
    let mut header = fields.concat();
    header.resize(PAGE_BYTES, 0);
    header
}

/// A section of an image, as the directory names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// The number of its type, and its flags.
    pub kind: [u8; 8],
    /// Where it begins in the file.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Its checksum.
    pub checksum: [u8; 4],
}

/// The page of the section directory.
pub fn directory(sections: &[Section]) -> Vec<u8> {
    let mut page = length(sections.len()).to_vec();
    page.resize(8, 0);
    for section in sections {
        let start = page.len();
        put(&mut page, start, &section.kind);
        put(&mut page, start + 8, &section.offset.to_le_bytes());
        put(&mut page, start + 16, &section.length.to_le_bytes());
        put(&mut page, start + 24, &section.checksum);
        page.resize(start + 32, 0);
    }
    page.resize(PAGE_BYTES, 0);
    page
}
