//! The writing of a database, beside the check of what it is made of.
//!
//! A thread of its own copies what was just read, while it is still in memory; meanwhile what
//! follows is checked, and the disk has something to write from the beginning on. It is no thread
//! of the pool that checks: it waits for the disk, and for pieces. So bytes are written of which it
//! is not known yet whether the file that they are from is the one that is meant: they go into a
//! staging folder, and the database appears once all of it was found sound.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use apograph_io::IoError;

use crate::sink::{Piece, Sink};
use crate::walk::WalkError;

/// About so many bytes of a log are a piece.
pub(crate) const PIECE_BYTES: u64 = 4 << 20;
/// So many pieces may wait to be written.
const WAITING_MAX: usize = 4;

/// Where the pieces of a database go, in their order.
pub(crate) struct Pieces<'s, 'd> {
    written: &'s Mutex<Written<'d>>,
    /// To the thread that writes; `None` where there was none to be had.
    writer: Option<SyncSender<(usize, Piece)>>,
}

impl Pieces<'_, '_> {
    /// Hands on a piece of a segment, which has this place in the chain.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`] where an earlier one could not be written.
    pub(crate) fn push(&self, index: usize, piece: Piece) -> Result<(), IoError> {
        let goes_on = match &self.writer {
            Some(writer) => writer.send((index, piece)).is_ok(),
            None => lock(self.written).write(index, &piece),
        };
        if goes_on {
            return Ok(());
        }
        Err(IoError::Interrupted)
    }
}

impl<'d> Pieces<'_, 'd> {
    /// Does something to the database that is written; nothing may have been handed on yet.
    pub(crate) fn begin<R>(&self, act: impl FnOnce(&mut Sink<'d>) -> R) -> R {
        act(&mut lock(self.written).sink)
    }
}

/// What was written so far.
struct Written<'d> {
    sink: Sink<'d>,
    /// Of which segment something was not, and why.
    failed: Option<(usize, WalkError)>,
}

impl Written<'_> {
    /// Writes a piece; tells whether there is a use for more. Where a segment does not fit to those
    /// before it there is: its check says more of it.
    fn write(&mut self, index: usize, piece: &Piece) -> bool {
        if self.failed.is_none() {
            self.failed = self.sink.write(piece).err().map(|error| (index, error));
        }
        matches!(self.failed, None | Some((_, WalkError::Unusable(_))))
    }
}

fn lock<'s, 'd>(written: &'s Mutex<Written<'d>>) -> MutexGuard<'s, Written<'d>> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `read` hand on the pieces of a database, and writes them meanwhile. Returns what `read`
/// does, and the sink, or of which segment it could not take something.
pub(crate) fn write_beside<'d, R>(
    sink: Sink<'d>,
    read: impl FnOnce(&Pieces<'_, 'd>) -> R,
) -> (R, Result<Sink<'d>, (usize, WalkError)>) {
    let written = Mutex::new(Written { sink, failed: None });
    let read = thread::scope(|scope| {
        let (writer, pieces) = sync_channel(WAITING_MAX);
        let write = || {
            let mut pieces = pieces.into_iter();
            while let Some((index, piece)) = pieces.next()
                && lock(&written).write(index, &piece)
            {}
        };
        let thread = thread::Builder::new().spawn_scoped(scope, write);
        read(&Pieces {
            written: &written,
            writer: thread.is_ok().then_some(writer),
        })
    });
    let Written { sink, failed } = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    (read, failed.map_or(Ok(sink), Err))
}
