//! Following a database: what is committed is captured soon after, by another process than the
//! engine's.
//!
//! A round begins with a glance at the files of the database, which reads none of them. Only where
//! something differs from what was captured last is the repository opened and the log read. Once a
//! minute that is done all the same: it proves that nothing is new, and says so in the repository, so
//! that `status` elsewhere tells an idle database from a dead follower.
//!
//! Nothing that a round finds ends it. An error is told once and tried again, at first after a second
//! and then after up to fifteen. So a store that is away, a full disk, a database that was removed or
//! replaced by another one are waited for, and what was committed meanwhile is captured then.

use std::path::PathBuf;
use std::time::Duration;

use apograph_capture::{
    CaptureError, Captured, Glance, Kind, Options, capture, capture_into, glance, pending,
};
use apograph_format::{Code, SegmentKind, UnixMillis};
use apograph_io::Context;
use apograph_repository::{Location, Repository, RepositoryError, VaultWriter};

use crate::follow_event::{FollowError, FollowEvent, FollowStep, Hear};
use crate::follow_figures::FollowFigures;
use crate::retention::Policy;
use crate::status::since;
use crate::trouble::{Trouble, fail, succeed};

/// How often it is captured into a vault, where nothing else is asked for.
const EVERY: Duration = Duration::from_secs(1);
/// The same into a folder, and the shortest time there.
const EVERY_IN_FOLDER: Duration = Duration::from_secs(5 * 60);
/// The longest time between two glances.
const GLANCE_EVERY: Duration = Duration::from_secs(1);
/// So often it is proved that nothing is new, and noted.
const PROOF_EVERY: Duration = Duration::from_secs(60);
/// So often it is counted anew what is in the repository, since it is merged meanwhile.
const COUNT_EVERY: Duration = Duration::from_secs(5 * 60);
/// How often it is asked while it waits whether to go on.
const PAUSE: Duration = Duration::from_millis(100);

/// What to follow, and how.
#[derive(Debug, Clone)]
pub struct Follow {
    /// The database file.
    pub database: PathBuf,
    /// The repository, which has to be there.
    pub repository: Location,
    /// The time between two captures: at least 5 minutes into a folder, which is also what `None`
    /// stands for there; of a vault it stands for a second.
    pub every: Option<Duration>,
    /// How old the last full backup may become; `None` where none is taken but the first one, and
    /// where the chain does not go on.
    pub full_every: Option<Duration>,
    /// What stays of a vault after each full backup; `None` where all does. A folder is not
    /// pruned by who follows.
    pub retention: Option<Policy>,
}

/// Who follows a database. It keeps in memory what it saw last.
pub struct Follower<'a> {
    follow: Follow,
    context: Context<'a>,
    /// What is known of the repository once it was opened.
    opened: Option<Opened>,
    /// The vault, from one capture to the next.
    vault: Option<VaultWriter<'a>>,
    /// What was captured last.
    captured: Option<Glance>,
    /// When nothing was new for the last time.
    unchanged_at: Option<UnixMillis>,
    /// When the last round began, the last one that captured, and when the last one ended that did it
    /// with success.
    round_at: Duration,
    begun: Option<Duration>,
    succeeded: Option<Duration>,
    /// When the segments of the repository were counted last.
    counted: Duration,
    trouble: Option<Trouble>,
    figures: FollowFigures,
}

/// A repository that was opened.
#[derive(Debug, Clone, Copy)]
struct Opened {
    is_vault: bool,
    every: Duration,
}

impl<'a> Follower<'a> {
    /// Nothing was looked at yet.
    pub fn new(follow: Follow, context: Context<'a>) -> Self {
        Self {
            follow,
            context,
            opened: None,
            vault: None,
            captured: None,
            unchanged_at: None,
            round_at: Duration::ZERO,
            begun: None,
            succeeded: None,
            counted: Duration::ZERO,
            trouble: None,
            figures: FollowFigures::default(),
        }
    }

    /// Opens database and repository, and looks whether they belong together. The rounds do that
    /// too: this is for who wants to hear of a mistake at once.
    ///
    /// # Errors
    ///
    /// [`FollowError`]; [whether it may pass](FollowError::may_pass) it says itself.
    pub fn open(&mut self, hear: &mut Hear<'_>) -> Result<(), FollowError> {
        let Follow {
            database,
            repository: location,
            every,
            ..
        } = &self.follow;
        glance(database, self.context)?;
        let repository = Repository::open(location, self.context)?;
        // What is wrong with the log alone, the first capture tells.
        match pending(database, &repository, self.context) {
            Err(error) if matters_at_once(&error) => return Err(error.into()),
            _ => {}
        }
        let is_vault = repository.folder().is_none();
        if !is_vault && self.follow.retention.is_some() {
            let repository = location.to_string();
            return Err(FollowError::NotPruned { repository });
        }
        let every = match (is_vault, *every) {
            (false, Some(every)) if every < EVERY_IN_FOLDER => {
                return Err(FollowError::TooOften {
                    repository: location.to_string(),
                    least: EVERY_IN_FOLDER,
                });
            }
            (_, Some(every)) => every,
            (false, None) => EVERY_IN_FOLDER,
            (true, None) => EVERY,
        };
        self.figures.begin_with(&repository);
        self.counted = self.context.clock.running();
        self.opened = Some(Opened { is_vault, every });
        hear(FollowEvent::Ready {
            newest: self.figures.point,
        });
        Ok(())
    }

    /// Whether the repository is a vault, whose increments are to be merged; `None` before it was
    /// opened.
    pub fn is_vault(&self) -> Option<bool> {
        self.opened.map(|opened| opened.is_vault)
    }

    /// The time between two captures; `None` before the repository was opened.
    pub fn every(&self) -> Option<Duration> {
        self.opened.map(|opened| opened.every)
    }

    /// What became of it so far.
    pub const fn figures(&self) -> &FollowFigures {
        &self.figures
    }

    /// One round: a glance, and where something is new, or a proof is due that nothing is, a capture.
    pub fn round(&mut self, hear: &mut Hear<'_>) {
        self.round_at = self.context.clock.running();
        if self.opened.is_none() {
            if self.is_waiting() {
                return;
            }
            if let Err(error) = self.open(hear) {
                return self.failed(&error, hear);
            }
        }
        let glance = match glance(&self.follow.database, self.context) {
            Ok(glance) => glance,
            Err(error) => {
                self.failed(&error.into(), hear);
                // It costs nothing to look whether it is back.
                if let Some(trouble) = &mut self.trouble {
                    trouble.retry_at = self.context.clock.running();
                }
                return;
            }
        };
        let is_new = self.is_new(&glance);
        if !is_new {
            self.unchanged_at = Some(glance.taken_at());
        }
        self.figures.pending_bytes = glance.bytes_since(self.captured.as_ref());
        if self.is_due(is_new)
            && let Err(error) = self.capture(glance, hear)
        {
            self.failed(&error, hear);
        }
    }

    /// Waits until the next round is due, or shall not be: `ends` says that.
    pub fn wait(&self, ends: &dyn Fn() -> bool) {
        let clock = self.context.clock;
        // What a capture took is part of the time between two.
        let next = self.round_at + GLANCE_EVERY;
        loop {
            let left = next.saturating_sub(clock.running());
            if left.is_zero() || ends() {
                return;
            }
            clock.wait(left.min(PAUSE));
        }
    }

    /// The last round: whatever is new is captured, also where it is not due yet. Another command that
    /// is in the way is waited for until the monitor ends it.
    ///
    /// # Errors
    ///
    /// [`FollowError`], where not all of it was captured.
    pub fn finish(&mut self, hear: &mut Hear<'_>) -> Result<(), FollowError> {
        loop {
            let glance = glance(&self.follow.database, self.context)?;
            if self.trouble.is_none() && !self.is_new(&glance) {
                return Ok(());
            }
            if self.opened.is_none() {
                self.open(hear)?;
            }
            match self.capture_once(Kind::Auto, glance, hear) {
                Err(error) if error.code() == Code::RepositoryBusy => {
                    self.context.wait(PAUSE).map_err(CaptureError::from)?;
                }
                ended => return ended,
            }
        }
    }

    /// Whether something may have been written since it was captured.
    fn is_new(&self, glance: &Glance) -> bool {
        let captured = self.captured.as_ref();
        captured.is_none_or(|captured| !captured.is_settled() || !captured.is_as(glance))
    }

    /// Whether what went wrong is not to be tried again yet.
    fn is_waiting(&self) -> bool {
        let now = self.context.clock.running();
        self.trouble.as_ref().is_some_and(|it| now < it.retry_at)
    }

    fn is_due(&self, is_new: bool) -> bool {
        let now = self.context.clock.running();
        let every = self.opened.map_or(EVERY, |opened| opened.every);
        let is_over = |since: Option<Duration>, time: Duration| {
            since.is_none_or(|since| now.saturating_sub(since) >= time)
        };
        if self.trouble.is_some() {
            return !self.is_waiting();
        }
        let is_due = is_new || self.is_full_due();
        is_due && is_over(self.begun, every) || is_over(self.succeeded, PROOF_EVERY.max(every))
    }

    /// Whether the last full backup has become too old.
    fn is_full_due(&self) -> bool {
        let Some((every, last)) = self.follow.full_every.zip(self.figures.last_full) else {
            return false;
        };
        since(last, self.context.clock.now()) >= every
    }

    /// Captures what is new, and takes a full backup where one is due. A full backup that was not
    /// asked for by a person is never taken of a log that does not prove that it goes on.
    fn capture(&mut self, glance: Glance, hear: &mut Hear<'_>) -> Result<(), FollowError> {
        self.capture_once(Kind::Auto, glance.clone(), hear)?;
        if self.is_full_due() {
            self.capture_once(Kind::Full, glance, hear)?;
        }
        let now = self.context.clock.running();
        if now.saturating_sub(self.counted) >= COUNT_EVERY
            && let Ok(repository) = Repository::open(&self.follow.repository, self.context)
        {
            self.figures.count(&repository);
            self.counted = now;
        }
        Ok(())
    }

    fn capture_once(
        &mut self,
        kind: Kind,
        glance: Glance,
        hear: &mut Hear<'_>,
    ) -> Result<(), FollowError> {
        let clock = self.context.clock;
        self.begun = Some(self.round_at);
        let captured = self.captured_by(kind);
        if captured.is_err() {
            // What is known of the vault may be wrong.
            self.vault = None;
        }
        if let Captured::Added { segments, why } = captured? {
            let now = clock.now();
            self.figures.add(&segments, (self.unchanged_at, now));
            let why = match kind {
                Kind::Full => Some("the last one is old enough".to_owned()),
                _ => why,
            };
            let full = segments
                .iter()
                .find(|record| record.segment.kind == SegmentKind::Full);
            if let (Some(full), Some(why)) = (full, why) {
                let segment = full.segment.file.clone();
                hear(FollowEvent::Full { segment, why });
            }
        }
        self.figures.succeed(glance.taken_at(), clock.now());
        self.unchanged_at = Some(glance.taken_at());
        self.captured = Some(glance);
        self.succeeded = Some(clock.running());
        if let Some(overcome) = succeed(&mut self.trouble, clock.running()) {
            hear(overcome.event(FollowStep::Capture));
        }
        Ok(())
    }

    fn captured_by(&mut self, kind: Kind) -> Result<Captured, FollowError> {
        let Follow {
            database,
            repository,
            ..
        } = &self.follow;
        let existing = true;
        let options = Options { kind, existing };
        if self.is_vault() != Some(true) {
            return Ok(capture(database, repository, &options, self.context)?);
        }
        // Where another folder is at its path by now, that is the repository.
        let known = self.vault.take().map(|vault| {
            let is_in_place = vault.is_in_place()?;
            Ok::<_, RepositoryError>(is_in_place.then_some(vault))
        });
        let vault = if let Some(vault) = known.transpose()?.flatten() {
            vault
        } else {
            let found = VaultWriter::find(repository, self.context)?;
            let found = found.ok_or_else(|| {
                let path = repository.path();
                let detail = "the vault is not there any more".to_owned();
                RepositoryError::NotARepository { path, detail }
            })?;
            found.keeping()
        };
        let vault = self.vault.insert(vault);
        Ok(capture_into(vault, database, &options, self.context)?)
    }

    fn failed(&mut self, error: &FollowError, hear: &mut Hear<'_>) {
        let code = error.code();
        if code == Code::Interrupted {
            return;
        }
        self.figures.fail(code);
        if fail(&mut self.trouble, code, self.context.clock.running()) {
            let (step, message) = (FollowStep::Capture, error.told());
            hear(FollowEvent::Failed {
                step,
                code,
                message,
            });
        }
    }
}

/// Whether an error is a mistake of whoever named database and repository.
const fn matters_at_once(error: &CaptureError) -> bool {
    matches!(
        error,
        CaptureError::Foreign { .. }
            | CaptureError::NotADatabase { .. }
            | CaptureError::TwoLogs { .. }
    )
}
