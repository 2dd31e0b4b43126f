//! Stores that lose a race are found out.

use std::sync::{Arc, Barrier};

use apograph_store::format::Code;
use apograph_store::io::{Folder, Mode, RealDisk, SystemClock};
use apograph_store::{FolderStore, StoreError, probe};
use apograph_testing::store::{FaultyStore, RequestKind, StoreFault};

/// So many writers race in a probe.
const RACERS: usize = 8;

#[test]
fn a_store_that_loses_a_race_is_found_out() {
    for fault in [
        StoreFault::LooksFirst(Arc::new(Barrier::new(RACERS))),
        StoreFault::LosesRace,
        StoreFault::SaysNew,
        StoreFault::SaysTaken,
        StoreFault::Replaces,
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Folder::open(folder.path()).expect("a folder");
        let store = FolderStore::new(&RealDisk, root, Mode::PRIVATE);
        let store =
            FaultyStore::new(store, SystemClock).with_each(RequestKind::Create, fault.clone());
        let error = probe(&store).expect_err("a store that loses races");
        assert!(store.is_struck(), "{fault:?}");
        assert_eq!(error.code(), Code::StoreUnsafe, "{fault:?}");
        assert!(
            matches!(error, StoreError::Unsafe { .. }),
            "{fault:?}: {error}"
        );
    }
}
