//! Log records of generation 1, as far as they are decoded (FORMAT.md, "Log records").
//!
//! A backup moves records without understanding them: the first payload byte tells a data record
//! from the four control records, and only those are decoded, with the two index records that the
//! engine does not replay from its own log.

use crate::bytes::{bincode_prefix, varint_whole};
use crate::error::{FormatError, Result};
use crate::numbers::{Epoch, TransactionId};
use crate::v1::frame::{FrameDefect, RawFrame};
use crate::v1::record_kind::RecordKind;

/// What a record means for the grammar of commit groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A change to the data or the schema, not decoded.
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
    pub fn of(frame: &RawFrame<'_>) -> std::result::Result<Self, FrameDefect> {
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

/// An index record: the engine logs it and ignores it when it replays the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexRecord {
    /// `CREATE INDEX`.
    Create {
        /// The name of the index.
        name: String,
        /// The label that it covers.
        label: String,
        /// The property that it covers.
        property: String,
        /// The engine's name for its type.
        index_type: String,
    },
    /// `DROP INDEX`.
    Drop {
        /// The name of the index.
        name: String,
    },
}

impl IndexRecord {
    /// Decodes the payload of an index record; `None` for a record of any other kind.
    ///
    /// # Errors
    ///
    /// [`FormatError::Malformed`] where its fields cannot be read.
    pub fn decode(payload: &[u8]) -> Result<Option<Self>> {
        const WHAT: &str = "index record";
        let Some((&tag, fields)) = payload.split_first() else {
            return Ok(None);
        };
        let shift = |error: FormatError| error.shifted(1);
        match RecordKind::from_tag(tag) {
            Some(RecordKind::CreateIndex) => {
                let ((name, label, property, index_type), _) =
                    bincode_prefix(WHAT, fields).map_err(shift)?;
                Ok(Some(Self::Create {
                    name,
                    label,
                    property,
                    index_type,
                }))
            }
            Some(RecordKind::DropIndex) => {
                let (name, _) = bincode_prefix(WHAT, fields).map_err(shift)?;
                Ok(Some(Self::Drop { name }))
            }
            _ => Ok(None),
        }
    }
}
