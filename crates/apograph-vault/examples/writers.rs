//! Two writers commit to one catalog: the second learns what the first changed, and tries again.

use apograph_vault::format::UnixMillis;
use apograph_vault::io::{Folder, Mode, RealDisk, SystemClock};
use apograph_vault::store::FolderStore;
use apograph_vault::{Catalog, CatalogChange};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = FolderStore::new(&RealDisk, Folder::open(folder.path())?, Mode::PRIVATE);
    let mut first = Catalog::create(&store, &SystemClock, "first", &[])?;
    let mut second = Catalog::open(&store, &SystemClock, "second")?;

    let looked = |until| {
        let until = UnixMillis::new(until);
        vec![CatalogChange::Looked { until }]
    };
    println!("first:  {:?}", first.commit(looked(1), &mut |_| None)?);
    let committed = second.commit(looked(2), &mut |others| {
        println!("second: another writer was faster: {others:?}");
        Some(looked(2))
    })?;
    println!("second: {committed:?}");

    let settings = Catalog::open(&store, &SystemClock, "reader")?.read(&mut |_| Ok(()))?;
    println!("reader: every commit before {:?}", settings.looked_until);
    Ok(())
}
