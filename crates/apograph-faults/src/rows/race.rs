//! Sessions commit and checkpoints run while backups are taken.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use apograph::format::{Epoch, Point, Timeline, log_folder};
use apograph::manifest::Target;
use apograph::repository::Repository;
use apograph::restore::{Options, VerifyOptions, restore, verify};
use apograph_interop::{Engine, Load, OpenOptions};
use apograph_testing::context::every_core;

use crate::command::{CommandRun, Programs};
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::copy;

const SESSIONS: u64 = 4;
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(50);
/// So many points of the run are restored and opened.
const POINTS: usize = 40;

/// Backs a database up that the real engine writes to, for a while.
///
/// # Errors
///
/// Where the engine fails.
pub fn run(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    let Some(drivers) = &programs.drivers else {
        return Ok(RowOutcome::Skipped("no engine was built".to_owned()));
    };
    let time = match extent {
        RowExtent::Quick => Duration::from_secs(5),
        RowExtent::Long => Duration::from_mins(1),
    };
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for driver in drivers {
        tally.add(back_up(programs, driver, time)?);
        control.add(copy_plainly(driver, time / 5)?);
    }
    let what = "a copy of the file, then of its log";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

fn busy_engine(driver: &Path, database: &Path) -> Result<Engine> {
    let mut engine = Engine::start(driver);
    let options = OpenOptions {
        checkpoint_interval_ms: u64::try_from(CHECKPOINT_INTERVAL.as_millis()).ok(),
        ..OpenOptions::default()
    };
    engine.open_with(database, options)?;
    engine.concurrent_start(&Load::endless(SESSIONS))?;
    Ok(engine)
}

fn back_up(programs: &Programs, driver: &Path, time: Duration) -> Result<Tally> {
    let mut tally = Tally::default();
    let folder = scratch()?;
    let (database, repository) = (
        folder.path().join("db.grafeo"),
        folder.path().join("backups"),
    );
    let mut engine = busy_engine(driver, &database)?;
    let mut ends = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < time {
        let committed = engine.concurrent_counts()?.iter().sum();
        let mode = (tally.runs % 5 == 3).then_some("--full");
        let run = back_up_once(programs, &database, &repository, mode)?;
        tally.runs += 1;
        let end = end_epoch(&run);
        let outcome = judge_backup(&run, end, committed);
        tally.struck(
            || format!("{}, backup {}", driver.display(), tally_name(end)),
            outcome,
        );
        ends.extend(end);
    }
    engine.concurrent_stop()?;
    let total = engine.epoch()?;
    let last = back_up_once(programs, &database, &repository, Some("--incremental"))?;
    ensure!(last.exit == Some(0), "the last backup: {}", last.json);
    drop(engine);
    ends.push(total);
    let verified = verify(&repository, &VerifyOptions::default(), every_core())?;
    if !verified.problems.is_empty() {
        println!("KEPT {}", folder.keep().display());
        anyhow::bail!("{:?}", verified.problems);
    }
    let opened = Repository::open(&repository, every_core())?
        .chain()
        .restorable();
    let whole = opened.iter().any(|range| range.to.get() == total);
    tally.struck(
        || format!("{}: its end is {total}", driver.display()),
        whole.then_some(()).context("not all of it can be restored"),
    );
    let mut judge = Engine::start(driver);
    let step = ends.len().div_ceil(POINTS);
    for epoch in ends.into_iter().rev().step_by(step) {
        let outcome = judge_point(&mut judge, &repository, folder.path(), epoch);
        tally.struck(|| format!("{}, epoch {epoch}", driver.display()), outcome);
    }
    Ok(tally)
}

fn tally_name(end: Option<u64>) -> String {
    end.map_or_else(|| "without an end".to_owned(), |end| format!("to {end}"))
}

fn back_up_once(
    programs: &Programs,
    database: &Path,
    repository: &Path,
    mode: Option<&str>,
) -> Result<CommandRun> {
    let mut command = programs.command(None);
    command
        .arg("backup")
        .arg(database)
        .arg("--repo")
        .arg(repository);
    CommandRun::of(command.args(mode).arg("--json"))
}

/// Where a backup ends: that of the segment, or what was there already.
fn end_epoch(run: &CommandRun) -> Option<u64> {
    let last = run.json["segments"].as_array().and_then(|all| all.last());
    let segment = last.unwrap_or(&run.json["segment"]);
    segment["end_epoch"]
        .as_u64()
        .or(run.json["end_epoch"].as_u64())
}

/// A backup holds all that was committed before it began.
fn judge_backup(run: &CommandRun, end: Option<u64>, committed: u64) -> Result<()> {
    ensure!(run.exit == Some(0), "it failed: {}", run.json);
    let end = end.context("it does not say where it ends")?;
    ensure!(
        end >= committed,
        "{committed} commits were made before it, and it ends at {end}"
    );
    Ok(())
}

/// Every commit takes the next epoch and adds a node: the state at an epoch has as many.
fn judge_point(judge: &mut Engine, repository: &Path, folder: &Path, epoch: u64) -> Result<()> {
    let output = folder.join(format!("{epoch}.grafeo"));
    let point = Point::new(Timeline::FIRST, Epoch::new(epoch));
    let options = Options::to(Target::Point(point.into()));
    restore(repository, &output, &options, every_core())?;
    let nodes = nodes(judge, &output)?;
    ensure!(nodes == epoch, "it has {nodes} nodes");
    fs::remove_file(&output)?;
    Ok(())
}

fn nodes(judge: &mut Engine, database: &Path) -> Result<u64> {
    let content = judge.dump(database)?.content;
    Ok(content["nodes"].as_array().context("nodes")?.len() as u64)
}

/// Copies the file, and then the log. A larger file takes as long as the pause is.
fn copy_in_turn(database: &Path, target: &Path) -> Result<()> {
    fs::copy(database, target)?;
    thread::sleep(3 * CHECKPOINT_INTERVAL);
    copy(&log_folder(database), &log_folder(target))
}

/// The control: what a tool does that does not know of checkpoints.
fn copy_plainly(driver: &Path, time: Duration) -> Result<Tally> {
    let mut tally = Tally::default();
    let folder = scratch()?;
    let database = folder.path().join("db.grafeo");
    let mut engine = busy_engine(driver, &database)?;
    let mut copies = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < time && copies.len() < POINTS {
        let committed = engine.concurrent_counts()?.iter().sum();
        let target = folder.path().join(format!("{}.grafeo", copies.len()));
        let outcome = copy_in_turn(&database, &target);
        copies.push((target, committed, outcome));
    }
    engine.concurrent_stop()?;
    drop(engine);
    for (target, committed, outcome) in copies {
        tally.runs += 1;
        let mut judge = Engine::start(driver);
        let outcome = outcome.and_then(|()| {
            let nodes = nodes(&mut judge, &target)?;
            ensure!(
                nodes >= committed,
                "{committed} commits were made, it has {nodes}"
            );
            Ok(())
        });
        tally.struck(|| format!("{}", target.display()), outcome);
    }
    Ok(tally)
}
