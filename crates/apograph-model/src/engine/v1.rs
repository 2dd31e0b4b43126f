//! The files of generation 1.

use apograph_testing::encoding::v1::{
    COMMIT, EPOCH, Section, control, data, directory, file_header, slot,
};

use super::layout::{Encoded, Head, Heads, Layout};
use super::log::Log;
use crate::bytes::{PAGE_BYTES, checksum, image_content, put, varint};
use crate::op::Shape;

const GRAPH_SECTION: [u8; 8] = [2, 0, 0, 0, 1, 1, 0, 0];
const CREATED_AT_MS: u64 = 1_690_000_000_000;
const SLOTS: [usize; 2] = [PAGE_BYTES, 2 * PAGE_BYTES];
const DIRECTORY: usize = 3 * PAGE_BYTES;
const SECTIONS: usize = 4 * PAGE_BYTES;

pub(super) struct Layout1;

pub(super) fn commit_frame(transaction: u64) -> Vec<u8> {
    control(COMMIT, transaction)
}

/// What `checkpoint.meta` holds.
pub(super) fn checkpoint_record(head: Head, sequence: u64) -> Vec<u8> {
    let fields = [head.epoch, sequence, head.written_at, head.transaction];
    fields.map(varint).concat()
}

impl Layout for Layout1 {
    fn encode(&self, _: &Log, heads: Heads, _: Shape, records: &[Vec<u8>], _: u64) -> Encoded {
        let frames = records.iter().map(|record| data(record));
        let mut bytes = frames.collect::<Vec<_>>().concat();
        bytes.extend(commit_frame(heads.transaction));
        let committed = bytes.len();
        if heads.owns_epoch {
            bytes.extend(control(EPOCH, heads.epoch));
        }
        Encoded { bytes, committed }
    }

    fn marker(&self, _: &Log) -> Option<Vec<u8>> {
        None
    }

    fn begin_file(&self, log: &mut Log, _: u64) {
        let next = log.files.last().map_or(0, |file| file.start + 1);
        log.begin_file(next, Vec::new());
    }

    fn image(&self, database: &[u8], head: Head, _: u64, state: &[u32]) -> Vec<u8> {
        let mut file = database.get(..3 * PAGE_BYTES).unwrap_or_default().to_vec();
        if file.is_empty() {
            file = file_header(CREATED_AT_MS, "0.5.44");
            file.resize(3 * PAGE_BYTES, 0);
            return file;
        }
        let content = image_content(state);
        let directory = directory(&[Section {
            kind: GRAPH_SECTION,
            offset: SECTIONS as u64,
            length: content.len() as u64,
            checksum: checksum(&content),
        }]);
        let slot = slot([
            head.iteration,
            u32::from_le_bytes(checksum(&directory)).into(),
            0,
            head.epoch,
            head.transaction,
            state.len() as u64,
            0,
            head.written_at,
        ]);
        put(
            &mut file,
            SLOTS[usize::from(head.iteration % 2 == 1)],
            &slot,
        );
        put(&mut file, DIRECTORY, &directory);
        put(&mut file, SECTIONS, &content);
        let pages = file.len().div_ceil(PAGE_BYTES);
        file.resize(pages * PAGE_BYTES, 0);
        file
    }

    fn log_file_name(&self, start: u64) -> String {
        format!("wal_{start:08}.log")
    }
}
