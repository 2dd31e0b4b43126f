//! Something is in the way of a restored database.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use apograph::format::{checkpoint_image, log_folder};
use apograph::io::RealDisk;

use crate::act::{Act, ActFolder, code_of};
use crate::mutant::Neglect;
use crate::report::{Control, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::simulated::{Simulated, operations};
use crate::stage::{FaultStage, copy};

/// Restores over whatever can be there, and over what comes while it restores.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run() -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for (what, occupy) in OCCUPANTS {
            let folder = scratch()?;
            let place = ActFolder::prepared(folder.path(), &stage, Act::Restore)?;
            copy(&stage.path("live"), &folder.path().join("live"))?;
            occupy(&place)?;
            let before = found(folder.path())?;
            let outcome = Act::Restore.perform(&RealDisk, &place);
            tally.runs += 1;
            let judged = refused(&outcome).and_then(|()| {
                ensure!(found(folder.path())? == before, "something was changed");
                Ok(())
            });
            tally.struck(|| format!("generation {generation}, {what}"), judged);
        }
        tally.add(comes_meanwhile(&stage, None)?);
        control.add(comes_meanwhile(&stage, Some(Neglect::Occupants))?);
    }
    let what = "a build whose renames replace";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

type Occupant = (&'static str, fn(&ActFolder) -> Result<()>);

const OCCUPANTS: &[Occupant] = &[
    ("a database with its log", |place| {
        fs::copy(place.database(), place.output())?;
        copy(&log_folder(&place.database()), &log_folder(&place.output()))
    }),
    ("a database", |place| {
        fs::copy(place.database(), place.output())?;
        Ok(())
    }),
    ("a log folder", |place| {
        copy(&log_folder(&place.database()), &log_folder(&place.output()))
    }),
    ("an empty log folder", |place| {
        Ok(fs::create_dir(log_folder(&place.output()))?)
    }),
    ("a file in the place of the log folder", |place| {
        Ok(fs::write(log_folder(&place.output()), "a file")?)
    }),
    ("the image of a checkpoint", |place| {
        fs::copy(place.database(), checkpoint_image(&place.output()))?;
        Ok(())
    }),
    ("an empty file", |place| Ok(fs::write(place.output(), "")?)),
    ("a folder", |place| Ok(fs::create_dir(place.output())?)),
    ("a dangling link", |place| {
        Ok(symlink("nowhere", place.output())?)
    }),
    ("a dangling link in the place of the log folder", |place| {
        Ok(symlink("nowhere", log_folder(&place.output()))?)
    }),
    ("a link to the live database", |place| {
        Ok(symlink(place.database(), place.output())?)
    }),
    ("a link to the live log folder", |place| {
        let live = log_folder(&place.database());
        Ok(symlink(live, log_folder(&place.output()))?)
    }),
];

/// Before each operation of a restore, somebody takes one of its names.
fn comes_meanwhile(stage: &FaultStage, neglects: Option<Neglect>) -> Result<Tally> {
    let mut tally = Tally::default();
    for (index, at) in operations(stage, Act::Restore, neglects)?
        .iter()
        .enumerate()
    {
        for name in ["out.grafeo", "out.grafeo.wal"] {
            let taken = Arc::new(Mutex::new(false));
            let run = Simulated::perform(stage, Act::Restore, neglects, |disk, place| {
                let (path, taken) = (place.root().join(name), Arc::clone(&taken));
                disk.meanwhile(move |now| {
                    if now == index
                        && let Ok(mut taken) = taken.lock()
                    {
                        *taken = is_taken(&path);
                    }
                })
            })?;
            tally.runs += 1;
            let judged = if taken.lock().is_ok_and(|taken| *taken) {
                refused(&run.outcome).and_then(|()| {
                    let theirs = fs::read(run.place.root().join(name))?;
                    ensure!(theirs == THEIRS, "what was there is gone");
                    Ok(())
                })
            } else {
                // The restored database had the name first.
                run.outcome
            };
            let generation = stage.generation();
            tally.struck(
                || format!("generation {generation}, {name} comes before {index}, {at:?}"),
                judged,
            );
        }
    }
    Ok(tally)
}

const THEIRS: &[u8] = b"somebody else's";

/// Takes a name, if it is free.
fn is_taken(path: &Path) -> bool {
    let created = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    created.is_ok_and(|_| fs::write(path, THEIRS).is_ok())
}

fn refused(outcome: &Result<()>) -> Result<()> {
    let Err(error) = outcome else {
        anyhow::bail!("it was restored");
    };
    let code = code_of(error);
    ensure!(
        code == Some("output-exists"),
        "the error is {code:?}: {error:#}"
    );
    Ok(())
}

/// What is below a folder: bytes of files, targets of links.
fn found(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut entries = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let kind = entry?;
        if kind.is_dir() {
            entries.extend(found(&path)?);
            entries.insert(path, Vec::new());
        } else if kind.is_symlink() {
            let target = fs::read_link(&path)?;
            entries.insert(path, target.into_os_string().into_encoded_bytes());
        } else {
            let bytes = fs::read(&path)?;
            entries.insert(path, bytes);
        }
    }
    Ok(entries)
}
