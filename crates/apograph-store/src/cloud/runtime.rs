//! The thread on which requests run.
//!
//! It runs also while no caller waits, so that the parts of an upload go on while the caller makes
//! the next one, and callers may be threads of a runtime of their own.

use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// A runtime of one thread.
pub(super) struct Runtime {
    handle: Handle,
    /// Ends the thread where it is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What will come of a request.
pub(super) struct Pending<T> {
    answer: mpsc::Receiver<T>,
    task: AbortHandle,
}

impl Runtime {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            // An error says that the other end was dropped, which is how it stops.
            let _ = runtime.block_on(stopped);
        };
        let thread = thread::Builder::new().name("object store".to_owned());
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread.spawn(run)?),
        })
    }

    /// Begins something.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        act: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let (send, answer) = mpsc::sync_channel(1);
        let task = self.handle.spawn(async move {
            // Whoever does not wait any more does not want to know.
            let _ = send.send(act.await);
        });
        let task = task.abort_handle();
        Pending { answer, task }
    }
}

impl<T> Pending<T> {
    /// Waits for what comes of it; `None` where it panicked.
    pub(super) fn wait(self) -> Option<T> {
        self.answer.recv().ok()
    }

    /// Ends it, wherever it is.
    pub(super) fn end(&self) {
        self.task.abort();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: tasks that panic do not end it.
            let _ = thread.join();
        }
    }
}
