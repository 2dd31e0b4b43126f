//! The control of the rot: bytes of log frames are changed, and whatever is a checksum over them is
//! made right again. Nobody can notice that; so wrong states must come out.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use apograph::format::v1;
use apograph::format::v2::{self, Pieces};
use apograph::format::{
    Blake3, Crc32, Generation, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind, SegmentName,
};
use apograph::manifest::{HISTORY_FILE_NAME, History, MANIFEST_FILE_NAME, Manifest};

use apograph_testing::encoding::{checksum, v2::seal_frame};

use super::damage::{Changes, Damage, Files};

/// The lowest bit of each byte of a payload.
const MASK: u8 = 0x01;

/// A frame in the file of an increment.
struct Frame {
    generation: Generation,
    whole: Range<usize>,
}

impl Frame {
    fn payload(&self) -> Range<usize> {
        let Range { start, end } = self.whole;
        match self.generation {
            Generation::One => start + v1::FRAME_LENGTH_BYTES..end - v1::FRAME_CHECKSUM_BYTES,
            Generation::Two => start + v2::FRAME_HEADER_BYTES..end,
        }
    }

    /// Makes its checksum right.
    fn seal(&self, bytes: &mut [u8]) {
        match self.generation {
            Generation::One => {
                let sum = checksum(&bytes[self.payload()]);
                bytes[self.payload().end..self.whole.end].copy_from_slice(&sum);
            }
            Generation::Two => seal_frame(&mut bytes[self.whole.clone()]),
        }
    }
}

/// A change in every payload byte of every increment.
pub(super) fn flips(files: &Files) -> Result<Vec<Damage>> {
    let mut flips = Vec::new();
    for (file, bytes) in files {
        let kind = SegmentName::parse(file).map(|name| name.kind);
        if kind != Some(SegmentKind::Incremental) {
            continue;
        }
        for frame in frames(bytes)? {
            flips.extend(frame.payload().map(|offset| Damage::Forged {
                file: file.clone(),
                offset,
                mask: MASK,
            }));
        }
    }
    ensure!(!flips.is_empty(), "there is no increment");
    Ok(flips)
}

/// What such a change and its forged checksums make of the files.
pub(super) fn changes(flip: &Damage, files: &Files) -> Result<Changes> {
    let mut changes = flip.changes(files)?;
    let (file, bytes) = changes.iter_mut().next().context("no change")?;
    let (file, bytes) = (file.clone(), bytes.as_mut().context("no bytes")?);
    for frame in frames(&files[&file])? {
        frame.seal(bytes);
    }
    let checksum = Crc32::of(bytes);
    let mut manifest = Manifest::decode(&files[MANIFEST_FILE_NAME], Path::new(""))?;
    for segment in manifest
        .segments
        .iter_mut()
        .filter(|it| it.file.as_str() == file)
    {
        segment.checksum = checksum;
    }
    let mut history = History::decode(&files[HISTORY_FILE_NAME]).context("no history")?;
    let records = history.records.iter_mut();
    for record in records.filter(|it| it.segment.file.as_str() == file) {
        (record.segment.checksum, record.hash) = (checksum, Blake3::of(bytes));
    }
    changes.insert(MANIFEST_FILE_NAME.to_owned(), Some(manifest.encode()));
    changes.insert(HISTORY_FILE_NAME.to_owned(), Some(history.encode()));
    Ok(changes)
}

fn frames(segment: &[u8]) -> Result<Vec<Frame>> {
    let generation = SegmentHeader::decode(segment)?.generation;
    let body = &segment[SEGMENT_HEADER_BYTES..];
    let mut frames = Vec::new();
    let mut add = |start: usize, length| {
        let whole = start..start + length;
        frames.push(Frame { generation, whole });
        start + length
    };
    match generation {
        Generation::One => {
            let mut place = SEGMENT_HEADER_BYTES;
            while place < segment.len() {
                let frame = v1::RawFrame::parse(&segment[place..])?;
                place = add(place, frame.bytes().len());
            }
        }
        Generation::Two => {
            for piece in Pieces::new(body) {
                let piece = piece?;
                let mut place = SEGMENT_HEADER_BYTES + usize::try_from(piece.offset)?;
                let (mut rest, mut lsn) = (piece.frames, piece.header.first_lsn);
                while !rest.is_empty() {
                    let frame = v2::RawFrame::parse(rest, lsn)?;
                    (rest, lsn) = (&rest[frame.bytes().len()..], frame.end());
                    place = add(place, frame.bytes().len());
                }
            }
        }
    }
    Ok(frames)
}
