//! Stores that lose a race are found out.

use std::ops::Range;
use std::sync::Barrier;

use apograph_store::format::UnixMillis;
use apograph_store::io::{Folder, Mode, RealDisk};
use apograph_store::probe;
use apograph_store::{
    Created, FolderStore, Listing, ObjectName, Result, Store, StoreError, Upload,
};

/// How a store is wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// It looks whether a name is free, and then writes: here all look before one writes.
    LooksFirst,
    /// It tells those who lost that they won.
    SaysNew,
    /// It tells nobody that they won.
    SaysTaken,
    /// It replaces the object and says that the name is taken.
    Replaces,
}

/// So many writers race in a probe.
const RACERS: usize = 8;

#[derive(Debug)]
struct Faulty {
    store: FolderStore<'static>,
    fault: Fault,
    looked: Barrier,
}

impl Store for Faulty {
    fn place(&self) -> String {
        self.store.place()
    }

    fn size(&self, name: &ObjectName) -> Result<Option<u64>> {
        self.store.size(name)
    }

    fn read(&self, name: &ObjectName, limit: u64) -> Result<Option<Vec<u8>>> {
        self.store.read(name, limit)
    }

    fn read_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.store.read_range(name, range)
    }

    fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Created> {
        match self.fault {
            Fault::LooksFirst => {
                let found = self.store.size(name)?;
                self.looked.wait();
                if found.is_some() {
                    return Ok(Created::Taken);
                }
                self.store.put(name, bytes)?;
                Ok(Created::New)
            }
            Fault::SaysNew => self.store.create(name, bytes).map(|_| Created::New),
            Fault::SaysTaken => self.store.create(name, bytes).map(|_| Created::Taken),
            Fault::Replaces => {
                let created = self.store.create(name, bytes)?;
                if created == Created::Taken {
                    self.store.put(name, bytes)?;
                }
                Ok(created)
            }
        }
    }

    fn upload(&self, name: &ObjectName) -> Result<Box<dyn Upload + '_>> {
        self.store.upload(name)
    }

    fn put(&self, name: &ObjectName, bytes: &[u8]) -> Result<()> {
        self.store.put(name, bytes)
    }

    fn list<'a>(&'a self, folder: &str, after: Option<&str>) -> Result<Listing<'a>> {
        self.store.list(folder, after)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.store.delete(name)
    }

    fn now(&self) -> Result<UnixMillis> {
        self.store.now()
    }
}

#[test]
fn a_store_that_loses_a_race_is_found_out() {
    for fault in [
        Fault::LooksFirst,
        Fault::SaysNew,
        Fault::SaysTaken,
        Fault::Replaces,
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Folder::open(folder.path()).expect("a folder");
        let store = Faulty {
            store: FolderStore::new(&RealDisk, root, Mode::PRIVATE),
            fault,
            looked: Barrier::new(RACERS),
        };
        let error = probe(&store).expect_err("a store that loses races");
        assert!(
            matches!(error, StoreError::Unsafe { .. }),
            "{fault:?}: {error}"
        );
    }
}
