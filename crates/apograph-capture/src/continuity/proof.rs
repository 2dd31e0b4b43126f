//! What has to be proved before a chain goes on, and how a proof fails.

use apograph_io::IoError;
use apograph_wal::WalError;

use crate::chain_break::ChainBreak;
use crate::error::{CaptureError, Result};

/// What was proved, or why it is not.
pub(super) type Proof<T = ()> = std::result::Result<T, Unproved>;

/// Why something is not proved.
#[derive(Debug)]
pub(super) enum Unproved {
    /// What was compared is not as it has to be.
    Broken(ChainBreak),
    /// It could not be looked at.
    Failed(CaptureError),
}

impl From<ChainBreak> for Unproved {
    fn from(broken: ChainBreak) -> Self {
        Self::Broken(broken)
    }
}

impl From<CaptureError> for Unproved {
    fn from(error: CaptureError) -> Self {
        Self::Failed(error)
    }
}

impl From<IoError> for Unproved {
    fn from(error: IoError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<WalError> for Unproved {
    fn from(error: WalError) -> Self {
        Self::Failed(error.into())
    }
}

/// A proof that could be tried: what it gave.
pub(super) fn tried<T>(proof: Proof<T>) -> Result<std::result::Result<T, ChainBreak>> {
    match proof {
        Ok(proved) => Ok(Ok(proved)),
        Err(Unproved::Broken(broken)) => Ok(Err(broken)),
        Err(Unproved::Failed(error)) => Err(error),
    }
}
