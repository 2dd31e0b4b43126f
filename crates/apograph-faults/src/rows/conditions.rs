//! Several writers commit to a store at once, and a store that lets two of them create a name.
//!
//! Before each request of an act another writer commits: both are in the catalog then. That stands on
//! a promise of the store. One that does not keep it is refused where a vault is made.

use std::sync::{Arc, Barrier};

use anyhow::{Result, ensure};
use apograph::format::UnixMillis;
use apograph::io::SystemClock;
use apograph::manifest::Level;
use apograph::repository::Location;
use apograph::repository::vault::store::FolderStore;
use apograph::repository::vault::{Catalog, CatalogChange, CatalogSegment, Check, HEAD};
use apograph_testing::store::{FaultyStore, RequestKind, StoreFault};

use crate::act::code_of;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::store_act::{StoreAct, StorePlace};
use crate::vault_stage::VaultStage;

/// The acts that commit.
const ACTS: [StoreAct; 5] = [
    StoreAct::Incremental,
    StoreAct::Full,
    StoreAct::CopyInto,
    StoreAct::Merge,
    StoreAct::Clean,
];
/// So many writers race when a store is probed.
const RACERS: usize = 8;
/// When the other writer found a segment sound.
const FOUND_AT: UnixMillis = UnixMillis::new(1_600_000_000_000);

/// Lets another writer commit before each request of each act, and makes vaults in stores that lie.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = VaultStage::new(generation)?;
        tally.add(lying(&stage)?);
        for act in ACTS {
            tally.add(beside(&stage, act, None, extent)?);
            if control.wants_more(extent) {
                let lie = Some(&StoreFault::LosesRace);
                control.add(beside(&stage, act, lie, RowExtent::Long)?);
            }
        }
    }
    let what = "a vault in a store that lets two writers create a name, which no probe has refused";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// A store that lies about who created an object is no place for a vault.
fn lying(stage: &VaultStage) -> Result<Tally> {
    let mut tally = Tally::default();
    for lie in [
        StoreFault::LooksFirst(Arc::new(Barrier::new(RACERS))),
        StoreFault::LosesRace,
        StoreFault::SaysNew,
        StoreFault::SaysTaken,
        StoreFault::Replaces,
    ] {
        let act = StoreAct::Init;
        let place = StorePlace::prepared(stage, act)?;
        let store = FaultyStore::new(place.store()?, SystemClock);
        let store = store.with_each(RequestKind::Create, lie.clone());
        let made = act.perform(&Location::store(Arc::new(store)), &place);
        tally.runs += 1;
        let code = made.as_ref().err().and_then(code_of);
        let judge = || {
            ensure!(code == Some("store-unsafe"), "it is made, or {code:?}");
            let is_made = place.vault().join(HEAD).exists();
            ensure!(!is_made, "there is a vault");
            Ok(())
        };
        tally.struck(|| format!("{lie:?}"), judge());
    }
    Ok(tally)
}

/// Another writer commits before each request of an act, upon a store that may lie to this one.
fn beside(
    stage: &VaultStage,
    act: StoreAct,
    lie: Option<&StoreFault>,
    extent: RowExtent,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let generation = stage.stage.generation();
    // A quick run takes every other request of each generation, and not the same.
    let (first, step) = match extent {
        RowExtent::Quick => (usize::from(generation) % 2, 2),
        RowExtent::Long => (0, 1),
    };
    for index in (first..).step_by(step) {
        let place = StorePlace::prepared(stage, act)?;
        let theirs = place.store()?;
        let store = FaultyStore::new(place.store()?, SystemClock).meanwhile(move |at| {
            if at == index {
                note(&theirs).expect("the other one is faster");
            }
        });
        let store = Arc::new(match lie {
            Some(lie) => store.with_each(RequestKind::Create, lie.clone()),
            None => store,
        });
        let ended = act.perform(&Location::store(store.clone()), &place);
        tally.runs += 1;
        let requests = store.requests();
        let Some(request) = requests.get(index) else {
            break;
        };
        let judge = || {
            ensure!(ended.is_ok(), "it fails: {ended:?}");
            ensure!(
                is_noted(&place.store()?)?,
                "what the other committed is lost"
            );
            place.check(stage, act, ended.as_ref())
        };
        let what = || format!("generation {generation}, {act:?}, beside {index}, {request:?}");
        tally.struck(what, judge());
    }
    Ok(tally)
}

/// Commits that the first segment was found sound.
fn note(store: &FolderStore<'_>) -> Result<()> {
    let mut catalog = Catalog::open(store, &SystemClock, "another")?;
    let mut first = None;
    catalog.read(&mut |segment| {
        if let CatalogSegment::Live(segment) = segment {
            first.get_or_insert(segment.name().clone());
        }
        Ok(())
    })?;
    let checks = first.map(|name| (name, Check::sound(FOUND_AT, Level::Frames)));
    let checks = checks.into_iter().collect();
    catalog.commit(vec![CatalogChange::Verified { checks }], &mut |_| None)?;
    Ok(())
}

/// Whether that is there.
fn is_noted(store: &FolderStore<'_>) -> Result<bool> {
    let catalog = Catalog::open(store, &SystemClock, "another")?;
    let mut is_noted = false;
    catalog.read(&mut |segment| {
        if let CatalogSegment::Live(segment) = segment {
            is_noted |= segment.check.is_some_and(|check| check.at == FOUND_AT);
        }
        Ok(())
    })?;
    Ok(is_noted)
}
