//! Which version of a catalog is the newest.

use apograph_store::{ObjectName, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::error::{Result, VaultError};
use crate::head::has_head;
use crate::numbered::damaged;
use crate::version::{CATALOG, NUMBER_MAX, json, version_name, version_number};

/// The hint says which version there is at least.
const HINT: &str = "catalog/latest";
const HINT_MAX_BYTES: u64 = 1 << 10;

#[derive(Serialize, Deserialize)]
struct Hint {
    number: u64,
}

/// Says that there is a version at least.
pub(crate) fn put_hint(store: &dyn Store, number: u64) -> Result<()> {
    let name = ObjectName::parse(HINT).map_err(StoreError::from)?;
    Ok(store.put(&name, json(&Hint { number }).as_bytes())?)
}

/// The number of the newest version: from the one that the hint names, by doubling steps and then
/// halves, since none is missing above it; without it, the last that is listed. Where one is missing
/// all the same, those after it are listed, and it is told.
pub(crate) fn newest(store: &dyn Store) -> Result<u64> {
    let is_there = |number: u64| {
        let size = store.size(&version_name(number)?)?;
        Ok::<_, VaultError>(size.is_some() && number <= NUMBER_MAX)
    };
    if let Some(hint) = hint(store)
        && is_there(hint)?
    {
        let (mut there, mut step) = (hint, 1);
        while is_there(there + step)? {
            there += step;
            step *= 2;
        }
        let mut gone = there + step;
        while gone - there > 1 {
            let middle = there + (gone - there) / 2;
            if is_there(middle)? {
                there = middle;
            } else {
                gone = middle;
            }
        }
        let last = there;
        for object in store.list(CATALOG, Some(version_name(last)?.split().1))? {
            match version_number(&object?.name) {
                // It came meanwhile.
                Some(number) if number == there + 1 => there = number,
                Some(number) if number > there => {
                    return Err(damaged(store, there + 1, "it is missing"));
                }
                _ => {}
            }
        }
        return Ok(there);
    }
    let mut last = None;
    for object in store.list(CATALOG, None)? {
        last = version_number(&object?.name).or(last);
    }
    match last {
        Some(last) => Ok(last),
        // There is a catalog before the head of a vault is.
        None if has_head(store)? => Err(damaged(store, 1, "it is missing")),
        None => Err(VaultError::NotAVault {
            place: store.place(),
            detail: "it has no catalog".to_owned(),
        }),
    }
}

/// What the hint says, where it can be read: it may be old, and may be lost.
fn hint(store: &dyn Store) -> Option<u64> {
    let name = ObjectName::parse(HINT).ok()?;
    let bytes = store.read(&name, HINT_MAX_BYTES).ok()??;
    let hint: Hint = serde_json::from_slice(&bytes).ok()?;
    (1..=NUMBER_MAX)
        .contains(&hint.number)
        .then_some(hint.number)
}
