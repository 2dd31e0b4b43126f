//! What must hold after a fault.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use apograph::capture::{Options as Backup, capture};
use apograph::format::FOLDER_LOG_NAME;
use apograph::io::{Context, Folder, RealDisk};
use apograph::manifest::{NOTES_FILE_NAME, Target};
use apograph::operate::undo_prune;
use apograph::repository::{Repository, Writer};
use apograph::restore::{Options, VerifyOptions, restore, verify, verify_and_record};
use apograph_testing::context::every_core;

use crate::act::{Act, ActFolder};
use crate::database_state::{state_of, states};
use crate::stage::{FaultStage, LAST_EPOCH, SMALL_FILES, contents};

/// How a command that met a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It said that it was done.
    Acknowledged,
    /// It said that it failed.
    Failed,
    /// It said nothing any more.
    CutOff,
}

/// Looks at what an act left that met a fault, and lets the next command go on from there.
///
/// # Errors
///
/// What does not hold.
pub fn check(stage: &FaultStage, act: Act, place: &ActFolder, ended: Ended) -> Result<()> {
    if act.is_prune() {
        return check_pruned(stage, act, place, ended);
    }
    if !act.is_to_vault() && (ended == Ended::Failed || act.is_restore()) {
        check_unchanged(stage, act, place)?;
    }
    if act.is_restore() {
        return check_restored(stage, act, place, ended);
    }
    check_older_backups(stage, act, place)?;
    if act.is_drill() {
        check_drilled(place, ended)?;
    }
    if ended == Ended::Acknowledged {
        check_epochs(stage, act, place, LAST_EPOCH).context("acknowledged")?;
    }
    go_on(act, place, ended).context("the next command")?;
    check_sound(stage, act, place).context("after the next command")
}

/// The latest state is there, whatever was pruned, and the next prune does what this one did not; an undo
/// gives all of it back, and a backup goes on.
fn check_pruned(stage: &FaultStage, act: Act, place: &ActFolder, ended: Ended) -> Result<()> {
    let count = || -> Result<usize> {
        let opened = Repository::open(place.repository(), every_core())?;
        Ok(opened.chain().entries().len())
    };
    let before = act.repository_before(stage)?;
    let is_segment = |path: &&PathBuf| is_of_segment(path);
    let all = before.keys().filter(is_segment).count();
    let left = count()?;
    ensure!(
        left < all || ended != Ended::Acknowledged,
        "it pruned nothing"
    );
    let latest = || -> Result<()> {
        let found = states(&place.repository())?;
        let is_right = found.get(&LAST_EPOCH) == stage.truth().get(&LAST_EPOCH);
        ensure!(
            is_right,
            "the latest state is another one, or cannot be restored"
        );
        Ok(())
    };
    latest().context("after the prune")?;
    // What the power took is read anew.
    let options = VerifyOptions::default();
    verify_and_record(place.repository(), &options, every_core())?;
    act.perform(&RealDisk, place).context("the next prune")?;
    ensure!(count()? < all, "the next one pruned nothing");
    latest().context("after the next prune")?;
    let undone = undo_prune(&place.repository().into(), every_core())?;
    ensure!(!undone.is_some_gone && count()? == all, "{undone:?}");
    check_older_backups(stage, act, place)?;
    go_on(act, place, ended).context("the next command")?;
    check_sound(stage, act, place).context("after the next command")
}

/// Whether a file is of a segment.
fn is_of_segment(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.contains("full") || name.contains("incr"))
}

/// What failed changed nothing; but what an earlier command left may be named by then.
fn check_unchanged(stage: &FaultStage, act: Act, place: &ActFolder) -> Result<()> {
    let before = act.repository_before(stage)?;
    let after = contents(&place.repository())?;
    let is_adopted = |path: &Path| {
        act == Act::Adopting && SMALL_FILES.iter().any(|name| path == Path::new(name))
            || act == Act::Drill && path == Path::new(NOTES_FILE_NAME)
    };
    let differs = |path: &&PathBuf| !is_adopted(path) && before.get(*path) != after.get(*path);
    let changed = before.keys().chain(after.keys()).find(differs);
    ensure!(changed.is_none(), "the repository has another {changed:?}");
    let is_created = act.is_first() && place.repository().exists();
    ensure!(!is_created, "the folder of the repository is left");
    if act == Act::SalvageOfDatabase {
        let (before, after) = (stage.path("live"), place.root().join("live"));
        ensure!(
            contents(&before)? == contents(&after)?,
            "the database has changed"
        );
    }
    Ok(())
}

/// Whatever could be restored before the act can be restored.
fn check_older_backups(stage: &FaultStage, act: Act, place: &ActFolder) -> Result<()> {
    match act.last_epoch_before() {
        Some(epoch) => check_epochs(stage, act, place, epoch).context("the older backups"),
        None => Ok(()),
    }
}

/// Each epoch from the first full backup to this one restores exactly.
fn check_epochs(stage: &FaultStage, act: Act, place: &ActFolder, last: u64) -> Result<()> {
    let found = states(&place.repository())?;
    for (epoch, truth) in act.truth(stage).range(..=last) {
        match found.get(epoch) {
            Some(found) => ensure!(found == truth, "epoch {epoch} is another state"),
            None => bail!("epoch {epoch} cannot be restored any more"),
        }
    }
    Ok(())
}

/// A drill that ended by itself leaves nothing of what it restored; and none notes what it did not
/// find.
fn check_drilled(place: &ActFolder, ended: Ended) -> Result<()> {
    if ended != Ended::CutOff {
        let left = fs::read_dir(place.drills())?.next().transpose()?;
        ensure!(left.is_none(), "{left:?} is left of the drill");
    }
    let repository = Repository::open(place.repository(), every_core())?;
    let noted = repository.drilled();
    let is_proven = noted.is_some_and(|note| note.failure.is_none());
    ensure!(
        !is_proven || ended != Ended::Failed,
        "it failed, and the note says that it did not"
    );
    let is_failure = noted.is_some_and(|note| note.failure.is_some());
    ensure!(
        !is_failure || ended == Ended::Failed,
        "the note says that it failed: {noted:?}"
    );
    Ok(())
}

/// The command that comes after the one that met the fault, and a backup.
fn go_on(act: Act, place: &ActFolder, ended: Ended) -> Result<()> {
    let repository = place.repository();
    if act.is_drill() {
        fs::create_dir_all(place.drills())?;
        act.perform(&RealDisk, place)?;
        check_drilled(place, Ended::Acknowledged)?;
        let repository = Repository::open(&repository, every_core())?;
        let is_noted = repository.drilled().is_some() || ended == Ended::Acknowledged;
        ensure!(is_noted, "the next drill is not noted");
    }
    if act.is_rebuild_of_vault() {
        act.perform(&RealDisk, place)?;
    }
    if act == Act::Rebuild {
        let repository = Folder::open(&repository)?;
        Writer::lock(&repository, Context::default())?.rebuild()?;
        return Ok(());
    }
    let options = Backup::default();
    capture(&act.database(place), &repository, &options, every_core())?;
    Ok(())
}

/// Nothing is left over, nothing is wrong, and each epoch that the act could bring is there.
fn check_sound(stage: &FaultStage, act: Act, place: &ActFolder) -> Result<()> {
    let files = contents(&place.repository())?;
    let is_temporary = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default();
        apograph::io::is_temporary(name)
    };
    let left = files.keys().find(is_temporary);
    let may_stay = act == Act::Rebuild || act.is_to_vault();
    ensure!(left.is_none() || may_stay, "{left:?} is left");
    let verified = verify(place.repository(), &VerifyOptions::default(), every_core())?;
    let problem = verified.problems.first();
    ensure!(problem.is_none(), "verify says {problem:?}");
    if !act.is_first() {
        return check_epochs(stage, act, place, LAST_EPOCH);
    }
    let states = states(&place.repository())?;
    let last = states.last_key_value();
    ensure!(
        last == act.truth(stage).last_key_value(),
        "the last state is not the last one of the database"
    );
    Ok(())
}

/// The database is whole or not there, and where it is not, the next restore makes it.
fn check_restored(stage: &FaultStage, act: Act, place: &ActFolder, ended: Ended) -> Result<()> {
    let output = act.output(place);
    if ended == Ended::Failed {
        let beside = |entry: std::io::Result<fs::DirEntry>| -> Result<bool> {
            let name = entry?.file_name();
            Ok(!["live", "repository"].contains(&name.to_string_lossy().as_ref()))
        };
        for entry in fs::read_dir(place.root())? {
            ensure!(!beside(entry)?, "something is left beside the output");
        }
    }
    // An empty file or folder claims the name, on a file system without links.
    let is_whole = |it: fs::Metadata| {
        if it.is_dir() {
            output.join(FOLDER_LOG_NAME).exists()
        } else {
            it.len() > 0
        }
    };
    let is_there = fs::metadata(&output).is_ok_and(is_whole);
    ensure!(
        is_there || ended != Ended::Acknowledged,
        "acknowledged, and not there"
    );
    if !is_there && act.is_salvage() {
        act.perform(&RealDisk, place).context("the next salvage")?;
    } else if !is_there {
        let options = Options::to(Target::Latest);
        let restored = restore(place.repository(), &output, &options, every_core());
        restored.context("the next restore")?;
    }
    let truth = &act.truth(stage)[&LAST_EPOCH];
    ensure!(
        state_of(&output)?.is_as(truth),
        "the database is in another state"
    );
    Ok(())
}
