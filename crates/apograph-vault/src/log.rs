//! The numbered versions of a catalog: reading the newest, and adding the next.
//!
//! A version is an object that nobody replaces, and whoever creates number N has committed: of
//! several writers one does. The others read what it changed, and decide again. What a change is,
//! only [`Catalog`](crate::Catalog) knows; here it is a line.
//!
//! Every 32nd version repeats the changes since the last whole one, and a whole one repeats all that
//! is left of all, as soon as there are as many changes after the last as in it. So a reader needs at
//! most 33 objects, and a version costs on average what its own changes do.
//!
//! Versions that no reader needs are removed in time ([`VersionLog::clean`]), the oldest first. A
//! writer that slept through that finds its number free again, and creates it: so whoever created N
//! looks whether N − 1 is still the version that it built on, also where it made that itself just now:
//! no clock of a machine that was suspended says how long that is ago. As versions go from the oldest
//! on, N can only have been there and gone if N − 1 is gone too. And it can only have gone if a later
//! version is whole: where none is, N was created in time, and its writer slept since. Whoever loses a
//! race for N looks in the same way before it goes on from there.

use std::io::Read;
use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::{Clock, Context, random};
use apograph_manifest::Nonce;
use apograph_store::{Created, ObjectName, Store, StoreError};

use crate::error::{Result, VaultError};
use crate::newest::{newest, put_hint};
use crate::numbered::{ANOTHER, VersionStamp, damaged, decode, of_hash, read, unreadable};
use crate::object_streams::ObjectReader;
use crate::recent::{NotRead, Recent, RecentVersions};
use crate::sha256::Sha256;
use crate::version::{
    CATALOG, Encoded, Head, NUMBER_MAX, Put, Repeated, Scope, Unreadable, VERSION_MAX_BYTES,
    Version, VersionReader, WholeVersion, encode, version_name, version_number,
};

/// Every so many versions repeat the changes since the last whole one.
const STEP: u64 = 32;
/// After so many versions comes a whole one, however little they change.
const WHOLE_AFTER: u64 = 1024;
/// So long a version is kept that no new reader needs, and what has left the chain: who opened it may
/// still be reading. By the clock of the store.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// A whole version of at most so many bytes is read in one piece.
const IN_MEMORY_BYTES: u64 = 4 << 20;
/// The log of a catalog, as it was read.
#[derive(Clone)]
pub(crate) struct VersionLog<'s> {
    pub(crate) store: &'s dyn Store,
    clock: &'s dyn Clock,
    writer: String,
    newest: VersionStamp,
    whole: WholeVersion,
    /// The last version that repeats others.
    step: u64,
    /// What changed after the whole version.
    recent: RecentVersions,
}

/// What was read of a log, without the place that it was read from.
#[derive(Clone)]
pub(crate) struct KeptLog {
    writer: String,
    newest: VersionStamp,
    whole: WholeVersion,
    step: u64,
    recent: RecentVersions,
}

impl KeptLog {
    /// The number of the newest version.
    pub(crate) const fn version(&self) -> u64 {
        self.newest.number
    }
}

/// What became of a version that was to be added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is the newest.
    Done,
    /// Another writer was faster, and this is what it changed. It was read, so that the next try is
    /// after it.
    Lost(Vec<Box<str>>),
}

impl<'s> VersionLog<'s> {
    /// Creates the first version, with these changes, and reads what is there then: that of another
    /// writer who was faster.
    pub(crate) fn create(
        store: &'s dyn Store,
        clock: &'s dyn Clock,
        writer: &str,
        changes: &[Box<str>],
    ) -> Result<Self> {
        let made = whole(1, clock, writer, changes, &|put| {
            changes.iter().try_for_each(|line| put(line))
        })?;
        store.create(&version_name(1)?, &made.bytes)?;
        Self::open(store, clock, writer)
    }

    /// Begins anew with a version that has this number, all that `repeated` hands on, and no change of
    /// its own. Those before it are needed by nobody then.
    pub(crate) fn restart(
        store: &'s dyn Store,
        clock: &'s dyn Clock,
        writer: &str,
        number: u64,
        repeated: &Repeated<'_>,
    ) -> Result<Self> {
        let made = whole(number, clock, writer, &[], repeated)?;
        let name = version_name(number)?;
        let created = store.create(&name, &made.bytes);
        // An error may come after it was created.
        if !matches!(created, Ok(Created::New))
            && store.read(&name, VERSION_MAX_BYTES)?.as_ref() != Some(&made.bytes)
        {
            created?;
            return Err(VaultError::Overtaken {
                place: store.place(),
            });
        }
        // Those before it are found in steps, and some are missing.
        put_hint(store, number)?;
        Self::open(store, clock, writer)
    }

    /// Takes a number that is free below the newest version, so that nobody else does.
    pub(crate) fn fill(
        store: &dyn Store,
        clock: &dyn Clock,
        writer: &str,
        number: u64,
    ) -> Result<()> {
        let made = whole(number, clock, writer, &[], &|_| Ok(()))?;
        store.create(&version_name(number)?, &made.bytes)?;
        Ok(())
    }

    /// Reads the newest version, and what it needs but the last whole one.
    pub(crate) fn open(store: &'s dyn Store, clock: &'s dyn Clock, writer: &str) -> Result<Self> {
        Self::as_of(newest(store)?, store, clock, writer)
    }

    /// The same of a version with this number, as if it were the newest.
    pub(crate) fn as_of(
        mut number: u64,
        store: &'s dyn Store,
        clock: &'s dyn Clock,
        writer: &str,
    ) -> Result<Self> {
        if number > NUMBER_MAX {
            return Err(damaged(store, number, "no version has such a number"));
        }
        let (mut stamp, mut version, mut bytes) = read(store, number, None)?;
        let newest = stamp;
        let mut newer = Vec::new();
        let whole = loop {
            match version.head.scope {
                Scope::Whole => break whole_version(stamp, &version),
                Scope::Since(whole) if whole.number < number => {
                    let changes = version.head.own + version.repeated;
                    newer.push(Recent::first(number, bytes, changes));
                    break whole;
                }
                Scope::After(step) if step < number => {
                    newer.push(Recent::after_others(number, bytes, version.head.own));
                    number -= 1;
                    (stamp, version, bytes) = read(store, number, version.head.previous)?;
                }
                Scope::Since(_) | Scope::After(_) => {
                    return Err(damaged(store, number, "it goes after itself"));
                }
            }
        };
        Ok(Self {
            store,
            clock,
            writer: writer.to_owned(),
            newest,
            whole,
            step: number,
            recent: RecentVersions::of(newer.into_iter().rev()),
        })
    }

    /// What was read of it.
    pub(crate) fn kept(&self) -> KeptLog {
        KeptLog {
            writer: self.writer.clone(),
            newest: self.newest,
            whole: self.whole,
            step: self.step,
            recent: self.recent.clone(),
        }
    }

    /// A log that was read before; `None` where there is a version more by now.
    pub(crate) fn resume(
        store: &'s dyn Store,
        clock: &'s dyn Clock,
        kept: &KeptLog,
    ) -> Result<Option<Self>> {
        let next = version_name(kept.newest.number + 1)?;
        if store.size(&next)?.is_some() {
            return Ok(None);
        }
        let kept = kept.clone();
        Ok(Some(Self {
            store,
            clock,
            writer: kept.writer,
            newest: kept.newest,
            whole: kept.whole,
            step: kept.step,
            recent: kept.recent,
        }))
    }

    /// The newest version.
    pub(crate) const fn newest(&self) -> VersionStamp {
        self.newest
    }

    /// The last whole version.
    pub(crate) const fn whole(&self) -> WholeVersion {
        self.whole
    }

    /// Hands on the changes after the last whole version, in order, each with a version that has it.
    pub(crate) fn for_each_since(
        &self,
        each: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<()> {
        let read = self.recent.for_each(each);
        read.map_err(|not_read| match not_read {
            NotRead::Unreadable(number, error) => unreadable(self.store, number, error),
            NotRead::Refused(error) => error,
        })
    }

    /// Hands on the changes of the last whole version, in order.
    pub(crate) fn for_each_of_whole(&self, each: &mut Put<'_>) -> Result<()> {
        let WholeVersion { number, sha256, .. } = self.whole;
        let name = version_name(number)?;
        let read = self.store.read(&name, IN_MEMORY_BYTES);
        if let Err(StoreError::TooLarge { .. }) = read {
            return self.for_each_of_large(&name, each);
        }
        let bytes = of_hash(self.store, number, Some(sha256), read?)?;
        self.for_each_line(VersionReader::open(&bytes), each)
    }

    /// The same where it is so large that it is not in memory beside what is made of it. Only at its
    /// end it is known to be the right one: what was handed on counts for nothing after an error.
    fn for_each_of_large(&self, name: &ObjectName, each: &mut Put<'_>) -> Result<()> {
        let (store, WholeVersion { number, sha256, .. }) = (self.store, self.whole);
        let size_bytes = store.size(name)?;
        let size_bytes = size_bytes.ok_or_else(|| damaged(store, number, "it is missing"))?;
        if size_bytes > VERSION_MAX_BYTES {
            return Err(damaged(store, number, "it is too large for one"));
        }
        let mut object = ObjectReader::open(store, name, size_bytes, Context::default());
        let read = self.for_each_line(VersionReader::of(&mut object, size_bytes), each);
        if let Some(error) = object.error.take() {
            return Err(error);
        }
        object.sum_rest()?;
        if object.finish() != sha256 {
            return Err(damaged(store, number, ANOTHER));
        }
        read
    }

    fn for_each_line<R: Read>(
        &self,
        reader: std::result::Result<VersionReader<R>, Unreadable>,
        each: &mut Put<'_>,
    ) -> Result<()> {
        let unreadable = |error| unreadable(self.store, self.whole.number, error);
        let mut reader = reader.map_err(unreadable)?;
        while let Some(line) = reader.repeated().map_err(unreadable)? {
            each(&line)?;
        }
        Ok(())
    }

    /// Adds a version with these changes after the newest. `all` hands on what is left of all changes
    /// with these, for a version that is whole.
    ///
    /// An error leaves open whether the version is there. After [`VaultError::Overtaken`] it is not;
    /// but its changes are in the catalog where it was there in time, and the writer slept since.
    pub(crate) fn add(&mut self, changes: &[Box<str>], all: &AllOf<'_>) -> Result<Added> {
        let number = self.newest.number + 1;
        if number > NUMBER_MAX {
            let detail = "no version can come after it";
            return Err(damaged(self.store, self.newest.number, detail));
        }
        let scope = self.scope_of_next(changes.len());
        let previous = Some(self.newest.sha256);
        let head = head(number, previous, scope, self.clock, &self.writer)?;
        let repeated: &Repeated<'_> = match scope {
            Scope::Whole => &|put| all(self, changes, put),
            Scope::Since(_) => &|put| self.for_each_since(&mut |_, line| put(line)),
            Scope::After(_) => &|_| Ok(()),
        };
        let made = encode(head, changes, repeated)?;
        let name = version_name(number)?;
        match self.store.create(&name, &made.bytes) {
            Ok(Created::New) => {}
            created => {
                let there = self.store.read(&name, VERSION_MAX_BYTES);
                match (created, there) {
                    // An error came after it was created.
                    (_, Ok(Some(there))) if there == made.bytes => {}
                    (_, Ok(Some(there))) => return self.lost(number, &there),
                    (Err(error), _) | (Ok(_), Err(error)) => return Err(error.into()),
                    (Ok(_), Ok(None)) => return Err(self.overtaken()),
                }
            }
        }
        self.check_base(number, &name)?;
        let sha256 = Sha256::of(&made.bytes);
        let stamp = VersionStamp { number, sha256 };
        self.advance(
            stamp,
            scope,
            made.bytes,
            (changes.len() as u64, made.repeated),
        );
        if number.is_multiple_of(STEP) {
            // Without it a reader lists.
            let _ = put_hint(self.store, number);
        }
        Ok(Added::Done)
    }

    /// Removes versions that no new reader needs and that are older than the grace, the oldest first.
    /// Returns how many.
    pub(crate) fn clean(&self) -> Result<u64> {
        let mut removed = 0;
        self.for_each_old(|number, name| {
            let is_needed = number >= self.whole.number;
            if !is_needed {
                self.store.delete(name)?;
                removed += 1;
            }
            Ok(!is_needed)
        })?;
        Ok(removed)
    }

    /// The newest version that is older than the grace, be it one that was removed.
    pub(crate) fn old_through(&self) -> Result<u64> {
        let mut old = None;
        let first = self.for_each_old(|number, _| {
            old = Some(number);
            Ok(true)
        })?;
        // Those that were removed were old.
        Ok(old
            .or(first.map(|first| first.saturating_sub(1)))
            .unwrap_or_default())
    }

    /// Calls `each` with the versions that are older than the grace, the oldest first, as long as it
    /// says so. Returns the first version that is there.
    fn for_each_old(
        &self,
        mut each: impl FnMut(u64, &ObjectName) -> Result<bool>,
    ) -> Result<Option<u64>> {
        let now = self.store.now()?;
        let mut first = None;
        for object in self.store.list(CATALOG, None)? {
            let object = object?;
            let Some(number) = version_number(&object.name) else {
                continue;
            };
            first = first.or(Some(number));
            if !is_old(object.modified, now) || !each(number, &object.name)? {
                break;
            }
        }
        Ok(first)
    }

    fn scope_of_next(&self, own: usize) -> Scope {
        let number = self.newest.number + 1;
        let changes = self.recent.changes() + own as u64;
        if changes >= self.whole.changes.max(STEP) || number - self.whole.number >= WHOLE_AFTER {
            Scope::Whole
        } else if number.is_multiple_of(STEP) {
            Scope::Since(self.whole)
        } else {
            Scope::After(self.step)
        }
    }

    /// Goes on from the version of a writer that was faster. Where the one before it is gone by now,
    /// that may be a sleeper's, which is nobody's version.
    fn lost(&mut self, number: u64, bytes: &[u8]) -> Result<Added> {
        let version = decode(self.store, number, bytes)?;
        let base = Some(self.newest.sha256);
        if version.head.previous != base || self.base()? != base {
            return Err(self.overtaken());
        }
        let sha256 = Sha256::of(bytes);
        let stamp = VersionStamp { number, sha256 };
        let changes = (version.head.own, version.repeated);
        self.advance(stamp, version.head.scope, bytes.to_vec(), changes);
        Ok(Added::Lost(version.own))
    }

    /// Goes on to a version, which has some changes of its own and repeats others.
    fn advance(
        &mut self,
        stamp: VersionStamp,
        scope: Scope,
        bytes: Vec<u8>,
        (own, repeated): (u64, u64),
    ) {
        let VersionStamp { number, sha256 } = stamp;
        self.newest = stamp;
        if !matches!(scope, Scope::After(_)) {
            self.step = number;
        }
        match scope {
            Scope::Whole => {
                self.recent = RecentVersions::default();
                self.whole = WholeVersion {
                    number,
                    sha256,
                    changes: repeated,
                };
            }
            Scope::Since(_) | Scope::After(_) => {
                self.recent.push(Recent::after_others(number, bytes, own));
            }
        }
    }

    /// Looks whether the version that was built on is still there. Where it is gone, the one that was
    /// created after it counts as long as no later whole version has made it needless: it was there
    /// before the cleanup. Else the catalog went on long ago, and what was created is taken back; so it
    /// is where another version has the number of the base, since the catalog was made anew.
    fn check_base(&self, number: u64, created: &ObjectName) -> Result<()> {
        let base = self.base()?;
        if base == Some(self.newest.sha256) {
            return Ok(());
        }
        if base.is_none() {
            let now = Self::open(self.store, self.clock, &self.writer)?;
            if now.whole.number <= number {
                return Ok(());
            }
        }
        // Where it stays, nobody takes it for one: a reader begins with the newest, and what is
        // below the last whole version is removed.
        let _ = self.store.delete(created);
        Err(self.overtaken())
    }

    /// The hash of what has the number of the version that the next is built on; `None` where that was
    /// removed.
    fn base(&self) -> Result<Option<Sha256>> {
        let name = version_name(self.newest.number)?;
        let there = self.store.read(&name, VERSION_MAX_BYTES)?;
        Ok(there.map(|bytes| Sha256::of(&bytes)))
    }

    fn overtaken(&self) -> VaultError {
        VaultError::Overtaken {
            place: self.store.place(),
        }
    }
}

/// A version that needs no other.
fn whole(
    number: u64,
    clock: &dyn Clock,
    writer: &str,
    changes: &[Box<str>],
    repeated: &Repeated<'_>,
) -> Result<Encoded> {
    let head = head(number, None, Scope::Whole, clock, writer)?;
    encode(head, changes, repeated)
}

/// Whether something is older than the grace that was written at a time.
pub fn is_old(modified: UnixMillis, now: UnixMillis) -> bool {
    let grace = u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX);
    modified.get().saturating_add(grace) < now.get()
}

/// What is left of all changes of a log and some more, as lines.
pub(crate) type AllOf<'a> = dyn Fn(&VersionLog<'_>, &[Box<str>], &mut Put<'_>) -> Result<()> + 'a;

fn head(
    number: u64,
    previous: Option<Sha256>,
    scope: Scope,
    clock: &dyn Clock,
    writer: &str,
) -> Result<Head> {
    let nonce = Nonce::new(random()?);
    Ok(Head::new(
        number,
        nonce,
        clock.now(),
        writer.to_owned(),
        previous,
        scope,
    ))
}

const fn whole_version(stamp: VersionStamp, version: &Version) -> WholeVersion {
    WholeVersion {
        number: stamp.number,
        sha256: stamp.sha256,
        changes: version.repeated,
    }
}
