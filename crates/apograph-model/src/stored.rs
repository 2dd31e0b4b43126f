//! What a repository answers from a vault in any store, and from a folder behind that.

use std::path::Path;
use std::sync::Arc;

use apograph_io::{Context, SystemClock};
use apograph_repository::vault::store::Store;
use apograph_repository::vault::wrap::{Identities, Recipients};
use apograph_repository::vault::{Packing, create_vault};
use apograph_repository::{Location, Pack, Repository, copy};
use apograph_testing::keys::ALICE;
use apograph_testing::scratch::scratch;

use crate::answers::{compare, told, unnamed_answers};
use crate::merged::check_merged;

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
/// three the same questions; then merges the vault's increments, and asks it again. Tells how many
/// they answered.
///
/// # Errors
///
/// The first question that is answered in two ways, or a copy that fails.
pub fn check_stored(
    repository: &Path,
    store: Arc<dyn Store>,
    stored_as: StoredAs,
    states: usize,
) -> Result<usize, String> {
    let context = Context::default();
    let recipients = stored_as.recipients()?;
    create_vault(&*store, &SystemClock, "", recipients.as_ref()).map_err(told)?;
    let [writer, reader] = keys(Location::store(store), recipients)?;
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
    Ok(with.len())
}
