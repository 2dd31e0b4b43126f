//! What engines write, and what they could have written.

use apograph_format::v2::WalSegmentHeader;
use apograph_format::{Checkpoint, Crc32, DatabaseHeaders, FileHeader};
use apograph_testing::encoding::v2::{seal_file_header, seal_log_header, seal_slot};
use apograph_testing::encoding::{PAGE_BYTES, v1};

/// The same database file, said to be encrypted.
pub(crate) fn encrypted(mut image: Vec<u8>) -> Vec<u8> {
    image[12] |= 1;
    seal_file_header(&mut image);
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
    seal_log_header(&mut file);
    let header = WalSegmentHeader::decode(&file).expect("a header");
    assert!(header.is_encrypted);
    file
}

/// Where the slot of a checkpoint stands in a database file.
pub(crate) fn slot(iteration: u64) -> usize {
    let is_odd = iteration % 2 == 1;
    PAGE_BYTES * (1 + usize::from(is_odd))
}

pub(crate) fn slot_v1(checkpoint: &Checkpoint) -> Vec<u8> {
    v1::slot([
        checkpoint.iteration,
        checkpoint.checksum.get().into(),
        0,
        checkpoint.epoch.get(),
        checkpoint.transaction.get(),
        checkpoint.node_count,
        checkpoint.edge_count,
        checkpoint.written_at.get(),
    ])
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
    seal_slot(&mut slot);
    slot
}
