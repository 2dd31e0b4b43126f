//! The tests of the workspace: each program of tests as cargo builds it, several at a time.
//!
//! `cargo test` runs one program after another, and at the end of each the cores wait for its
//! slowest test. Here as many programs run as there are cores.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::run::{cargo, describe};

/// What tells the tests that there is time, as `apograph_testing::effort` reads it.
const LONG: &str = "APOGRAPH_LONG";
/// The packages whose tests take longest: they begin first.
const LONGEST: [&str; 2] = ["apograph-interop", "apograph-faults"];

/// Builds and runs every test, those in the documentation too.
///
/// # Errors
///
/// Where something does not build or a test fails, once all have run.
pub(crate) fn run_tests(is_long: bool) -> Result<()> {
    let mut programs = programs(&built()?)?;
    programs.sort_by_key(|it| {
        LONGEST
            .iter()
            .position(|name| it.package() == *name)
            .unwrap_or(LONGEST.len())
    });
    let mut runs: VecDeque<_> = programs.iter().map(TestProgram::command).collect();
    runs.push_back(cargo(["test", "--workspace", "--doc"]));
    if is_long {
        for run in &mut runs {
            run.env(LONG, "1");
        }
    }
    let failed = run_all(runs);
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// What cargo says while it builds the programs.
fn built() -> Result<String> {
    let mut build = cargo(["test", "--workspace", "--no-run"]);
    build.arg("--message-format=json-render-diagnostics");
    let output = build.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start `{}`", describe(&build)))?;
    ensure!(output.status.success(), "the tests do not build");
    String::from_utf8(output.stdout).context("what cargo says is not text")
}

/// A program of tests.
#[derive(Debug, PartialEq, Eq)]
struct TestProgram {
    executable: PathBuf,
    /// The folder of its package, where cargo runs it.
    folder: PathBuf,
}

/// One of cargo's messages, as far as it tells of a program of tests.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    executable: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The programs of tests that cargo's messages tell of.
fn programs(messages: &str) -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: Message = serde_json::from_str(line).context("a message of cargo")?;
        let is_test = message.profile.is_some_and(|profile| profile.test);
        let folder = message.manifest_path.as_deref().and_then(Path::parent);
        if let (Some(executable), Some(folder), true) = (message.executable, folder, is_test) {
            let folder = folder.to_owned();
            programs.push(TestProgram { executable, folder });
        }
    }
    ensure!(!programs.is_empty(), "there are no tests");
    Ok(programs)
}

impl TestProgram {
    /// The name of its package, which is that of its folder.
    fn package(&self) -> &str {
        let name = self.folder.file_name();
        name.and_then(|name| name.to_str()).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// Runs all of them, as many at a time as there are cores, and shows what each said; which of them
/// failed.
fn run_all(runs: VecDeque<Command>) -> Vec<String> {
    let waiting = Mutex::new(runs);
    let failed = Mutex::new(Vec::new());
    let next = || waiting.lock().expect("nobody panics with it").pop_front();
    let work = || {
        while let Some(mut run) = next() {
            let text = describe(&run);
            let begun = Instant::now();
            let output = run.stdin(Stdio::null()).output();
            let took = begun.elapsed().as_secs_f64();
            // What is shown of one run stays together.
            let mut failed = failed.lock().expect("nobody panics with it");
            let is_sound = match output {
                Ok(output) => {
                    let said = [output.stderr, output.stdout].concat();
                    println!("{}", String::from_utf8_lossy(&said));
                    output.status.success()
                }
                Err(error) => {
                    println!("cannot start: {error}");
                    false
                }
            };
            println!("    {text}: {took:.1} s");
            if !is_sound {
                failed.push(text);
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    failed.into_inner().expect("nobody panicked with it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_tests_are_told_from_what_else_is_built() {
        let messages = [
            r#"{"reason":"compiler-artifact","manifest_path":"/w/a/Cargo.toml","profile":{"test":false},"executable":"/t/a"}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/w/a/Cargo.toml","profile":{"test":true},"executable":"/t/it-1"}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/w/b/Cargo.toml","profile":{"test":true},"executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let found = programs(&messages.join("\n")).expect("messages");
        let expected = TestProgram {
            executable: "/t/it-1".into(),
            folder: "/w/a".into(),
        };
        assert_eq!(found, [expected]);
        assert_eq!(found[0].package(), "a");
        assert!(programs(messages[3]).is_err());
    }

    #[test]
    fn each_run_that_fails_is_told() {
        let runs = ["true", "false", "no-such-program"].map(Command::new);
        let mut failed = run_all(runs.into());
        failed.sort();
        assert_eq!(failed, ["false", "no-such-program"]);
    }
}
