//! How far a long operation is, what its caller should know, and whether it shall go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{IoError, Result};

/// Hears of the progress of an operation, and can end it. Every method does nothing unless it is
/// written.
pub trait Monitor: Sync {
    /// A phase begins that will handle about this many bytes.
    fn phase(&self, _name: &'static str, _total_bytes: u64) {}

    /// So many more bytes of the phase are done.
    fn advance(&self, _bytes: u64) {}

    /// Something that is no error and that a person should read.
    fn warn(&self, _message: &str) {}

    /// Whether the operation shall end. It is asked many times in a second, by any thread. Once it
    /// says yes the operation takes back what it did and fails with [`IoError::Interrupted`],
    /// unless it is already done.
    fn is_interrupted(&self) -> bool {
        false
    }
}

impl dyn Monitor + '_ {
    /// Asks whether to go on.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`].
    pub fn go_on(&self) -> Result<()> {
        if self.is_interrupted() {
            return Err(IoError::Interrupted);
        }
        Ok(())
    }
}

/// Hears nothing, and lets everything go on.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Monitor for NoProgress {}

/// Hears nothing, and ends an operation when another thread says so.
///
/// Clones are one token. What is cancelled stays so.
///
/// ```
/// use apograph_io::{CancellationToken, Monitor};
///
/// let token = CancellationToken::default();
/// let other = token.clone();
/// std::thread::spawn(move || other.cancel()).join().unwrap();
/// assert!(token.is_interrupted());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancellationToken(Arc<AtomicBool>);

impl CancellationToken {
    /// Ends every operation that has this token as its monitor.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Monitor for CancellationToken {
    fn is_interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells a monitor of many small steps, a few at a time, and asks whether to go on as often.
pub struct Steps<'a> {
    monitor: &'a dyn Monitor,
    is_told: bool,
    untold: u64,
}

impl<'a> Steps<'a> {
    const TOLD_BYTES: u64 = 1 << 20;

    /// No steps so far.
    pub const fn of(monitor: &'a dyn Monitor) -> Self {
        Self {
            monitor,
            is_told: true,
            untold: 0,
        }
    }

    /// The same where no phase is on: the monitor is asked alone.
    pub const fn untold(monitor: &'a dyn Monitor) -> Self {
        Self {
            is_told: false,
            ..Self::of(monitor)
        }
    }

    /// So many more bytes of the phase are done.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`].
    pub fn advance(&mut self, bytes: u64) -> Result<()> {
        self.untold = self.untold.saturating_add(bytes);
        if self.untold >= Self::TOLD_BYTES {
            self.tell();
            self.monitor.go_on()?;
        }
        Ok(())
    }

    /// Tells of what was not told yet.
    pub fn tell(&mut self) {
        let bytes = std::mem::take(&mut self.untold);
        if self.is_told {
            self.monitor.advance(bytes);
        }
    }
}
