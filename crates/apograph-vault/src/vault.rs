//! Making a place a vault.

use apograph_io::Clock;
use apograph_store::{Created, Store};
use apograph_wrap::Recipients;

use crate::catalog::Catalog;
use crate::change::CatalogChange;
use crate::error::{Result, VaultError};
use crate::head::{VaultHead, find_vault, head_name};
use crate::version::json;

/// Makes a place a vault, in which nothing is, and whose segments are encrypted for these recipients,
/// if any. Its head comes last, so that a place that has one has a catalog too.
///
/// # Errors
///
/// [`VaultError::Head`] where it is one already; [`VaultError::RecipientsDiffer`] where one was begun
/// there, for other recipients; [`VaultError::Store`].
pub fn create_vault(
    store: &dyn Store,
    clock: &dyn Clock,
    writer: &str,
    recipients: Option<&Recipients>,
) -> Result<VaultHead> {
    let taken = || VaultError::Head {
        place: store.place(),
        detail: "it is a vault already".into(),
    };
    if find_vault(store)?.is_some() {
        return Err(taken());
    }
    let head = VaultHead::new(clock)?;
    let keys = recipients.map(Recipients::keys);
    let changes: Vec<_> = keys
        .map(|keys| CatalogChange::Recipients { keys })
        .into_iter()
        .collect();
    let catalog = Catalog::create(store, clock, writer, &changes)?;
    if recipients.is_some() {
        // It can be another writer's.
        let settings = catalog.read(&mut |_| Ok(()))?;
        catalog.recipients(&settings.recipients, recipients)?;
    }
    match store.create(&head_name()?, json(&head).as_bytes())? {
        Created::New => Ok(head),
        Created::Taken => Err(taken()),
    }
}
