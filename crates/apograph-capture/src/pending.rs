//! What of a database is in no backup yet.

use std::cell::Cell;
use std::path::Path;

use apograph_format::{UnixMillis, WithCauses};
use apograph_io::{Context, random};
use apograph_manifest::RepositoryId;
use apograph_repository::Repository;

use crate::continuity::ResumePoint;
use crate::database::Database;
use crate::error::Result;
use crate::increment::CapturedTail;
use crate::look::{Looking, Seen};
use crate::patience::{HELD, Patience};

/// What of a database is in no backup yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// What the next backup would be about.
    pub of: PendingOf,
    /// The moment before the database was looked at: what was committed later may be missing here.
    pub looked_at: UnixMillis,
    /// The bytes of the files of its log, captured or not, that the engine has not removed.
    pub log_bytes: u64,
}

/// What the next backup would be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingOf {
    /// Every commit is in the repository.
    Nothing,
    /// It would be an increment.
    Commits {
        /// How many commits are in no backup.
        commits: u64,
        /// How many bytes of the log they are.
        bytes: u64,
        /// When the first of them claims to have been made, where the log says it (generation 2).
        since: Option<UnixMillis>,
    },
    /// The chain does not go on in this log: how much is in no backup nobody knows. The next backup
    /// is a full one, or an error.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Looks what of the database at `database` is not in a repository. Nothing is written, and nobody
/// waits for it: another backup may be at work.
///
/// # Errors
///
/// [`CaptureError`](crate::CaptureError), where the database cannot be read, or is another one than
/// the repository's, and where commits stand behind damage in its log.
pub fn pending(database: &Path, repository: &Repository, context: Context<'_>) -> Result<Pending> {
    let database = Database::find(database)?;
    database.headers(context)?;
    let id = match repository.notes() {
        Ok(Some(notes)) => notes.id,
        // Nothing beside the log is of such a repository.
        _ => RepositoryId::new(random()?),
    };
    let looking = Looking {
        database: &database,
        repository,
        context,
        id,
        looked_at: Cell::default(),
    };
    let seen = looking.look(&mut Patience::of(HELD))?;
    Ok(Pending {
        of: pending_of(&looking, seen)?,
        looked_at: looking.looked_at.get(),
        log_bytes: log_bytes(&database)?,
    })
}

/// The bytes of all files beside the database that are its log.
fn log_bytes(database: &Database) -> Result<u64> {
    let mut bytes = 0;
    if let Some(folder) = database.log_folder()? {
        for name in folder.names()? {
            let status = folder.at(&name?).status()?;
            bytes += status.map_or(0, |it| it.length);
        }
    }
    Ok(bytes)
}

fn pending_of(looking: &Looking<'_>, seen: Seen) -> Result<PendingOf> {
    let (start, spans) = match seen.resume {
        Ok(ResumePoint::Closed) => return Ok(PendingOf::Nothing),
        Ok(ResumePoint::At(start)) => (start, false),
        Ok(ResumePoint::Before(start)) => (start, true),
        Err(broken) => {
            let why = WithCauses(&broken).to_string();
            return Ok(PendingOf::Unknown { why });
        }
    };
    let Some(log) = seen.live.log else {
        return Ok(PendingOf::Nothing);
    };
    let tail = log.from(start)?;
    let (state, _) = looking.timeline_at(&log, start, spans)?;
    let captured = CapturedTail::read(&tail, start, state, looking.context.again())?;
    if let Some(damage) = captured.cut_off(&tail)? {
        return Err(damage);
    }
    Ok(match captured.commits() {
        0 => PendingOf::Nothing,
        commits => PendingOf::Commits {
            commits,
            bytes: captured.bytes(),
            since: captured.committed().map(|span| span.first),
        },
    })
}
