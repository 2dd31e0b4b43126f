//! Work that is spread over threads.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use apograph_io::Threads;

fn threads(count: usize) -> Threads {
    Threads::new(NonZero::new(count).expect("not zero"))
}

/// The threads that do so many pieces of work.
fn workers(threads: &Threads, work: usize) -> BTreeSet<String> {
    let found = Mutex::new(BTreeSet::new());
    threads.for_each(work, |_| {
        found
            .lock()
            .expect("a set")
            .insert(name(thread::current().id()));
    });
    found.into_inner().expect("a set")
}

fn name(thread: ThreadId) -> String {
    format!("{thread:?}")
}

/// Whoever is the first of two waits for the other.
fn meet(met: &AtomicUsize) {
    met.fetch_add(1, Ordering::Relaxed);
    wait_for(|| met.load(Ordering::Relaxed) == 2);
}

fn wait_for(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

#[test]
fn each_piece_of_work_is_done_once_by_no_more_threads_than_were_asked_for() {
    assert_eq!(Threads::ONE.get(), 1);
    for count in [1, 2, 7] {
        let threads = threads(count);
        assert_eq!(threads.get(), count);
        assert_eq!(threads.but_one().get(), (count - 1).max(1));
        for work in [0, 1, 3, 500] {
            let done = Mutex::new(Vec::new());
            threads.for_each(work, |index| {
                let by = name(thread::current().id());
                done.lock().expect("a list").push((index, by));
            });
            let mut done = done.into_inner().expect("a list");
            done.sort();
            assert!(done.iter().map(|(index, _)| *index).eq(0..work));
            let workers: BTreeSet<_> = done.iter().map(|(_, by)| by).collect();
            assert!(workers.len() <= count, "{workers:?}");
        }
    }
}

#[test]
fn several_threads_work_at_once() {
    let met = AtomicUsize::new(0);
    threads(2).for_each(2, |_| meet(&met));
    let met = AtomicUsize::new(0);
    threads(2).scope(|tasks| {
        tasks.spawn(|| meet(&met));
        tasks.spawn(|| meet(&met));
    });
    // The caller is one of them.
    let met = AtomicUsize::new(0);
    threads(2).scope(|tasks| {
        tasks.spawn(|| meet(&met));
        meet(&met);
    });
}

#[test]
fn one_thread_is_the_callers_own() {
    let own = BTreeSet::from([name(thread::current().id())]);
    assert!(Threads::ONE.is_alone() && threads(1).is_alone());
    assert_eq!(workers(&Threads::ONE, 5), own);
    assert_eq!(workers(&threads(1), 5), own);
    let done = Mutex::new(Vec::new());
    Threads::ONE.scope(|tasks| {
        for count in 1..3 {
            tasks.spawn(|| done.lock().expect("a list").push(thread::current().id()));
            assert_eq!(
                done.lock().expect("a list").len(),
                count,
                "it is done at once"
            );
        }
    });
    let done = done.into_inner().expect("a list");
    assert_eq!(done, [thread::current().id(); 2]);
}

#[test]
fn clones_are_the_same_threads() {
    let one = threads(2);
    let found = &workers(&one, 100) | &workers(&one.clone(), 100);
    assert!((1..=2).contains(&found.len()), "{found:?}");
}

#[test]
fn the_caller_does_what_no_thread_has_begun() {
    let (is_held, is_begun) = (AtomicBool::new(true), AtomicBool::new(false));
    let done = Mutex::new(Vec::new());
    threads(2).scope(|tasks| {
        tasks.spawn(|| {
            is_begun.store(true, Ordering::Relaxed);
            wait_for(|| !is_held.load(Ordering::Relaxed));
        });
        wait_for(|| is_begun.load(Ordering::Relaxed));
        for index in 0..3 {
            let done = &done;
            tasks.spawn(move || done.lock().expect("a list").push(index));
        }
        assert_eq!(tasks.waiting(), 3);
        while tasks.help() {}
        assert_eq!(tasks.waiting(), 0);
        assert_eq!(*done.lock().expect("a list"), [0, 1, 2]);
        is_held.store(false, Ordering::Relaxed);
    });
}

#[test]
fn of_several_errors_the_first_is_told_whichever_comes_first() {
    for count in [1, 2, 5] {
        let later_failed = AtomicBool::new(count == 1);
        let end = threads(count).try_for_each(100, |index| match index {
            40 => {
                wait_for(|| later_failed.load(Ordering::Relaxed));
                Err(index)
            }
            41 => {
                later_failed.store(true, Ordering::Relaxed);
                Err(index)
            }
            _ => Ok(()),
        });
        assert_eq!(end, Err(40), "{count} threads");
    }
}

#[test]
fn after_an_error_little_more_is_done() {
    for count in [1, 2] {
        let done = AtomicUsize::new(0);
        let end = threads(count).try_for_each(100_000, |index| {
            done.fetch_add(1, Ordering::Relaxed);
            if index == 0 { Err("no") } else { Ok(()) }
        });
        assert_eq!(end, Err("no"));
        assert!(done.into_inner() < 100_000);
    }
}

/// A thread of another pool would take up other work of that pool while it waits, and one of the
/// same pool could wait for itself.
#[test]
fn a_thread_of_a_pool_works_alone() {
    let of_program = rayon::ThreadPoolBuilder::new().num_threads(2);
    let of_program = of_program.build().expect("a pool");
    let shared = threads(2);
    let alone = || {
        let own = BTreeSet::from([name(thread::current().id())]);
        assert!(shared.is_alone());
        assert_eq!(workers(&shared, 20), own);
        let mut done = None;
        shared.scope(|tasks| tasks.spawn(|| done = Some(thread::current().id())));
        assert_eq!(done, Some(thread::current().id()));
    };
    of_program.install(alone);
    let (met, by_pool) = (AtomicUsize::new(0), AtomicUsize::new(0));
    shared.for_each(2, |_| {
        meet(&met);
        if rayon::current_thread_index().is_some() {
            by_pool.fetch_add(1, Ordering::Relaxed);
            alone();
        }
    });
    assert_eq!(by_pool.into_inner(), 1, "the other one is the caller's");
    assert!(!shared.is_alone(), "the caller of these is of no pool");
}

#[test]
fn a_panic_of_the_work_is_the_callers() {
    for count in [1, 2] {
        let threads = threads(count);
        let panics = || threads.for_each(3, |index| assert_ne!(index, 1, "the work's own"));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics));
        assert!(caught.is_err());
        assert!(!workers(&threads, 3).is_empty(), "it is of use afterwards");
    }
}
