//! Random lives: `lives GENERATION DRIVER COMMAND FIRST-LAST [--shrink] [--vaults] [--folders]`.
//!
//! Lives the life of each seed and ends with counts. A seed that finds something is told at once,
//! with what happened in it; `--shrink` leaves out what has no part in that. With `--vaults` all
//! repositories are vaults; with `--folders` all databases are, of generation 1, folders.

use std::error::Error;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, thread};

use apograph_interop::lives::{Life, Report, Tools};
use apograph_interop::{Apograph, EngineGeneration};

const USAGE: &str =
    "usage: lives GENERATION DRIVER COMMAND FIRST-LAST [--shrink] [--vaults] [--folders]";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let generation = EngineGeneration::try_from(next()?.parse::<u32>()?)?;
    let driver = next()?.into();
    let command = Apograph::at(Path::new(&next()?));
    let (first, last) = next()?
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
        .ok_or(USAGE)?;
    let options: Vec<String> = arguments.collect();
    let has = |option: &str| options.iter().any(|word| word == option);
    let shrinks = has("--shrink");
    let tools = Tools {
        command,
        driver,
        generation,
        in_vaults: has("--vaults"),
        in_folders: has("--folders") && generation == EngineGeneration::One,
    };
    let (report, failed) = live(&tools, first..=last, shrinks);
    println!(
        "generation {generation}: {} seeds, {report}",
        last - first + 1
    );
    for (code, count) in &report.refused {
        println!("    {count} refused: {code}");
    }
    for (why, count) in &report.reasons {
        println!("    {count} full: {why}");
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("seeds that found something: {failed:?}");
    Ok(ExitCode::FAILURE)
}

/// What all of them came to, and which found something.
fn live(tools: &Tools, seeds: RangeInclusive<u64>, shrinks: bool) -> (Report, Vec<u64>) {
    let next = AtomicU64::new(*seeds.start());
    let whole = Mutex::new((Report::default(), Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > *seeds.end() {
                return;
            }
            let one = || {
                let life = Life::of(tools, seed);
                if shrinks { life.shrunk(tools) } else { life }
            };
            let lived = catch_unwind(AssertUnwindSafe(one));
            let mut whole = whole.lock().expect("nobody panics with it");
            let Ok(life) = lived else {
                println!("seed {seed} could not be lived");
                whole.1.push(seed);
                continue;
            };
            if !life.report.findings.is_empty() {
                println!("seed {seed}\n{}", life.script());
                for finding in &life.report.findings {
                    println!("    {finding}");
                }
                whole.1.push(seed);
            }
            whole.0.add(life.report);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let (report, mut failed) = whole.into_inner().expect("nobody panicked with it");
    failed.sort_unstable();
    (report, failed)
}
