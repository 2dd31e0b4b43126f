//! The files of generation 2.

use apograph_testing::encoding::v2::{
    Entry, FIRST, LAST, REQUIRED, SET_NODE_PROPERTY, Slot, block, file_header, frame, group_begin,
    log_header, pointer, record, slot,
};

use super::layout::{Encoded, Head, Heads, Layout, SYSTEM};
use super::log::{Log, LogFile};
use crate::bytes::{PAGE_BYTES, checksum, image_content, put};
use crate::op::Shape;

pub(super) use apograph_testing::encoding::v2::LOG_HEADER_BYTES as HEADER_BYTES;

const DATABASE_ID: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
const CREATED_AT_MS: u64 = 1_690_000_000_000;
const SLOTS: [usize; 2] = [PAGE_BYTES, 2 * PAGE_BYTES];
const FIRST_BLOCK: usize = 3 * PAGE_BYTES;
const GRAPH_SECTION: u8 = 2;

pub(super) struct Layout2;

/// Where a log file ends.
pub(super) fn end(file: &LogFile) -> u64 {
    file.start + (file.bytes.len() - HEADER_BYTES) as u64
}

impl Layout for Layout2 {
    fn encode(
        &self,
        log: &Log,
        heads: Heads,
        shape: Shape,
        records: &[Vec<u8>],
        time: u64,
    ) -> Encoded {
        let origin = if heads.owns_epoch { 0 } else { 3 };
        let mut first = log.synced_position().to_le_bytes().to_vec();
        first.extend(group_begin(heads.epoch, time, origin));
        let mut payloads = vec![first];
        let frames = usize::from(shape.frames).clamp(1, records.len() + 1);
        let each = records.len().div_ceil((frames - 1).max(1)).max(1);
        for chunk in records.chunks(each) {
            let chunk = chunk.iter();
            let chunk = chunk.map(|it| record(SET_NODE_PROPERTY, REQUIRED, it));
            let chunk = chunk.collect::<Vec<_>>().concat();
            match payloads.first_mut() {
                Some(only) if frames == 1 => only.extend(chunk),
                _ => payloads.push(chunk),
            }
        }
        let mut bytes = Vec::new();
        let last = payloads.len() - 1;
        for (index, payload) in payloads.iter().enumerate() {
            let first = if index == 0 { FIRST } else { 0 };
            let flags = first | if index == last { LAST } else { 0 };
            let lsn = log.end() + bytes.len() as u64;
            bytes.extend(frame(lsn, heads.transaction, flags, payload));
        }
        let committed = bytes.len();
        Encoded { bytes, committed }
    }

    fn marker(&self, log: &Log) -> Option<Vec<u8>> {
        let lsn = log.end();
        Some(frame(lsn, SYSTEM, FIRST | LAST, &lsn.to_le_bytes()))
    }

    fn begin_file(&self, log: &mut Log, time: u64) {
        let start = log.end();
        let header = log_header(DATABASE_ID, start, time);
        log.begin_file(start, header);
    }

    fn image(&self, database: &[u8], head: Head, log_start: u64, state: &[u32]) -> Vec<u8> {
        let mut file = database.to_vec();
        if file.is_empty() {
            file = file_header(DATABASE_ID, CREATED_AT_MS, "0.6.1");
            file.resize(3 * PAGE_BYTES, 0);
        }
        let content = image_content(state);
        let mut root = (0, 0, 0);
        if !content.is_empty() {
            // Images take turns in their pages, so that each is written beside the one before.
            let place = FIRST_BLOCK + usize::from(head.iteration % 2 == 1) * 2 * PAGE_BYTES;
            let chunk = place + PAGE_BYTES;
            let entry = Entry {
                section: GRAPH_SECTION,
                offset: chunk as u64,
                length: content.len() as u64,
                checksum: u32::from_le_bytes(checksum(&content)),
                flags: 0,
            };
            let block = block(&[entry], (0, 0, 0));
            root = pointer(place as u64, &block);
            put(&mut file, place, &block);
            put(&mut file, chunk, &content);
            file.truncate(chunk + content.len());
            let pages = file.len().div_ceil(PAGE_BYTES);
            file.resize(pages * PAGE_BYTES, 0);
        }
        let slot = slot(&Slot {
            iteration: head.iteration,
            log_start,
            epoch: head.epoch,
            transaction: head.transaction,
            root,
            node_count: state.len() as u64,
            edge_count: 0,
            written_at: head.written_at,
        });
        put(
            &mut file,
            SLOTS[usize::from(head.iteration % 2 == 1)],
            &slot,
        );
        file
    }

    fn log_file_name(&self, start: u64) -> String {
        format!("wal_{start:020}.log")
    }
}
