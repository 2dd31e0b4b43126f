//! A file that the disk begins to write while more of it is written: then a sync at the end has
//! little left to wait for.
//!
//! To hand pages to the disk takes a fifth of the time that it takes to copy them, so a thread of
//! its own does it. It is no thread of a pool: in a write call it can wait for the disk.

use std::fs::File;
use std::mem;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use crate::system::write_back;

/// The bytes of a file that are given to the disk at a time.
pub(crate) const WRITE_BACK_BYTES: usize = 16 << 20;

/// How much of a file the disk was told to write, and who tells it.
///
/// What the disk says of errors is said by the sync at the end.
#[derive(Default)]
pub(crate) struct WriteBack {
    /// A multiple of [`WRITE_BACK_BYTES`].
    told: u64,
    /// `None` as long as there is nothing to tell.
    teller: Option<Teller>,
}

struct Teller {
    ranges: Sender<Range>,
    thread: JoinHandle<()>,
}

type Range = (u64, NonZero<u64>);

impl WriteBack {
    /// The file has so many bytes.
    pub(crate) fn written_to(&mut self, file: &Arc<File>, end: u64) {
        let Some(range) = self.ready(end) else {
            return;
        };
        if self.teller.is_none() {
            self.teller = Teller::of(file);
        }
        let sent = self.teller.as_ref().map(|teller| teller.ranges.send(range));
        if !matches!(sent, Some(Ok(()))) {
            // There was no thread to be had.
            write_back(file, range.0, range.1);
        }
    }

    /// What the disk is to be told of a file with so many bytes.
    fn ready(&mut self, end: u64) -> Option<Range> {
        let ready = end - end % WRITE_BACK_BYTES as u64;
        let length = NonZero::new(ready - self.told)?;
        let start = mem::replace(&mut self.told, ready);
        Some((start, length))
    }

    /// Waits until the disk was told all. A range that it is told of after a sync would be
    /// forgotten instead, and read from the disk again.
    pub(crate) fn finish(&mut self) {
        if let Some(Teller { ranges, thread }) = self.teller.take() {
            drop(ranges);
            let _ = thread.join();
        }
    }
}

/// The file is closed when its owner closes it.
impl Drop for WriteBack {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Teller {
    fn of(file: &Arc<File>) -> Option<Self> {
        let (ranges, told) = channel::<Range>();
        let file = Arc::clone(file);
        let tell = move || {
            for (offset, length) in told {
                write_back(&file, offset, length);
            }
        };
        let thread = Builder::new()
            .name("apograph-write-back".into())
            .spawn(tell);
        Some(Self {
            ranges,
            thread: thread.ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_told_of_each_whole_range_once() {
        const BYTES: u64 = WRITE_BACK_BYTES as u64;
        assert_eq!(BYTES, 16_777_216);
        let mut write_back = WriteBack::default();
        // How long the file is, and what is told.
        for (end, told) in [
            (0, None),
            (BYTES - 1, None),
            (BYTES, Some((0, BYTES))),
            (BYTES + 1, None),
            (4 * BYTES - 1, Some((BYTES, 2 * BYTES))),
            (4 * BYTES - 1, None),
            (5 * BYTES + 7, Some((3 * BYTES, 2 * BYTES))),
        ] {
            let found = write_back.ready(end);
            let found = found.map(|(start, length)| (start, length.get()));
            assert_eq!(found, told, "{end}");
        }
    }
}
