//! Backs a database up twice while a thread commits to it, and restores a commit in the middle.
//!
//! `cargo run --example first_backup [FOLDER]`
//!
//! Makes `live.grafeo`, `backups` and `restored.grafeo` in FOLDER, which must not exist yet;
//! without one, in a temporary folder. Fails where the restored database is not what it has to be.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use apograph::{Backup, Captured, Epoch, Point, Repository, Target, Timeline};
use grafeo_engine::GrafeoDB;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = named.unwrap_or_else(|| temporary.path().join("first_backup"));
    std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let database = folder.join("live.grafeo");
    let repository = folder.join("backups");
    let output = folder.join("restored.grafeo");

    println!("While a thread commits to live.grafeo:\n");
    let writer = Writer::start(GrafeoDB::open(&database)?);
    let backup = Backup::new(&database, &repository);
    let full = back_up(&writer, "full backup", &backup.clone().full())?;
    let increment = back_up(&writer, "increment", &backup.incremental())?;

    let middle = Epoch::new(u64::midpoint(full.get(), increment.get()));
    let target = Target::Point(Point::new(Timeline::FIRST, middle).into());
    let begun = Instant::now();
    let restored = Repository::open(&repository)?.restore(target).to(&output)?;
    let what = format!(
        "to epoch {}, {} bytes",
        restored.point.ok_or("the log is encrypted")?.epoch,
        restored.bytes_written
    );
    row("restore", &what, begun);

    let live = writer.stop()?;
    let asked = State::at(middle);
    let found = State::of(&GrafeoDB::open(&output)?)?;
    println!("\n  asked for    {asked}");
    println!("  restored     {found}");
    println!("  live by now  {}", State::of(&live)?);
    if found == asked {
        return Ok(());
    }
    Err("the restored database is another one".into())
}

/// Takes a backup and returns the last epoch in it.
fn back_up(writer: &Writer, name: &str, backup: &Backup<'_>) -> Result<Epoch> {
    let before = writer.wait_for_commits();
    let begun = Instant::now();
    match backup.run()? {
        Captured::Added { segments, .. } => {
            let bytes: u64 = segments.iter().map(|it| it.segment.size_bytes).sum();
            let last = segments.last().ok_or("no segment was added")?;
            let epoch = last.segment.end_epoch;
            let meanwhile = writer.commits() - before;
            let what = format!("to epoch {epoch}, {bytes} bytes, {meanwhile} commits meanwhile");
            row(name, &what, begun);
            Ok(epoch)
        }
        Captured::UpToDate { .. } => Err("there was nothing to back up".into()),
    }
}

fn row(step: &str, what: &str, begun: Instant) {
    let ms = begun.elapsed().as_secs_f64() * 1000.0;
    println!("  {step:<12} {ms:>7.1} ms  {what}");
}

/// What a database holds.
#[derive(Debug, PartialEq, Eq)]
struct State {
    nodes: u64,
    counter: u64,
}

impl State {
    /// What it must hold at an epoch: the writer's commit E leaves E nodes and counts to E.
    fn at(epoch: Epoch) -> Self {
        let (nodes, counter) = (epoch.get(), epoch.get());
        Self { nodes, counter }
    }

    /// What the engine says.
    fn of(database: &GrafeoDB) -> Result<Self> {
        let ask = |query| -> Result<u64> { Ok(database.query_scalar::<i64>(query)?.try_into()?) };
        Ok(Self {
            nodes: ask("MATCH (n) RETURN count(n)")?,
            counter: ask("MATCH (c:Counter) RETURN c.commits")?,
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} nodes, counter at {:>7}", self.nodes, self.counter)
    }
}

/// A thread that commits until it is told to stop.
struct Writer {
    database: Arc<GrafeoDB>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Writer {
    fn start(database: GrafeoDB) -> Self {
        let (database, stop) = (Arc::new(database), Arc::new(AtomicBool::new(false)));
        let (its_database, its_stop) = (Arc::clone(&database), Arc::clone(&stop));
        let thread = thread::spawn(move || commit_until(&its_stop, &its_database));
        Self {
            database,
            stop,
            thread,
        }
    }

    fn commits(&self) -> u64 {
        self.database.current_epoch().as_u64()
    }

    /// Lets it make some commits, and says how many it has made.
    fn wait_for_commits(&self) -> u64 {
        let enough = self.commits() + 1_000;
        while self.commits() < enough && !self.thread.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        self.commits()
    }

    fn stop(self) -> Result<Arc<GrafeoDB>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the writer panicked")??;
        Ok(self.database)
    }
}

fn commit_until(stop: &AtomicBool, database: &GrafeoDB) -> Result<()> {
    let mut session = database.session();
    session.execute("INSERT (:Counter {commits: 1})")?;
    for commit in 2_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        session.begin_transaction()?;
        session.execute(&format!("INSERT (:Event {{number: {commit}}})"))?;
        session.execute(&format!("MATCH (c:Counter) SET c.commits = {commit}"))?;
        session.commit()?;
    }
    Ok(())
}
