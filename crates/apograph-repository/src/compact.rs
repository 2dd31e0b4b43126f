//! Making a vault smaller: increments are merged, and what nothing needs is deleted.
//!
//! Each merged increment is written, read as any restore reads it, and only then takes the place of its
//! inputs, by one change of the catalog. Whoever opened the vault before goes on reading those: their
//! objects stay for a day.

use apograph_io::Context;
use apograph_vault::Catalog;

use crate::cleaning::clean;
use crate::compaction::Compaction;
use crate::error::Result;
use crate::location::Location;
use crate::merging::Merging;
use crate::vault_place::{VaultPlace, WRITER};
use crate::vault_segments::{VaultRead, VaultSegments};

/// Merges the small increments of a vault whose window of time is over, and deletes what left the chain
/// more than a day ago, what no version of the catalog names, versions that no reader needs, and
/// temporary files that killed writers left in a folder more than a day ago.
///
/// Every commit stays restorable, under the same names. It can be ended anywhere, and go on later.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`](crate::RepositoryError::NotARepository) where there is no vault;
/// [`RepositoryError::Unusable`](crate::RepositoryError::Unusable) where what is to be merged is
/// encrypted and no key reads it; [`RepositoryError::Vault`](crate::RepositoryError::Vault), also where
/// the vault encrypts for others than was asked; [`RepositoryError::Io`](crate::RepositoryError::Io).
/// An increment that is damaged is no error: it is not merged, and the monitor is warned.
pub fn compact(at: impl Into<Location>, context: Context<'_>) -> Result<Compaction> {
    made_smaller(&at.into(), context, true)
}

/// The same, but nothing is deleted, and the objects of the vault are not listed: for who merges every
/// few minutes.
///
/// # Errors
///
/// As [`compact`].
pub fn merge(at: impl Into<Location>, context: Context<'_>) -> Result<Compaction> {
    made_smaller(&at.into(), context, false)
}

fn made_smaller(at: &Location, context: Context<'_>, deletes: bool) -> Result<Compaction> {
    let place = VaultPlace::there(at)?;
    let opened = place.open(context.disk);
    let head = opened.vault()?;
    let mut catalog = Catalog::open(opened.store(), context.clock, WRITER)?;
    let mut done = Compaction::default();
    if deletes {
        let cleaned = clean(&opened, &mut catalog, context)?;
        done.deleted = cleaned.objects;
        done.deleted_bytes = cleaned.bytes;
        done.versions = cleaned.versions;
    }
    let VaultRead {
        segments,
        mut entries,
        recipients,
        ..
    } = VaultSegments::of((place, &at.keys), &head, &catalog)?;
    let recipients = catalog.recipients(&recipients, at.keys.recipients.as_ref())?;
    // What is damaged is left as it is.
    for (index, entry) in entries.iter_mut().enumerate() {
        entry.unusable = segments.damage(index).map(Box::new);
    }
    let merging = Merging {
        store: opened.store(),
        segments: &segments,
        entries: &entries,
        recipients: recipients.as_ref(),
        context,
    };
    merging.merge_all(&mut catalog, &mut done)?;
    Ok(done)
}
