//! What can be restored of a vault whose catalog cannot be read.

use apograph_manifest::Chain;
use apograph_store::Store;
use apograph_vault::{CatalogSegment, VaultError, read_before};

use crate::error::RepositoryError;
use crate::vault_links::{VaultLinks, entry_of};

/// The error of a version that cannot be read. It names what the versions before it have, which costs as
/// many objects as to open the vault; a rebuild reads all that is left, and may find more.
pub(crate) fn damaged(store: &dyn Store, version: u64, source: VaultError) -> RepositoryError {
    let (mut entries, mut links) = (Vec::new(), VaultLinks::default());
    let read = read_before(store, version, &mut |segment| {
        if let CatalogSegment::Live(segment) = segment {
            let hole = links.add(entries.len(), &segment);
            entries.push(entry_of(segment.record, hole));
        }
        Ok(())
    });
    let restorable = Chain::new(entries).restorable();
    // What keeps that from being known is another matter than the error at hand.
    if read.is_err() || restorable.is_empty() {
        return source.into();
    }
    RepositoryError::CatalogDamaged { restorable, source }
}
