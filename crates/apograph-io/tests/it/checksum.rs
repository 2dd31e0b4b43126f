//! Work that is spread over threads.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

use apograph_io::Threads;

#[test]
fn each_piece_of_work_is_done_once_by_no_more_threads_than_were_asked_for() {
    assert_eq!(Threads::ONE.get(), 1);
    for count in [1, 2, 7] {
        let threads = Threads::new(NonZero::new(count).expect("not zero"));
        assert_eq!(threads.get(), count);
        for work in [0, 1, 3, 500] {
            let done = Mutex::new(Vec::new());
            threads.for_each(work, |index| {
                let by = format!("{:?}", thread::current().id());
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
