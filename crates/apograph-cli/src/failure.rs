//! Errors as the command reports them: a code, a sentence, what to do.

use std::path::{Path, PathBuf};

use apograph_capture::CaptureError;
use apograph_format::UnixMillis;
use apograph_io::IoError;
use apograph_manifest::{ChainError, Nearest};
use apograph_repository::RepositoryError;
use apograph_restore::RestoreError;
use serde_json::{Map, Value, json};

use crate::words;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    hint: Option<String>,
    nearest: Option<Box<Nearest>>,
    file: Option<PathBuf>,
    /// The exit status, where the code alone does not say it.
    exit: Option<u8>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let hint = hint(code).map(str::to_owned);
        Self {
            code,
            message: message.into(),
            hint,
            nearest: None,
            file: None,
            exit: None,
        }
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self::new("usage", message)
    }

    pub(crate) fn about(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }

    /// The same where a signal was the reason.
    pub(crate) fn interrupted_by(mut self, signal: &str, exit: u8) -> Self {
        if self.code == "interrupted" {
            self.message = format!("interrupted by {signal}");
            self.exit = Some(exit);
        }
        self
    }

    pub(crate) fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit status of the contract.
    pub(crate) fn exit(&self) -> u8 {
        self.exit.unwrap_or_else(|| exit_status(self.code))
    }

    pub(crate) fn json(&self) -> Value {
        let nearest = self.nearest.as_ref().map(|nearest| {
            json!({"below": words::point(nearest.below), "above": words::point(nearest.above)})
        });
        let mut error = Map::new();
        let mut put = |key: &str, value| error.insert(key.to_owned(), value);
        put("code", json!(self.code));
        put("message", json!(self.message));
        put("hint", json!(self.hint));
        put("nearest", json!(nearest));
        match &self.file {
            Some(path) => words::put_path(&mut error, "file", path),
            None => drop(error.insert("file".to_owned(), Value::Null)),
        }
        json!({"error": error})
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}\n", words::plain(&self.message));
        if let Some(hint) = &self.hint {
            text.push_str("  hint: ");
            text.push_str(&words::plain(hint));
            text.push('\n');
        }
        text
    }
}

/// The exit status that belongs to an error code.
pub(crate) fn exit_status(code: &str) -> u8 {
    match code {
        "usage" => 2,
        "corrupt-segment" | "corrupt-manifest" | "corrupt-notes" | "corrupt-cursor"
        | "corrupt-database" | "corrupt-wal" => 3,
        "chain-broken" | "no-full-backup" | "not-a-repository" | "foreign-database"
        | "encrypted" | "not-a-database" | "log-not-found" => 4,
        "target-not-covered" | "ambiguous-target" => 5,
        "output-exists" => 6,
        "repository-busy" => 7,
        "unsupported-version" | "spilled-vectors" => 8,
        "wal-damaged" => 9,
        _ => 1,
    }
}

fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "usage" => "`apograph help` lists the commands",
        "corrupt-segment" => {
            "`apograph verify REPO` lists all damage, and `restore` with `--dry-run` tries a target"
        }
        "corrupt-manifest" => {
            "`apograph rebuild REPO` writes the manifest anew from the segment files"
        }
        "corrupt-cursor" => "remove the file, and take the backup again",
        "corrupt-wal" => "close the database and open it again, then take a full backup",
        "corrupt-database" => "restore the database from its last backup",
        "chain-broken" | "no-full-backup" => {
            "take a full backup: `apograph backup DB --repo REPO --full`"
        }
        "not-a-repository" => {
            "name the folder that holds the backups; `apograph init REPO` makes a repository of an \
             empty folder, or where nothing is"
        }
        "log-not-found" => {
            "name the database as the program does that has it open: its log folder is beside that \
             name"
        }
        "foreign-database" => "name another repository for this database",
        "interrupted" => "nothing was changed",
        "output-exists" => "name an OUTPUT that does not exist; nothing is ever overwritten",
        "repository-busy" => "try again when the other command has ended",
        "wal-damaged" => {
            "nothing was captured; let the engine checkpoint or close the database in order if it is \
             open, which writes what it has in memory to its file, and take a full backup then"
        }
        _ => return None,
    })
}

impl From<IoError> for Failure {
    fn from(error: IoError) -> Self {
        let code = match error {
            IoError::Interrupted => "interrupted",
            _ => "io",
        };
        let failure = Self::new(code, error.to_string());
        match error {
            IoError::Interrupted => failure,
            _ => failure.about(error.path()),
        }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        match error {
            RepositoryError::Io(error) => error.into(),
            RepositoryError::InTheWay { ref path } => failure
                .about(path)
                .hinting("`apograph rebuild REPO` makes it part of the chain; or move it away"),
            RepositoryError::Misplaced { ref path, .. } => failure
                .about(path)
                .hinting("name a place outside of that folder; nothing was written"),
            RepositoryError::NotARepository { ref path, .. }
            | RepositoryError::Contradiction { ref path, .. }
            | RepositoryError::Busy { ref path } => failure.about(path),
            _ => failure,
        }
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        match error {
            CaptureError::Io(error) => error.into(),
            CaptureError::Repository(error) => error.into(),
            CaptureError::LogLost { .. } => failure.hinting(
                "put the log folder back beside the database file. If it is lost, \
                 `apograph restore REPO OUTPUT` gives the newest commits, and \
                 `apograph backup DB --repo REPO --full` goes on from the file as it is",
            ),
            CaptureError::WalDirectory { path } => failure
                .about(&path)
                .hinting("only databases in a .grafeo file can be captured"),
            CaptureError::SpilledVectors { path, .. } => failure
                .about(&path)
                .hinting("checkpoint or close the database, and take the backup again"),
            CaptureError::ForeignVectors { path } => failure
                .about(&path)
                .hinting("open the database for writing once: Grafeo 0.6 then takes them in"),
            CaptureError::NotADatabase { path, .. } => failure
                .about(&path)
                .hinting("name the .grafeo file of the database"),
            CaptureError::NoCommits { path, .. } => failure
                .about(&path)
                .hinting("close the database and back it up then, or move on to a later Grafeo"),
            CaptureError::Closing { path } => failure.about(&path).hinting(
                "take the backup again; where that does not help, commit something or checkpoint the \
                 database first",
            ),
            CaptureError::Database { ref path, .. }
            | CaptureError::WalDamaged { ref path, .. }
            | CaptureError::UnsupportedLog { ref path, .. }
            | CaptureError::LogElsewhere { ref path }
            | CaptureError::TwoLogs { ref path, .. }
            | CaptureError::Changing { ref path } => failure.about(path),
            _ => failure,
        }
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        match error {
            ChainError::NotCovered { nearest, .. } => {
                failure.hint = Some(advice(nearest));
                failure.nearest = Some(Box::new(nearest));
            }
            ChainError::TimeNotCovered {
                from,
                until,
                nearest,
                ..
            } => {
                failure.hint = Some(instants(from, until));
                failure.nearest = Some(Box::new(nearest));
            }
            ChainError::Unreachable { nearest, cause, .. } => {
                failure.hint = Some(advice(nearest));
                failure.nearest = Some(Box::new(nearest));
                failure.file = cause.file().map(|file| file.as_str().into());
            }
            ChainError::NotABoundary { below, above, .. } => {
                let names = [below, above].into_iter().flatten();
                let names: Vec<String> = names.map(|lsn| lsn.to_string()).collect();
                failure.hint = Some(if names.is_empty() {
                    "only the log of Grafeo 0.6 has LSNs, and none of it is here; name an epoch or \
                     an instant, by `apograph list REPO`"
                        .to_owned()
                } else {
                    format!("a commit ends at LSN {}", names.join(" and at "))
                });
            }
            ChainError::AmbiguousLsn { .. } => {
                failure.hint = Some("name an epoch, `[T:]E`, or an instant instead".to_owned());
            }
            ChainError::Encrypted { from, to, .. } => {
                let range = from.zip(to).map(|(from, to)| {
                    format!("`--latest`, or `--lsn` with a position from {from} to {to} where a commit ends")
                });
                failure.hint = range;
            }
            ChainError::Ambiguous {
                points,
                has_nameless,
            } => {
                let names: Vec<String> = points.iter().map(ToString::to_string).collect();
                let others = if has_nameless {
                    "; `apograph rebuild REPO` counts the others"
                } else {
                    ""
                };
                failure.hint = Some(format!("name one of {}{others}", names.join(", ")));
            }
            _ => {}
        }
        failure
    }
}

/// Which instants can be named instead.
fn instants(from: Option<UnixMillis>, until: Option<UnixMillis>) -> String {
    let from = from.and_then(words::rfc3339);
    let until = until.and_then(words::rfc3339);
    match (from, until) {
        (Some(from), Some(until)) => {
            format!("`--time` with an instant from {from} to {until}, or `--latest`")
        }
        (None, Some(until)) => {
            format!(
                "what was committed after {until} was not captured; `--latest` is the last state"
            )
        }
        _ => "`apograph list REPO` shows what can be restored".to_owned(),
    }
}

fn advice(nearest: Nearest) -> String {
    match (nearest.below, nearest.above) {
        (Some(below), Some(above)) => format!("restore to {below} or to {above}"),
        (Some(below), None) => format!("restore to {below}, or take a backup first"),
        (None, Some(above)) => format!("restore to {above}"),
        (None, None) => "`apograph list REPO` shows what can be restored".to_owned(),
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        match error {
            RestoreError::Io(error) => error.into(),
            RestoreError::Repository(error) => error.into(),
            RestoreError::Chain(error) => error.into(),
            RestoreError::Segment { ref file, .. } => failure.about(file.as_str().as_ref()),
            RestoreError::OutputExists { ref path } | RestoreError::OutputBusy { ref path } => {
                failure.about(path)
            }
            _ => failure,
        }
    }
}
