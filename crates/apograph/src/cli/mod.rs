//! The `apograph` command: arguments in, one result out.
//!
//! Its contract is docs/cli.md: commands, JSON objects, exit statuses and error codes. Each command
//! is a function from its arguments to a `Report`, which knows how it reads for a person and for a
//! program; nothing else prints.

mod args;
mod backup;
mod failure;
mod inspect;
mod list;
mod log;
mod progress;
mod rebuild;
mod restore;
mod segments;
mod table;
mod verify;
mod words;

use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use apograph_io::Disk;
use clap::{CommandFactory, Parser};
use serde_json::Value;

use args::{Arguments, Command};
use failure::Failure;
use progress::Terminal;

/// The result of a command, for a person and for a program.
struct Report {
    text: String,
    json: Value,
    exit: u8,
}

impl Report {
    fn done(text: String, json: Value) -> Self {
        Self {
            text,
            json,
            exit: 0,
        }
    }
}

/// Runs the command that the process was started with, and says how it ended. Whatever it writes,
/// but its result, it writes to `disk`.
pub fn main(disk: &dyn Disk) -> ExitCode {
    run(disk, std::env::args_os().collect())
}

fn run(disk: &dyn Disk, words: Vec<OsString>) -> ExitCode {
    let wants_json = words.iter().any(|word| word == "--json");
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error, wants_json),
    };
    start_log();
    let json = arguments.command.json();
    let terminal = Terminal::new(arguments.quiet || json);
    let outcome = match &arguments.command {
        Command::Backup(words) => backup::run(disk, words, &terminal),
        Command::Restore(words) => restore::run(disk, words, &terminal),
        Command::List(words) => list::run(words),
        Command::Verify(words) => verify::run(disk, words, &terminal),
        Command::Log(words) => log::run(words),
        Command::Inspect(words) => inspect::run(words),
        Command::Rebuild(words) => rebuild::run(disk, words),
        Command::Completions { shell } => Ok(completions(*shell)),
    };
    match outcome {
        Ok(report) => print(&report, json),
        Err(failure) => fail(&failure, json),
    }
}

fn completions(shell: clap_complete::Shell) -> Report {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "apograph", &mut script);
    Report::done(String::from_utf8_lossy(&script).into_owned(), Value::Null)
}

/// `RUST_LOG` shows what capture and restore decide, on standard error.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A program that calls the command as a function may have a log already.
    let _ = log.try_init();
}

fn print(report: &Report, json: bool) -> ExitCode {
    // A reader that went away (`| head`) has what it wanted.
    let _ = if json && !report.json.is_null() {
        let mut out = BufWriter::new(std::io::stdout().lock());
        writeln!(out, "{}", report.json).and_then(|()| out.flush())
    } else {
        let mut out = anstream::stdout().lock();
        write!(out, "{}", report.text).and_then(|()| out.flush())
    };
    ExitCode::from(report.exit)
}

fn fail(failure: &Failure, json: bool) -> ExitCode {
    let mut err = anstream::stderr().lock();
    let _ = if json {
        writeln!(err, "{}", failure.json())
    } else {
        write!(err, "{}", failure.text())
    };
    ExitCode::from(failure.exit())
}

fn usage(error: &clap::Error, wants_json: bool) -> ExitCode {
    if !error.use_stderr() {
        // `--help` and `--version`.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if wants_json {
        let text = error.render().to_string();
        let said = text
            .lines()
            .take_while(|line| !line.is_empty())
            .map(str::trim);
        let message = said.collect::<Vec<_>>().join(" ");
        return fail(&Failure::usage(message.trim_start_matches("error: ")), true);
    }
    let _ = error.print();
    ExitCode::from(2)
}
