//! Released clients of the engine, each writing with what it offers while the built command backs
//! its database up; what every point comes back as is asked of the same client.
//!
//! The clients are Python wheels and Node bindings, installed by pip and npm into the target
//! folder. They are told what to do by a small program in their own language (`drive.py`,
//! `drive.mjs`). An upgrade ends with the engine that the tests are built with, in their driver. What must be exact, and what cannot be, is the table in docs/grafeo-versions.md:
//! a run is compared with it.

mod client;
mod engine;
mod expected;
mod install;
mod judge;
mod scenario;

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail, ensure};

use self::expected::Expected;
use self::install::{Installed, Language, Release, Store};
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
/// The clients that an older database is opened with to be upgraded, one after the other. There is
/// no wheel of the last.
const UPGRADES: [Release; 2] = [Release::python("0.6.0"), Release::engine("0.6.1")];
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
/// Stores that keep a folder database, with the release of the engine that they run on.
const STORES: [Store; 3] = [
    Store::new("langchain", "0.2.0"),
    Store::new("llamaindex", "0.2.0"),
    Store::new("memory", "0.2.2"),
];
const STORES_RUN_ON: Release = Release::python("0.5.44");
/// The rows in which a database is upgraded, and whether it is a folder.
const UPGRADED: [(&str, bool); 2] = [("upgrade", false), ("folder-upgrade", true)];
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

impl Options {
    fn has(&self, feature: &str) -> bool {
        self.features.is_empty() || self.features.iter().any(|it| it == feature)
    }
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
    let mut upgrades = Vec::new();
    if options.features.is_empty() || UPGRADED.iter().any(|(name, _)| options.has(name)) {
        for release in UPGRADES {
            match release.install(&folder) {
                Ok(client) => upgrades.push(client),
                Err(error) => skipped.push(format!("upgrades to {release}: {error:#}")),
            }
        }
    }
    let mut work = work(&installed, &upgrades, &command, &folder, options);
    let stores = STORES.iter().filter(|store| options.has(store.name));
    for store in stores.filter(|_| wanted(&&STORES_RUN_ON)) {
        match STORES_RUN_ON.install_store(store, &folder) {
            Ok(client) => work.push(store_scenario(&client, store, &command, &folder, options)),
            Err(error) => skipped.push(format!("grafeo-{}: {error:#}", store.name)),
        }
    }
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
    upgrades: &[Installed],
    command: &std::path::Path,
    folder: &std::path::Path,
    options: &Options,
) -> Vec<ClientScenario> {
    let scenario = |client: &Installed, upgrades: &[Installed], feature: &str, is_folder| {
        let mut scenario = ClientScenario {
            client: client.clone(),
            upgrades: upgrades.to_vec(),
            feature: feature.to_owned(),
            is_folder,
            is_followed: false,
            command: command.to_owned(),
            folder: PathBuf::new(),
            keep: options.keep,
        };
        scenario.folder = scenario_folder(folder, client, scenario.name());
        scenario
    };
    let mut scenarios = Vec::new();
    for client in installed {
        for feature in FEATURES.iter().filter(|feature| options.has(feature)) {
            scenarios.push(scenario(client, &[], feature, false));
        }
        if !client.release.version.starts_with("0.5.") {
            continue;
        }
        if options.has("folder") {
            scenarios.push(scenario(client, &[], "queries", true));
        }
        for (name, is_folder) in UPGRADED {
            if !upgrades.is_empty() && options.has(name) {
                scenarios.push(scenario(client, upgrades, "queries", is_folder));
            }
        }
    }
    scenarios
}

/// A store, under `follow`.
fn store_scenario(
    client: &Installed,
    store: &Store,
    command: &std::path::Path,
    folder: &std::path::Path,
    options: &Options,
) -> ClientScenario {
    ClientScenario {
        client: client.clone(),
        upgrades: Vec::new(),
        feature: store.name.to_owned(),
        is_folder: true,
        is_followed: true,
        command: command.to_owned(),
        folder: scenario_folder(folder, client, store.name),
        keep: options.keep,
    }
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

impl Store {
    const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version }
    }
}

impl Language {
    /// The program that drives a client of the language, where it needs one.
    const fn driver(self) -> Option<&'static str> {
        match self {
            Self::Python => Some("drive.py"),
            Self::Node => Some("drive.mjs"),
            Self::Rust => None,
        }
    }
}
