//! A glance at a database: whether anything has changed since the last one.
//!
//! It costs a few calls of the system, and reads no log: only the sizes, the times and the numbers of
//! the database file and of the files of its log. What a capture itself leaves in the log folder is
//! passed over. Where nothing differs, and the last change is not so fresh that another one could have
//! the same time, nothing was written since.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use apograph_format::UnixMillis;
use apograph_io::{Context, FileStatus, Identity, is_temporary};
use apograph_manifest::{CURSOR_FILE_NAME, marked_repository};

use crate::database::Database;
use crate::error::Result;

/// Two writes may have the same time where they are nearer to each other: the kernel's clock for files
/// has ticks.
const TICK_MS: u64 = 20;
/// The same where a file system keeps no more than whole seconds.
const COARSE_TICK_MS: u64 = 2_000;
const MS_NS: i64 = 1_000_000;
const SECOND_NS: i64 = 1_000 * MS_NS;

/// What a glance at a database has seen. Where two are alike and the first one
/// [is settled](Glance::is_settled), nothing was written between them.
#[derive(Debug, Clone)]
pub struct Glance {
    image: FileStatus,
    folder: Option<Identity>,
    /// The files of the log, by name.
    log: Vec<(OsString, FileStatus)>,
    taken_at: UnixMillis,
}

/// Glances at the database at `database`.
///
/// # Errors
///
/// [`CaptureError`](crate::CaptureError), where no database can be found there.
pub fn glance(database: &Path, context: Context<'_>) -> Result<Glance> {
    let taken_at = context.clock.now();
    let database = Database::find(database)?;
    let image = database.status()?;
    let Some(folder) = database.log_folder()? else {
        return Ok(Glance {
            image,
            folder: None,
            log: Vec::new(),
            taken_at,
        });
    };
    let mut log = Vec::new();
    for name in folder.names()? {
        let name = name?;
        if is_passed_over(&name) {
            continue;
        }
        // It may be gone by now.
        if let Some(status) = folder.at(&name).status()? {
            log.push((name, status));
        }
    }
    log.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    Ok(Glance {
        image,
        folder: Some(folder.identity()?),
        log,
        taken_at,
    })
}

impl Glance {
    /// Whether both have seen the same.
    pub fn is_as(&self, other: &Self) -> bool {
        self.image == other.image && self.folder == other.folder && self.log == other.log
    }

    /// Whether whatever is written from now on is seen by the next glance.
    pub fn is_settled(&self) -> bool {
        let log = self.log.iter().map(|(_, status)| status);
        let mut all = log.chain([&self.image]);
        all.all(|status| is_settled(status.modified_ns.max(status.changed_ns), self.taken_at))
    }

    /// How many bytes the log has more than another glance has seen of it, at most.
    pub fn bytes_since(&self, before: Option<&Self>) -> u64 {
        let known = |name: &OsStr, status: &FileStatus| {
            let same = before?.log.iter().find(|(it, _)| it == name);
            let same = same.filter(|(_, it)| it.inode == status.inode);
            same.map(|(_, it)| it.length)
        };
        let more = self.log.iter().map(|(name, status)| {
            let known = known(name, status).unwrap_or_default();
            status.length.saturating_sub(known)
        });
        more.sum()
    }

    /// When it was taken.
    pub const fn taken_at(&self) -> UnixMillis {
        self.taken_at
    }
}

/// Whether another change than the one at a time would have another time. A file of a time ahead is of
/// a machine with another clock, which has gone on since.
fn is_settled(changed_ns: i64, taken_at: UnixMillis) -> bool {
    let last_ms = u64::try_from(changed_ns / MS_NS).unwrap_or_default();
    let is_coarse = changed_ns % SECOND_NS == 0;
    let tick = if is_coarse { COARSE_TICK_MS } else { TICK_MS };
    last_ms.abs_diff(taken_at.get()) > tick
}

/// Whether a file is none of the engine's.
fn is_passed_over(name: &OsStr) -> bool {
    name == CURSOR_FILE_NAME || is_temporary(name) || marked_repository(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_could_have_a_twin_is_looked_at_again() {
        let second = 1_700_000_000_i64;
        let now = UnixMillis::new(1_700_000_000_500);
        let at = |ms: i64| second * SECOND_NS + ms * MS_NS;
        for (changed, expected) in [
            (at(499), false),
            (at(500), false),
            (at(480), false),
            (at(479), true),
            (at(1), true),
            // A file system of whole seconds.
            (at(0), false),
            (at(-1_000), false),
            (at(-2_000), true),
            // Another machine's clock.
            (at(60_001), true),
        ] {
            assert_eq!(is_settled(changed, now), expected, "{changed}");
        }
    }
}
