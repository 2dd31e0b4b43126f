//! The built command, and one with a safeguard removed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::check::Ended;
use crate::mutant::{NEGLECTS, Neglect};

/// The environment variables that say where the drivers of the two engines are.
pub const DRIVERS: [&str; 2] = ["APOGRAPH_DRIVER_1", "APOGRAPH_DRIVER_2"];

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The command as it is.
    pub sound: PathBuf,
    /// The command over a mutant disk.
    pub mutant: PathBuf,
    /// The drivers of the two engines, where they were built.
    pub drivers: Option<[PathBuf; 2]>,
    /// Where what a guest is made of is kept.
    pub(crate) guest: PathBuf,
}

impl Programs {
    /// Those in the folder of a program that was built with them; the drivers are where the
    /// environment says.
    pub fn beside(program: &Path) -> Self {
        let folder = program.parent().unwrap_or(Path::new(""));
        Self {
            sound: folder.join("apograph-sound"),
            mutant: folder.join("apograph-mutant"),
            drivers: drivers(),
            guest: folder.parent().unwrap_or(folder).join("guest"),
        }
    }

    /// A command line of one of them, without its words.
    pub(crate) fn command(&self, neglects: Option<Neglect>) -> Command {
        match neglects {
            Some(neglect) => {
                let mut command = Command::new(&self.mutant);
                command.env(NEGLECTS, neglect.word());
                command
            }
            None => Command::new(&self.sound),
        }
    }

    /// Adds one of them to a command line that runs what is at its end.
    pub(crate) fn add_to(&self, command: &mut Command, neglects: Option<Neglect>) {
        match neglects {
            Some(neglect) => command.env(NEGLECTS, neglect.word()).arg(&self.mutant),
            None => command.arg(&self.sound),
        };
    }
}

fn drivers() -> Option<[PathBuf; 2]> {
    let [first, second] = DRIVERS.map(std::env::var_os);
    Some([first?.into(), second?.into()])
}

/// How a run of the command ended.
#[derive(Debug)]
pub struct CommandRun {
    /// Its exit status; none where it was killed.
    pub exit: Option<i32>,
    /// The object on standard output, or the `error` of the one on standard error.
    pub json: Value,
    /// What it said on standard error.
    pub said: String,
}

impl CommandRun {
    /// Runs a command line to its end.
    ///
    /// # Errors
    ///
    /// Where it cannot be started.
    pub fn of(command: &mut Command) -> Result<Self> {
        let output = command.output().context("cannot start the command")?;
        Ok(Self::read(
            output.status.code(),
            &output.stdout,
            &output.stderr,
        ))
    }

    /// Reads what a command that ended has said.
    pub fn read(exit: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Self {
        let last = |text: &[u8]| {
            let mut lines = text.rsplit(|byte| *byte == b'\n');
            lines.find_map(|line| serde_json::from_slice::<Value>(line).ok())
        };
        // A result that could not be written may have been, in the end.
        let failure = last(stderr).filter(|it| exit != Some(0) && it["error"].is_object());
        let json = match failure {
            Some(mut failure) => failure["error"].take(),
            None => last(stdout).unwrap_or_default(),
        };
        let said = String::from_utf8_lossy(stderr).into_owned();
        Self { exit, json, said }
    }

    /// How it ended. Where its result alone could not be written, it did what it should.
    pub(crate) fn ended(&self) -> Ended {
        let message = self.json["message"].as_str().unwrap_or_default();
        match self.exit {
            Some(0) => Ended::Acknowledged,
            Some(_) if message.starts_with("cannot write to standard output") => {
                Ended::Acknowledged
            }
            Some(_) => Ended::Failed,
            None => Ended::CutOff,
        }
    }

    /// The code of its error, which must come with the exit status of that code.
    ///
    /// # Errors
    ///
    /// Where it did not end with an error of the contract.
    pub fn code(&self) -> Result<&str> {
        let code = self.json["code"].as_str().context("no error code")?;
        let exit = match code {
            "io" => 1,
            "usage" => 2,
            "output-exists" => 6,
            "repository-busy" => 7,
            "unsupported-version" => 8,
            "wal-damaged" => 9,
            "target-not-covered" | "ambiguous-target" => 5,
            code if code.starts_with("corrupt-") => 3,
            _ => 4,
        };
        ensure!(self.exit == Some(exit), "{code} with exit {:?}", self.exit);
        Ok(code)
    }
}
