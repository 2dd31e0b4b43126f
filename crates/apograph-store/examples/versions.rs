//! Several writers commit numbered versions to one store, and lose none.
//!
//! `cargo run --example versions [FOLDER]`; without a folder, in a temporary one.

use std::error::Error;
use std::path::PathBuf;
use std::thread;

use apograph_store::io::{Folder, Mode, RealDisk};
use apograph_store::{Created, FolderStore, ObjectName, Store, StoreError, probe};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let path = given.unwrap_or_else(|| folder.path().to_owned());
    let store = FolderStore::new(&RealDisk, Folder::open(&path)?, Mode::PRIVATE);

    probe(&store)?;
    let store = &store;
    thread::scope(|scope| {
        let writers: Vec<_> = ["one", "two", "three"]
            .map(|writer| scope.spawn(move || commit(store, writer)))
            .into();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("no panic"))
    })?;
    for object in store.list("versions", None)? {
        let object = object?;
        let writer = store.read(&object.name, 64)?.unwrap_or_default();
        println!("{}: {}", object.name, String::from_utf8_lossy(&writer));
    }
    Ok(())
}

/// Creates the first version that is free.
fn commit(store: &dyn Store, writer: &str) -> Result<(), StoreError> {
    for version in 1.. {
        let name = ObjectName::parse(format!("versions/{version:020}"))?;
        if store.create(&name, writer.as_bytes())? == Created::New {
            break;
        }
    }
    Ok(())
}
