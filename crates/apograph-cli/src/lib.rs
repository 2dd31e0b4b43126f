//! The `apograph` command: arguments in, one result out.
//!
//! Its contract is docs/cli.md: commands, JSON objects, exit statuses and error codes. Each command
//! is a function from its arguments to a `Report`, which knows how it reads for a person and for a
//! program; nothing else prints.

mod args;
mod backup;
mod check_config;
mod compact;
mod configuration;
mod copy;
mod diff;
mod display;
mod drill;
mod failure;
mod follow;
mod heartbeat;
mod init;
mod inspect;
mod interrupt;
mod keys;
mod list;
mod log;
mod output;
mod pin;
mod progress;
mod prune;
mod rebuild;
mod recipients;
mod records;
mod report;
mod restore;
mod salvage;
mod segments;
mod session;
mod status;
mod table;
mod values;
mod verify;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use apograph_io::{Context, Disk, SystemClock};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use args::{Arguments, Command};
use failure::Failure;
use interrupt::Interrupt;
use progress::Terminal;
use session::{Report, Session};

/// How long it is waited before a busy repository is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// The command and its arguments, of which man pages and completions are made.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command that the process was started with, and says how it ended. Whatever it writes,
/// but its result, it writes to `disk`.
pub fn main(disk: &dyn Disk) -> ExitCode {
    run(disk, std::env::args_os().collect())
}

fn run(disk: &dyn Disk, words: Vec<OsString>) -> ExitCode {
    let interrupt = Interrupt::listen();
    let wants_json = words.iter().any(|word| word == "--json");
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            interrupt.end_at_once();
            return usage(&error, wants_json);
        }
    };
    start_log();
    let Arguments {
        command,
        quiet,
        json,
        wait,
    } = arguments;
    interrupt.listen_to_hangup(command.reads_again());
    if !command.changes_files() {
        interrupt.end_at_once();
    }
    let clock = &SystemClock;
    let terminal = Terminal::new(quiet, json, &interrupt, clock);
    let (threads, pace) = (command.threads(), command.pace());
    let context = Context {
        disk,
        clock,
        threads: &threads,
        pace: &pace,
        monitor: &terminal,
    };
    let session = Session {
        context,
        terminal: &terminal,
        json,
        is_quiet: quiet,
        locations: command.locations(),
    };
    let report = carry_out_in(&session, &command, &interrupt, wait.unwrap_or_default());
    let report = report.map_err(|failure| match interrupt.raised() {
        Some((signal, exit)) => failure.interrupted_by(signal, exit),
        None => failure,
    });
    interrupt.end_at_once();
    terminal.finish();
    let is_silent = |report: &Report| quiet && !json && !report.is_answer && report.exit == 0;
    let printed = report.and_then(|report| {
        if !is_silent(&report) {
            session.print(&report)?;
        }
        Ok(report.exit)
    });
    match printed {
        Ok(exit) => ExitCode::from(exit),
        Err(failure) => fail(&failure, json, &terminal.warnings()),
    }
}

/// Tries again for so long where another command is writing: what failed has changed nothing.
fn carry_out_in(
    session: &Session<'_>,
    command: &Command,
    interrupt: &Interrupt,
    wait: Duration,
) -> Result<Report, Failure> {
    let Context { clock, monitor, .. } = session.context;
    let begun = clock.running();
    loop {
        let left = wait.saturating_sub(clock.running().saturating_sub(begun));
        match carry_out(session, command, interrupt) {
            Err(failure) if failure.is_busy() && !left.is_zero() => {
                monitor.phase("waiting for another command", 0);
                clock.wait(BUSY_PAUSE.min(left));
                monitor.go_on()?;
            }
            ended => return ended,
        }
    }
}

fn carry_out(
    session: &Session<'_>,
    command: &Command,
    interrupt: &Interrupt,
) -> Result<Report, Failure> {
    match command {
        Command::Init(words) => init::run(session, words),
        Command::Copy(words) => copy::run(session, words),
        Command::Recipients(words) => recipients::run(session, words),
        Command::Compact(words) => compact::run(session, words),
        Command::Prune(words) => prune::run(session, words),
        Command::Pin(words) => pin::run(session, words),
        Command::Backup(words) => backup::run(session, words),
        Command::Follow(words) => follow::run(session, words, interrupt),
        Command::CheckConfig(words) => check_config::run(session, words),
        Command::Restore(words) => restore::run(session, words),
        Command::List(words) => list::run(session, words),
        Command::Verify(words) => verify::run(session, words),
        Command::Log(words) => log::run(session, words),
        Command::Diff(words) => diff::run(session, words),
        Command::Inspect(words) => inspect::run(session, words),
        Command::Rebuild(words) => rebuild::run(session, words),
        Command::Status(words) => status::run(session, words),
        Command::Drill(words) => drill::run(session, words),
        Command::Report(words) => report::run(session, words),
        Command::Salvage(words) => salvage::run(session, words),
        Command::Completions { shell } => Ok(completions(*shell)),
    }
}

fn completions(shell: clap_complete::Shell) -> Report {
    let mut script = Vec::new();
    let mut command = command();
    clap_complete::generate(shell, &mut command, "apograph", &mut script);
    Report::answer(String::from_utf8_lossy(&script).into_owned(), Value::Null)
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

fn fail(failure: &Failure, json: bool, warnings: &[String]) -> ExitCode {
    let mut err = anstream::stderr().lock();
    // Where that cannot be written either, the exit status tells.
    let _ = if json {
        let mut object = failure.json();
        object["warnings"] = json!(warnings);
        writeln!(err, "{}", display::line(&object))
    } else {
        write!(err, "{}", failure.text())
    };
    ExitCode::from(failure.exit())
}

fn usage(error: &clap::Error, wants_json: bool) -> ExitCode {
    if !error.use_stderr() {
        // `--help` and `--version`.
        let text = error.render();
        return match output::print(false, |out| write!(out, "{}", text.ansi())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => fail(&failure, wants_json, &[]),
        };
    }
    if wants_json {
        let text = error.render().to_string();
        let said = text
            .lines()
            .take_while(|line| !line.is_empty())
            .map(str::trim);
        let message = said.collect::<Vec<_>>().join(" ");
        let failure = Failure::usage(message.trim_start_matches("error: "));
        return fail(&failure, true, &[]);
    }
    let _ = error.print();
    ExitCode::from(2)
}
