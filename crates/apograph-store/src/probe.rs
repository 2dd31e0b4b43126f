//! Whether a store lets only one of several writers create a name.
//!
//! Some stores check that a name is free and then write, which no test in sequence shows: two
//! writers both learn that they created the object, and one commit of a log is gone. So the probe
//! races, and asks of the bytes too: the object has to be the one of the writer who was told so.

use std::panic::resume_unwind;
use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};

use apograph_io::random;

use crate::error::{Result, StoreError};
use crate::name::ObjectName;
use crate::store::{Created, Store};

/// The folder in which a probe makes its objects, and deletes them again.
pub const PROBES: &str = "probes";

/// So many writers race for a name.
const RACERS: usize = 8;
/// So many bytes are in an object.
const BYTES: usize = 4096;
/// So many names are raced for.
const NAMES: usize = 20;
/// And so many of them at once.
const AT_ONCE: usize = 5;

/// Races for names, of each of which exactly one writer may be told that it created it.
///
/// The writers are threads of their own and not those that share a computer's cores: they wait for
/// the store, all at once.
///
/// # Errors
///
/// [`StoreError::Unsafe`], and that of the place.
pub fn probe(store: &dyn Store) -> Result<()> {
    let own = random()?;
    let names = (0..NAMES).map(|number| {
        let name = format!("{PROBES}/{own:032x}-{number:02}");
        Ok(ObjectName::parse(name)?)
    });
    let names = names.collect::<Result<Vec<_>>>()?;
    let probe = |name: &ObjectName| {
        let raced = race(store, name);
        // The race tells more than a left-over does, which lies in a folder of its own.
        let deleted = store.delete(name);
        raced.and(deleted)
    };
    // Some stores let a loser wait for a second.
    for names in names.chunks(AT_ONCE) {
        let probed = thread::scope(|scope| {
            let races: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(move || probe(name)))
                .collect();
            let joined = races.into_iter().map(ScopedJoinHandle::join);
            joined
                .map(|probed| probed.unwrap_or_else(|panicked| resume_unwind(panicked)))
                .collect::<Result<Vec<_>>>()
        });
        probed?;
    }
    Ok(())
}

fn race(store: &dyn Store, name: &ObjectName) -> Result<()> {
    let start = Barrier::new(RACERS);
    let create = |racer: usize| {
        start.wait();
        store.create(name, &bytes_of(racer))
    };
    let create = &create;
    let created = thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| scope.spawn(move || create(racer)))
            .collect();
        let joined = racers.into_iter().map(ScopedJoinHandle::join);
        let created: Vec<_> = joined
            .map(|created| created.unwrap_or_else(|panicked| resume_unwind(panicked)))
            .collect();
        created
    });
    let created = created.into_iter().collect::<Result<Vec<_>>>()?;
    let winners = (0..RACERS).zip(created);
    let winners = winners.filter(|(_, created)| *created == Created::New);
    let winners: Vec<_> = winners.map(|(racer, _)| racer).collect();
    let found = store.read(name, BYTES as u64)?;
    match *winners {
        [winner] if found.as_deref() == Some(&bytes_of(winner)) => Ok(()),
        _ => Err(StoreError::Unsafe {
            place: store.place(),
            name: name.clone(),
            winners: winners.len(),
            racers: RACERS,
        }),
    }
}

/// What a racer writes: as many bytes as take a store some time.
fn bytes_of(racer: usize) -> [u8; BYTES] {
    [u8::try_from(racer).unwrap_or(u8::MAX); BYTES]
}
