//! What a thread has used and the next one can use again: memory that was had once costs nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is at hand to be used.
pub(crate) struct Spare<T>(Mutex<Vec<T>>);

impl<T> Spare<T> {
    /// Nothing so far.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// One that was used; `None` where all are in use.
    pub(crate) fn take(&self) -> Option<T> {
        self.all().pop()
    }

    /// It is used no more.
    pub(crate) fn give(&self, used: T) {
        self.all().push(used);
    }

    fn all(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
