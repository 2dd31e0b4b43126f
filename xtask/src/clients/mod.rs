//! Released clients of the engine, each writing with what it offers while the built command backs
//! its database up; what every point comes back as is asked of the same client.
//!
//! The clients are Python wheels and Node bindings, installed by pip and npm into the target
//! folder. They are told what to do by a small program in their own language (`drive.py`,
//! `drive.mjs`). What must be exact, and what cannot be, is the table in docs/grafeo-versions.md:
//! a run is compared with it.

mod client;
mod expected;
mod install;
mod judge;
mod scenario;

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail, ensure};

use self::expected::Expected;
use self::install::{Installed, Language, Release};
use self::judge::{Counts, Outcomes};
use self::scenario::ClientScenario;
use crate::metadata::target_folder;
use crate::run::{cargo, run};

/// The clients that are run where none is named.
const RELEASES: [Release; 9] = [
    Release::python("0.5.28"),
    Release::python("0.5.34"),
    Release::python("0.5.36"),
    Release::python("0.5.40"),
    Release::python("0.5.42"),
    Release::python("0.5.43"),
    Release::python("0.5.44"),
    Release::python("0.6.0"),
    Release::node("0.6.0"),
];
/// The client that an older database is opened with to be upgraded.
const UPGRADE: Release = Release::python("0.6.0");
/// What the clients write with.
const FEATURES: [&str; 15] = [
    "values",
    "large",
    "queries",
    "cypher",
    "direct",
    "transactions",
    "rollbacks",
    "schema",
    "graphs",
    "sparql",
    "vectors",
    "texts",
    "bulk",
    "compact",
    "spilled",
];
/// How many scenarios run side by side.
const SIDE_BY_SIDE: usize = 2;

/// What to run.
pub(crate) struct Options {
    /// The only releases, as `0.5.36`; all where there is none.
    pub(crate) versions: Vec<String>,
    /// The only features; all where there is none.
    pub(crate) features: Vec<String>,
    /// Keeps the folders of the scenarios.
    pub(crate) keep: bool,
}

pub(crate) fn clients(options: &Options) -> Result<()> {
    let target = target_folder()?;
    run(&mut cargo([
        "build",
        "--quiet",
        "--package",
        "apograph-cli",
    ]))?;
    let command = target.join("debug/apograph");
    let folder = target.join("clients");
    let wanted = |release: &&Release| {
        options.versions.is_empty() || options.versions.iter().any(|it| it == release.version)
    };
    let releases: Vec<&Release> = RELEASES.iter().filter(wanted).collect();
    ensure!(!releases.is_empty(), "no such release among the clients");
    let mut installed = Vec::new();
    let mut skipped = Vec::new();
    for release in releases {
        match release.install(&folder) {
            Ok(client) => installed.push(client),
            Err(error) => skipped.push(format!("{release}: {error:#}")),
        }
    }
    skipped.push(
        "command line 0.5.42: its features are those of the library, and it asks for glibc 2.39"
            .to_owned(),
    );
    let upgrade = UPGRADE.install(&folder).ok();
    let mut work = work(&installed, upgrade.as_ref(), &command, &folder, options);
    work.reverse();
    let outcomes = run_all(work);
    report(&outcomes, &skipped);
    let expected = Expected::read()?;
    let findings = expected.compare(&outcomes);
    for finding in &findings {
        println!("clients: {finding}");
    }
    match findings.len() {
        0 if installed.is_empty() => bail!("no client could be installed"),
        0 => Ok(()),
        count => bail!("{count} findings"),
    }
}

/// The scenarios, in the order in which they are run.
fn work(
    installed: &[Installed],
    upgrade: Option<&Installed>,
    command: &std::path::Path,
    folder: &std::path::Path,
    options: &Options,
) -> Vec<ClientScenario> {
    let scenario = |client: &Installed, upgraded: Option<&Installed>, feature: &str, is_folder| {
        let mut scenario = ClientScenario {
            client: client.clone(),
            upgraded: upgraded.cloned(),
            feature: feature.to_owned(),
            is_folder,
            command: command.to_owned(),
            folder: PathBuf::new(),
            keep: options.keep,
        };
        scenario.folder = scenario_folder(folder, client, scenario.name());
        scenario
    };
    let mut scenarios = Vec::new();
    for client in installed {
        let wanted = |feature: &&&str| {
            options.features.is_empty() || options.features.iter().any(|it| it == **feature)
        };
        for feature in FEATURES.iter().filter(wanted) {
            scenarios.push(scenario(client, None, feature, false));
        }
        if !client.release.version.starts_with("0.5.") {
            continue;
        }
        let is_wanted = |name: &str| {
            options.features.is_empty() || options.features.iter().any(|it| it == name)
        };
        if is_wanted("folder") {
            scenarios.push(scenario(client, None, "queries", true));
        }
        for (name, is_folder) in [("upgrade", false), ("folder-upgrade", true)] {
            if let Some(upgrade) = upgrade.filter(|_| is_wanted(name)) {
                scenarios.push(scenario(client, Some(upgrade), "queries", is_folder));
            }
        }
    }
    scenarios
}

fn scenario_folder(folder: &std::path::Path, client: &Installed, feature: &str) -> PathBuf {
    folder.join(format!("scenarios/{}-{feature}", client.release.slug()))
}

fn run_all(scenarios: Vec<ClientScenario>) -> Outcomes {
    let waiting = Mutex::new(scenarios);
    let outcomes = Mutex::new(Outcomes::new());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let counts = scenario.run();
                    println!("{:<14} {:<12} {counts}", scenario.name(), scenario.column());
                    for line in &counts.details {
                        println!("    {line}");
                    }
                    if let Ok(mut outcomes) = outcomes.lock() {
                        let row = (
                            scenario.name().to_owned(),
                            scenario.client.release.to_string(),
                        );
                        outcomes.insert(row, counts);
                    }
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_default()
}

/// Counts per client and feature, and what was skipped.
fn report(outcomes: &Outcomes, skipped: &[String]) {
    println!("\nexact / as the engine / refused / wrong / silent");
    for ((feature, client), counts) in outcomes {
        println!("{feature:<14} {client:<16} {counts}");
    }
    let mut total = Counts::default();
    for counts in outcomes.values() {
        total.add(counts);
    }
    println!("all: {total}");
    for skip in skipped {
        println!("skipped: {skip}");
    }
}

impl Language {
    /// The program that drives a client of the language.
    const fn driver(self) -> &'static str {
        match self {
            Self::Python => "drive.py",
            Self::Node => "drive.mjs",
        }
    }
}
