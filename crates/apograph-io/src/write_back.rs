//! A file that the disk begins to write while more of it is written: then a sync at the end has
//! little left to wait for.
//!
//! To hand pages to the disk takes a fifth of the time that it takes to copy them, so a thread of
//! its own does it. It is no thread of a pool: in a write call it can wait for the disk.

use std::fs::File;
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
        let ready = end - end % WRITE_BACK_BYTES as u64;
        let Some(length) = NonZero::new(ready - self.told) else {
            return;
        };
        let range = (self.told, length);
        self.told = ready;
        if self.teller.is_none() {
            self.teller = Teller::of(file);
        }
        let sent = self.teller.as_ref().map(|teller| teller.ranges.send(range));
        if !matches!(sent, Some(Ok(()))) {
            // There was no thread to be had.
            write_back(file, self.told - length.get(), length);
        }
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
