//! What engines write, and what they could have written.

use apograph_format::v2::{FRAME_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Checkpoint, Crc32, DatabaseHeaders, FileHeader};
use apograph_testing::encoding::varint;

pub(crate) const PAGE_BYTES: usize = 4096;

/// The same database file, said to be encrypted.
pub(crate) fn encrypted(mut image: Vec<u8>) -> Vec<u8> {
    image[12] |= 1;
    seal(&mut image, 72);
    let headers = DatabaseHeaders::decode(&image).expect("headers");
    assert!(matches!(
        headers.file,
        FileHeader {
            is_encrypted: true,
            ..
        }
    ));
    image
}

/// The same database file of generation 1, said to have a compacted store.
pub(crate) fn compacted(mut image: Vec<u8>) -> Vec<u8> {
    const DIRECTORY: usize = 3 * PAGE_BYTES;
    const FIRST_ENTRY: usize = DIRECTORY + 8;
    let headers = DatabaseHeaders::decode(&image).expect("headers");
    let mut checkpoint = headers.checkpoint;
    image[FIRST_ENTRY..FIRST_ENTRY + 4].copy_from_slice(&4_u32.to_le_bytes());
    checkpoint.checksum = Crc32::of(&image[DIRECTORY..DIRECTORY + PAGE_BYTES]);
    let place = slot(checkpoint.iteration);
    image[place..place + PAGE_BYTES].copy_from_slice(&slot_v1(&checkpoint));
    image
}

/// The same database file of generation 1, said to be created by another release.
pub(crate) fn created_by(mut image: Vec<u8>, release: &str) -> Vec<u8> {
    const CREATOR: &[u8] = b"0.5.44";
    assert_eq!(release.len(), CREATOR.len());
    let mut windows = image.windows(CREATOR.len());
    let place = windows.position(|it| it == CREATOR).expect("a creator");
    image[place..place + CREATOR.len()].copy_from_slice(release.as_bytes());
    let headers = DatabaseHeaders::decode(&image).expect("headers");
    assert_eq!(headers.file.creator, release);
    image
}

/// The same log file of generation 2, said to be encrypted.
pub(crate) fn encrypted_log(mut file: Vec<u8>) -> Vec<u8> {
    file[12] |= 1;
    seal(&mut file, 124);
    let header = WalSegmentHeader::decode(&file).expect("a header");
    assert!(header.is_encrypted);
    file
}

/// A frame of generation 1.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let checksum = Crc32::of(payload).get();
    [&length.to_le_bytes(), payload, &checksum.to_le_bytes()].concat()
}

/// A control record of generation 1.
pub(crate) fn control(tag: u8, number: u64) -> Vec<u8> {
    frame(&[vec![tag], varint(number)].concat())
}

/// A commit of generation 1 without a change.
pub(crate) fn empty_commit(number: u64) -> Vec<u8> {
    [control(35, number), control(38, number)].concat()
}

/// A commit of generation 1 of one value.
pub(crate) fn commit(number: u64, value: &[u8]) -> Vec<u8> {
    let value = frame(&[&[4], value].concat());
    [value, empty_commit(number)].concat()
}

/// What an engine of generation 1 writes when it opens a database that was not closed.
pub(crate) fn process_end() -> Vec<u8> {
    control(36, u64::MAX)
}

/// Where the slot of a checkpoint stands in a database file.
pub(crate) fn slot(iteration: u64) -> usize {
    let is_odd = iteration % 2 == 1;
    PAGE_BYTES * (1 + usize::from(is_odd))
}

pub(crate) fn slot_v1(checkpoint: &Checkpoint) -> Vec<u8> {
    let numbers = [
        checkpoint.iteration,
        checkpoint.checksum.get().into(),
        0,
        checkpoint.epoch.get(),
        checkpoint.transaction.get(),
        checkpoint.node_count,
        checkpoint.edge_count,
        checkpoint.written_at.get(),
    ];
    let mut slot: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
    slot.resize(PAGE_BYTES, 0);
    slot
}

pub(crate) fn slot_v2(active: &[u8], checkpoint: &Checkpoint) -> Vec<u8> {
    let mut slot = active.to_vec();
    let numbers = [
        (8, checkpoint.iteration),
        (16, checkpoint.log_start.expect("a position").get()),
        (24, checkpoint.epoch.get()),
        (72, checkpoint.written_at.get()),
    ];
    for (offset, number) in numbers {
        slot[offset..offset + 8].copy_from_slice(&number.to_le_bytes());
    }
    seal(&mut slot, 80);
    slot
}

/// A frame of generation 2 with the length and the checksum of what it has.
pub(crate) fn sealed_frame(mut frame: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(frame.len() - FRAME_HEADER_BYTES).expect("a short payload");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    let checksum = Crc32::of(&[&frame[..4], &frame[8..]].concat()).get();
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// Writes the checksum of what stands before it.
fn seal(bytes: &mut [u8], offset: usize) {
    let checksum = Crc32::of(&bytes[..offset]).get();
    bytes[offset..offset + 4].copy_from_slice(&checksum.to_le_bytes());
}
