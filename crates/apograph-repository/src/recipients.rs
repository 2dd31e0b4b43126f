//! For whom the segments of a vault are encrypted.

use apograph_io::Context;
use apograph_vault::wrap::{KeyError, Recipients};
use apograph_vault::{Catalog, CatalogChange, Committed, Settings};

use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::vault_place::{OpenPlace, VaultPlace, WRITER};

/// How the recipients of a vault are to be changed.
#[derive(Debug, Clone, Copy)]
pub enum RecipientChange<'r> {
    /// These are recipients too.
    Add(&'r Recipients),
    /// These are none any more; some have to be left.
    Remove(&'r Recipients),
}

/// For whom the segments are encrypted that are added to a vault; `None` where everybody reads them.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where there is no vault; [`RepositoryError::Vault`] and
/// [`RepositoryError::Io`].
pub fn recipients(
    location: impl Into<Location>,
    context: Context<'_>,
) -> Result<Option<Recipients>> {
    let location = location.into();
    let place = VaultPlace::there(&location)?;
    let opened = place.open(context.disk);
    let (catalog, settings) = read(&opened, context)?;
    Ok(catalog.recipients(&settings.recipients, None)?)
}

/// Changes for whom the segments are encrypted that are added to a vault from now on. Those that are
/// there stay as they are. Returns for whom.
///
/// # Errors
///
/// As [`recipients()`]; [`RepositoryError::Vault`] also where a key that is to be removed is none of
/// the recipients, or nobody would be left; [`RepositoryError::Busy`] where another writer changes
/// them.
pub fn change_recipients(
    location: impl Into<Location>,
    change: RecipientChange<'_>,
    context: Context<'_>,
) -> Result<Recipients> {
    let location = location.into();
    let place = VaultPlace::there(&location)?;
    let opened = place.open(context.disk);
    let (mut catalog, settings) = read(&opened, context)?;
    let before = catalog.recipients(&settings.recipients, location.keys.recipients.as_ref())?;
    let after = changed(before.as_ref(), change)?;
    if before.is_some_and(|before| before.are(&after)) {
        return Ok(after);
    }
    let keys = after.keys();
    let changes = vec![CatalogChange::Recipients { keys }];
    let committed = catalog.commit(changes.clone(), &mut |others| {
        let is_other = |other: &CatalogChange| !matches!(other, CatalogChange::Recipients { .. });
        others.iter().all(is_other).then(|| changes.clone())
    })?;
    match committed {
        Committed::Version(_) => Ok(after),
        Committed::Dropped => Err(RepositoryError::Busy {
            path: catalog.place().into(),
        }),
    }
}

fn read<'p>(place: &'p OpenPlace<'_>, context: Context<'p>) -> Result<(Catalog<'p>, Settings)> {
    place.vault()?;
    let catalog = Catalog::open(place.store(), context.clock, WRITER)?;
    let settings = catalog.read(&mut |_| Ok(()))?;
    Ok((catalog, settings))
}

fn changed(
    before: Option<&Recipients>,
    change: RecipientChange<'_>,
) -> apograph_vault::Result<Recipients> {
    Ok(match (before, change) {
        (None, RecipientChange::Add(more)) => more.clone(),
        (Some(before), RecipientChange::Add(more)) => before.and(more)?,
        (None, RecipientChange::Remove(_)) => return Err(KeyError::NoneLeft.into()),
        (Some(before), RecipientChange::Remove(less)) => before.without(less)?,
    })
}
