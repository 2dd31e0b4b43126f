//! The checkpoint records of a log of generation 1.
//!
//! They carry no state and may stand anywhere, also inside of a group. Engines up to 0.5.43, which
//! keep their log at a checkpoint, log one when the image is installed: what stands before it is in
//! the image, and what stands after it may be.

use apograph_format::TransactionId;
use apograph_format::v1::{FrameHead, Record};
use apograph_io::Result;

use crate::part::{LogPart, Place};
use crate::v1::resync::{CONTROL_FRAME_MAX_BYTES, intact_control};
use crate::window::LogWindow;

/// A checkpoint record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedCheckpoint {
    /// Its first byte.
    pub place: Place,
    /// The last transaction id that was assigned by then.
    pub transaction: TransactionId,
}

/// The checkpoint records of a log of generation 1, in log order.
///
/// Only their own checksums are compared. In a part that has bytes which are no frame, those after
/// them are not found.
///
/// # Errors
///
/// As [`apograph_io::Bytes::read`].
pub fn logged_checkpoints(parts: &[LogPart<'_>]) -> Result<Vec<LoggedCheckpoint>> {
    let mut records = Vec::new();
    let mut window = LogWindow::of(parts);
    for part in 0..parts.len() {
        let mut place = Place { part, offset: 0 };
        while window.rest(place) > 0 {
            let have = window.rest(place) as u64;
            let front = window.at(place, CONTROL_FRAME_MAX_BYTES)?;
            let Ok(head) = FrameHead::parse(front, have) else {
                break;
            };
            if let Some(Record::Checkpoint(transaction)) = intact_control(front) {
                records.push(LoggedCheckpoint { place, transaction });
            }
            place = place.plus_u64(head.frame_bytes());
        }
    }
    Ok(records)
}
