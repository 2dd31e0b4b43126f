//! What a repository answers from a vault in any store, and from a folder behind that.

use std::path::Path;
use std::sync::Arc;

use apograph_io::{Context, SystemClock};
use apograph_repository::vault::store::Store;
use apograph_repository::vault::wrap::{Identities, Recipients};
use apograph_repository::vault::{CATALOG, Catalog, CatalogChange, Packing, create_vault};
use apograph_repository::{Location, Pack, Repository, copy, plan_vault_rebuild};
use apograph_testing::keys::ALICE;
use apograph_testing::scratch::scratch;

use crate::answers::{compare, told, unnamed_answers};
use crate::merged::{MergedAnswers, check_merged};

/// How a vault has its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    /// As they are.
    Plain,
    /// Packed.
    Packed,
    /// Packed, and encrypted for somebody.
    Encrypted,
}

impl StoredAs {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Packed, Self::Encrypted];

    const fn pack(self) -> Pack {
        match self {
            Self::Plain => Pack::As(Packing::Plain),
            Self::Packed | Self::Encrypted => Pack::Best,
        }
    }

    fn recipients(self) -> Result<Option<Recipients>, String> {
        let is_encrypted = self == Self::Encrypted;
        let recipients = is_encrypted.then(|| Recipients::of([ALICE.recipient]));
        recipients.transpose().map_err(told)
    }
}

/// Who writes, and who reads.
fn keys(place: Location, recipients: Option<Recipients>) -> Result<[Location; 2], String> {
    let Some(recipients) = recipients else {
        return Ok([place.clone(), place]);
    };
    let mut identities = Identities::default();
    identities.add(ALICE.identity).map_err(told)?;
    let writer = place.clone().with_recipients(recipients);
    Ok([writer, place.with_identities(identities)])
}

/// Copies a repository into a store where nothing is, and from there into a folder, and asks all
/// three the same questions; then merges the vault's increments, and asks it again; then takes its
/// catalog away, makes it anew, and asks it again. Tells how many they answered.
///
/// # Errors
///
/// The first question that is answered in two ways, or a copy that fails.
pub fn check_stored(
    repository: &Path,
    store: &Arc<dyn Store>,
    stored_as: StoredAs,
    states: usize,
) -> Result<usize, String> {
    let context = Context::default();
    let recipients = stored_as.recipients()?;
    create_vault(&**store, &SystemClock, "", recipients.as_ref()).map_err(told)?;
    let [writer, reader] = keys(Location::store(store.clone()), recipients.clone())?;
    let from = Repository::open(repository, context).map_err(told)?;
    copy(&from, &writer, stored_as.pack(), context).map_err(told)?;
    let with = unnamed_answers(&repository.into(), states)?;
    compare(&with, &unnamed_answers(&reader, states)?, "from the vault")?;
    let folder = scratch().map_err(told)?;
    let back = folder.path().join("back");
    let vault = Repository::open(&reader, context).map_err(told)?;
    copy(&vault, &back, Pack::Best, context).map_err(told)?;
    let found = unnamed_answers(&(&back).into(), states)?;
    compare(&with, &found, "out of the vault")?;
    check_merged(&reader, states.div_ceil(3))?;
    for from in [repository, &back] {
        let from = Repository::open(from, context).map_err(told)?;
        let again = copy(&from, &writer, stored_as.pack(), context).map_err(told)?;
        if again.segments > 0 {
            return Err(format!("after merging, {again:?} once more"));
        }
    }
    if stored_as != StoredAs::Plain {
        let owner = match recipients {
            Some(recipients) => reader.clone().with_recipients(recipients),
            None => reader.clone(),
        };
        let before = MergedAnswers::of(&reader, states.div_ceil(3))?;
        rebuild(&**store, &owner)?;
        before.check(&reader)?;
    }
    Ok(with.len())
}

/// Takes the catalog of a vault away, and makes it anew. Until when all is there only the catalog knew.
fn rebuild(store: &dyn Store, owner: &Location) -> Result<(), String> {
    let open = || Catalog::open(store, &SystemClock, "").map_err(told);
    let settings = open()?.read(&mut |_| Ok(())).map_err(told)?;
    let versions = store.list(CATALOG, None).map_err(told)?;
    for object in versions.collect::<Result<Vec<_>, _>>().map_err(told)? {
        store.delete(&object.name).map_err(told)?;
    }
    let plan = plan_vault_rebuild(owner, Context::default()).map_err(told)?;
    let plan = plan.ok_or("nothing is left of the vault")?;
    if !plan.catalog.skipped.is_empty() {
        return Err(format!("left out: {:?}", plan.catalog.skipped));
    }
    plan.write().map_err(told)?;
    if let Some(until) = settings.looked_until {
        let looked = vec![CatalogChange::Looked { until }];
        open()?.commit(looked, &mut |_| None).map_err(told)?;
    }
    Ok(())
}
