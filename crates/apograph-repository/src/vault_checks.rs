//! Verifications of the segments of a vault.
//!
//! What was found is a change of the catalog: an object has a name that no other ever has, so what was
//! found of it holds until it is looked at again. Each segment is a change of its own, so that a whole
//! version comes as soon as those that go before it are as many.

use apograph_format::UnixMillis;
use apograph_io::Context;
use apograph_manifest::{ChainEntry, DrillNote, FileName, Level, Unusable};
use apograph_vault::{
    Catalog, CatalogChange, Check, SEGMENTS, SegmentDamage, Stored, StoredSegment, VaultError,
    check_objects,
};

use crate::error::Result;
use crate::segment_defect::SegmentDefect;
use crate::vault_place::{VaultPlace, WRITER};
use crate::vault_segments::{VaultSegments, defect};
use crate::verification_records::VerificationRecord;

/// What was found of so many segments is in one version of the catalog.
const RECORDED_AT_ONCE: usize = 10_000;

impl VaultSegments {
    fn check(&self, index: usize) -> Option<&Check> {
        let found = self.checks.binary_search_by_key(&index, |(at, _)| *at);
        self.checks.get(found.ok()?).map(|(_, check)| check)
    }

    /// When an entry was last found sound, and when frame by frame.
    pub(crate) fn verified(&self, index: usize) -> Option<(UnixMillis, Option<UnixMillis>)> {
        let sound = self.check(index).filter(|check| check.damage.is_none())?;
        Some((sound.at, sound.frames_at))
    }

    /// Whether an entry was found sound at a level, or at a deeper one.
    pub(crate) fn is_verified(&self, index: usize, level: Level) -> bool {
        self.check(index).is_some_and(|check| check.covers(level))
    }

    /// What was found wrong with an entry.
    pub(crate) fn damage(&self, index: usize) -> Option<Unusable> {
        match self.check(index)?.damage.as_deref()? {
            SegmentDamage::Missing => Some(Unusable::Missing),
            SegmentDamage::Found { offset, detail } => {
                Some(Unusable::damaged(*offset, detail.clone()))
            }
        }
    }

    /// Reads the objects of a segment, and compares them with their sizes and hashes. Returns how many
    /// bytes they have.
    pub(crate) fn check_objects(
        &self,
        name: &FileName,
        context: Context<'_>,
    ) -> std::result::Result<u64, SegmentDefect> {
        let stored = self.stored.get(name).ok_or(Unusable::Missing)?;
        let opened = self.place.open(context.disk);
        let checked = check_objects(opened.store(), name, stored, context);
        checked.map_err(|error| defect(error, self.failed("fetch", name)))?;
        Ok(stored.size_bytes())
    }

    /// The segments that have objects and that the catalog does not name.
    pub(crate) fn unnamed(&self, context: Context<'_>) -> Result<Vec<FileName>> {
        let opened = self.place.open(context.disk);
        let mut unnamed = Vec::new();
        for object in opened
            .store()
            .list(SEGMENTS, None)
            .map_err(VaultError::from)?
        {
            let object = object.map_err(VaultError::from)?;
            let name = StoredSegment::named_by(&object.name);
            let is_named =
                |name: &FileName| self.stored.contains_key(name) || self.left.contains(name);
            unnamed.extend(name.filter(|name| !is_named(name)));
        }
        unnamed.dedup();
        Ok(unnamed)
    }

    /// How many bytes the objects of a segment have.
    pub(crate) fn object_bytes(&self, name: &FileName) -> u64 {
        self.stored.get(name).map_or(0, Stored::size_bytes)
    }

    /// Notes in the catalog what a drill found.
    pub(crate) fn note_drill(&self, drill: &DrillNote, context: Context<'_>) -> Result<()> {
        let opened = self.place.open(context.disk);
        let mut catalog = Catalog::open(opened.store(), context.clock, WRITER)?;
        let change = || {
            vec![CatalogChange::Drilled {
                drill: Box::new(drill.clone()),
            }]
        };
        catalog.commit(change(), &mut |_| Some(change()))?;
        Ok(())
    }

    /// What a verification found, for its catalog. Nothing else of the vault is in it.
    pub(crate) fn found(
        &self,
        marks: Vec<VerificationRecord>,
        entries: &[ChainEntry],
    ) -> FoundChecks {
        let named = marks.into_iter().filter_map(|mark| {
            let entry = entries.get(mark.index)?;
            Some((entry.segment.file.clone(), check(&mark)?))
        });
        let mut named = named.peekable();
        let mut found = FoundChecks {
            place: self.place.clone(),
            parts: Vec::new(),
        };
        while named.peek().is_some() {
            found
                .parts
                .push(named.by_ref().take(RECORDED_AT_ONCE).collect());
        }
        found
    }
}

/// What a verification found of the segments of a vault.
pub(crate) struct FoundChecks {
    place: VaultPlace,
    /// Each for a version.
    parts: Vec<Vec<(FileName, Check)>>,
}

impl FoundChecks {
    /// Notes it in the catalog.
    pub(crate) fn record(self, context: Context<'_>) -> Result<()> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let opened = self.place.open(context.disk);
        let mut catalog = Catalog::open(opened.store(), context.clock, WRITER)?;
        for found in self.parts {
            let changes = found.into_iter().map(|found| CatalogChange::Verified {
                checks: vec![found],
            });
            let changes: Vec<_> = changes.collect();
            // Whatever another writer changed, the segments were found as they were found.
            catalog.commit(changes.clone(), &mut |_| Some(changes.clone()))?;
        }
        Ok(())
    }
}

/// A segment of a version that is not known here says nothing of it.
fn check(mark: &VerificationRecord) -> Option<Check> {
    Some(match mark.unusable.as_deref() {
        None => Check::sound(mark.at, mark.level),
        Some(Unusable::Missing) => Check::damaged(mark.at, SegmentDamage::Missing),
        Some(Unusable::Damaged { offset, detail }) => {
            let (offset, detail) = (*offset, detail.to_string());
            Check::damaged(mark.at, SegmentDamage::Found { offset, detail })
        }
        Some(_) => return None,
    })
}
