//! Who may read what is written, and what becomes of a command that may not read or write.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use rustix::process::{geteuid, umask};

use crate::act::{Act, ActFolder};
use crate::check::check;
use crate::command::{CommandRun, Programs};
use crate::mount::said_yes;
use crate::mutant::Neglect;
use crate::report::{Control, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::simulated::Simulated;
use crate::stage::{FaultStage, contents};

/// Modes of a database.
const MODES: [u32; 3] = [0o600, 0o640, 0o400];
/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// Looks at the modes of all that each act creates, before each of its operations; then takes
/// rights away.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for act in Act::of_generation(generation) {
            tally.add(watch(&stage, act, None)?);
            control.add(watch(&stage, act, Some(Neglect::Modes))?);
        }
        tally.add(without_rights(programs, &stage)?);
    }
    let what = "a build that lets the umask decide";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// Nothing has a right that the database's own file does not give, at no time.
fn watch(stage: &FaultStage, act: Act, neglects: Option<Neglect>) -> Result<Tally> {
    let mut tally = Tally::default();
    for mode in MODES {
        let too_open = Arc::new(Mutex::new(BTreeSet::new()));
        // Of the whole process: what others create meanwhile lies in folders of their own.
        let usual = umask(rustix::fs::Mode::empty());
        let run = Simulated::perform(stage, act, neglects, |disk, place| {
            let (root, too_open) = (place.root().to_owned(), Arc::clone(&too_open));
            let known = all_below(&root);
            for (path, _) in &known {
                if path.is_file() {
                    let _ = fs::set_permissions(path, Permissions::from_mode(mode));
                }
            }
            let known: BTreeSet<PathBuf> = known.into_iter().map(|(path, _)| path).collect();
            disk.meanwhile(move |_| {
                let new = all_below(&root).into_iter();
                let open = new.filter(|(path, found)| {
                    !known.contains(path) && found & 0o777 & !allowed(path, mode) != 0
                });
                if let Ok(mut too_open) = too_open.lock() {
                    too_open.extend(open.map(|(path, found)| (path, found & 0o777)));
                }
            })
        });
        umask(usual);
        let run = run?;
        tally.runs += run.disk.operations().len() as u64;
        let too_open = too_open.lock().map(|it| it.clone()).unwrap_or_default();
        let judged = run.outcome.and_then(|()| {
            let found = too_open.first();
            ensure!(found.is_none(), "too open: {found:?}");
            Ok(())
        });
        let generation = stage.generation();
        tally.struck(
            || format!("generation {generation}, {act:?}, mode {mode:o}"),
            judged,
        );
    }
    Ok(tally)
}

/// The bits that a file or folder may have; a folder can be listed by whoever can read the files.
fn allowed(path: &Path, mode: u32) -> u32 {
    if path.is_dir() {
        0o700 | mode | (mode & 0o444) >> 2
    } else {
        0o600 | mode
    }
}

fn all_below(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if let Ok(metadata) = path.symlink_metadata() {
            found.push((path.clone(), metadata.permissions().mode()));
            if metadata.is_dir() {
                found.extend(all_below(&path));
            }
        }
    }
    found
}

/// What is closed to the command, and which act it is that needs it.
const CLOSED: &[(&str, u32, Act)] = &[
    ("live/src.grafeo", 0o000, Act::First),
    ("live/src.grafeo", 0o000, Act::Incremental),
    ("live/src.grafeo.wal", 0o000, Act::Incremental),
    ("live/src.grafeo.wal", 0o000, Act::Full),
    ("live", 0o000, Act::First),
    ("repository", 0o000, Act::Incremental),
    ("repository", 0o555, Act::Full),
    ("repository", 0o000, Act::Restore),
    ("repository/backup_manifest.json", 0o000, Act::Incremental),
    ("repository/backup_manifest.json", 0o000, Act::Restore),
    ("repository/backup_full_0000.grafeo", 0o000, Act::Rebuild),
    ("repository", 0o555, Act::Rebuild),
    (".", 0o555, Act::First),
    (".", 0o555, Act::Restore),
];

/// What is closed to the command, and is done without.
const DONE_WITHOUT: &[(&str, u32, Act)] = &[
    ("repository/apograph.json", 0o000, Act::Restore),
    ("repository/apograph.json", 0o000, Act::Incremental),
    ("repository/apograph.json", 0o000, Act::Verify),
];

fn without_rights(programs: &Programs, stage: &FaultStage) -> Result<Tally> {
    let mut tally = Tally::default();
    let closed = CLOSED.iter().map(|row| (row, false));
    let done_without = DONE_WITHOUT.iter().map(|row| (row, true));
    for ((closed, mode, act), is_done) in closed.chain(done_without) {
        let folder = scratch()?;
        open_to_all(folder.path())?;
        // Beside the place, where everybody may run it.
        let program = folder.path().join("apograph");
        // By another program: a file that this one had open for writing could not be started while
        // another thread starts something.
        said_yes(Command::new("cp").arg(&programs.sound).arg(&program))?;
        let place = ActFolder::prepared(&folder.path().join("place"), stage, *act)?;
        for (path, _) in all_below(place.root()) {
            open_to_all(&path)?;
        }
        open_to_all(place.root())?;
        let before = contents(place.root())?;
        let closed_path = place.root().join(closed);
        let usual = fs::metadata(&closed_path)?.permissions();
        fs::set_permissions(&closed_path, Permissions::from_mode(*mode))?;
        let mut command = Command::new(&program);
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let run = CommandRun::of(command.args(act.words(&place)).arg("--json"))?;
        fs::set_permissions(&closed_path, usual)?;
        tally.runs += 1;
        let judged = if is_done {
            check(stage, *act, &place, run.ended()).and_then(|()| {
                ensure!(run.exit == Some(0), "it says {}", run.json);
                Ok(())
            })
        } else {
            judge(&run, place.root(), &before)
        };
        let generation = stage.generation();
        tally.struck(
            || format!("generation {generation}, {act:?}, {closed} is {mode:o}"),
            judged,
        );
    }
    Ok(tally)
}

fn judge(
    run: &CommandRun,
    root: &Path,
    before: &std::collections::BTreeMap<PathBuf, Vec<u8>>,
) -> Result<()> {
    let code = run.code()?;
    ensure!(code == "io", "the error is {code}: {}", run.json["message"]);
    let message = run.json["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains("Permission denied") && message.contains(&root.display().to_string()),
        "it says: {message}"
    );
    ensure!(contents(root)? == *before, "something was changed");
    Ok(())
}

fn open_to_all(path: &Path) -> Result<()> {
    let mode = if path.is_dir() { 0o777 } else { 0o666 };
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}
