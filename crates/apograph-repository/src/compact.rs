//! Making a vault smaller: increments are merged, and what nothing needs is deleted.
//!
//! Each merged increment is written, read as any restore reads it, and only then takes the place of its
//! inputs, by one change of the catalog. Whoever opened the vault before goes on reading those: their
//! objects stay for a day. What is to be deleted is announced first, by a change too: so nobody opens
//! the vault later and waits for it, and a writer that slept since it wrote an object finds that out
//! when it commits.

use std::collections::HashSet;

use apograph_io::Context;
use apograph_manifest::FileName;
use apograph_store::PROBES;
use apograph_vault::{
    CATALOG, Catalog, CatalogChange, CatalogSegment, Committed, SEGMENTS, SegmentId, StoredSegment,
    VaultError, is_old,
};

use crate::compaction::Compaction;
use crate::error::Result;
use crate::location::Location;
use crate::merging::Merging;
use crate::vault_place::{OpenPlace, VaultPlace, WRITER};
use crate::vault_segments::{VaultRead, VaultSegments};

/// The folders of a vault.
const FOLDERS: [&str; 4] = ["", CATALOG, SEGMENTS, PROBES];
/// Names in one change of a catalog, which is a line of it.
const NAMES_MAX: usize = 100_000;

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
        clean(&opened, &mut catalog, &mut done, context)?;
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

/// Deletes what nothing needs.
fn clean(
    place: &OpenPlace<'_>,
    catalog: &mut Catalog<'_>,
    done: &mut Compaction,
    context: Context<'_>,
) -> Result<()> {
    let store = place.store();
    let old = catalog.old_through()?;
    let (mut known, mut gone, mut objects) = (HashSet::new(), HashSet::new(), Vec::new());
    catalog.read(&mut |segment| {
        if let CatalogSegment::Left(segment, with) = &segment
            && *with <= old
        {
            gone.insert(segment.name().clone());
            let sizes = segment.stored.objects.iter().map(|it| it.size_bytes);
            objects.extend(segment.object_names()?.into_iter().zip(sizes));
        }
        let (CatalogSegment::Live(segment) | CatalogSegment::Left(segment, _)) = segment;
        known.insert(segment.name().clone());
        Ok(())
    })?;
    let (newest, mut is_cut_off, mut leftovers) = (catalog.version(), false, Vec::new());
    let now = store.now().map_err(VaultError::from)?;
    for object in store.list(SEGMENTS, None).map_err(VaultError::from)? {
        let object = object.map_err(VaultError::from)?;
        let Some(name) = StoredSegment::named_by(&object.name) else {
            continue;
        };
        if !is_old(object.modified, now) || known.contains(&name) {
            continue;
        }
        // What was built on the newest version may be in one after it that is lost.
        let built_on = SegmentId::parse(name.as_str()).map_or(newest, |id| id.built_on);
        is_cut_off |= built_on > newest;
        if built_on < newest {
            leftovers.push((name, object.name, object.size_bytes));
        }
    }
    if is_cut_off {
        context.monitor.warn(
            "there are segments that were built on versions of the catalog that are not there: its \
             newest versions are lost, and no object that has no name in it is deleted",
        );
        leftovers.clear();
    }
    for (segment, object, size_bytes) in leftovers {
        gone.insert(segment);
        objects.push((object, size_bytes));
    }
    if announce(catalog, &gone)? {
        for (name, size_bytes) in objects {
            store.delete(&name).map_err(VaultError::from)?;
            done.deleted += 1;
            done.deleted_bytes += size_bytes;
        }
    }
    // A live writer's file is young, since it is written to.
    for folder in FOLDERS {
        let left = store.remove_leftovers(folder, &|modified| is_old(modified, now));
        let left = left.map_err(VaultError::from)?;
        done.deleted += left.count;
        done.deleted_bytes += left.bytes;
    }
    done.versions = catalog.clean()?;
    Ok(())
}

/// Commits that the objects of segments are deleted from now on; `false` where another writer just made
/// one of them a part of the chain.
fn announce(catalog: &mut Catalog<'_>, gone: &HashSet<FileName>) -> Result<bool> {
    if gone.is_empty() {
        return Ok(true);
    }
    let names: Vec<FileName> = gone.iter().cloned().collect();
    let parts = names.chunks(NAMES_MAX);
    let changes: Vec<_> = parts
        .map(|part| CatalogChange::Gone {
            segments: part.to_vec(),
        })
        .collect();
    let adds = |change: &CatalogChange| match change {
        CatalogChange::Added { segments, .. } => segments.iter().any(|it| gone.contains(it.name())),
        CatalogChange::Merged { into, .. } => gone.contains(into.name()),
        _ => false,
    };
    let committed = catalog.commit(changes.clone(), &mut |others| {
        (!others.iter().any(adds)).then(|| changes.clone())
    })?;
    Ok(committed != Committed::Dropped)
}
