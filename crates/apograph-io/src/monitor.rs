//! How far a long operation is, and what its caller should know.

/// Hears of the progress of an operation. Every method does nothing unless it is written.
pub trait Monitor: Sync {
    /// A phase begins that will handle about this many bytes.
    fn phase(&self, _name: &'static str, _total_bytes: u64) {}

    /// So many more bytes of the phase are done.
    fn advance(&self, _bytes: u64) {}

    /// Something that is no error and that a person should read.
    fn warn(&self, _message: &str) {}
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}

/// Tells a monitor of many small steps, a few at a time.
pub struct Steps<'a> {
    monitor: &'a dyn Monitor,
    untold: u64,
}

impl<'a> Steps<'a> {
    const TOLD_BYTES: u64 = 1 << 20;

    /// No steps so far.
    pub const fn of(monitor: &'a dyn Monitor) -> Self {
        Self { monitor, untold: 0 }
    }

    /// So many more bytes of the phase are done.
    pub fn advance(&mut self, bytes: u64) {
        self.untold = self.untold.saturating_add(bytes);
        if self.untold >= Self::TOLD_BYTES {
            self.tell();
        }
    }

    /// Tells of what was not told yet.
    pub fn tell(&mut self) {
        self.monitor.advance(std::mem::take(&mut self.untold));
    }
}
