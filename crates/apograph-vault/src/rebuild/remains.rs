//! What is left of a catalog of which versions are lost.

use std::collections::{HashMap, HashSet};

use apograph_manifest::FileName;
use apograph_store::Store;

use crate::catalog::decode;
use crate::change::CatalogChange;
use crate::contents::{CatalogSegment, Settings, Since};
use crate::departure::Departure;
use crate::error::{Result, VaultError};
use crate::segment::StoredSegment;
use crate::sha256::Sha256;
use crate::version::{
    CATALOG, Head, Scope, Unreadable, VERSION_MAX_BYTES, Version, VersionReader, version_name,
    version_number,
};

/// What the versions say that can be read.
#[derive(Default)]
pub(super) struct Remains {
    /// The segments in the chain, in any order.
    pub(super) live: Vec<StoredSegment>,
    /// Those that have left it and are not gone.
    pub(super) left: Vec<(StoredSegment, Departure)>,
    /// The names of such that have left it or are gone, be it that nothing else is known of them.
    pub(super) dropped: HashSet<FileName>,
    pub(super) settings: Settings,
    /// The number of the newest version, be it one that cannot be read; 0 where there is none.
    pub(super) newest: u64,
    /// The numbers that are free between two versions, each the first one after a version.
    pub(super) holes: Vec<u64>,
    /// The versions that are needed and cannot be read, and why.
    pub(super) lost: Vec<(u64, VaultError)>,
}

/// The changes of a version, in their order.
type Changes = Vec<(u64, CatalogChange)>;

impl Remains {
    /// Reads the versions from the newest one back to one that needs no other.
    pub(super) fn read(store: &dyn Store) -> Result<Self> {
        let mut numbers = Vec::new();
        for object in store.list(CATALOG, None)? {
            numbers.extend(version_number(&object?.name));
        }
        let mut remains = Self {
            newest: numbers.last().copied().unwrap_or_default(),
            holes: holes(store, &numbers)?,
            ..Self::default()
        };
        // From the newest to the oldest.
        let (mut changes, mut whole) = (Vec::new(), Changes::new());
        let mut expected = remains.newest;
        let (mut is_whole, mut previous) = (false, None);
        for &number in numbers.iter().rev().filter(|number| **number > 0) {
            if number > expected {
                // A later one stands for it.
                continue;
            }
            if number < expected {
                let gap = missing(store, number + 1, expected);
                remains.lost.push((expected, gap));
            }
            let above = previous.take().filter(|_| number == expected);
            expected = number - 1;
            let (head, sha256, mut found) = match read_version(store, number) {
                Ok(found) => found,
                Err(error @ VaultError::Catalog { .. }) => {
                    remains.lost.push((number, error));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if above.is_some_and(|above| above != sha256) {
                // Which of the two is this vault's nobody here can know.
                let detail =
                    "the next one goes on from another: one of the two is not of this vault";
                return Err(VaultError::Catalog {
                    place: store.place(),
                    version: number,
                    detail: detail.into(),
                });
            }
            match head.scope {
                Scope::Whole => {
                    whole = found;
                    is_whole = true;
                    break;
                }
                Scope::Since(whole) if whole.number < number => expected = whole.number,
                _ => {}
            }
            previous = head.previous.filter(|_| expected == number - 1);
            found.reverse();
            changes.append(&mut found);
        }
        if !is_whole && (expected > 0 || remains.lost.is_empty()) {
            // Nothing says what was before.
            let to = expected.max(1);
            remains.lost.push((to, missing(store, 1, to)));
        }
        changes.reverse();
        remains.take(changes, whole)?;
        Ok(remains)
    }

    fn take(&mut self, changes: Changes, whole: Changes) -> Result<()> {
        let (mut since, mut merged) = (Since::default(), HashMap::new());
        let mut stream: Vec<_> = whole.into_iter().map(|(_, change)| change).collect();
        for change in &stream {
            // Who made the catalog anew knew no more of them.
            if let CatalogChange::Removed { segments, .. } = change {
                self.dropped.extend(segments.iter().cloned());
            }
        }
        for (version, change) in changes {
            match &change {
                CatalogChange::Merged { into, of } => {
                    self.dropped.extend(of.iter().cloned());
                    merged.insert(into.name().clone(), (**into).clone());
                }
                CatalogChange::Removed { segments, .. } | CatalogChange::Gone { segments } => {
                    self.dropped.extend(segments.iter().cloned());
                }
                CatalogChange::BroughtBack { segments } => {
                    for name in segments {
                        self.dropped.remove(name);
                    }
                }
                CatalogChange::Added { .. } => {
                    stream.push(change);
                    continue;
                }
                _ => {}
            }
            since.add(version, change);
        }
        let (live, left) = (&mut self.live, &mut self.left);
        let mut each = |segment| {
            let name = match &segment {
                CatalogSegment::Live(segment) | CatalogSegment::Left(segment, _) => segment.name(),
            };
            merged.remove(name);
            match segment {
                CatalogSegment::Live(segment) => live.push(segment),
                CatalogSegment::Left(segment, departure) => left.push((segment, departure)),
            }
            Ok(())
        };
        for change in stream {
            since.apply(change, &mut self.settings, &mut each)?;
        }
        since.finish(&mut self.settings);
        let dropped = &mut self.dropped;
        dropped.extend(self.left.iter().map(|(segment, _)| segment.name().clone()));
        // Of what these are made nothing else is known.
        let mut merged: Vec<_> = merged.into_values().collect();
        merged.retain(|segment| !dropped.contains(segment.name()));
        self.live.append(&mut merged);
        Ok(())
    }
}

/// That versions are missing.
fn missing(store: &dyn Store, from: u64, to: u64) -> VaultError {
    let detail = if from < to {
        format!("it is missing, and all from version {from} on")
    } else {
        "it is missing".to_owned()
    };
    VaultError::Catalog {
        place: store.place(),
        version: to,
        detail: detail.into(),
    }
}

/// The numbers that are free right after a version on which somebody may have built.
fn holes(store: &dyn Store, numbers: &[u64]) -> Result<Vec<u64>> {
    let mut holes = Vec::new();
    for pair in numbers.windows(2) {
        let [before, after] = [pair[0], pair[1]];
        if before + 1 == after {
            continue;
        }
        // What took the number of a lost version is empty, and nobody's base.
        match read_version(store, before) {
            Ok((head, _, changes))
                if head.scope == Scope::Whole && changes.is_empty() && before > 1 => {}
            Ok(_) => holes.push(before + 1),
            Err(VaultError::Catalog { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(holes)
}

/// The head of a version, its hash, and its changes with those that it repeats.
fn read_version(store: &dyn Store, number: u64) -> Result<(Head, Sha256, Changes)> {
    let damaged = |detail: &str| VaultError::Catalog {
        place: store.place(),
        version: number,
        detail: detail.into(),
    };
    let bytes = store.read(&version_name(number)?, VERSION_MAX_BYTES)?;
    let bytes = bytes.ok_or_else(|| damaged("it is missing"))?;
    let unreadable = |error| match error {
        Unreadable::Damaged => damaged("it is not what was written"),
        detail => VaultError::TooNew {
            place: store.place(),
            version: number,
            detail: detail.into(),
        },
    };
    // To its end, before any of it counts.
    let Version { head, own, .. } = Version::decode(&bytes).map_err(unreadable)?;
    if head.number != number {
        return Err(damaged("it is another one"));
    }
    let mut lines = Vec::new();
    let mut reader = VersionReader::open(&bytes).map_err(unreadable)?;
    while let Some(line) = reader.repeated().map_err(unreadable)? {
        lines.push(line);
    }
    if head.scope != Scope::Whole {
        lines.extend(own);
    }
    let lines = lines.iter();
    let changes = lines.map(|line| Ok((number, decode(store, number, line)?)));
    let changes = changes.collect::<Result<_>>()?;
    Ok((head, Sha256::of(&bytes), changes))
}
