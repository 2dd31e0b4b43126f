//! A catalog made anew of what is left: of the versions that can be read, and of the segments, of which
//! each says what it is and where it stands.

mod chain;
mod named;
mod remains;

use std::collections::{HashMap, HashSet};

use apograph_io::{Clock, Context};
use apograph_manifest::FileName;
use apograph_store::{ObjectName, Store};
use apograph_wrap::{Identities, Recipients, WrapError};

use crate::change::CatalogChange;
use crate::contents::{CatalogSegment, Settings};
use crate::departure::Departure;
use crate::error::{Result, VaultError};
use crate::log::VersionLog;
use crate::objects::find_segment;
use crate::segment::{Made, SEGMENTS, SegmentId, StoredSegment};
use crate::version::{NUMBER_MAX, json};
use chain::{Candidate, chain_of, linked, merged_in, place_of};
use named::{Databases, Named};
use remains::Remains;

/// What a catalog is when it is made anew.
#[derive(Debug)]
pub struct CatalogRebuild {
    /// The segments in the chain, in its order.
    pub segments: Vec<StoredSegment>,
    /// What else it says.
    pub settings: Settings,
    /// Segments that are not in it, though their objects are there: each with its name, and why. They
    /// are leftovers then.
    pub skipped: Vec<(FileName, Skipped)>,
    /// The versions that were needed and cannot be read, and why, the newest first.
    pub lost: Vec<(u64, VaultError)>,
    /// Whether the catalog that is there says the same.
    pub unchanged: bool,
    left: Vec<(StoredSegment, Departure)>,
    /// The names of others that have left it, of which nothing else is known.
    dropped: Vec<FileName>,
    /// The number of the next version.
    next: u64,
    /// Lost numbers that a sleeping writer could still take.
    holes: Vec<u64>,
}

/// Why a segment that is there is not in the chain.
#[derive(Debug, thiserror::Error)]
pub enum Skipped {
    /// Its objects are damaged, or do not say what they are.
    #[error(transparent)]
    Unusable(VaultError),
    /// Another one goes on from where it does: its writer was overtaken, or killed.
    #[error("another segment goes on from where it does")]
    Beside,
    /// It goes on from nothing that versions name, and nothing of that from it.
    #[error("it hangs together with nothing that is in the catalog")]
    Unlinked,
    /// It is of another database than the segments that versions name.
    #[error("it is of another database")]
    OtherDatabase,
}

/// The objects of a segment, each with its size.
type Objects = Vec<(ObjectName, u64)>;
/// Those of each segment, each of the same kind.
type Found = HashMap<(FileName, Made), Objects>;

/// Finds out what the catalog of a vault is that is made anew.
///
/// What the versions say that can be read stays, be it that an object of it is missing or damaged, for
/// which nothing else holds the same: a verification tells that. Of what no version names, each object is
/// read to its end. `recipients` are those that new segments are encrypted for, where a version that said
/// so may be lost.
///
/// # Errors
///
/// [`VaultError::Wrap`] where an object is encrypted and no identity opens it;
/// [`VaultError::RecipientsLost`], and [`VaultError::RecipientsDiffer`] where none is lost;
/// [`VaultError::SeveralDatabases`]; [`VaultError::Catalog`] where versions are of several vaults, or of
/// none; [`VaultError::TooNew`] where a newer program wrote a version or a
/// change; [`VaultError::NotAVault`] where there is nothing; [`VaultError::Store`] and
/// [`VaultError::Io`].
pub fn plan_catalog(
    store: &dyn Store,
    identities: &Identities,
    recipients: Option<&Recipients>,
    context: Context<'_>,
) -> Result<CatalogRebuild> {
    let remains = Remains::read(store)?;
    let mut found = objects(store)?;
    if remains.newest == 0 && found.is_empty() {
        return Err(VaultError::NotAVault {
            place: store.place(),
            detail: "it has no catalog, and no segment".to_owned(),
        });
    }
    let next = next_after(store, remains.newest, &found)?;
    let is_encrypted = found
        .keys()
        .any(|(_, (_, encryption))| encryption.is_some());
    let Remains {
        live,
        left,
        dropped,
        mut settings,
        holes,
        lost,
        newest: _,
    } = remains;
    let is_known = lost.is_empty();
    let said = std::mem::take(&mut settings.recipients);
    settings.recipients = for_whom(store, (said, is_known), recipients, is_encrypted)?;
    let known: Vec<FileName> = live.iter().map(|it| it.name().clone()).collect();
    let is_broken = is_broken(&live, &dropped);
    let end = live.iter().map(|it| place_of(it.last_captured())).max();
    let mut candidates: Vec<_> = live
        .into_iter()
        .map(|segment| named_candidate(segment, &mut found))
        .collect();
    // Where every version is there and the chain is whole, what none names was never in it, but for
    // what goes on from its end: that may be of a version that is lost.
    let is_whole = lost.is_empty() && !is_broken && candidates.iter().all(|it| it.is_there);
    let named = Named::of(&candidates);
    // What was merged into something that is not there any more, or is damaged, holds the same.
    for (segment, _) in &left {
        let made = (segment.stored.wrapping, segment.stored.encryption);
        let objects = found.get(&(segment.name().clone(), made));
        if named.lacks(segment) && objects.is_some_and(|objects| has_all(segment, objects)) {
            candidates.push(Candidate {
                segment: segment.clone(),
                is_named: false,
                is_there: true,
            });
        }
    }
    found.retain(|(name, _), _| {
        !dropped.contains(name) && (!is_whole || Some(place_of(name)) > end)
    });
    let sizes = found.values().flatten().map(|(_, size)| size);
    // Of what is unpacked so much is not known.
    context.monitor.phase("reading", sizes.sum());
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by(|((one, _), _), ((other, _), _)| one.as_str().cmp(other.as_str()));
    let mut skipped = Vec::new();
    let mut unnamed = Vec::new();
    for ((name, made), objects) in found {
        match find_segment(store, (&name, made), &objects, identities, context) {
            Ok(segment) => unnamed.push(segment),
            Err(error) if is_of_object(&error) => skipped.push((name, Skipped::Unusable(error))),
            Err(error) => return Err(error),
        }
    }
    let databases = Databases::of(&named, &unnamed);
    if databases.are_many {
        return Err(VaultError::SeveralDatabases {
            place: store.place(),
        });
    }
    let is_sure = known.is_empty() || !lost.is_empty() && !databases.has_other;
    if !is_sure {
        let (with, without) = linked(&candidates, unnamed);
        unnamed = with;
        let without = without.into_iter().map(|it| it.name().clone());
        skipped.extend(without.map(|name| (name, Skipped::Unlinked)));
    }
    for segment in unnamed {
        if databases.is_other(&segment) {
            skipped.push((segment.name().clone(), Skipped::OtherDatabase));
        } else if named.is_beside(&segment) {
            skipped.push((segment.name().clone(), Skipped::Beside));
        } else {
            candidates.push(Candidate {
                segment,
                is_named: false,
                is_there: true,
            });
        }
    }
    let chain = chain_of(&candidates);
    let used: HashSet<usize> = chain.iter().copied().collect();
    let merged = merged_in(&candidates, &chain);
    for (index, candidate) in candidates.iter().enumerate() {
        if !used.contains(&index) && !merged.contains(&index) {
            skipped.push((candidate.segment.name().clone(), Skipped::Beside));
        }
    }
    let mut segments: Vec<_> = candidates.into_iter().map(|it| Some(it.segment)).collect();
    let segments = chain
        .iter()
        .filter_map(|&index| segments.get_mut(index)?.take());
    let segments: Vec<StoredSegment> = segments.collect();
    let is_same = segments.iter().map(StoredSegment::name).eq(&known);
    if !lost.is_empty() {
        settings.looked_until = None;
    }
    let newest = segments.last().map(StoredSegment::name);
    settings.evidence = settings
        .evidence
        .filter(|it| Some(&it.segment.file) == newest);
    let left_names: HashSet<FileName> = left.iter().map(|(it, _)| it.name().clone()).collect();
    let is_left = |name: &FileName| left_names.contains(name);
    // What is in the chain again has not left it.
    let in_chain: HashSet<&FileName> = segments.iter().map(StoredSegment::name).collect();
    let left = left
        .into_iter()
        .filter(|(it, _)| !in_chain.contains(it.name()));
    let left = left.collect();
    let unchanged = is_same && lost.is_empty() && holes.is_empty();
    let mut rebuild = CatalogRebuild {
        unchanged,
        segments,
        settings,
        skipped,
        lost,
        dropped: dropped.into_iter().filter(|name| !is_left(name)).collect(),
        left,
        next,
        holes,
    };
    rebuild.segments = rebuild.told_of_removals();
    Ok(rebuild)
}

impl CatalogRebuild {
    /// Commits the catalog as a version that needs no other. Returns its number. Where a version is
    /// missing after one that is there, an empty one takes its number then: a writer that slept would
    /// find it free, and think that it committed.
    ///
    /// # Errors
    ///
    /// [`VaultError::Overtaken`] where another writer was faster; [`VaultError::Store`].
    pub fn write(&self, store: &dyn Store, clock: &dyn Clock, writer: &str) -> Result<u64> {
        VersionLog::restart(store, clock, writer, self.next, &|put| {
            let segments = self.in_order().map(CatalogSegment::into_change);
            let mut changes = segments.chain(self.settings.clone().into_changes());
            changes.try_for_each(|change| put(&json(&change)))?;
            // That is of no use but to the next who makes the catalog anew.
            let segments = self.dropped.clone();
            if segments.is_empty() {
                return Ok(());
            }
            let until = None;
            put(&json(&CatalogChange::Removed { segments, until }))
        })?;
        for number in &self.holes {
            VersionLog::fill(store, clock, writer, *number)?;
        }
        Ok(self.next)
    }

    /// The segments of the chain, each with whether what stood right before it was removed: as it is
    /// known of what is left, or was told of what is not there any more.
    fn told_of_removals(&self) -> Vec<StoredSegment> {
        let (mut told, mut is_removed, mut last) = (Vec::new(), false, None);
        for segment in self.in_order() {
            match segment {
                CatalogSegment::Left(_, departure) => is_removed |= departure.is_removal(),
                CatalogSegment::Live(mut segment) => {
                    let is_cut_off = segment.link.after != last;
                    last = Some(segment.last_captured().clone());
                    segment.is_after_removed = is_removed || segment.is_after_removed && is_cut_off;
                    is_removed = false;
                    told.push(segment);
                }
            }
        }
        told
    }

    /// The segments of the chain, in its order, and those that have left it where they would be: what
    /// was removed can be brought back.
    fn in_order(&self) -> impl Iterator<Item = CatalogSegment> {
        let mut left = self.left.clone();
        left.sort_by_key(|(segment, _)| place_of(segment.last_captured()));
        let mut left = left.into_iter().peekable();
        let mut live = self.segments.iter().peekable();
        std::iter::from_fn(move || {
            let next = live.peek().map(|next| place_of(next.last_captured()));
            let before = left.next_if(|(segment, _)| {
                next.is_none_or(|next| place_of(segment.last_captured()) < next)
            });
            let before =
                before.map(|(segment, departure)| CatalogSegment::Left(segment, departure));
            before.or_else(|| live.next().cloned().map(CatalogSegment::Live))
        })
    }
}

/// The number of the next version.
///
/// Who commits meanwhile takes it too, and one of the two learns of the other. Where no version is there
/// nobody can commit; but who slept since may know any that a segment was built on.
fn next_after(store: &dyn Store, newest: u64, found: &Found) -> Result<u64> {
    let names = found.keys().map(|(name, _)| name.as_str());
    let built_on = names.filter_map(|name| Some(SegmentId::parse(name)?.built_on));
    let last = match newest {
        0 => built_on.max().unwrap_or_default(),
        _ => newest,
    };
    if last >= NUMBER_MAX {
        return Err(VaultError::Catalog {
            place: store.place(),
            version: last,
            detail: "no version can come after it".into(),
        });
    }
    Ok(last + 1)
}

/// For whom new segments are encrypted: as the versions say it, and where a later one may be lost, as was
/// asked for.
fn for_whom(
    store: &dyn Store,
    (said, is_known): (Vec<String>, bool),
    wanted: Option<&Recipients>,
    is_encrypted: bool,
) -> Result<Vec<String>> {
    let place = || store.place();
    match wanted.map(Recipients::keys) {
        Some(keys) if is_known && keys != said => Err(VaultError::RecipientsDiffer {
            place: place(),
            keys: said,
        }),
        Some(keys) => Ok(keys),
        None if !is_known && said.is_empty() && is_encrypted => {
            Err(VaultError::RecipientsLost { place: place() })
        }
        None => Ok(said),
    }
}

/// A segment that versions name, and whether it is there as far as that is known without reading it. Its
/// objects are taken out of those that were found.
fn named_candidate(segment: StoredSegment, found: &mut Found) -> Candidate {
    let made = (segment.stored.wrapping, segment.stored.encryption);
    let objects = found.remove(&(segment.name().clone(), made));
    let is_sound = segment
        .check
        .as_ref()
        .is_none_or(|check| check.damage.is_none());
    Candidate {
        is_there: is_sound && objects.is_some_and(|objects| has_all(&segment, &objects)),
        is_named: true,
        segment,
    }
}

/// Whether one of these segments goes on from one that is not there, and was not removed.
fn is_broken(segments: &[StoredSegment], dropped: &HashSet<FileName>) -> bool {
    let ends = segments.iter().map(StoredSegment::last_captured);
    let ends: HashSet<&FileName> = ends.collect();
    let mut links = segments
        .iter()
        .filter_map(|segment| segment.link.after.as_ref());
    links.any(|after| !ends.contains(after) && !dropped.contains(after))
}

/// The objects that are there.
fn objects(store: &dyn Store) -> Result<Found> {
    let mut found = Found::new();
    for object in store.list(SEGMENTS, None)? {
        let object = object?;
        if let Some(made) = StoredSegment::made_as(&object.name) {
            let objects = found.entry(made).or_default();
            objects.push((object.name, object.size_bytes));
        }
    }
    Ok(found)
}

/// Whether all objects of a segment are there, as long as they were.
fn has_all(segment: &StoredSegment, found: &Objects) -> bool {
    let names = segment.object_names().unwrap_or_default();
    let sizes = segment.stored.objects.iter().map(|it| it.size_bytes);
    names.into_iter().zip(sizes).eq(found.iter().cloned())
}

/// Whether an error is about an object alone, of which the others are none the worse.
fn is_of_object(error: &VaultError) -> bool {
    match error {
        VaultError::Wrap { source, .. } => !matches!(
            source,
            WrapError::NoIdentity { .. } | WrapError::NotBuiltIn | WrapError::Io(_)
        ),
        VaultError::Object { .. } => true,
        _ => false,
    }
}
