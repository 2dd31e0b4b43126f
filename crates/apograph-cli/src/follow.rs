//! `apograph follow`
//!
//! Each database has a thread that captures and one that merges, so that neither waits for the other.
//! This one waits for signals, tells the service manager that all of them are at work, and writes the
//! figures.

mod ending;
mod metrics;
mod notify;
mod told;
mod watch;

use std::thread;
use std::time::Duration;

use apograph_format::Code;
use apograph_io::{Clock, Context};
use apograph_operate::{Follow, FollowError, FollowEvent, Follower, Limits, Merger};

use self::ending::Ending;
use self::metrics::MetricsFile;
use self::notify::Notifier;
use self::told::{Teller, Told};
use self::watch::{Capturing, MergeMonitor, Watch};
use crate::args::FollowOf;
use crate::configuration::{Configuration, Configured};
use crate::failure::Failure;
use crate::heartbeat::{self, Heartbeat};
use crate::interrupt::Interrupt;
use crate::session::{Report, Session};

/// How often it is looked how the threads are.
const PAUSE: Duration = Duration::from_millis(100);
/// How often systemd is told that all of them are at work.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Systemd waits for so much longer while a store is away.
const EXTENSION: &str = "EXTEND_TIMEOUT_USEC=60000000";
/// The exit status where not all was captured.
const NOT_ALL: u8 = 1;

pub(crate) fn run(
    session: &Session<'_>,
    asked: &FollowOf,
    interrupt: &Interrupt,
) -> Result<Report, Failure> {
    let mut configuration = configured(asked)?;
    let notifier = Notifier::of_environment();
    let clock = session.context.clock;
    let teller = Teller {
        json: session.json,
        quiet: session.is_quiet,
        clock,
    };
    loop {
        let ending = Ending::new(interrupt, clock);
        let databases = configuration.databases.into_iter();
        let watches = databases.map(|configured| Watch::new(configured, &ending, &teller));
        let watches: Vec<_> = watches.collect();
        let metrics = configuration.metrics_file.as_deref();
        let supervisor = Supervisor {
            asked,
            interrupt,
            ending: &ending,
            notifier: &notifier,
            context: session.context,
        };
        let metrics = metrics.map(|path| MetricsFile::new(path, session.context));
        match supervisor.follow_all(&watches, metrics) {
            Some(next) => configuration = next,
            None => return ended(&watches, asked.config.is_none()),
        }
    }
}

/// What is to be followed.
fn configured(asked: &FollowOf) -> Result<Configuration, Failure> {
    match (&asked.config, &asked.database, &asked.repo) {
        (None, Some(database), Some(repo)) => {
            let repository = asked.recipients.write(&asked.identity.open(repo)?)?;
            let follow = Follow {
                database: database.clone(),
                repository,
                every: asked.every,
                full_every: Some(asked.full_every),
                retention: None,
            };
            Ok(Configuration {
                metrics_file: asked.metrics_file.clone(),
                databases: vec![Configured {
                    follow,
                    limits: Limits::default(),
                    heartbeat: asked.heartbeat.clone(),
                }],
            })
        }
        (Some(file), ..) => Configuration::read(file),
        _ => Err(Failure::usage(
            "a database and its repository are needed, or a configuration",
        )),
    }
}

/// Who looks after the threads that follow.
struct Supervisor<'a> {
    asked: &'a FollowOf,
    interrupt: &'a Interrupt,
    ending: &'a Ending<'a>,
    notifier: &'a Notifier,
    context: Context<'a>,
}

impl Supervisor<'_> {
    /// Follows until a signal comes. Returns another configuration where there is one to go on by.
    fn follow_all(
        &self,
        watches: &[Watch<'_>],
        mut metrics: Option<MetricsFile<'_>>,
    ) -> Option<Configuration> {
        let (mut is_ready, mut is_told, mut next) = (false, false, None);
        let (context, notifier) = (self.context, self.notifier);
        let exits_at_mistake = self.asked.config.is_none();
        thread::scope(|scope| {
            for watch in watches {
                scope.spawn(move || follow(watch, context, exits_at_mistake));
                scope.spawn(move || merge(watch, context));
                if let Some(heartbeat) = &watch.heartbeat {
                    scope.spawn(move || beat(watch, heartbeat, context.clock));
                }
            }
            let (mut status, mut next_beat) = (String::new(), Duration::ZERO);
            while watches.iter().any(|watch| watch.state().ended.is_none()) {
                if self.ending.is_asked() && next.is_none() && !is_told {
                    notifier.say("STOPPING=1");
                    is_told = true;
                }
                if !is_ready && watches.iter().all(|watch| watch.state().is_known()) {
                    notifier.say("READY=1");
                    is_ready = true;
                }
                // All of them, since one that hangs would not be noticed beside the others.
                let now = context.clock.running();
                if now >= next_beat && watches.iter().all(Watch::was_at_work) {
                    notifier.say(if is_ready { "WATCHDOG=1" } else { EXTENSION });
                    next_beat = now + BEAT_EVERY;
                }
                let now = stands(watches);
                if now != status {
                    notifier.say(&format!("STATUS={now}"));
                    status = now;
                }
                if let Some(metrics) = &mut metrics {
                    metrics.write_where_due(watches);
                }
                if self.interrupt.is_to_read_again() && !self.ending.is_asked() {
                    next = self.read_again(watches);
                }
                if self.ending.is_given_up() {
                    give_up(watches);
                }
                context.clock.wait(PAUSE);
            }
        });
        if let Some(metrics) = &mut metrics {
            metrics.write(watches);
        }
        let next = next.filter(|_| !self.interrupt.is_raised());
        if next.is_none() && !is_told {
            notifier.say("STOPPING=1");
        }
        next
    }

    /// Reads the configuration again. One with a mistake is told, and the old one stays.
    fn read_again(&self, watches: &[Watch<'_>]) -> Option<Configuration> {
        let read = Configuration::read(self.asked.config.as_deref()?);
        match read {
            Ok(configuration) => {
                self.notifier.say("RELOADING=1");
                self.ending.replace();
                Some(configuration)
            }
            Err(failure) => {
                let told = failure.message();
                let text = format!("the configuration stays as it was: {told}");
                if let Some(watch) = watches.first() {
                    watch.tell(&Told::Warning(&text));
                }
                None
            }
        }
    }
}

/// How they ended. Where there is one alone that was never opened, its error is that of the command.
fn ended(watches: &[Watch<'_>], is_alone: bool) -> Result<Report, Failure> {
    let mut exit = 0;
    for watch in watches {
        let mut state = watch.state();
        match state.ended.take() {
            Some(Err(failure)) if is_alone && state.is_vault.is_none() => return Err(failure),
            Some(Err(_)) => exit = NOT_ALL,
            _ => {}
        }
    }
    Ok(Report {
        exit,
        ..Report::written()
    })
}

/// Something cannot be interrupted, as a request that gets no answer. What it leaves is what a kill
/// leaves.
fn give_up(watches: &[Watch<'_>]) {
    for watch in watches {
        if watch.state().ended.is_none() {
            let failure = Failure::new(Code::Interrupted, "the last capture took too long");
            let figures = watch.state().figures.clone();
            watch.tell(&Told::Ended(&figures, Some(&failure)));
        }
    }
    std::process::exit(NOT_ALL.into());
}

/// How all of them stand, in a line.
fn stands(watches: &[Watch<'_>]) -> String {
    let failing = watches.iter().filter_map(|watch| {
        let code = watch.state().figures.failing?;
        Some(format!("{}: {code}", watch.database().display()))
    });
    let failing: Vec<_> = failing.collect();
    if !failing.is_empty() {
        return failing.join(", ");
    }
    let points = watches.iter().filter_map(|watch| {
        let point = watch.state().figures.point?;
        Some(format!("{} at {point}", watch.database().display()))
    });
    points.collect::<Vec<_>>().join(", ")
}

/// Captures one database until the end.
fn follow(watch: &Watch<'_>, context: Context<'_>, exits_at_mistake: bool) {
    let monitor = Capturing(watch);
    let context = Context {
        monitor: &monitor,
        ..context
    };
    let mut follower = Follower::new(watch.follow.clone(), context);
    let mut hear = |event: FollowEvent| watch.tell(&Told::Event(&event));
    let ends = || watch.ending.is_asked();
    // A mistake is told at once, and what may pass by the rounds.
    let opened = follower.open(&mut hear);
    let mistake = opened.err().filter(|error| !error.may_pass());
    watch.state().is_mistaken = mistake.is_some();
    let ended = if let Some(mistake) = mistake.filter(|_| exits_at_mistake) {
        Err(Failure::from(mistake))
    } else {
        while !ends() {
            follower.round(&mut hear);
            watch.is_at_work();
            let mut state = watch.state();
            state.figures.clone_from(follower.figures());
            state.is_vault = follower.is_vault();
            drop(state);
            follower.wait(&ends);
        }
        let ended = follower.finish(&mut hear).map_err(Failure::from);
        watch.state().figures.clone_from(follower.figures());
        watch.tell(&Told::Ended(follower.figures(), ended.as_ref().err()));
        ended
    };
    watch.state().ended = Some(ended);
}

/// Merges what is captured, where that goes into a vault.
fn merge(watch: &Watch<'_>, context: Context<'_>) {
    let monitor = MergeMonitor(watch);
    let context = Context {
        monitor: &monitor,
        ..context
    };
    let mut merger = Merger::new(&watch.follow, context);
    let is_over = || watch.state().ended.is_some() || watch.ending.is_asked();
    while !is_over() {
        let (is_vault, last_full) = {
            let state = watch.state();
            (state.is_vault, state.figures.last_full)
        };
        match is_vault {
            Some(false) => return,
            Some(true) => merger.round(last_full, &mut |event| watch.tell(&Told::Event(&event))),
            None => {}
        }
        context.clock.wait(10 * PAUSE);
    }
}

/// Fetches an address after each success, and never without one.
fn beat(watch: &Watch<'_>, heartbeat: &Heartbeat, clock: &dyn Clock) {
    let (mut heard, mut next) = (None, Duration::ZERO);
    while watch.state().ended.is_none() && !watch.ending.is_asked() {
        let success = watch.state().figures.last_success;
        if success > heard && clock.running() >= next {
            (heard, next) = (success, clock.running() + heartbeat::BEAT_EVERY);
            if let Err(error) = heartbeat.beat() {
                watch.warn(&format!("nobody heard the heartbeat: {error}"));
            }
        }
        clock.wait(PAUSE);
    }
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        let code = error.code();
        match error {
            FollowError::Capture(error) => error.into(),
            FollowError::Repository(error) => error.into(),
            other @ FollowError::NotPruned { .. } => Self::new(code, other.to_string())
                .hinting("leave the rules out, or name a vault: `apograph init VAULT --vault`"),
            other => Self::new(code, other.to_string()).hinting(
                "`--every 5m` or more; or a vault: `apograph init VAULT --vault`, to which \
                 `apograph copy` brings what is there",
            ),
        }
    }
}
