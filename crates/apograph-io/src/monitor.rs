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
