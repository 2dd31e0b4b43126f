//! A drill: a restore whose result is opened, and removed again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apograph_format::WithCauses;
use apograph_io::{Context, FileLock, Folder, IoError};
use apograph_manifest::{DrillNote, Target};
use apograph_repository::{Location, Repository, RepositoryError};
use apograph_restore::{Options, RestoreError, Restored, restore};

use crate::check_command::{CheckCommand, Ran};
use crate::error::DrillError;
use crate::reading::read_database;

/// What the names of the folders begin with in which a drill restores.
const PREFIX: &str = "apograph-drill-";
/// The same of those whose database is to stay, which no later drill removes.
const KEPT: &str = "apograph-kept-";
/// The restored database.
const DATABASE: &str = "drill.grafeo";

/// How to prove that a restore works.
#[derive(Debug, Clone)]
pub struct Drill<'a> {
    /// What to restore.
    pub target: Target,
    /// Where a folder is made for it.
    pub folder: &'a Path,
    /// What is asked of the restored database. Without it the files are read whole: headers, sections,
    /// and every commit of the log, up to the point that the restore tells.
    pub check: Option<CheckCommand>,
    /// Whether the restored database stays.
    pub keep: bool,
}

/// What a drill did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drilled {
    /// The restore. Where it was removed again, nothing is at its output any more.
    pub restored: Restored,
    /// How long the restore took.
    pub restored_in: Duration,
    /// What the command said; `None` without one.
    pub output: Option<String>,
    /// Why the drill proves nothing; `None` where it does.
    pub failure: Option<String>,
    /// The restored database, where it stays.
    pub kept: Option<PathBuf>,
}

impl Drill<'_> {
    /// Restores, opens what was restored, and removes it again. What was found is noted in the
    /// repository, also where the restore fails; where that cannot be, the monitor is warned.
    ///
    /// # Errors
    ///
    /// [`DrillError`]. That what was restored cannot be read, or the command fails on it, is no error:
    /// it is the [failure](Drilled::failure) that the drill is there to find.
    pub fn run(
        &self,
        repository: impl Into<Location>,
        context: Context<'_>,
    ) -> Result<Drilled, DrillError> {
        let location = repository.into();
        let folder = Folder::open(self.folder)?;
        clear(&folder);
        let failed = |operation| {
            let path = self.folder.to_owned();
            move |source| IoError::Failed {
                operation,
                path,
                source,
            }
        };
        // While the lock is held nobody takes the folder for one that was left.
        let (mut place, _lock) = loop {
            let made = tempfile::Builder::new()
                .prefix(PREFIX)
                .tempdir_in(self.folder);
            let made = made.map_err(failed("make a folder in"))?;
            match Folder::open(made.path()).and_then(|it| Ok((FileLock::acquire_folder(&it)?, it)))
            {
                Ok((lock, opened)) if opened.is_in_place()? => break (made, lock),
                // Another drill took it for one.
                Ok(_) | Err(IoError::Busy { .. }) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
            context.monitor.go_on()?;
        };
        let output = place.path().join(DATABASE);
        let begun = context.clock.running();
        let restored = restore(&location, &output, &Options::to(self.target), context);
        let restored_in = context.clock.running().saturating_sub(begun);
        let mut found = match restored {
            Err(error) => {
                if is_of_repository(&error) {
                    let failure = WithCauses(&error).to_string();
                    note(&location, (None, restored_in, Some(failure)), context)?;
                }
                return Err(error.into());
            }
            Ok(restored) => self.look(restored, restored_in, context)?,
        };
        let told = (Some(&found.restored), restored_in, found.failure.clone());
        note(&location, told, context)?;
        if self.keep {
            let name = place.path().file_name().and_then(|name| name.to_str());
            let random = name.and_then(|name| name.strip_prefix(PREFIX));
            let kept = self
                .folder
                .join(format!("{KEPT}{}", random.unwrap_or_default()));
            fs::rename(place.path(), &kept).map_err(failed("rename a folder in"))?;
            place.disable_cleanup(true);
            found.kept = Some(kept.join(DATABASE));
        }
        Ok(found)
    }

    fn look(
        &self,
        restored: Restored,
        restored_in: Duration,
        context: Context<'_>,
    ) -> Result<Drilled, DrillError> {
        let (output, failure) = match &self.check {
            None => (None, read_database(&restored, context)?.err()),
            Some(command) => {
                let Ran { output, failure } = command.run(&restored.output, context)?;
                (Some(output), failure)
            }
        };
        Ok(Drilled {
            kept: None,
            restored,
            restored_in,
            output,
            failure,
        })
    }
}

/// Whether an error says something of the repository: a full disk says nothing.
const fn is_of_repository(error: &RestoreError) -> bool {
    matches!(error, RestoreError::Segment(_) | RestoreError::Chain(_))
}

/// Notes what was found. Where that cannot be, the monitor is warned; whoever is told to end by then
/// ends.
fn note(
    location: &Location,
    (restored, restored_in, failure): (Option<&Restored>, Duration, Option<String>),
    context: Context<'_>,
) -> Result<(), DrillError> {
    let note = DrillNote {
        at: context.clock.now(),
        restored_in: u64::try_from(restored_in.as_millis()).unwrap_or(u64::MAX),
        point: restored.and_then(|restored| restored.point),
        failure,
    };
    let opened = Repository::open(location, context);
    match opened.and_then(|opened| opened.note_drill(&note, context)) {
        Err(RepositoryError::Io(IoError::Interrupted)) => Err(IoError::Interrupted.into()),
        Err(error) => {
            let text = format!("the drill is not noted: {}", WithCauses(&error));
            context.monitor.warn(&text);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Removes what killed drills left: nobody holds their locks any more.
fn clear(parent: &Folder) {
    let Ok(names) = parent.names() else {
        return;
    };
    for name in names.flatten() {
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        let found = is_ours.then(|| parent.at(&name).find_folder());
        if let Some(Ok(Some(folder))) = found
            && let Ok(Some(_lock)) = FileLock::acquire_folder(&folder)
            && folder.is_in_place().unwrap_or_default()
        {
            // What stays is in nobody's way.
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}
