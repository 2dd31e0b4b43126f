//! File systems that give less than ext4 does: real ones, and what they lack put upon a good one.
//!
//! On each file system everything is done, with the database, the repository and the output on it:
//! what is said to be done is there, and what fails leaves nothing. On the poorest ones the command
//! is killed, and its calls fail, one by one. What this machine cannot make, as where its kernel
//! has no such file system, is made in a guest with another kernel, which runs this row as it is
//! here. Then each ability is taken away by strace, for good, alone and all together.

mod kind;
mod missing;
mod served;
mod told;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use apograph::format::Generation;
use apograph::io::{Disk, FileLock, Folder, Lack, Mode, RealDisk, is_silly_renamed, is_temporary};
use apograph::repository::Writer;
use apograph_testing::context::every_core;

use self::kind::{Kind, Machine, Made};
use self::missing::{EACH, Missing};
use self::told::Part;
use super::system_calls::{self, KILL};
use crate::act::{Act, ActFolder};
use crate::check::check;
use crate::command::{CommandRun, Programs};
use crate::report::{RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::{FaultStage, contents};
use crate::strace;

/// The calls that fail on every file system: after each of them, something is taken back.
const FAILING_CALLS: &[&str] = &["fsync"];
/// The calls that fail, and at which the command is killed, on the poorest file systems.
const POOR_CALLS: &[&str] = &[
    "fsync", "rename", "renameat", "linkat", "unlinkat", "mkdirat", "write",
];
/// The call that is made most often: a guest, which may be slow, is struck at it in a long run.
const MOST: &str = "openat";
const ERROR: &str = "error=EIO";
const NO_STRACE: &str = "strace is not there, or may not trace";

/// Does all of it.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    let stages = [FaultStage::new(1)?, FaultStage::new(2)?];
    let machine = told::machine();
    let (mut tally, mut elsewhere) = (Tally::default(), Vec::new());
    let kinds = Kind::chosen()?;
    for kind in &kinds {
        let part = match kind.make(machine) {
            Ok(made) => {
                let on_it = OnIt {
                    programs,
                    stages: &stages,
                    kind,
                    made: &made,
                    extent,
                };
                Part::Ran(on_it.run())
            }
            Err(error) => Part::Skipped(format!("{error:#}")),
        };
        told::tell_done(kind, &part)?;
        match part {
            Part::Skipped(why) if machine == Machine::Users => elsewhere.push((kind, why)),
            part => add(&mut tally, kind, part),
        }
    }
    in_guest(programs, extent, &elsewhere, &mut tally);
    if machine == Machine::Users && kinds.len() >= names().len() {
        lacking(programs, &stages, &mut tally)?;
    }
    Ok(RowOutcome::Ran {
        tally,
        control: None,
    })
}

/// The names of the file systems that this row makes.
pub fn names() -> Vec<&'static str> {
    Kind::names().to_vec()
}

fn add(tally: &mut Tally, kind: &Kind, part: Part) {
    match part {
        Part::Ran(part) => tally.add(part.named(kind.name())),
        Part::Skipped(why) => tally.say(format!("{}: SKIPPED: {why}", kind.name())),
    }
}

/// Does in a guest what could not be done here.
fn in_guest(
    programs: &Programs,
    extent: RowExtent,
    elsewhere: &[(&Kind, String)],
    tally: &mut Tally,
) {
    if elsewhere.is_empty() {
        return;
    }
    let kinds: Vec<&Kind> = elsewhere.iter().map(|(kind, _)| *kind).collect();
    let parts = told::ask(programs, extent, &kinds);
    let parts = parts.unwrap_or_else(|error| {
        let here = elsewhere.iter();
        let skipped = here.map(|(_, why)| Part::Skipped(format!("{why}; in a guest: {error:#}")));
        skipped.collect()
    });
    for (kind, part) in kinds.into_iter().zip(parts) {
        add(tally, kind, part);
    }
}

/// Takes each ability away from a good file system.
fn lacking(programs: &Programs, stages: &[FaultStage; 2], tally: &mut Tally) -> Result<()> {
    if strace::is_possible() {
        for missing in &EACH {
            tally.add(without(programs, stages, missing)?.named(&format!("no {}", missing.name)));
        }
    } else {
        tally.say(format!("what is missing: SKIPPED: {NO_STRACE}"));
    }
    Ok(())
}

/// One file system that is mounted.
struct OnIt<'a> {
    programs: &'a Programs,
    stages: &'a [FaultStage; 2],
    kind: &'a Kind,
    made: &'a Made,
    extent: RowExtent,
}

impl OnIt<'_> {
    /// What it came to. What cannot even be begun on it is a violation as well.
    fn run(&self) -> Tally {
        let mut tally = Tally::default();
        if let Err(error) = self.run_all(&mut tally) {
            tally.violations.push(format!("it ended early: {error:#}"));
        }
        tally
    }

    fn run_all(&self, tally: &mut Tally) -> Result<()> {
        for stage in self.stages {
            for act in Act::of_generation(stage.generation()) {
                self.does(stage, act, tally)?;
            }
            self.excludes(stage, tally)?;
        }
        tally.runs += 1;
        tally.struck(|| "taken names".to_owned(), self.replaces_nothing());
        let lacks = self.lacks()?;
        tally.say(format!("{}: lacks {lacks:?}", self.kind.name()));
        if strace::is_possible() {
            self.strike(tally)?;
        } else {
            let name = self.kind.name();
            tally.say(format!("{name}: no call failed: {NO_STRACE}"));
        }
        Ok(())
    }

    /// Everything is done, and leaves what it should.
    fn does(&self, stage: &FaultStage, act: Act, tally: &mut Tally) -> Result<()> {
        told::tell_next(self.kind, &format!("{act:?}"))?;
        let folder = self.made.folder()?;
        let place = ActFolder::prepared(&folder.path().join("place"), stage, act)?;
        let mut command = self.programs.command(None);
        let run = CommandRun::of(command.args(act.words(&place)).arg("--json"))?;
        tally.runs += 1;
        let outcome = succeeded(&run)
            .and_then(|()| nothing_is_left(place.root()))
            .and_then(|()| check(stage, act, &place, run.ended()))
            .and_then(|()| nothing_is_left(place.root()));
        let generation = stage.generation();
        tally.struck(|| format!("generation {generation}, {act:?}"), outcome);
        Ok(())
    }

    /// Of two commands that write, the second is told.
    fn excludes(&self, stage: &FaultStage, tally: &mut Tally) -> Result<()> {
        let act = Act::Incremental;
        let folder = self.made.folder()?;
        let place = ActFolder::prepared(&folder.path().join("place"), stage, act)?;
        let repository = Folder::open(&place.repository())?;
        let lock = Writer::lock_for(&repository, Generation::Two, every_core())?;
        let mut command = self.programs.command(None);
        let run = CommandRun::of(command.args(act.words(&place)).arg("--json"))?;
        drop(lock);
        tally.runs += 1;
        let outcome = run.code().and_then(|code| {
            ensure!(code == "repository-busy", "the second command says {code}");
            Ok(())
        });
        tally.struck(|| "two writers".to_owned(), outcome);
        Ok(())
    }

    fn replaces_nothing(&self) -> Result<()> {
        let folder = self.made.folder()?;
        let opened = Folder::open(folder.path())?;
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "file")?;
        std::fs::write(path("taken"), "taken")?;
        std::fs::create_dir(path("folder"))?;
        std::fs::create_dir(path("taken folder"))?;
        let before = contents(folder.path())?;
        for from in ["file", "folder"] {
            for to in ["taken", "taken folder"] {
                let published = RealDisk.publish(opened.at(from), opened.at(to));
                let error = published.err().context("a taken name was published")?;
                ensure!(error.is_already_exists(), "{from} to {to}: {error}");
            }
        }
        ensure!(contents(folder.path())? == before, "something was replaced");
        let made = RealDisk.create_new(opened.at("taken"), Mode::PRIVATE.into());
        ensure!(made.is_err(), "a taken name was created");
        RealDisk.publish(opened.at("file"), opened.at("free"))?;
        RealDisk.exchange(opened.at("free"), opened.at("taken"))?;
        let after = contents(folder.path())?;
        let found = |name: &str| after.get(Path::new(name)).map(Vec::as_slice);
        ensure!(
            found("taken") == Some(b"file"),
            "the new content is not there"
        );
        ensure!(found("free") == Some(b"taken"), "the old content is gone");
        nothing_is_left(folder.path())
    }

    /// What it is found not to have.
    fn lacks(&self) -> Result<Vec<Lack>> {
        let folder = self.made.folder()?;
        let opened = Folder::open(folder.path())?;
        for name in ["one", "other"] {
            std::fs::write(folder.path().join(name), name)?;
        }
        RealDisk.publish(opened.at("one"), opened.at("free"))?;
        RealDisk.exchange(opened.at("free"), opened.at("other"))?;
        if !opened.lacks(Lack::Link)
            && RealDisk
                .link(opened.at("other"), opened.at("link"))
                .is_err()
        {
            opened.note(Lack::Link);
        }
        let lock = FileLock::acquire_folder(&opened)?;
        let of_file = FileLock::acquire(opened.at("other"), Mode::PRIVATE)?;
        drop((lock, of_file));
        // Where others could read it, it is not created.
        let closed = RealDisk.create_new(opened.at("closed"), Mode::PRIVATE.into());
        if closed.is_err() {
            opened.note(Lack::Permissions);
        }
        RealDisk.sync_folder(&opened)?;
        let all = [
            Lack::FreeRename,
            Lack::Exchange,
            Lack::Link,
            Lack::FolderLock,
            Lack::Exclusion,
            Lack::Permissions,
            Lack::FolderSync,
        ];
        Ok(all.into_iter().filter(|lack| opened.lacks(*lack)).collect())
    }

    fn strike(&self, tally: &mut Tally) -> Result<()> {
        let is_poor = self.kind.is_poor();
        let mut calls = if is_poor { POOR_CALLS } else { FAILING_CALLS }.to_vec();
        let is_fast = told::machine() == Machine::Users;
        if is_poor && (is_fast || self.extent == RowExtent::Long) {
            calls.push(MOST);
        }
        let faults = if is_poor {
            &[ERROR, KILL][..]
        } else {
            &[ERROR]
        };
        let all = [Act::First, Act::Full, Act::Restore];
        for (index, stage) in self.stages.iter().enumerate() {
            for (number, act) in all.into_iter().enumerate() {
                // A quick run takes each act with one generation.
                if self.extent == RowExtent::Quick && number % 2 != index {
                    continue;
                }
                for fault in faults {
                    for call in &calls {
                        let next = format!("{act:?}, {call}, {fault}");
                        let folder = || {
                            told::tell_next(self.kind, &next)?;
                            self.made.folder()
                        };
                        let fault = (*call, *fault);
                        let swept =
                            system_calls::sweep(self.programs, None, stage, act, fault, &folder);
                        tally.add(swept?);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Everything is done without something.
fn without(programs: &Programs, stages: &[FaultStage; 2], missing: &Missing) -> Result<Tally> {
    let mut tally = Tally::default();
    for stage in stages {
        for act in Act::of_generation(stage.generation()) {
            let folder = scratch()?;
            let place = ActFolder::prepared(&folder.path().join("place"), stage, act)?;
            let trace = folder.path().join("trace");
            let only = [place.root().to_owned(), place.repository()];
            let only = if missing.of_folders { &only[..] } else { &[] };
            let words = act.words(&place);
            let run = strace::run_without(programs, &words, missing.injections, only, &trace)?;
            tally.runs += 1;
            let warnings = run.json["warnings"].to_string();
            let says = |warning: &str| warnings.matches(warning).count();
            let outcome = succeeded(&run)
                .and_then(|()| match missing.warning.map(says) {
                    None | Some(1) => Ok(()),
                    Some(count) => {
                        bail!("it is told {count} times: {warnings}")
                    }
                })
                .and_then(|()| nothing_is_left(place.root()))
                .and_then(|()| check(stage, act, &place, run.ended()));
            let generation = stage.generation();
            tally.struck(
                || format!("generation {generation}, {act:?}, no {}", missing.name),
                outcome,
            );
        }
    }
    Ok(tally)
}

fn succeeded(run: &CommandRun) -> Result<()> {
    ensure!(run.exit == Some(0), "exit {:?}: {}", run.exit, run.said);
    Ok(())
}

fn nothing_is_left(root: &Path) -> Result<()> {
    let contents = contents(root)?;
    let is_left = |path: &&std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default();
        is_temporary(name) || is_silly_renamed(name)
    };
    let left = contents.keys().find(is_left);
    ensure!(left.is_none(), "{left:?} is left");
    Ok(())
}
