//! The catalog: what a vault holds, and the right order in which several writers change it.

use apograph_io::{Clock, SystemClock};
use apograph_store::Store;
use apograph_wrap::Recipients;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::change::CatalogChange;
use crate::contents::{EachSegment, Settings, Since};
use crate::error::{Result, VaultError};
use crate::log::{Added, KeptLog, VersionLog};
use crate::version::{Put, Unreadable, json};

/// So many times another writer may be faster.
const RACES_MAX: u32 = 10;

/// The catalog of a vault, as of the newest version that was read or added.
///
/// Nothing is locked: a reader sees one version, whatever others add, and of several writers the first
/// one commits. Versions are never changed. FORMAT.md has them ("Catalog version").
#[derive(Clone)]
pub struct Catalog<'s> {
    log: VersionLog<'s>,
}

/// What was read of a catalog: for who [goes on](Catalog::resume) from there later.
#[derive(Clone)]
pub struct KeptCatalog {
    log: KeptLog,
}

impl KeptCatalog {
    /// The number of the version.
    pub const fn version(&self) -> u64 {
        self.log.version()
    }
}

/// What became of changes that were to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// They are in the version with this number.
    Version(u64),
    /// Another writer changed what they were about: nothing was committed.
    Dropped,
}

impl<'s> Catalog<'s> {
    /// Creates the catalog of a new vault, with its first changes. Where another writer was faster,
    /// it is that one's.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`] and [`VaultError::Io`].
    pub fn create(
        store: &'s dyn Store,
        clock: &'s dyn Clock,
        writer: &str,
        changes: &[CatalogChange],
    ) -> Result<Self> {
        let log = VersionLog::create(store, clock, writer, &lines(changes))?;
        Ok(Self { log })
    }

    /// Reads the newest version, with at most 33 objects. `writer` is who adds to it, for people.
    ///
    /// # Errors
    ///
    /// [`VaultError::NotAVault`] where there is none; [`VaultError::Catalog`],
    /// [`VaultError::TooNew`] and [`VaultError::Store`].
    pub fn open(store: &'s dyn Store, clock: &'s dyn Clock, writer: &str) -> Result<Self> {
        let log = VersionLog::open(store, clock, writer)?;
        Ok(Self { log })
    }

    /// What was read of it.
    pub fn kept(&self) -> KeptCatalog {
        KeptCatalog {
            log: self.log.kept(),
        }
    }

    /// Goes on with what was read before, with one request; `None` where another version is the newest
    /// by now. That it is still there is looked at by whoever commits.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`].
    pub fn resume(
        store: &'s dyn Store,
        clock: &'s dyn Clock,
        kept: &KeptCatalog,
    ) -> Result<Option<Self>> {
        let log = VersionLog::resume(store, clock, &kept.log)?;
        Ok(log.map(|log| Self { log }))
    }

    /// The number of the version.
    pub const fn version(&self) -> u64 {
        self.log.newest().number
    }

    /// Where it is, for messages.
    pub fn place(&self) -> String {
        self.log.store.place()
    }

    /// Hands on every segment, and returns what else the version says. No two segments of the last
    /// whole version are in memory.
    ///
    /// # Errors
    ///
    /// That of `each`, and as [`Catalog::open`].
    pub fn read(&self, each: &mut EachSegment<'_>) -> Result<Settings> {
        read(&self.log, &[], each)
    }

    /// For whom what is added is to be encrypted, by the [settings](Settings::recipients) that
    /// [`Catalog::read`] returned; `None` where it is for everybody to read. `wanted` are those that
    /// it has to be for, if that is known.
    ///
    /// # Errors
    ///
    /// [`VaultError::RecipientsDiffer`] where it is for others; [`VaultError::TooNew`] where a key is
    /// of a kind that is not known here.
    pub fn recipients(
        &self,
        keys: &[String],
        wanted: Option<&Recipients>,
    ) -> Result<Option<Recipients>> {
        let found = (!keys.is_empty()).then(|| Recipients::of(keys)).transpose();
        let found = found.map_err(|error| VaultError::TooNew {
            place: self.place(),
            version: self.version(),
            detail: error.into(),
        })?;
        match (&found, wanted) {
            (_, None) => Ok(found),
            (Some(recipients), Some(wanted)) if recipients.are(wanted) => Ok(found),
            _ => Err(VaultError::RecipientsDiffer {
                place: self.place(),
                keys: keys.to_vec(),
            }),
        }
    }

    /// Adds a version with these changes.
    ///
    /// Where another writer was faster, `again` is told what that one changed, and says which changes
    /// are to be tried after it, if any.
    ///
    /// # Errors
    ///
    /// [`VaultError::Busy`] where ten others were faster; [`VaultError::Overtaken`] where the catalog
    /// has to be opened again; [`VaultError::Store`], after which the version may be there or not.
    pub fn commit(
        &mut self,
        changes: Vec<CatalogChange>,
        again: &mut dyn FnMut(&[CatalogChange]) -> Option<Vec<CatalogChange>>,
    ) -> Result<Committed> {
        let mut changes = changes;
        for _ in 0..RACES_MAX {
            match self.log.add(&lines(&changes), &all_of)? {
                Added::Done => return Ok(Committed::Version(self.version())),
                Added::Lost(others) => {
                    let others = self.decode_all(&others)?;
                    match again(&others) {
                        Some(next) => changes = next,
                        None => return Ok(Committed::Dropped),
                    }
                }
            }
        }
        Err(VaultError::Busy {
            place: self.place(),
        })
    }

    /// Removes versions that no new reader needs and that are older than a day. Returns how many.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`].
    pub fn clean(&self) -> Result<u64> {
        self.log.clean()
    }

    /// The newest version that is older than a day, by the clock of the store: what left the chain by
    /// then is read by nobody any more. 0 where there is none.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`].
    pub fn old_through(&self) -> Result<u64> {
        self.log.old_through()
    }

    fn decode_all(&self, lines: &[Box<str>]) -> Result<Vec<CatalogChange>> {
        let lines = lines.iter();
        lines
            .map(|line| decode(self.log.store, self.version(), line))
            .collect()
    }
}

impl std::fmt::Debug for Catalog<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog")
            .field("place", &self.place())
            .field("version", &self.version())
            .finish()
    }
}

fn lines(changes: &[CatalogChange]) -> Vec<Box<str>> {
    changes.iter().map(json).collect()
}

/// The change that a line of a version is.
pub(crate) fn decode(store: &dyn Store, version: u64, line: &str) -> Result<CatalogChange> {
    serde_json::from_str(line).map_err(|error| VaultError::TooNew {
        place: store.place(),
        version,
        detail: Unreadable::Change(error).into(),
    })
}

/// Hands on the segments of a log with some changes more.
///
/// What was added is read in a second pass over the changes since the last whole version, when it is
/// known what became of it: so it is not kept.
/// What a catalog said before a version with this number, as [`Catalog::read`], with at most 33 objects:
/// for whoever finds that version damaged.
///
/// # Errors
///
/// That of `each`, and as [`Catalog::open`].
pub fn read_before(
    store: &dyn Store,
    version: u64,
    each: &mut EachSegment<'_>,
) -> Result<Settings> {
    let log = VersionLog::as_of(version.saturating_sub(1), store, &SystemClock, "")?;
    read(&log, &[], each)
}

fn read(log: &VersionLog<'_>, more: &[Box<str>], each: &mut EachSegment<'_>) -> Result<Settings> {
    let next = log.newest().number + 1;
    let for_each_since = |each: &mut dyn FnMut(u64, &str) -> Result<()>| {
        log.for_each_since(each)?;
        more.iter().try_for_each(|line| each(next, line))
    };
    let mut since = Since::default();
    for_each_since(&mut |version, line| {
        if !is_addition(line) {
            since.add(version, decode(log.store, version, line)?);
        }
        Ok(())
    })?;
    let mut settings = Settings::default();
    log.for_each_of_whole(&mut |line| {
        let change = decode(log.store, log.whole().number, line)?;
        since.apply(change, &mut settings, each)
    })?;
    for_each_since(&mut |version, line| {
        if !is_addition(line) {
            return Ok(());
        }
        since.apply(decode(log.store, version, line)?, &mut settings, each)
    })?;
    since.finish(&mut settings);
    Ok(settings)
}

/// Whether a line is of segments that were added.
fn is_addition(line: &str) -> bool {
    #[derive(Deserialize)]
    struct Line {
        added: Option<IgnoredAny>,
    }
    serde_json::from_str::<Line>(line).is_ok_and(|line| line.added.is_some())
}

/// What is left of the changes of a log and some more, as the lines of a whole version.
fn all_of(log: &VersionLog<'_>, more: &[Box<str>], put: &mut Put<'_>) -> Result<()> {
    let settings = read(log, more, &mut |segment| put(&json(&segment.into_change())))?;
    let mut changes = settings.into_changes().into_iter();
    changes.try_for_each(|change| put(&json(&change)))
}
