//! Work that all threads share, whose results come in order.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use apograph_io::{Tasks, Threads};

/// So many more pieces than there are threads are begun: one of them is being taken, and one is ready.
const AHEAD: usize = 2;

/// Lets the threads do `work` on what `next` gives, and gives the results to `done`, in order. The
/// caller's own thread takes a piece while there is no result to be taken.
///
/// # Errors
///
/// The first one of `next`, of `work` in order, or of `done`.
pub(crate) fn in_order<T: Send, R: Send, E: Send>(
    threads: &Threads,
    mut next: impl FnMut() -> Result<Option<T>, E>,
    work: impl Fn(T) -> Result<R, E> + Sync,
    mut done: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let most = if threads.is_alone() {
        1
    } else {
        threads.get() + AHEAD
    };
    let work = &work;
    threads.scope(|tasks| {
        let mut begun = VecDeque::with_capacity(most);
        loop {
            while begun.len() < most
                && let Some(piece) = next()?
            {
                let (sender, result) = sync_channel(1);
                tasks.spawn(move || {
                    // Nobody wants it any more after an error.
                    let _ = sender.send(work(piece));
                });
                begun.push_back(result);
            }
            let Some(first) = begun.pop_front() else {
                return Ok(());
            };
            match result(&first, tasks) {
                Some(result) => done(result?)?,
                // The thread has panicked, and the scope says so.
                None => return Ok(()),
            }
        }
    })
}

/// The result of a piece that was begun: until it is there, the caller's thread does others.
fn result<R>(of: &Receiver<R>, tasks: &Tasks<'_, '_>) -> Option<R> {
    loop {
        match of.try_recv() {
            Ok(result) => return Some(result),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if tasks.help() => {}
            Err(TryRecvError::Empty) => return of.recv().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;

    fn of(
        count: usize,
        threads: usize,
        fails_at: Option<usize>,
    ) -> (Vec<usize>, Result<(), usize>) {
        let threads = Threads::new(NonZero::new(threads).expect("not zero"));
        let (mut pieces, mut results) = (0..count, Vec::new());
        let end = in_order(
            &threads,
            || Ok(pieces.next()),
            |piece| {
                if Some(piece) == fails_at {
                    return Err(piece);
                }
                Ok(piece * 2)
            },
            |result| {
                results.push(result);
                Ok(())
            },
        );
        (results, end)
    }

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in 1..4 {
            for count in 0..9 {
                let expected: Vec<_> = (0..count).map(|piece| piece * 2).collect();
                assert_eq!(of(count, threads, None), (expected, Ok(())));
            }
        }
    }

    #[test]
    fn nothing_comes_after_a_piece_that_failed() {
        for threads in 1..4 {
            let (results, end) = of(9, threads, Some(5));
            assert_eq!(end, Err(5));
            assert!(results.iter().all(|&result| result < 10), "{results:?}");
        }
    }

    #[test]
    fn who_cannot_take_a_result_gets_no_more() {
        let threads = Threads::new(NonZero::new(2).expect("not zero"));
        let (mut pieces, mut taken) = (0..9, 0);
        let end = in_order(
            &threads,
            || Ok(pieces.next()),
            Ok,
            |_| {
                taken += 1;
                if taken == 3 { Err("full") } else { Ok(()) }
            },
        );
        assert_eq!((taken, end), (3, Err("full")));
    }
}
