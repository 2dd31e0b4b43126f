//! The `apograph` command, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use apograph_interop::{Apograph, Taken};
use serde_json::Value;

/// What a run of the command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: i32,
    /// The object on standard output, or the `error` of the object on standard error.
    pub(crate) json: Value,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.exit, 0, "{}", self.json);
        self.json
    }

    /// The error code, which must come with the exit status of the contract.
    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        let code = self.json["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no error: {}", self.json));
        let exit = match code {
            "io" => 1,
            "usage" => 2,
            "corrupt-segment" | "corrupt-manifest" | "corrupt-notes" | "corrupt-cursor"
            | "corrupt-database" | "corrupt-wal" => 3,
            "chain-broken" | "no-full-backup" | "not-a-repository" | "foreign-database"
            | "encrypted" | "not-a-database" | "log-not-found" | "not-verified"
            | "undo-too-late" | "clock-doubtful" => 4,
            "target-not-covered" | "ambiguous-target" => 5,
            "output-exists" => 6,
            "repository-busy" => 7,
            "unsupported-version" | "spilled-vectors" => 8,
            "wal-damaged" => 9,
            _ => panic!("{code} is no code of the contract"),
        };
        assert_eq!(self.exit, exit, "{}", self.json);
        code
    }
}

/// The command that the tests are about: the one that was built with them, or another build of it
/// in `APOGRAPH_COMMAND`.
pub(crate) fn built() -> Apograph {
    Apograph::at(&program())
}

pub(crate) fn program() -> PathBuf {
    let other = std::env::var_os("APOGRAPH_COMMAND");
    other.map_or_else(
        || env!("CARGO_BIN_EXE_apograph-under-test").into(),
        PathBuf::from,
    )
}

/// Runs the command.
pub(crate) fn run<'a>(words: impl IntoIterator<Item = &'a str>) -> Output {
    Command::new(program()).args(words).output().unwrap()
}

/// Runs the command with `--json` after its words.
pub(crate) fn apograph<'a>(words: impl IntoIterator<Item = &'a str>) -> Outcome {
    let output = run(words.into_iter().chain(["--json"]));
    let exit = output.status.code().unwrap_or(-1);
    let text = if output.stdout.is_empty() {
        &output.stderr
    } else {
        &output.stdout
    };
    let mut json: Value = serde_json::from_slice(text)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
    if output.stdout.is_empty() {
        json = json["error"].take();
    }
    Outcome { exit, json }
}

pub(crate) fn backup(database: &Path, repository: &Path, mode: Option<&str>) -> Outcome {
    let words = ["backup", text(database), "--repo", text(repository)];
    apograph(words.into_iter().chain(mode))
}

/// A backup as a scenario writes it down.
pub(crate) fn taken(outcome: &Outcome) -> Result<Taken, String> {
    if outcome.exit != 0 {
        return Err(outcome.code().to_owned());
    }
    let segment = &outcome.json["segment"];
    Ok(Taken {
        file: segment["file"].as_str().map(str::to_owned),
        start_epoch: segment["start_epoch"].as_u64(),
        end_epoch: segment["end_epoch"].as_u64(),
        size: segment["size_bytes"].as_u64(),
    })
}

pub(crate) fn restore(repository: &Path, output: &Path, target: &[&str]) -> Outcome {
    let words = ["restore", text(repository), text(output)];
    apograph(words.into_iter().chain(target.iter().copied()))
}

pub(crate) fn list(repository: &Path) -> Value {
    apograph(["list", text(repository)]).ok()
}

/// Every point that the repository says it can restore, as timeline and epoch.
pub(crate) fn restorable(repository: &Path) -> Vec<(u64, u64)> {
    let list = list(repository);
    let ranges = list["restorable"].as_array().unwrap().iter();
    let number = |range: &Value, key: &str| range[key].as_u64().unwrap();
    ranges
        .flat_map(|range| {
            let timeline = number(range, "timeline");
            (number(range, "from")..=number(range, "to")).map(move |epoch| (timeline, epoch))
        })
        .collect()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything below a folder with its bytes: what must not change when a command fails.
pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
            found.push((path, Vec::new()));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
