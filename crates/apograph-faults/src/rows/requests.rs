//! Each request to a store of objects fails, is done and not answered, comes twice or late, gets half
//! of a body or an answer that is wrong; or listings are older than what is there.
//!
//! The command is right or says an error, what it acknowledged is in the store, and the next one goes
//! on.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use apograph::format::UnixMillis;
use apograph::io::SystemClock;
use apograph::repository::Location;
use apograph::repository::vault::store::{
    Created, Listing, ObjectName, Result as Stored, Store, Upload,
};
use apograph::repository::vault::{Catalog, CatalogChange};
use apograph_testing::clock::ManualClock;
use apograph_testing::store::{FaultyStore, RequestKind, StoreFault};

use crate::act::code_of;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::store_act::{StoreAct, StorePlace};
use crate::vault_stage::VaultStage;

/// At an honest request that is late nothing can go wrong: a quick run leaves that out.
const FAULTS: [StoreFault; 6] = [
    StoreFault::Fails,
    StoreFault::FailsAfter,
    StoreFault::Duplicates,
    StoreFault::SaysTaken,
    StoreFault::CutsShort,
    StoreFault::Delays(Duration::from_hours(1)),
];
/// Of the requests by which a store is probed, all alike, a quick run takes one in so many.
const QUICK_PROBES: usize = 40;
/// The folders of a vault that are listed.
const FOLDERS: [&str; 3] = ["", "catalog", "segments"];

/// Lets each request of each act meet each fault.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = VaultStage::new(generation)?;
        for act in StoreAct::ALL {
            let sweep = |is_careless| Sweep {
                stage: &stage,
                act,
                is_careless,
                extent,
            };
            for fault in &FAULTS {
                tally.add(sweep(false).each(fault)?);
            }
            tally.add(sweep(false).stale()?);
            let writes = matches!(act, StoreAct::Incremental | StoreAct::CopyInto);
            if writes && control.wants_more(extent) {
                control.add(sweep(true).each(&StoreFault::Fails)?);
            }
        }
    }
    let what = "a build that takes what failed for done";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// Every request of one act.
struct Sweep<'a> {
    stage: &'a VaultStage,
    act: StoreAct,
    is_careless: bool,
    extent: RowExtent,
}

impl Sweep<'_> {
    /// Puts a fault on each request at which it can strike.
    fn each(&self, fault: &StoreFault) -> Result<Tally> {
        let mut tally = Tally::default();
        let place = StorePlace::prepared(self.stage, self.act)?;
        let store = Arc::new(FaultyStore::new(place.store()?, ManualClock::default()));
        let outcome = self.judged(&place, &store, None, &mut tally);
        outcome.with_context(|| format!("{}, without a fault", self.name()))?;
        for (index, request) in store.requests().iter().enumerate() {
            if !can_strike(fault, request.kind) || self.is_left_out(fault, index) {
                continue;
            }
            let place = StorePlace::prepared(self.stage, self.act)?;
            let store = FaultyStore::new(place.store()?, ManualClock::default());
            let store = Arc::new(store.with_fault(index, fault.clone()));
            let outcome = self.judged(&place, &store, Some(fault), &mut tally);
            tally.runs += 1;
            if store.is_struck() {
                let what = || format!("{}, {fault:?} at {index}, {request:?}", self.name());
                tally.struck(what, outcome);
            }
        }
        Ok(tally)
    }

    /// What a quick run does not take: of all but an increment it strikes at every third request, in
    /// each generation and with a lost answer at others.
    fn is_left_out(&self, fault: &StoreFault, index: usize) -> bool {
        let is_whole = self.extent == RowExtent::Long || self.is_careless;
        if is_whole || self.act == StoreAct::Incremental {
            return false;
        }
        let is_late = matches!(fault, StoreFault::Delays(_));
        let is_after = matches!(fault, StoreFault::FailsAfter);
        let turn = index + usize::from(self.stage.stage.generation()) + usize::from(is_after);
        let is_probe = self.act == StoreAct::Init && !index.is_multiple_of(QUICK_PROBES);
        is_late || is_probe || !turn.is_multiple_of(3)
    }

    /// Lists what was there before another writer's commit.
    fn stale(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        let place = StorePlace::prepared(self.stage, self.act)?;
        let store = FaultyStore::new(place.store()?, SystemClock);
        let store = store.with_each(RequestKind::List, StoreFault::ServesStale);
        for folder in FOLDERS {
            store.list(folder, None)?.for_each(drop);
        }
        if self.act != StoreAct::Init {
            let theirs = place.store()?;
            let mut catalog = Catalog::open(&theirs, &SystemClock, "another")?;
            let until = UnixMillis::new(1);
            let nothing = vec![
                CatalogChange::Verified { checks: Vec::new() },
                CatalogChange::Looked { until },
            ];
            catalog.commit(nothing, &mut |_| None)?;
        }
        let (store, asked) = (Arc::new(store), FOLDERS.len());
        let outcome = self.judged(&place, &store, None, &mut tally);
        tally.runs += 1;
        let requests = store.requests();
        let lists = requests.iter().filter(|it| it.kind == RequestKind::List);
        if lists.count() > asked {
            tally.struck(|| format!("{}, stale lists", self.name()), outcome);
        }
        Ok(tally)
    }

    fn judged(
        &self,
        place: &StorePlace,
        store: &Arc<FaultyStore<'static>>,
        fault: Option<&StoreFault>,
        tally: &mut Tally,
    ) -> Result<()> {
        let at = if self.is_careless {
            Location::store(Arc::new(CarelessStore(store.clone())))
        } else {
            Location::store(store.clone())
        };
        let ended = self.act.perform(&at, place);
        if let Err(error) = &ended {
            let code = code_of(error).unwrap_or("none");
            tally.note(code);
            let only_fails = matches!(fault, Some(StoreFault::Fails | StoreFault::FailsAfter));
            let is_said = !only_fails || code == "io" || self.is_careless;
            ensure!(is_said, "the error is {code}: {error}");
        }
        place.check(self.stage, self.act, ended.as_ref())
    }

    fn name(&self) -> String {
        let generation = self.stage.stage.generation();
        format!("generation {generation}, {:?}", self.act)
    }
}

/// Whether a fault can come at a request of a kind.
fn can_strike(fault: &StoreFault, kind: RequestKind) -> bool {
    match fault {
        StoreFault::Duplicates | StoreFault::SaysTaken => kind == RequestKind::Create,
        StoreFault::CutsShort => matches!(kind, RequestKind::Read | RequestKind::ReadRange),
        _ => true,
    }
}

/// What a build sees that takes a write that failed for done.
#[derive(Debug)]
struct CarelessStore(Arc<FaultyStore<'static>>);

struct CarelessUpload<'u>(Box<dyn Upload + 'u>);

impl Store for CarelessStore {
    fn place(&self) -> String {
        self.0.place()
    }

    fn size(&self, name: &ObjectName) -> Stored<Option<u64>> {
        self.0.size(name)
    }

    fn read(&self, name: &ObjectName, limit: u64) -> Stored<Option<Vec<u8>>> {
        self.0.read(name, limit)
    }

    fn read_range(&self, name: &ObjectName, range: Range<u64>) -> Stored<Vec<u8>> {
        self.0.read_range(name, range)
    }

    fn create(&self, name: &ObjectName, bytes: &[u8]) -> Stored<Created> {
        Ok(self.0.create(name, bytes).unwrap_or(Created::New))
    }

    fn upload(&self, name: &ObjectName) -> Stored<Box<dyn Upload + '_>> {
        Ok(Box::new(CarelessUpload(self.0.upload(name)?)))
    }

    fn put(&self, name: &ObjectName, bytes: &[u8]) -> Stored<()> {
        self.0.put(name, bytes)
    }

    fn list<'a>(&'a self, folder: &str, after: Option<&str>) -> Stored<Listing<'a>> {
        self.0.list(folder, after)
    }

    fn delete(&self, name: &ObjectName) -> Stored<()> {
        self.0.delete(name)
    }

    fn now(&self) -> Stored<UnixMillis> {
        self.0.now()
    }
}

impl Upload for CarelessUpload<'_> {
    fn write(&mut self, bytes: &[u8]) -> Stored<()> {
        let _ = self.0.write(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Stored<()> {
        let _ = self.0.finish();
        Ok(())
    }
}
