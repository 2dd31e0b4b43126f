//! Errors as the command reports them: a code, a sentence, what to do.

use std::path::{Path, PathBuf};

use apograph_capture::CaptureError;
use apograph_format::{Code, UnixMillis, WithCauses};
use apograph_io::IoError;
use apograph_manifest::{ChainError, Nearest};
use apograph_operate::DrillError;
use apograph_repository::RepositoryError;
use apograph_restore::RestoreError;
use serde_json::{Map, Value, json};

use crate::display;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
    nearest: Option<Box<Nearest>>,
    file: Option<PathBuf>,
    /// The exit status, where the code alone does not say it.
    exit: Option<u8>,
}

impl Failure {
    /// Whether another command is in the way, and will be none when it has ended.
    pub(crate) const fn is_busy(&self) -> bool {
        matches!(self.code, Code::RepositoryBusy)
    }

    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let hint = contract_of(code).and_then(|row| row.advice);
        Self {
            code,
            message: message.into(),
            hint: hint.map(str::to_owned),
            nearest: None,
            file: None,
            exit: None,
        }
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn about(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }

    /// The same, of what is in a file.
    pub(crate) fn in_file(mut self, path: &Path) -> Self {
        self.message = format!("{}: {}", path.display(), self.message);
        self.about(path)
    }

    /// The same where a signal was the reason.
    pub(crate) fn interrupted_by(mut self, signal: &str, exit: u8) -> Self {
        if self.code == Code::Interrupted {
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
            json!({"below": display::point(nearest.below), "above": display::point(nearest.above)})
        });
        let mut error = Map::new();
        let mut put = |key: &str, value| error.insert(key.to_owned(), value);
        put("code", json!(self.code.as_str()));
        put("message", json!(self.message));
        put("hint", json!(self.hint));
        put("nearest", json!(nearest));
        match &self.file {
            Some(path) => display::put_path(&mut error, "file", path),
            None => drop(error.insert("file".to_owned(), Value::Null)),
        }
        json!({"error": error})
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}\n", display::plain(&self.message));
        if let Some(hint) = &self.hint {
            text.push_str("  hint: ");
            text.push_str(&display::plain(hint));
            text.push('\n');
        }
        text
    }
}

/// What the contract has for an error code.
struct Row {
    code: Code,
    exit: u8,
    /// What to do about the error, where the code alone tells it.
    advice: Option<&'static str>,
}

const fn row(code: Code, exit: u8, advice: &'static str) -> Row {
    Row {
        code,
        exit,
        advice: Some(advice),
    }
}

const fn bare(code: Code, exit: u8) -> Row {
    Row {
        code,
        exit,
        advice: None,
    }
}

const TAKE_A_FULL_BACKUP: &str = "take a full backup: `apograph backup DB --repo REPO --full`";

/// The exit status and the advice of each code that a command ends with; docs/cli.md has the
/// statuses. A signal has a status of its own.
const CONTRACT: &[Row] = &[
    bare(Code::Io, 1),
    row(
        Code::StoreUnreachable,
        1,
        "check the address, the endpoint and the network; what was not finished is not there",
    ),
    row(
        Code::AccessDenied,
        1,
        "check the credentials in the environment, and what they are allowed to do there",
    ),
    row(Code::Interrupted, 1, "nothing was changed"),
    row(Code::Usage, 2, "`apograph help` lists the commands"),
    row(
        Code::CorruptSegment,
        3,
        "`apograph verify REPO` lists all damage, and `restore` with `--dry-run` tries a target",
    ),
    row(
        Code::CorruptManifest,
        3,
        "`apograph rebuild REPO --dry-run` says what can be made anew of what is left, and without \
         `--dry-run` does it",
    ),
    bare(Code::CorruptNotes, 3),
    row(
        Code::CorruptCursor,
        3,
        "remove the file, and take the backup again",
    ),
    row(
        Code::CorruptDatabase,
        3,
        "restore the database from its last backup",
    ),
    row(
        Code::CorruptWal,
        3,
        "close the database and open it again, then take a full backup",
    ),
    row(Code::ChainBroken, 4, TAKE_A_FULL_BACKUP),
    row(Code::NoFullBackup, 4, TAKE_A_FULL_BACKUP),
    row(
        Code::NotARepository,
        4,
        "name the folder that holds the backups; `apograph init REPO` makes a repository of an \
         empty folder, or where nothing is",
    ),
    bare(Code::NotADatabase, 4),
    row(
        Code::ForeignDatabase,
        4,
        "name another repository for this database",
    ),
    row(
        Code::LogNotFound,
        4,
        "name the database as the program does that has it open: its log folder is beside that \
         name",
    ),
    bare(Code::Encrypted, 4),
    row(
        Code::IdentityMissing,
        4,
        "name the file with the private key: `--identity FILE`, or `APOGRAPH_IDENTITY`",
    ),
    row(
        Code::RecipientsDiffer,
        4,
        "name those of the vault, or none; nothing was written",
    ),
    row(
        Code::NotVerified,
        4,
        "`apograph verify REPO --new` first: a backup that nobody has read is no reason to remove another",
    ),
    bare(Code::UndoTooLate, 4),
    row(
        Code::ClockDoubtful,
        4,
        "policies count back from the newest backup; `--allow-stale` where that is right all the same",
    ),
    bare(Code::TargetNotCovered, 5),
    bare(Code::AmbiguousTarget, 5),
    row(
        Code::OutputExists,
        6,
        "name an OUTPUT that does not exist; nothing is ever overwritten",
    ),
    row(
        Code::RepositoryBusy,
        7,
        "try again when the other command has ended",
    ),
    bare(Code::UnsupportedVersion, 8),
    bare(Code::SpilledVectors, 8),
    row(
        Code::StoreUnsafe,
        8,
        "name a store that refuses to create an object where one is",
    ),
    row(
        Code::WalDamaged,
        9,
        "nothing was captured; let the engine checkpoint or close the database in order if it is \
         open, which writes what it has in memory to its file, and take a full backup then",
    ),
];

/// What the contract has for a code. Codes of the codecs and locks are none that a command ends
/// with: they are the causes of others.
fn contract_of(code: Code) -> Option<&'static Row> {
    CONTRACT.iter().find(|row| row.code == code)
}

/// The exit status that belongs to an error code.
pub(crate) fn exit_status(code: Code) -> u8 {
    contract_of(code).map_or(1, |row| row.exit)
}

impl From<IoError> for Failure {
    fn from(error: IoError) -> Self {
        let code = match error {
            IoError::Interrupted => Code::Interrupted,
            _ => Code::Io,
        };
        let failure = Self::new(code, WithCauses(&error).to_string());
        match error {
            IoError::Interrupted => failure,
            _ => failure.about(error.path()),
        }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error {
            RepositoryError::Io(error) => error.into(),
            RepositoryError::InTheWay { ref path } => failure
                .about(path)
                .hinting("`apograph rebuild REPO` makes it part of the chain; or move it away"),
            RepositoryError::Misplaced { ref path, .. } => failure
                .about(path)
                .hinting("name a place outside of that folder; nothing was written"),
            RepositoryError::IsVault { ref path } => failure
                .about(path)
                .hinting("`apograph backup` and `apograph copy` add to a vault"),
            RepositoryError::OtherHistory { ref path }
            | RepositoryError::CopyOvertaken { ref path } => failure.about(path).hinting(
                "copy to a path where nothing is, or to a new vault: `apograph init TO --vault`",
            ),
            RepositoryError::NotARepository { ref path, .. }
            | RepositoryError::Contradiction { ref path, .. }
            | RepositoryError::Busy { ref path } => failure.about(path),
            _ => failure,
        }
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        let failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error {
            CaptureError::Io(error) => error.into(),
            CaptureError::Repository(error) => error.into(),
            CaptureError::LogLost { .. } => failure.hinting(
                "put the log folder back beside the database file. If it is lost, \
                 `apograph restore REPO OUTPUT` gives the newest commits, and \
                 `apograph backup DB --repo REPO --full` goes on from the file as it is",
            ),
            CaptureError::SpilledVectors { path, .. } => failure
                .about(&path)
                .hinting("checkpoint or close the database, and take the backup again"),
            CaptureError::ForeignVectors { path } => failure
                .about(&path)
                .hinting("open the database for writing once: Grafeo 0.6 then takes them in"),
            CaptureError::NotADatabase { path, .. } => failure
                .about(&path)
                .hinting("name the .grafeo file of the database, or its folder, which has `wal` in it"),
            CaptureError::NoCommits { path, .. } | CaptureError::NoCommitYet { path } => failure
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
        let mut failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error {
            ChainError::NotCovered { nearest, .. } | ChainError::BehindImage { nearest, .. } => {
                failure.hint = Some(advice(&nearest));
                failure.nearest = Some(nearest);
            }
            ChainError::TimeNotCovered {
                from,
                until,
                nearest,
                ..
            } => {
                failure.hint = Some(instants(from, until));
                failure.nearest = Some(nearest);
            }
            ChainError::Unreachable { nearest, cause, .. } => {
                // With its key, more can be reached than is.
                if failure.code != Code::IdentityMissing {
                    failure.hint = Some(advice(&nearest));
                }
                failure.nearest = Some(nearest);
                failure.file = cause.file().map(|file| file.as_str().into());
            }
            ChainError::Reversed { .. } => {
                failure.hint = Some("name the earlier state first".to_owned());
            }
            ChainError::NotConnected { .. } => {
                failure.hint =
                    Some("`apograph list REPO` shows which states the log connects".to_owned());
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
    let from = from.and_then(display::rfc3339);
    let until = until.and_then(display::rfc3339);
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

fn advice(nearest: &Nearest) -> String {
    match (nearest.below, nearest.above) {
        (Some(below), Some(above)) => {
            format!("restore with `--epoch {below}` or `--epoch {above}`")
        }
        (Some(below), None) => format!("restore with `--epoch {below}`, or take a backup first"),
        (None, Some(above)) => format!("restore with `--epoch {above}`"),
        (None, None) => "`apograph list REPO` shows what can be restored".to_owned(),
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error {
            RestoreError::Io(error) => error.into(),
            RestoreError::Repository(error) => error.into(),
            RestoreError::Chain(error) => error.into(),
            RestoreError::Segment(segment) => failure.about(segment.file.as_str().as_ref()),
            RestoreError::OutputExists { ref path } | RestoreError::OutputBusy { ref path } => {
                failure.about(path)
            }
            RestoreError::InUse { ref path } => failure.about(path).hinting(
                "close it there: a close writes all that the engine has, whatever is damaged in the log",
            ),
            RestoreError::Database { ref path, .. } => failure.about(path).hinting(
                "restore it from a backup; without a whole image its log is of no use",
            ),
            RestoreError::NotADatabase { ref path, .. } => failure.about(path),
            _ => failure,
        }
    }
}

impl From<DrillError> for Failure {
    fn from(error: DrillError) -> Self {
        let failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error {
            DrillError::Io(error) => error.into(),
            DrillError::Repository(error) => error.into(),
            DrillError::Restore(error) => error.into(),
            _ => failure.hinting(
                "no shell reads `--exec`: its first word is a program, and `{}` the database",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/cli.md");
    /// A signal's row has the status of each signal.
    const OF_SIGNALS: &str = "130, 143, 129";

    /// The codes of a text in which each is a code span.
    fn spans(text: &str) -> impl Iterator<Item = &str> {
        text.split('`').skip(1).step_by(2)
    }

    /// The codes of the document's table, each with its status.
    fn documented() -> Vec<(&'static str, &'static str)> {
        let (_, table) = DOCUMENT.split_once("| exit | codes |").expect("a table");
        let lines = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let codes = cells.map(|cells| spans(cells[2]).map(move |code| (code, cells[1])));
        let mut found: Vec<_> = codes.flat_map(Iterator::collect::<Vec<_>>).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn the_document_has_each_code_with_its_status_and_no_other() {
        let exit = |row: &Row| match row.code {
            Code::Interrupted => OF_SIGNALS.to_owned(),
            _ => row.exit.to_string(),
        };
        let ours = CONTRACT.iter().map(|row| (row.code.as_str(), exit(row)));
        let mut ours: Vec<_> = ours.collect();
        ours.sort_unstable();
        let documented = documented().into_iter();
        let documented: Vec<_> = documented
            .map(|(code, exit)| (code, exit.to_owned()))
            .collect();
        assert_eq!(ours, documented);
    }

    #[test]
    fn a_code_is_of_the_command_or_of_the_library_alone() {
        let sentence = DOCUMENT
            .lines()
            .find(|line| line.starts_with("The library has"));
        let inner = spans(sentence.expect("a sentence"));
        let codes = CONTRACT.iter().map(|row| row.code.as_str());
        let mut documented: Vec<_> = codes.chain(inner).collect();
        documented.sort_unstable();
        let mut all: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        all.sort_unstable();
        assert_eq!(documented, all);
    }
}
