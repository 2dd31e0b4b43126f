//! The layouts of generation 2.

mod database;
mod directory;
mod frame;
mod names;
mod piece;
mod record;
mod segment;
mod wal_segment;

use apograph_format::v2::{FrameDefect, RawFrame, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_testing::fixtures::V2;

/// The bytes of the file at a path below the root.
fn read(path: &str) -> Vec<u8> {
    V2.read(path).bytes
}

/// A log file of one group: header, and a frame of 49 bytes of payload at LSN 148.
fn log_file() -> Vec<u8> {
    read("11_checkpoints_cursor/source_before_incr/src.grafeo.wal/wal_00000000000000000148.log")
}

/// The frames of a log file from its front on, and what stands where none begins.
fn walk(file: &[u8]) -> (Vec<RawFrame<'_>>, Option<FrameDefect>) {
    let header = WalSegmentHeader::decode(file).expect("a header");
    let mut rest = &file[WAL_SEGMENT_HEADER_BYTES..];
    let mut lsn = header.first_lsn;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        match RawFrame::parse(rest, lsn).and_then(|frame| frame.check().map(|()| frame)) {
            Ok(frame) => {
                rest = &rest[frame.bytes().len()..];
                lsn = frame.end();
                frames.push(frame);
            }
            Err(defect) => return (frames, Some(defect)),
        }
    }
    (frames, None)
}
