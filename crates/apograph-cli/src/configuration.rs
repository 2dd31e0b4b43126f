//! `apograph.toml`: which databases are followed, and how.
//!
//! A key that is not known, a value that cannot be understood, and a key that is missing are mistakes,
//! told with the line. Paths are taken from the folder of the file, so that it does not matter where a
//! service is started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apograph_format::Code;
use apograph_operate::{Follow, Limits, Policy};
use apograph_repository::Location;
use serde::Deserialize;
use toml::Spanned;

use crate::args::{IdentityArgs, RecipientArgs, duration, location, period};
use crate::failure::Failure;
use crate::heartbeat::Heartbeat;
use crate::keys::read;

/// How old a full backup becomes, where nothing else is said.
const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a file asks for.
pub(crate) struct Configuration {
    pub(crate) metrics_file: Option<PathBuf>,
    pub(crate) databases: Vec<Configured>,
}

/// One database.
pub(crate) struct Configured {
    pub(crate) follow: Follow,
    /// What must not be passed.
    pub(crate) limits: Limits,
    /// What is fetched after a success.
    pub(crate) heartbeat: Option<Heartbeat>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    metrics_file: Option<PathBuf>,
    #[serde(default)]
    identity: Vec<PathBuf>,
    database: Vec<WrittenDatabase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenDatabase {
    path: PathBuf,
    repository: Spanned<String>,
    every: Option<Spanned<String>>,
    full_every: Option<Spanned<String>>,
    #[serde(default)]
    recipient: Vec<String>,
    #[serde(default)]
    recipients_file: Vec<PathBuf>,
    keep_within: Option<Spanned<String>>,
    #[serde(default)]
    keep_last: usize,
    #[serde(default)]
    keep_daily: usize,
    #[serde(default)]
    keep_weekly: usize,
    #[serde(default)]
    keep_monthly: usize,
    heartbeat: Option<Spanned<String>>,
    max_lag: Option<Spanned<String>>,
    max_age: Option<Spanned<String>>,
    max_unverified: Option<Spanned<String>>,
}

/// A file with its text.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Configuration {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read(path)?;
        let source = Source { path, text: &text };
        let written: Written = toml::from_str(&text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            source.mistake(at.unwrap_or_default(), error.message())
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        let from_base = |path: PathBuf| base.join(path);
        let identity = IdentityArgs {
            identity: written.identity.into_iter().map(from_base).collect(),
        };
        let mut databases: Vec<Configured> = Vec::new();
        for database in written.database {
            let configured = source.configured(database, &identity, base)?;
            let repository = configured.0.follow.repository.path();
            let is_taken = |other: &Configured| other.follow.repository.path() == repository;
            if databases.iter().any(is_taken) {
                let words = "this repository is that of another database in the file too";
                return Err(source.mistake(configured.1, words));
            }
            databases.push(configured.0);
        }
        if databases.is_empty() {
            return Err(source.mistake(0, "there is no `[[database]]`"));
        }
        Ok(Self {
            metrics_file: written.metrics_file.map(from_base),
            databases,
        })
    }
}

impl Source<'_> {
    /// One database, and where its repository is written.
    fn configured(
        &self,
        written: WrittenDatabase,
        identity: &IdentityArgs,
        base: &Path,
    ) -> Result<(Configured, usize), Failure> {
        let at = written.repository.span().start;
        let of_repository = |words: &str| self.mistake(at, words);
        let repository = location(written.repository.get_ref().into());
        let repository = repository.map_err(|words| of_repository(&words))?;
        let repository = match repository.as_folder() {
            Some(folder) => Location::from(base.join(folder)),
            None => repository,
        };
        let recipients = RecipientArgs {
            recipient: written.recipient,
            recipients_file: written.recipients_file,
        };
        let opened = identity.open(&repository)?;
        let recipients_file = recipients.recipients_file.iter();
        let recipients = RecipientArgs {
            recipients_file: recipients_file.map(|file| base.join(file)).collect(),
            recipient: recipients.recipient,
        };
        let repository = recipients
            .write(&opened)
            .map_err(|failure| of_repository(failure.message()))?;
        let full_every = self.value(written.full_every.as_ref(), period)?;
        let policy = Policy {
            within: self.value(written.keep_within.as_ref(), duration)?,
            last: written.keep_last,
            daily: written.keep_daily,
            weekly: written.keep_weekly,
            monthly: written.keep_monthly,
        };
        let follow = Follow {
            database: base.join(written.path),
            repository,
            every: self.value(written.every.as_ref(), period)?,
            full_every: Some(full_every.unwrap_or(FULL_EVERY)),
            retention: (policy != Policy::default()).then_some(policy),
        };
        let limits = Limits {
            lag: self.value(written.max_lag.as_ref(), duration)?,
            age: self.value(written.max_age.as_ref(), duration)?,
            unverified: self.value(written.max_unverified.as_ref(), duration)?,
        };
        let heartbeat = self.value(written.heartbeat.as_ref(), Heartbeat::parse)?;
        let configured = Configured {
            follow,
            limits,
            heartbeat,
        };
        Ok((configured, at))
    }

    fn value<T>(
        &self,
        written: Option<&Spanned<String>>,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Failure> {
        let parsed = written.map(|written| {
            let parsed = parse(written.get_ref());
            parsed.map_err(|words| self.mistake(written.span().start, &words))
        });
        parsed.transpose()
    }

    /// What is wrong at a place of the file, with the line that it is in.
    fn mistake(&self, offset: usize, words: &str) -> Failure {
        let (before, rest) = self
            .text
            .split_at_checked(offset)
            .unwrap_or(("", self.text));
        let number = before.matches('\n').count() + 1;
        let begun = before.rsplit('\n').next().unwrap_or_default();
        let line = format!("{begun}{}", rest.lines().next().unwrap_or_default());
        let message = format!(
            "{}, line {number}, `{}`: {}",
            self.path.display(),
            line.trim(),
            words.trim().replace('\n', ", ")
        );
        let failure = Failure::new(Code::Usage, message).about(self.path);
        failure.hinting("docs/operating.md has an example with every key")
    }
}
