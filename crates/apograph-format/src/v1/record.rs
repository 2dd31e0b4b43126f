//! Log records of generation 1, as far as a backup decodes them (FORMAT.md, "Log records").
//!
//! A backup moves records without understanding them: the first payload byte tells a data record
//! from the four control records, and only those are decoded.

use crate::bytes::varint_whole;
use crate::numbers::{Epoch, TransactionId};
use crate::v1::frame::{FrameDefect, RawFrame};
use crate::v1::record_kind::RecordKind;

/// What a record means for the grammar of commit groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A change to the data or the schema, which [`decode_change`](super::decode_change) decodes.
    Data(RecordKind),
    /// The records since the last group are committed.
    Commit(TransactionId),
    /// The records since the last group never happened.
    Abort(TransactionId),
    /// A checkpoint marker. The 0.5.44 engine writes none; it carries no state.
    Checkpoint(TransactionId),
    /// The group just committed has this epoch.
    EpochAdvance(Epoch),
}

impl Record {
    /// Reads the record of a frame: the number of a control record, the kind of any other.
    ///
    /// # Errors
    ///
    /// [`FrameDefect::MalformedRecord`] where a control record is not its tag and one number.
    #[inline]
    pub fn of(frame: &RawFrame<'_>) -> Result<Self, FrameDefect> {
        let kind = frame.kind();
        if !kind.is_control() {
            return Ok(Self::Data(kind));
        }
        let malformed = FrameDefect::MalformedRecord { kind };
        let number_bytes = frame.payload().get(1..).ok_or(malformed)?;
        let number = varint_whole(number_bytes).ok_or(malformed)?;
        let transaction = TransactionId::new(number);
        Ok(match kind {
            RecordKind::TransactionCommit => Self::Commit(transaction),
            RecordKind::TransactionAbort => Self::Abort(transaction),
            RecordKind::Checkpoint => Self::Checkpoint(transaction),
            _ => Self::EpochAdvance(Epoch::new(number)),
        })
    }
}
