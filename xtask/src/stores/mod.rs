//! The contract of the stores, and vaults in them, over real servers of this machine.
//!
//! Each server is installed into the target folder, started on a port of the loopback, asked, and
//! stopped. What a server does not have is skipped, and said so.

mod install;
mod server;

use std::path::Path;
use std::process::Command;

use anyhow::{Error, Result, bail, ensure};

use self::server::{Running, SERVERS, Server, Settings};
use crate::metadata::target_folder;
use crate::run::{cargo, root, run};

/// So many states of each golden repository are restored from a vault.
const STATES: &str = "4";

/// What came of the servers.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

pub(crate) fn stores(names: &[String]) -> Result<()> {
    let known: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
    for name in names {
        ensure!(
            known.contains(&name.as_str()),
            "there is no server {name}; there are: {}",
            known.join(", ")
        );
    }
    let features = ["--features", "cloud"];
    println!("==> the client, and a stand-in with mishaps");
    run(cargo(["test", "--quiet", "--package", "apograph-store"]).args(features))?;
    let build = ["build", "--quiet", "--package", "apograph-testing"];
    run(cargo(build)
        .args(features)
        .args(["--bin", "store-contract"]))?;
    let build = ["build", "--quiet", "--package", "apograph-model"];
    run(cargo(build).args(features).args(["--bin", "store-goldens"]))?;
    let target = target_folder()?;
    let programs = target.join("debug");
    let mut tally = Tally::default();
    for server in SERVERS {
        if names.is_empty() || names.iter().any(|name| name == server.name) {
            println!("==> {}", server.name);
            tally.add(server, &programs, &target.join("stores"));
        }
    }
    let Tally {
        passed,
        failed,
        skipped,
    } = tally;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("a store does not keep what it promises");
    }
    Ok(())
}

impl Tally {
    /// Installs a server, starts it, and asks it everything.
    fn add(&mut self, server: &'static Server, programs: &Path, folder: &Path) {
        if let Err(error) = server.install(folder) {
            println!("    skipped: it cannot be installed: {error:#}");
            self.skipped += 1;
            return;
        }
        match server.start(folder) {
            Ok(running) => self.ask(&running, programs),
            Err(error) => self.fail(&error.context("it does not start")),
        }
    }

    /// The server ends with `running`.
    fn ask(&mut self, running: &Running, programs: &Path) {
        let program = &programs.join("store-contract");
        let server = running.server;
        let contract = running.settings();
        if server.is_safe {
            self.check(program, server, contract, None);
            let goldens = &programs.join("store-goldens");
            self.check(goldens, server, running.settings(), Some(STATES));
        } else {
            println!("    skipped: the contract, which it does not keep");
            self.skipped += 1;
            self.check(program, server, contract, Some("store-unsafe"));
        }
        match running.nowhere() {
            Ok(nowhere) => self.check(program, server, nowhere, Some("store-unreachable")),
            Err(error) => self.fail(&error),
        }
        if server.denied.is_empty() {
            println!("    skipped: wrong credentials, which it takes");
            self.skipped += 1;
        } else {
            let denied = server.denied.iter();
            let denied = denied.map(|(name, value)| (*name, (*value).to_owned()));
            let settings = running.settings().into_iter().chain(denied).collect();
            self.check(program, server, settings, Some("access-denied"));
        }
    }

    /// One run of the program.
    fn check(&mut self, program: &Path, server: &Server, settings: Settings, word: Option<&str>) {
        let mut command = Command::new(program);
        command
            .arg(server.address)
            .args(word)
            .envs(settings)
            .current_dir(root());
        match run(&mut command) {
            Ok(()) => self.passed += 1,
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &Error) {
        println!("    {error:#}");
        self.failed += 1;
    }
}
