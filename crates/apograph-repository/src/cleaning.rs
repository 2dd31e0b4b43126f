//! Deleting the objects of a vault that nothing needs.
//!
//! What is to be deleted is announced first, by a change of the catalog: so nobody opens the vault later
//! and waits for it, and a writer that slept since it wrote an object finds that out when it commits.
//! Whoever opened it before says so by a lease, which is looked for once more after the announcement:
//! who takes one later reads it there.

use std::collections::HashSet;

use apograph_format::UnixMillis;
use apograph_io::Context;
use apograph_manifest::FileName;
use apograph_store::{ObjectName, PROBES};
use apograph_vault::{
    CATALOG, Catalog, CatalogChange, CatalogSegment, Committed, Departure, LEASES, SEGMENTS,
    SegmentId, StoredSegment, VaultError, Why, is_old, oldest_leased,
};

use crate::error::Result;
use crate::vault_place::OpenPlace;

/// The folders of a vault.
const FOLDERS: [&str; 5] = ["", CATALOG, SEGMENTS, PROBES, LEASES];
/// Names in one change of a catalog, which is a line of it.
pub(crate) const NAMES_MAX: usize = 100_000;

/// What was deleted.
pub(crate) struct Cleaned {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) versions: u64,
}

/// When something that left the chain may be deleted.
#[derive(Clone, Copy)]
struct Due {
    now: UnixMillis,
    /// The newest version that is older than a day.
    old: u64,
    /// The oldest version that somebody reads.
    leased: Option<u64>,
}

impl Due {
    fn is_over(&self, departure: &Departure) -> bool {
        let is_unread = self.leased.is_none_or(|leased| departure.with <= leased);
        is_unread
            && match departure.why {
                Why::Removed { until: Some(until) } => until <= self.now,
                Why::Removed { until: None } | Why::Merged => departure.with <= self.old,
            }
    }
}

/// An object that may be deleted.
struct Doomed {
    name: ObjectName,
    size_bytes: u64,
    /// The version with which it left the chain; 0 where it was never in it.
    with: u64,
}

/// Deletes what left the chain and is not to stay any longer, what no version of the catalog names for
/// more than a day, versions that no reader needs, and temporary files that killed writers left.
pub(crate) fn clean(
    place: &OpenPlace<'_>,
    catalog: &mut Catalog<'_>,
    context: Context<'_>,
) -> Result<Cleaned> {
    let store = place.store();
    let now = store.now().map_err(VaultError::from)?;
    let due = Due {
        now,
        old: catalog.old_through()?,
        leased: oldest_leased(store, now)?,
    };
    let (mut known, mut gone, mut objects) = (HashSet::new(), HashSet::new(), Vec::new());
    catalog.read(&mut |segment| {
        if let CatalogSegment::Left(segment, departure) = &segment
            && due.is_over(departure)
        {
            gone.insert(segment.name().clone());
            let sizes = segment.stored.objects.iter().map(|it| it.size_bytes);
            let names = segment.object_names()?.into_iter().zip(sizes);
            objects.extend(names.map(|(name, size_bytes)| Doomed {
                name,
                size_bytes,
                with: departure.with,
            }));
        }
        let (CatalogSegment::Live(segment) | CatalogSegment::Left(segment, _)) = segment;
        known.insert(segment.name().clone());
        Ok(())
    })?;
    // Who reads may need what was announced before, and was kept for them.
    if due.leased.is_none() {
        for (segment, object) in leftovers(place, (catalog.version(), due.now), &known, context)? {
            gone.insert(segment);
            objects.push(object);
        }
    }
    let mut cleaned = Cleaned {
        objects: 0,
        bytes: 0,
        versions: 0,
    };
    if announce(catalog, &gone)? {
        let leased = oldest_leased(store, due.now)?;
        for Doomed {
            name,
            size_bytes,
            with,
        } in objects
        {
            if leased.is_none_or(|leased| with <= leased) {
                store.delete(&name).map_err(VaultError::from)?;
                cleaned.objects += 1;
                cleaned.bytes += size_bytes;
            }
        }
    }
    // A live writer's file is young, since it is written to.
    for folder in FOLDERS {
        let left = store.remove_leftovers(folder, &|modified| is_old(modified, due.now));
        let left = left.map_err(VaultError::from)?;
        cleaned.objects += left.count;
        cleaned.bytes += left.bytes;
    }
    cleaned.versions = catalog.clean()?;
    Ok(cleaned)
}

/// The objects that no version of the catalog has named for more than a day, each with its segment.
fn leftovers(
    place: &OpenPlace<'_>,
    (newest, now): (u64, UnixMillis),
    known: &HashSet<FileName>,
    context: Context<'_>,
) -> Result<Vec<(FileName, Doomed)>> {
    let (mut is_cut_off, mut leftovers) = (false, Vec::new());
    let listed = place.store().list(SEGMENTS, None);
    for object in listed.map_err(VaultError::from)? {
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
            let doomed = Doomed {
                name: object.name,
                size_bytes: object.size_bytes,
                with: 0,
            };
            leftovers.push((name, doomed));
        }
    }
    if is_cut_off {
        context.monitor.warn(
            "there are segments that were built on versions of the catalog that are not there: its \
             newest versions are lost, and no object that has no name in it is deleted",
        );
        leftovers.clear();
    }
    Ok(leftovers)
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
        CatalogChange::BroughtBack { segments } => segments.iter().any(|it| gone.contains(it)),
        _ => false,
    };
    let committed = catalog.commit(changes.clone(), &mut |others| {
        (!others.iter().any(adds)).then(|| changes.clone())
    })?;
    Ok(committed != Committed::Dropped)
}
