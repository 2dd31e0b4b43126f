//! The figures that were to be reached, and what was to be reached.

mod written;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::figure::{Figure, Reach, Sense, Unit, Usage};
use super::measurement::Measurement;
use super::rounds::{Middle, ROUNDS, alternate};
use super::state::{State, remove};
use super::table;
use super::workload::{Workloads, printed, warm, write_back};

const GENERATIONS: [u32; 2] = [1, 2];
/// The most anonymous memory that a command may take.
const ANON_BYTES: u64 = 32 << 20;
/// Of a durable copy of the same bytes.
const COPY: f64 = 1.25;
/// The same of what is only copied, and of what a first backup writes.
const RESTORED: f64 = 1.05;
const FIRST: f64 = 1.15;
/// How many times faster than the engine.
const ENGINE: f64 = 10.0;
/// Of a tenth of the segments.
const TENTH: f64 = 12.0;
/// Of a hundredth of the segments, where the engine's manifest is written anew.
const HUNDREDTH: f64 = 10.0;

/// Measures each figure whose name has the filter in it.
pub(crate) fn measure(workloads: &Workloads, filter: Option<&str>) -> Result<Vec<Figure>> {
    let mut run = Run {
        workloads,
        filter,
        figures: Vec::new(),
    };
    for generation in GENERATIONS {
        run.scan("large", 0.8, None, generation)?;
        let engine = (generation == 1).then_some(ENGINE);
        run.scan("small", 0.6, engine, generation)?;
    }
    for generation in GENERATIONS {
        run.increment(generation)?;
    }
    run.full()?;
    run.first()?;
    for generation in GENERATIONS {
        run.restore_chain(generation)?;
    }
    for (whose, workload) in [("ours", "captured"), ("the engine's", "exported")] {
        let name = format!("restore of 490 MB from {whose}, generation 1");
        run.restore(name, 1, workload, of_copy(RESTORED))?;
    }
    for generation in GENERATIONS {
        let name = format!("verify of chain, generation {generation}");
        run.verify(name, generation, "chain")?;
    }
    run.verify("verify of 490 MB, generation 1".to_owned(), 1, "captured")?;
    run.list()?;
    run.plan()?;
    for generation in GENERATIONS {
        run.one_commit(generation)?;
    }
    for generation in GENERATIONS {
        run.memory(generation)?;
    }
    Ok(run.figures)
}

struct Run<'a> {
    workloads: &'a Workloads,
    filter: Option<&'a str>,
    figures: Vec<Figure>,
}

/// So many times a durable copy, in little memory.
fn of_copy(ratio: f64) -> Reach {
    Reach {
        ratio: Some(ratio),
        engine: None,
        anon_bytes: Some(ANON_BYTES),
    }
}

/// What the engine took for the same, measured by its own function.
struct Engine {
    seconds: f64,
    usage: Usage,
}

impl Run<'_> {
    /// Says what is measured now; `false` where it is not wanted.
    fn begin(&self, name: &str) -> bool {
        let is_wanted = self.filter.is_none_or(|filter| name.contains(filter));
        if is_wanted {
            eprintln!("{name}");
        }
        is_wanted
    }

    /// Adds a figure, and tells it: a whole run takes minutes.
    fn push(&mut self, figure: Figure) {
        eprintln!("  {}", table::brief(&figure));
        self.figures.push(figure);
    }

    fn scan(
        &mut self,
        frames: &str,
        ratio: f64,
        engine: Option<f64>,
        generation: u32,
    ) -> Result<()> {
        let name = format!("scan and verify {frames}, generation {generation}");
        if !self.begin(&name) {
            return Ok(());
        }
        warm(&self.workloads.of(generation, frames))?;
        let (generation, folder) = (generation.to_string(), self.workloads.folder());
        let words = [
            "scan".as_ref(),
            folder.as_os_str(),
            frames.as_ref(),
            generation.as_ref(),
        ];
        let reach = Reach {
            ratio: Some(ratio),
            engine,
            ..Reach::default()
        };
        self.push(self.by_worker(name, &words, Sense::Speed)?.reaching(reach));
        Ok(())
    }

    /// A figure of which the worker measures every side.
    fn by_worker(&self, name: String, words: &[&OsStr], sense: Sense) -> Result<Figure> {
        let rounds = ROUNDS.to_string();
        let run = self
            .workloads
            .worker(&[words, &[rounds.as_ref()]].concat())?;
        let ours = printed(&run, "ours")?.context("the worker measured nothing")?;
        let figure = Figure::new(name, Unit::Seconds, ours, printed(&run, "limit")?, sense);
        Ok(Figure {
            engine: printed(&run, "engine")?,
            ..figure
        })
    }

    fn plan(&mut self) -> Result<()> {
        let name = "open and plan over 100,000 segments".to_owned();
        if !self.begin(&name) {
            return Ok(());
        }
        let [many, fewer] = self.many();
        let words = ["plan".as_ref(), many.as_os_str(), fewer.as_os_str()];
        let reach = Reach {
            ratio: Some(TENTH),
            ..Reach::default()
        };
        self.push(self.by_worker(name, &words, Sense::Times)?.reaching(reach));
        Ok(())
    }

    fn list(&mut self) -> Result<()> {
        let name = "list of 100,000 segments".to_owned();
        if !self.begin(&name) {
            return Ok(());
        }
        let [many, fewer] = self.many();
        let list = |repository: &Path| {
            self.workloads
                .command(&["list".as_ref(), repository.as_os_str()])
        };
        list(&many)?;
        let times = alternate(|| list(&many), || list(&fewer))?;
        let engine = self.engine(ROUNDS, |_| vec!["list".into(), many.clone()])?;
        self.add(
            name,
            times,
            Sense::Times,
            Some(engine),
            Reach {
                ratio: Some(TENTH),
                engine: None,
                anon_bytes: Some(ANON_BYTES),
            },
        );
        Ok(())
    }

    fn many(&self) -> [PathBuf; 2] {
        ["many", "fewer"].map(|name| self.workloads.of(1, name).join("backups"))
    }

    fn verify(&mut self, name: String, generation: u32, workload: &str) -> Result<()> {
        if !self.begin(&name) {
            return Ok(());
        }
        let repository = self.workloads.of(generation, workload).join("backups");
        warm(&repository)?;
        let times = alternate(
            || {
                self.workloads
                    .command(&["verify".as_ref(), repository.as_os_str()])
            },
            || {
                self.workloads
                    .worker(&["hash".as_ref(), repository.as_os_str()])
            },
        )?;
        self.add(
            name,
            times,
            Sense::Speed,
            None,
            Reach {
                anon_bytes: Some(ANON_BYTES),
                ..Reach::default()
            },
        );
        Ok(())
    }

    /// A backup of one commit after 1,000 segments, beside one after 10.
    fn one_commit(&mut self, generation: u32) -> Result<()> {
        let name = format!("backup after 1,000 segments, generation {generation}");
        if !self.begin(&name) {
            return Ok(());
        }
        let [thousand, ten] = ["thousand", "ten"].map(|name| self.workloads.of(generation, name));
        let times = alternate(
            || self.short(&thousand, "backup"),
            || self.short(&ten, "backup"),
        )?;
        let reach = Reach {
            ratio: Some(HUNDREDTH),
            engine: None,
            anon_bytes: Some(ANON_BYTES),
        };
        self.add(name, times, Sense::Times, None, reach);
        Ok(())
    }

    /// The peaks of each command over 1,000 increments, beside those over 10.
    fn memory(&mut self, generation: u32) -> Result<()> {
        for subcommand in ["backup", "restore", "verify", "list"] {
            let name = format!("memory of {subcommand}, generation {generation}");
            if !self.begin(&name) {
                continue;
            }
            let peak = |workload| {
                let folder = self.workloads.of(generation, workload);
                let runs = (0..ROUNDS).map(|_| self.short(&folder, subcommand));
                Middle::of(&runs.collect::<Result<Vec<_>>>()?)
            };
            let (thousand, ten) = (peak("thousand")?.usage, peak("ten")?.usage);
            #[expect(clippy::cast_precision_loss, reason = "no memory has 2^52 bytes")]
            let [ours, limit] = [thousand.anon_bytes as f64, ten.anon_bytes as f64];
            let mut figure = Figure::new(name, Unit::Bytes, ours, Some(limit), Sense::Times);
            figure.usage = Some(thousand);
            self.push(figure.reaching(Reach {
                ratio: Some(1.0),
                engine: None,
                anon_bytes: Some(ANON_BYTES),
            }));
        }
        Ok(())
    }

    /// A command on a short chain, which it leaves as it was.
    fn short(&self, folder: &Path, subcommand: &str) -> Result<Measurement> {
        let (database, repository) = (folder.join("live.grafeo"), folder.join("backups"));
        let output = folder.join("restored.grafeo");
        let log = folder.join("live.grafeo.wal");
        let state = State::of(&[folder, &log, &repository])?;
        let words: &[&OsStr] = match subcommand {
            "backup" => &[
                "backup".as_ref(),
                database.as_os_str(),
                "--repo".as_ref(),
                repository.as_os_str(),
            ],
            "restore" => &[
                "restore".as_ref(),
                repository.as_os_str(),
                output.as_os_str(),
            ],
            _ => &[subcommand.as_ref(), repository.as_os_str()],
        };
        let run = self.workloads.command(words);
        state.reset()?;
        run
    }

    /// Lets the engine do it, each time with an empty folder.
    fn engine(&self, rounds: u32, words: impl Fn(&Path) -> Vec<PathBuf>) -> Result<Engine> {
        let runs = (0..rounds).map(|_| {
            let scratch = self.workloads.scratch()?;
            write_back()?;
            let run = self.workloads.worker(&words(&scratch));
            remove(&scratch)?;
            let mut run = run?;
            run.seconds = printed(&run, "engine")?.context("the worker measured nothing")?;
            Ok(run)
        });
        let middle = Middle::of(&runs.collect::<Result<Vec<_>>>()?)?;
        Ok(Engine {
            seconds: middle.seconds,
            usage: middle.usage,
        })
    }

    fn add(
        &mut self,
        name: String,
        [ours, limit]: [Middle; 2],
        sense: Sense,
        engine: Option<Engine>,
        reach: Reach,
    ) {
        let limit = Some(limit.seconds);
        let mut figure = Figure::new(name, Unit::Seconds, ours.seconds, limit, sense);
        figure.usage = Some(ours.usage);
        figure.engine = engine.as_ref().map(|engine| engine.seconds);
        figure.engine_usage = engine.map(|engine| engine.usage);
        self.push(figure.reaching(reach));
    }
}
