//! A store that fails at any request.

use apograph_io::SystemClock;
use apograph_store::Store;
use apograph_testing::clock::ManualClock;
use apograph_testing::store::{FaultyStore, StoreFault};
use apograph_vault::{Catalog, Committed};

use crate::{add, commit, created, live, looked, opened, store, store_in};

/// So many versions, the next of which has a hint.
const VERSIONS: u64 = 31;

#[test]
fn a_commit_is_there_once_or_not_at_all_whatever_fails() {
    let mut struck = 0;
    for fault in [
        StoreFault::Fails,
        StoreFault::FailsAfter,
        StoreFault::Duplicates,
        StoreFault::SaysTaken,
        StoreFault::CutsShort,
    ] {
        for index in 0.. {
            let (folder, store) = store();
            let mut first = created(&store);
            for until in 1..VERSIONS {
                commit(&mut first, looked(until));
            }
            let faulty = FaultyStore::new(store_in(&folder), ManualClock::default());
            let faulty = faulty.with_fault(index, fault.clone());
            let committed = committed(&faulty);
            let there = live(&opened(&store));
            match committed {
                Ok(Committed::Version(version)) => {
                    assert_eq!(there, [7], "{fault:?} at {index}");
                    assert_eq!(opened(&store).version(), version);
                }
                Ok(Committed::Dropped) => panic!("nobody else was there"),
                // It may be there: the answer was lost, and could not be asked for again.
                Err(_) => assert!(there.is_empty() || there == [7], "{fault:?} at {index}"),
            }
            struck += u64::from(faulty.is_struck());
            if index >= faulty.requests().len() {
                break;
            }
        }
    }
    assert!(struck > 60, "{struck}");
}

fn committed(store: &dyn Store) -> apograph_vault::Result<Committed> {
    let mut catalog = Catalog::open(store, &SystemClock, "test")?;
    catalog.commit(vec![add(7)], &mut |_| Some(vec![add(7)]))
}

/// The answer to a create is lost, and the version is there: it is not committed a second time.
#[test]
fn a_lost_answer_is_asked_for_again() {
    let (folder, store) = store();
    created(&store);
    for fault in [
        StoreFault::FailsAfter,
        StoreFault::Duplicates,
        StoreFault::SaysTaken,
    ] {
        let faulty = FaultyStore::new(store_in(&folder), ManualClock::default());
        let faulty = faulty.with_each(apograph_testing::store::RequestKind::Create, fault);
        let mut catalog = opened(&faulty);
        let next = catalog.version() + 1;
        let end = catalog.commit(vec![looked(1)], &mut |_| panic!("nobody was faster"));
        assert_eq!(end.expect("committed"), Committed::Version(next));
        assert!(faulty.is_struck());
    }
}
