//! The `apograph` command, run as a user runs it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::driver::Taken;
use crate::surroundings::ProcessSurroundings;

/// A build of the command.
#[derive(Debug, Clone)]
pub struct Apograph {
    program: PathBuf,
    surroundings: ProcessSurroundings,
}

/// What a run of the command came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit status, or -1 where a signal ended it.
    pub exit: i32,
    /// The object on standard output, or the `error` of the object on standard error.
    pub json: Value,
}

impl Apograph {
    /// The command that is this program.
    pub fn at(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            surroundings: ProcessSurroundings::default(),
        }
    }

    /// The same in other surroundings.
    #[must_use]
    pub fn within(&self, surroundings: &ProcessSurroundings) -> Self {
        Self {
            surroundings: surroundings.clone(),
            ..self.clone()
        }
    }

    /// Runs the command with `--json` after its words.
    ///
    /// # Panics
    ///
    /// If the program cannot be started, or its answer is no JSON.
    #[track_caller]
    pub fn run<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Outcome {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--json");
        self.surroundings.put_around(&mut command);
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.display()));
        Outcome::of(&output)
    }

    /// Takes a backup; `mode` is `--full`, `--incremental` or nothing.
    #[track_caller]
    pub fn backup(&self, database: &Path, repository: &Path, mode: Option<&str>) -> Outcome {
        self.run(Self::backup_words(database, repository, mode))
    }

    /// The words that take a backup.
    pub(crate) fn backup_words<'w>(
        database: &'w Path,
        repository: &'w Path,
        mode: Option<&'w str>,
    ) -> impl Iterator<Item = &'w OsStr> {
        let words = ["backup".as_ref(), database.as_os_str(), "--repo".as_ref()];
        let words = words.into_iter().chain([repository.as_os_str()]);
        words.chain(mode.map(OsStr::new))
    }

    #[cfg(feature = "programs")]
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    #[cfg(feature = "programs")]
    pub(crate) const fn surroundings(&self) -> &ProcessSurroundings {
        &self.surroundings
    }

    /// Restores a database; no target is `--latest`.
    #[track_caller]
    pub fn restore(&self, repository: &Path, output: &Path, target: &[&str]) -> Outcome {
        let words = [
            "restore".as_ref(),
            repository.as_os_str(),
            output.as_os_str(),
        ];
        self.run(words.into_iter().chain(target.iter().map(OsStr::new)))
    }

    /// Every point that a repository says it can restore, as timeline and epoch.
    ///
    /// # Errors
    ///
    /// The answer of the command, where it does not list the repository.
    #[track_caller]
    pub fn restorable(&self, repository: &Path) -> Result<Vec<(u64, u64)>, Outcome> {
        let listed = self.run(["list".as_ref(), repository.as_os_str()]);
        if listed.exit != 0 {
            return Err(listed);
        }
        let ranges = listed.json["restorable"].as_array().into_iter().flatten();
        let number = |range: &Value, key: &str| range[key].as_u64().unwrap_or_default();
        let points = ranges.flat_map(|range| {
            let timeline = number(range, "timeline");
            (number(range, "from")..=number(range, "to")).map(move |epoch| (timeline, epoch))
        });
        Ok(points.collect())
    }
}

impl Outcome {
    /// Of a run that has ended.
    #[track_caller]
    pub(crate) fn of(output: &Output) -> Self {
        let exit = output.status.code().unwrap_or(-1);
        let is_error = output.stdout.is_empty();
        let text = if is_error {
            &output.stderr
        } else {
            &output.stdout
        };
        let text = String::from_utf8_lossy(text);
        // Warnings stand before the object of an error.
        let object = text.lines().rev().find(|line| line.starts_with('{'));
        let mut json: Value = object
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| panic!("exit {exit}, no JSON: {text}"));
        if is_error {
            json = json["error"].take();
        }
        Self { exit, json }
    }

    /// The code of the error, or what was done: `full`, `incremental`, `up-to-date`.
    pub fn word(&self) -> &str {
        let key = if self.exit == 0 { "outcome" } else { "code" };
        self.json[key].as_str().unwrap_or("no answer")
    }

    /// Whether a warning has these words.
    pub fn warns_of(&self, words: &str) -> bool {
        let warnings = self.json["warnings"].as_array().into_iter().flatten();
        let mut texts = warnings.map(ToString::to_string);
        texts.any(|text| text.contains(words))
    }

    /// A backup as a truth writes it down.
    pub fn taken(&self) -> Taken {
        let segment = &self.json["segment"];
        Taken {
            file: segment["file"].as_str().map(str::to_owned),
            start_epoch: segment["start_epoch"].as_u64(),
            end_epoch: segment["end_epoch"].as_u64(),
            size: segment["size_bytes"].as_u64(),
        }
    }
}
