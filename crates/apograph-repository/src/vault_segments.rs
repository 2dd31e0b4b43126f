//! A repository whose segments are the objects of a vault.

use std::collections::{HashMap, HashSet};
use std::io::{self, Seek, Write};
use std::path::PathBuf;

use apograph_format::Detail;
use apograph_io::{
    Context, Folder, IoError, RealDisk, Source, SystemClock, spool_error, spool_file,
};
use apograph_manifest::{ChainEntry, Evidence, FileName, Notes, Unusable};
use apograph_store::StoreError;
pub(crate) use apograph_vault::HEAD;
use apograph_vault::wrap::{Identities, WrapError};
use apograph_vault::{
    Catalog, CatalogSegment, Check, Stored, VaultError, VaultHead, Wrapping, find_vault,
    read_segment,
};

use crate::error::{RepositoryError, Result};
use crate::location::{Keys, Location, LocationOf};
use crate::segment_defect::SegmentDefect;
use crate::vault_damage::damaged;
use crate::vault_links::{VaultLinks, entry_of};
use crate::vault_place::VaultPlace;

/// Where the segments of a vault are.
#[derive(Debug)]
pub(crate) struct VaultSegments {
    pub(crate) place: VaultPlace,
    /// The version of the catalog that was read.
    pub(crate) version: u64,
    pub(crate) identities: Identities,
    pub(crate) stored: HashMap<FileName, Stored>,
    /// Those that have left the chain, and may have objects still.
    pub(crate) left: HashSet<FileName>,
    /// What verifications found, by the index of the entry, in order.
    pub(crate) checks: Vec<(usize, Check)>,
    pub(crate) links: VaultLinks,
}

/// A vault as of the newest version of its catalog.
pub(crate) struct VaultRead {
    pub(crate) segments: VaultSegments,
    pub(crate) entries: Vec<ChainEntry>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) notes: Notes,
    /// For whom new segments are encrypted.
    pub(crate) recipients: Vec<String>,
}

impl VaultSegments {
    /// Whether a folder is a vault.
    pub(crate) fn are_in(folder: &Folder) -> Result<bool> {
        let place = VaultPlace::Folder(folder.clone());
        Ok(find_vault(place.open(&RealDisk).store())?.is_some())
    }

    /// Reads the catalog of the vault in a folder; `None` where that is none.
    pub(crate) fn find(folder: &Folder, keys: &Keys) -> Result<Option<VaultRead>> {
        let place = VaultPlace::Folder(folder.clone());
        if place.open(&RealDisk).find_vault()?.is_none() {
            return Ok(None);
        }
        Self::read(&place, keys).map(Some)
    }

    /// Reads the catalog of the vault in a store; `None` of a folder.
    pub(crate) fn in_store(location: &Location) -> Result<Option<VaultRead>> {
        match &location.of {
            LocationOf::Store(store) => {
                let place = VaultPlace::Store(store.clone());
                Self::read(&place, &location.keys).map(Some)
            }
            LocationOf::Path(_) => Ok(None),
        }
    }

    /// Reads the catalog of the vault in a place.
    fn read(place: &VaultPlace, keys: &Keys) -> Result<VaultRead> {
        let opened = place.open(&RealDisk);
        let head = opened.vault()?;
        let read = Catalog::open(opened.store(), &SystemClock, "")
            .map_err(RepositoryError::from)
            .and_then(|catalog| Self::of((place.clone(), keys), &head, &catalog));
        match read {
            Err(RepositoryError::Vault(error @ VaultError::Catalog { version, .. })) => {
                Err(damaged(opened.store(), version, error))
            }
            read => read,
        }
    }

    /// What a catalog says.
    pub(crate) fn of(
        (place, keys): (VaultPlace, &Keys),
        head: &VaultHead,
        catalog: &Catalog<'_>,
    ) -> Result<VaultRead> {
        let (mut entries, mut stored, mut checks) = (Vec::new(), HashMap::new(), Vec::new());
        let (mut left, mut links) = (HashSet::new(), VaultLinks::default());
        let settings = catalog.read(&mut |segment| {
            match segment {
                CatalogSegment::Live(segment) => {
                    checks.extend(segment.check.clone().map(|check| (entries.len(), check)));
                    let hole = links.add(entries.len(), &segment);
                    stored.insert(segment.name().clone(), segment.stored);
                    entries.push(entry_of(segment.record, hole));
                }
                CatalogSegment::Left(segment, _) => drop(left.insert(segment.record.segment.file)),
            }
            Ok(())
        })?;
        let mut notes = Notes::of(head.id);
        notes.looked_until = settings.looked_until;
        notes.drilled = settings.drilled;
        notes.pins = settings.pins;
        Ok(VaultRead {
            segments: Self {
                place,
                version: catalog.version(),
                identities: keys.identities.clone(),
                stored,
                left,
                checks,
                links,
            },
            entries,
            evidence: settings.evidence,
            notes,
            recipients: settings.recipients,
        })
    }

    /// Its path, or its address.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.path()
    }

    /// Its folder, where it is in one.
    pub(crate) fn folder(&self) -> Option<&Folder> {
        self.place.folder()
    }

    /// How the objects of a segment are made; `None` where there is no such segment.
    pub(crate) fn wrapping(&self, name: &FileName) -> Option<Wrapping> {
        Some(self.stored.get(name)?.wrapping)
    }

    /// Fetches a segment into a file without a name.
    pub(crate) fn fetch(
        &self,
        name: &FileName,
        context: Context<'_>,
    ) -> std::result::Result<Source, SegmentDefect> {
        let mut file = spool_file()?;
        self.fetch_to(name, context, &mut |piece| {
            file.write_all(piece).map_err(spool_error("write"))
        })?;
        file.rewind().map_err(spool_error("read"))?;
        Ok(Source::of(file, &self.path().join(name.as_str()))?)
    }

    /// Fetches a segment, and hands its bytes on in order.
    pub(crate) fn fetch_to(
        &self,
        name: &FileName,
        context: Context<'_>,
        each: &mut dyn FnMut(&[u8]) -> std::result::Result<(), IoError>,
    ) -> std::result::Result<(), SegmentDefect> {
        let stored = self.stored.get(name).ok_or(Unusable::Missing)?;
        let opened = self.place.open(context.disk);
        let (store, stored) = (opened.store(), (name, stored));
        let read = read_segment(store, stored, &self.identities, context, &mut |piece| {
            Ok(each(piece)?)
        });
        read.map_err(|error| defect(error, self.failed("fetch", name)))
    }

    /// An error of the operating system about a segment.
    pub(crate) fn failed(
        &self,
        operation: &'static str,
        name: &FileName,
    ) -> impl Fn(io::Error) -> IoError + use<> {
        let path = self.path().join(name.as_str());
        move |source| IoError::Failed {
            operation,
            path: path.clone(),
            source,
        }
    }
}

/// What it means that a segment could not be fetched: of what is damaged or gone it is another thing
/// than of a place that does not answer.
pub(crate) fn defect(
    error: VaultError,
    failed: impl FnOnce(io::Error) -> IoError,
) -> SegmentDefect {
    let damaged = |detail: Detail| Unusable::damaged(0, detail).into();
    match error {
        // What is missing, the store says.
        VaultError::Io(error) => SegmentDefect::Io(error),
        VaultError::Store(StoreError::Missing { .. }) => Unusable::Missing.into(),
        VaultError::Wrap {
            source: source @ WrapError::NoIdentity { .. },
            ..
        } => {
            let detail = source.into();
            Unusable::NoIdentity { detail }.into()
        }
        VaultError::Wrap {
            source: source @ WrapError::NotBuiltIn,
            ..
        } => {
            let detail = source.into();
            Unusable::Unsupported { detail }.into()
        }
        error @ (VaultError::Store(StoreError::EndedEarly { .. })
        | VaultError::Object { .. }
        | VaultError::Wrap { .. }) => damaged(error.into()),
        other => SegmentDefect::Io(failed(io::Error::other(other))),
    }
}
