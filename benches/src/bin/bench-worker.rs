//! What `cargo xtask bench` measures in processes of its own.
//!
//! ```text
//! bench-worker prepare FOLDER [NAME..]              makes the workloads
//! bench-worker scan FOLDER small|large 1|2 ROUNDS   reading a log: ours, the limit, the engine
//! bench-worker plan REPO FEWER ROUNDS               opening and planning: ours, the same over fewer
//! bench-worker hash FOLDER                          the limit of reading the files of a folder
//! bench-worker full DB SCRATCH                      the engine's own functions, each once
//! bench-worker increment BYTES SCRATCH
//! bench-worker restore REPO EPOCH OUTPUT
//! bench-worker list REPO
//! ```
//!
//! Seconds are printed as JSON: `{"ours": [..], "limit": [..], "engine": [..]}`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use apograph_benches::{Frames, GENERATIONS, Payloads, Result, Scale, Workload, Workloads};
use apograph_benches::{engine, limit, scan};
use apograph_format::Generation;
use apograph_io::{Context, Threads};
use apograph_manifest::Target;
use apograph_repository::Repository;
use serde_json::{Value, json};

/// How often the engine reads a log: once takes as long as many of our rounds.
const ENGINE_ROUNDS: u32 = 3;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let seconds = match *words.as_slice() {
        ["prepare", folder, ref names @ ..] => {
            let workloads = Workloads::new(folder.into(), Scale::FULL);
            workloads.prepare(names, |name| eprintln!("{name}"))?;
            json!({})
        }
        ["scan", folder, frames, generation, rounds] => {
            measure_scan(folder, frames, generation, rounds.parse()?)?
        }
        ["plan", repository, fewer, rounds] => {
            let [ours, limit] = alternate(rounds.parse()?, || plan(repository), || plan(fewer))?;
            json!({"ours": ours, "limit": limit})
        }
        ["hash", folder] => {
            limit::bytes(&limit::files(Path::new(folder))?, &Threads::default())?;
            json!({})
        }
        ["full", database, scratch] => {
            by_engine(engine::backup_full(database.as_ref(), scratch.as_ref())?)
        }
        ["increment", bytes, scratch] => by_engine(engine::backup_incremental(
            scratch.as_ref(),
            bytes.parse()?,
        )?),
        ["restore", repository, epoch, output] => by_engine(engine::restore(
            repository.as_ref(),
            epoch.parse()?,
            output.as_ref(),
        )?),
        ["list", repository] => by_engine(engine::list(repository.as_ref())?),
        _ => return Err("this is for `cargo xtask bench`".into()),
    };
    println!("{seconds}");
    Ok(())
}

fn by_engine(elapsed: Duration) -> Value {
    json!({"engine": [elapsed.as_secs_f64()]})
}

fn measure_scan(folder: &str, frames: &str, generation: &str, rounds: u32) -> Result<Value> {
    let workloads = Workloads::new(PathBuf::from(folder), Scale::FULL);
    let generation = GENERATIONS
        .into_iter()
        .find(|it| it.number().to_string() == generation)
        .ok_or("there are generations 1 and 2")?;
    let frames = Frames::ALL
        .into_iter()
        .find(|it| it.name() == frames)
        .ok_or("there are small and large frames")?;
    let threads = Threads::default();
    let ours = |log: &Path| scan::by_apograph(log, generation, &threads);
    let (log, [ours, limit]) = match frames {
        Frames::Small => {
            let log = workloads.log(Workload::Small, generation)?;
            let payloads = Payloads::of(&log, generation)?;
            let times = alternate(rounds, || ours(&log), || payloads.hash(&threads))?;
            (log, times)
        }
        Frames::Large => {
            let log = workloads.log(Workload::Large, generation)?;
            let files = limit::logs(&log)?;
            let times = alternate(rounds, || ours(&log), || limit::bytes(&files, &threads))?;
            (log, times)
        }
    };
    let mut engine = Vec::new();
    if generation == Generation::One {
        for _ in 0..ENGINE_ROUNDS {
            engine.push(time(|| scan::by_engine(&log))?);
        }
    }
    Ok(json!({"ours": ours, "limit": limit, "engine": engine}))
}

fn plan(repository: &str) -> Result<()> {
    let repository = Repository::open(repository, Context::default())?;
    repository.chain().plan(&Target::Latest)?;
    Ok(())
}

/// Seconds of one and of the other, in turns, after one of each that does not count.
fn alternate(
    rounds: u32,
    ours: impl Fn() -> Result<()>,
    limit: impl Fn() -> Result<()>,
) -> Result<[Vec<f64>; 2]> {
    ours()?;
    limit()?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(time(&ours)?);
        times[1].push(time(&limit)?);
    }
    Ok(times)
}

fn time<T>(act: impl FnOnce() -> Result<T>) -> Result<f64> {
    let begun = Instant::now();
    act()?;
    Ok(begun.elapsed().as_secs_f64())
}
