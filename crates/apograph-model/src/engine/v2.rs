//! The files of generation 2.

use super::SYSTEM;
use super::layout::{Encoded, Head, Heads, Layout};
use super::log::{Log, LogFile};
use crate::bytes::{PAGE_BYTES, checksum, image_content, length, put, varint};
use crate::op::Shape;

/// The length of the header of a log file.
pub(super) const HEADER_BYTES: usize = 128;
const FRAME_HEADER_BYTES: usize = 25;
const FIRST: u8 = 1;
const LAST: u8 = 2;
const GROUP_BEGIN: u8 = 1;
const SET_NODE_PROPERTY: u8 = 20;
const REQUIRED: u8 = 1;
const DATABASE_ID: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
const CREATED_AT_MS: u64 = 1_690_000_000_000;
const SLOTS: [usize; 2] = [PAGE_BYTES, 2 * PAGE_BYTES];
const FIRST_BLOCK: usize = 3 * PAGE_BYTES;
const BLOCK_BYTES: usize = 32 + 48;

pub(super) struct Layout2;

/// Where a log file ends.
pub(super) fn end(file: &LogFile) -> u64 {
    file.start + (file.bytes.len() - HEADER_BYTES) as u64
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, REQUIRED], &length(payload.len())[..], payload].concat()
}

fn frame(lsn: u64, transaction: u64, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    put(&mut frame, 0, &length(payload.len()));
    put(&mut frame, 8, &lsn.to_le_bytes());
    put(&mut frame, 16, &transaction.to_le_bytes());
    put(&mut frame, 24, &[flags]);
    frame.extend_from_slice(payload);
    let covered = [&frame[..4], &frame[8..]].concat();
    put(&mut frame, 4, &checksum(&covered));
    frame
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
        let begin = [heads.epoch, time, origin].map(varint).concat();
        let mut first = log.synced_position().to_le_bytes().to_vec();
        first.extend(record(GROUP_BEGIN, &begin));
        let mut payloads = vec![first];
        let frames = usize::from(shape.frames).clamp(1, records.len() + 1);
        let each = records.len().div_ceil((frames - 1).max(1)).max(1);
        for chunk in records.chunks(each) {
            let chunk = chunk.iter().map(|it| record(SET_NODE_PROPERTY, it));
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
        let mut header = vec![0; HEADER_BYTES];
        put(&mut header, 0, b"GRAFWAL\0");
        put(&mut header, 8, &2_u16.to_le_bytes());
        put(&mut header, 10, &128_u16.to_le_bytes());
        put(&mut header, 16, &DATABASE_ID.to_le_bytes());
        put(&mut header, 32, &start.to_le_bytes());
        put(&mut header, 40, &time.to_le_bytes());
        let sum = checksum(&header[..124]);
        put(&mut header, 124, &sum);
        log.begin_file(start, header);
    }

    fn image(&self, database: &[u8], head: Head, log_start: u64, state: &[u32]) -> Vec<u8> {
        let mut file = database.to_vec();
        if file.is_empty() {
            put(&mut file, 0, b"GRAF");
            put(&mut file, 4, &3_u32.to_le_bytes());
            put(&mut file, 8, &length(PAGE_BYTES));
            put(&mut file, 16, &DATABASE_ID.to_le_bytes());
            put(&mut file, 32, &CREATED_AT_MS.to_le_bytes());
            put(&mut file, 40, b"0.6.1");
            file.resize(3 * PAGE_BYTES, 0);
            let sum = checksum(&file[..72]);
            put(&mut file, 72, &sum);
        }
        let content = image_content(state);
        let mut block = vec![0; BLOCK_BYTES];
        // Images take turns in their pages, so that each is written beside the one before.
        let place = FIRST_BLOCK + usize::from(head.iteration % 2 == 1) * 2 * PAGE_BYTES;
        if !content.is_empty() {
            let chunk = place + PAGE_BYTES;
            put(&mut block, 0, b"GDIR");
            put(&mut block, 4, &1_u32.to_le_bytes());
            put(&mut block, 32, &[2, 4, 2, 3]);
            put(&mut block, 32 + 24, &(chunk as u64).to_le_bytes());
            put(&mut block, 32 + 32, &(content.len() as u64).to_le_bytes());
            put(&mut block, 32 + 40, &checksum(&content));
            put(&mut file, place, &block);
            put(&mut file, chunk, &content);
            file.truncate(chunk + content.len());
            let pages = file.len().div_ceil(PAGE_BYTES);
            file.resize(pages * PAGE_BYTES, 0);
        }
        let mut slot = vec![0; PAGE_BYTES];
        put(&mut slot, 0, b"GDBH");
        put(&mut slot, 4, &1_u32.to_le_bytes());
        put(&mut slot, 8, &head.iteration.to_le_bytes());
        put(&mut slot, 16, &log_start.to_le_bytes());
        put(&mut slot, 24, &head.epoch.to_le_bytes());
        put(&mut slot, 32, &head.transaction.to_le_bytes());
        if !content.is_empty() {
            put(&mut slot, 40, &(place as u64).to_le_bytes());
            put(&mut slot, 48, &length(BLOCK_BYTES));
            put(&mut slot, 52, &checksum(&block));
        }
        put(&mut slot, 56, &(state.len() as u64).to_le_bytes());
        put(&mut slot, 72, &head.written_at.to_le_bytes());
        let sum = checksum(&slot[..80]);
        put(&mut slot, 80, &sum);
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
