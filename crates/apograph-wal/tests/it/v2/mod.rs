//! Logs of generation 2.

mod cuts;
mod flips;
mod folder;
mod golden;
mod grammar;
mod torn;

use apograph_format::v2::{Pieces, RawFrame, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{LogPosition, SEGMENT_HEADER_BYTES};
use apograph_testing::fixtures::{Golden, V2};
use apograph_wal::{LogPart, PartOf};

/// Log files as parts.
fn parts<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Vec<LogPart<'a>> {
    files.into_iter().map(part).collect()
}

/// A log file as a part.
fn part(file: &[u8]) -> LogPart<'_> {
    let header = WalSegmentHeader::decode(file).expect("a header");
    LogPart::of_segment(&header, &file[WAL_SEGMENT_HEADER_BYTES..])
}

/// The body of a segment as parts, each sealed.
pub(crate) fn body(segment: &Golden) -> Vec<LogPart<'_>> {
    let pieces = Pieces::new(&segment.bytes[SEGMENT_HEADER_BYTES..]);
    let parts = pieces.map(|piece| {
        let piece = piece.expect("a piece");
        sealed(LogPart::of_segment(&piece.header, piece.frames))
    });
    parts.collect()
}

/// A part as a segment has it.
fn sealed(part: LogPart<'_>) -> LogPart<'_> {
    let PartOf::Two {
        start,
        is_encrypted,
        ..
    } = part.of
    else {
        panic!("a part of generation 1");
    };
    let of = PartOf::Two {
        start,
        is_encrypted,
        is_sealed: true,
    };
    LogPart { of, ..part }
}

/// The log files of a source as parts.
fn source(files: &[Golden]) -> Vec<LogPart<'_>> {
    parts(files.iter().map(|file| &file.bytes[..]))
}

/// The log file of a fixture's source that begins at an LSN.
fn log_file(source: &str, lsn: u64) -> Vec<u8> {
    V2.read(&format!("{source}/src.grafeo.wal/wal_{lsn:020}.log"))
        .bytes
}

/// The piece of a segment with a number, as a log file.
fn piece(segment: &str, index: usize) -> Vec<u8> {
    let segment = V2.read(segment);
    let mut pieces = Pieces::new(&segment.bytes[SEGMENT_HEADER_BYTES..]);
    let piece = pieces.nth(index).expect("a piece").expect("a whole piece");
    [&piece.header.bytes()[..], piece.frames].concat()
}

/// The frames of a part that is whole, with their offsets.
fn frames<'a>(part: &LogPart<'a>) -> Vec<(usize, RawFrame<'a>)> {
    let mut frames = Vec::new();
    let mut offset = 0;
    while offset < part.bytes.len() {
        let LogPosition::Lsn(lsn) = part.position(offset) else {
            panic!("a part of generation 1");
        };
        let frame = RawFrame::parse(&crate::log::slice(part)[offset..], lsn).expect("a frame");
        frames.push((offset, frame));
        offset += frame.bytes().len();
    }
    frames
}

/// The offsets at which a group or a marker ends, and the start of the part.
fn boundaries(part: &LogPart<'_>) -> Vec<usize> {
    let lasts = frames(part).into_iter();
    let lasts = lasts.filter(|(_, frame)| frame.flags().is_last());
    let ends = lasts.map(|(offset, frame)| offset + frame.bytes().len());
    [0].into_iter().chain(ends).collect()
}
