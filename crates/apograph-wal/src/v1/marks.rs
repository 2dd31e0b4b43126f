//! The checkpoint records of a log of generation 1.
//!
//! They carry no state and may stand anywhere, also inside of a group. Engines up to 0.5.43, which
//! keep their log at a checkpoint, log one when the image is installed: what stands before it is in
//! the image, and what stands behind it may be.

use apograph_format::TransactionId;
use apograph_format::v1::{RawFrame, Record};

use crate::part::{LogPart, Place};

/// A checkpoint record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointMark {
    /// Its first byte.
    pub place: Place,
    /// The last transaction id that was assigned by then.
    pub transaction: TransactionId,
}

/// The checkpoint records of a log of generation 1, in log order.
///
/// Only their own checksums are compared. In a part that has bytes which are no frame, those behind
/// them are not found.
pub fn checkpoint_marks<'a>(parts: &'a [LogPart<'a>]) -> impl Iterator<Item = CheckpointMark> + 'a {
    parts.iter().enumerate().flat_map(|(index, part)| {
        let mut offset = 0_usize;
        std::iter::from_fn(move || {
            loop {
                let frame = RawFrame::parse(part.bytes.get(offset..)?).ok()?;
                let place = Place {
                    part: index,
                    offset,
                };
                offset = offset.saturating_add(frame.bytes().len());
                match Record::of(&frame) {
                    Ok(Record::Checkpoint(transaction)) if frame.is_intact() => {
                        return Some(CheckpointMark { place, transaction });
                    }
                    _ => {}
                }
            }
        })
    })
}
