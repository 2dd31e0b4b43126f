//! Whether bytes at the end of a log were durable once.

use apograph_format::v2::{FRAME_HEADER_BYTES, FrameDefect};

use crate::part::LogPart;

/// What stands behind a bad frame at the end of a log.
pub(crate) enum Behind {
    /// Nothing that proves anything.
    NothingDurable,
    /// A whole group that was written when the bad frame's bytes had been durable.
    Proof,
    /// A whole frame of a version that is not known here: nobody may cut it off.
    Newer {
        /// Where it begins.
        offset: usize,
        /// What is not known.
        defect: FrameDefect,
    },
}

/// Looks for the first whole frame behind a bad one that tells what the bad one is.
///
/// A plain group says how far the log was durable when it began. An encrypted one does not say it
/// in the clear: there every later group counts.
pub(crate) fn behind(part: &LogPart<'_>, bad: usize) -> Behind {
    let bad_lsn = part.lsn_at(bad);
    let last = part.bytes.len().saturating_sub(FRAME_HEADER_BYTES);
    let found = (bad.saturating_add(1)..=last).find_map(|offset| {
        let frame = part.frame_v2(offset)?.ok()?;
        match frame.check() {
            Err(defect @ FrameDefect::UnknownFlags { .. }) => {
                Some(Behind::Newer { offset, defect })
            }
            Ok(()) if frame.flags().is_first() => {
                let is_proof = part.is_encrypted || frame.synced_lsn() > bad_lsn;
                is_proof.then_some(Behind::Proof)
            }
            _ => None,
        }
    });
    found.unwrap_or(Behind::NothingDurable)
}
