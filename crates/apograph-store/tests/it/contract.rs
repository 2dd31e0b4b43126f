//! What every store promises.

use apograph_store::FolderStore;
use apograph_store::io::{Folder, Mode, RealDisk, SystemClock};
use apograph_testing::each_store_clause;
use apograph_testing::store::FaultyStore;
use apograph_testing::store::contract::CLAUSES;

/// Lets a clause run over each kind of store.
fn check(clause: &str) {
    let (_, keeps) = CLAUSES
        .iter()
        .find(|(name, _)| *name == clause)
        .expect("a clause");
    with_folder_store(|store| keeps(&store));
    with_folder_store(|store| keeps(&FaultyStore::new(store, SystemClock)));
    #[cfg(feature = "cloud")]
    crate::cloud::with_cloud_store(keeps);
}

fn with_folder_store(act: impl FnOnce(FolderStore<'static>)) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Folder::open(folder.path()).expect("a folder");
    act(FolderStore::new(&RealDisk, root, Mode::PRIVATE));
}

macro_rules! tests {
    ($($clause:ident,)+) => {
        $(#[test]
        fn $clause() {
            check(stringify!($clause));
        })+
    };
}

each_store_clause!(tests);
