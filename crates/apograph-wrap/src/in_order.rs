//! Work that all threads share, whose results come in order.

use std::sync::{Mutex, PoisonError};

use apograph_io::Threads;

/// Lets the threads do `work` on what `next` gives, one piece for each thread at a time; `done` gets
/// the results in order, while the threads do the next pieces.
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
    let mut ready = Vec::new();
    loop {
        let mut pieces = Vec::with_capacity(threads.get());
        while pieces.len() < threads.get()
            && let Some(piece) = next()?
        {
            pieces.push(piece);
        }
        if pieces.is_empty() {
            return ready.into_iter().try_for_each(done);
        }
        let results: Vec<Mutex<Option<Result<R, E>>>> =
            pieces.iter().map(|_| Mutex::new(None)).collect();
        threads.scope(|tasks| {
            for (piece, result) in pieces.into_iter().zip(&results) {
                let work = &work;
                tasks.spawn(move || {
                    let made = work(piece);
                    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
                });
            }
            ready.drain(..).try_for_each(&mut done)
        })?;
        let results = results
            .into_iter()
            .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner));
        ready = results.collect::<Result<_, E>>()?;
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
