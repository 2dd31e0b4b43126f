//! What a command works with.

use std::fs::File;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, DiskFile};
use crate::error::Result;
use crate::monitor::{Monitor, NoProgress};
use crate::pace::Pace;
use crate::real_disk::RealDisk;
use crate::threads::Threads;

/// At most so many bytes are read before the monitor is asked again, where no pace says fewer.
const PIECE_BYTES: u64 = 4 << 20;

/// What a command works with. It is made once, and passed whole to all that the command does.
///
/// [`Context::default`] has the disk and the clocks of the system and the caller's own thread
/// alone; it has no limit, and nobody hears of it.
///
/// ```
/// use apograph_io::{CancellationToken, Context, Threads};
///
/// let (threads, token) = (Threads::default(), CancellationToken::default());
/// let context = Context {
///     threads: &threads,
///     ..Context::heard_by(&token)
/// };
/// assert!(context.pace.is_unlimited());
/// ```
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where it writes.
    pub disk: &'a dyn Disk,
    /// What tells it the time, and what it waits by.
    pub clock: &'a dyn Clock,
    /// The threads that share what is long.
    pub threads: &'a Threads,
    /// How many bytes it reads in a second.
    pub pace: &'a Pace,
    /// Who hears of it, and is asked whether to go on.
    pub monitor: &'a dyn Monitor,
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self {
            disk: &RealDisk,
            clock: &SystemClock,
            threads: &Threads::ONE,
            pace: &Pace::UNLIMITED,
            monitor: &NoProgress,
        }
    }
}

impl<'a> Context<'a> {
    /// The default with a monitor.
    pub fn heard_by(monitor: &'a dyn Monitor) -> Self {
        Self {
            monitor,
            ..Self::default()
        }
    }

    /// The same by the caller's own thread alone.
    #[must_use]
    pub const fn by_one_thread(self) -> Self {
        Self {
            threads: &Threads::ONE,
            ..self
        }
    }

    /// The same of bytes that were read already: no pace holds it up.
    #[must_use]
    pub const fn again(self) -> Self {
        Self {
            pace: &Pace::UNLIMITED,
            ..self
        }
    }

    /// Waits until so many more bytes may be read.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn take(&self, bytes: u64) -> Result<()> {
        self.pace.take(bytes, self.monitor)
    }

    /// Waits for what others do, and asks whether to go on.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn wait(&self, time: Duration) -> Result<()> {
        self.clock.wait(time);
        self.monitor.go_on()
    }

    /// Into how large pieces a long reading is cut.
    pub fn piece_bytes(&self) -> u64 {
        self.pace.piece_bytes().unwrap_or(PIECE_BYTES)
    }

    /// Calls `each` with the offset and the length of each piece of a long reading, as soon as it
    /// may be read.
    ///
    /// # Errors
    ///
    /// That of `each`, and [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub(crate) fn for_each_piece(
        &self,
        offset: u64,
        length: u64,
        mut each: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<()> {
        let end = offset.saturating_add(length);
        let mut from = offset;
        while from < end {
            let piece = self.piece_bytes().min(end - from);
            self.take(piece)?;
            each(from, piece)?;
            from += piece;
        }
        Ok(())
    }
}

impl dyn DiskFile + '_ {
    /// Appends a part of another file, read as a context says.
    ///
    /// # Errors
    ///
    /// As [`DiskFile::copy_from`], and [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn copy(
        &mut self,
        source: &File,
        offset: u64,
        length: u64,
        context: Context<'_>,
    ) -> Result<()> {
        context.for_each_piece(offset, length, |offset, length| {
            self.copy_from(source, offset, length)
        })
    }
}
