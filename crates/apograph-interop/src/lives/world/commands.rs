//! Commands that are killed, that work at once, or that fall asleep.

use std::path::Path;
use std::thread;

use serde_json::Value;

use super::World;
use super::sleeper::Sleeper;
use super::vaults::pass_days;
use crate::command::{Apograph, Outcome};
use crate::disk;
use crate::lives::comparison::Comparison;
use crate::lives::op::Second;
use crate::lives::report::FindingKind;
use crate::traced::{SystemCall, can_trace};

/// Where the segments are that a backup has added.
enum Added {
    /// At the end of the chain.
    Last,
    /// Others came after them, or they were merged.
    Before,
    /// It added none.
    Nothing,
}

impl World {
    /// Takes a backup that is killed at a call. What could be restored still can, and the latest state
    /// is the one before or that of the database.
    pub(crate) fn kill_a_backup(
        &mut self,
        name: &str,
        repository: &str,
        mode: Option<&str>,
        at: SystemCall,
    ) {
        if !can_trace() {
            return drop(self.back_up_as(name, repository, mode, None));
        }
        let database = self.database(name);
        let place = self.repository(repository);
        self.ready(&place);
        let copy = self.plain_copy(&database);
        let before = self.restored(&place, &["--latest"]);
        let words = Apograph::backup_words(&database, &place, mode);
        let command = self.command().clone();
        if let Some(outcome) = command.run_killed(words, at) {
            self.report.count(&outcome);
            if outcome.exit == 0 {
                self.judge_backup(name, repository, &copy, &outcome);
            }
        } else {
            self.report.killed += 1;
            self.expect_no_warning(name, repository);
            // What the engine does not open is nothing to compare with.
            if let Ok(truth) = self.dump(&copy) {
                self.judge_latest(repository, &[before, Ok(truth.content)], "killed");
            }
            let is_mixed = self.known(name).is_mixed;
            self.judge_whole(repository, is_mixed);
        }
        disk::remove_database(&copy);
    }

    /// Takes a backup, and does something else with the repository at the same time.
    pub(crate) fn back_up_beside(&mut self, name: &str, repository: &str, second: Second) {
        let database = self.database(name);
        let place = self.repository(repository);
        self.ready(&place);
        let copy = self.plain_copy(&database);
        let other = match second {
            Second::BackupOfCopy => self.plain_copy(&database),
            Second::Backup | Second::Compact => database.clone(),
        };
        self.hand_over(other.parent().expect("it lies in a folder"));
        let (first, later) = (self.command().clone(), self.days_later());
        let compacts = second == Second::Compact && self.is_in_vaults();
        if compacts {
            pass_days(&place);
        }
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(|| first.backup(&database, &place, None));
            let two = if compacts {
                later.run(["compact".as_ref(), place.as_os_str()])
            } else {
                first.backup(&other, &place, None)
            };
            (one.join().expect("a backup"), two)
        });
        let mut outcomes = vec![one];
        if !compacts {
            outcomes.push(two);
        } else if two.exit == 0 {
            self.report.compacted(&two);
        } else {
            let detail = format!(
                "{repository} is not made smaller beside a backup: {}",
                two.json
            );
            self.find(FindingKind::Wrong, detail);
        }
        if outcomes.iter().all(|it| it.word() == "repository-busy") {
            let detail = format!("{repository} is busy for all: {outcomes:?}");
            self.find(FindingKind::Wrong, detail);
        }
        for outcome in &outcomes {
            self.report.count(outcome);
            if outcome.exit == 0 {
                self.judge_backup(name, repository, &copy, outcome);
            }
        }
        self.judge_whole(repository, self.databases[name].is_mixed);
        disk::remove_database(&copy);
        if other != database {
            disk::remove_database(&other);
        }
    }

    /// Begins a backup of a copy of a database, which falls asleep at a call. Nobody waits for it: in
    /// a vault nothing is locked.
    pub(crate) fn fall_asleep(&mut self, name: &str, repository: &str, at: SystemCall) {
        if !self.is_in_vaults() || !can_trace() {
            return;
        }
        self.wake_up(false);
        let place = self.repository(repository);
        self.ready(&place);
        let original = self.database(name);
        let [database, judged] = [(); 2].map(|()| self.plain_copy(&original));
        self.hand_over(database.parent().expect("it lies in a folder"));
        let truth = self.dump(&judged).ok().map(|dump| dump.content);
        disk::remove_database(&judged);
        let trace = self.next_copy("trace");
        let words = Apograph::backup_words(&database, &place, None);
        let command = self.command().clone().run_until(words, at, &trace);
        let is_mixed = self.known(name).is_mixed;
        self.expect_no_warning(name, repository);
        self.sleeper = Some(Sleeper {
            command,
            repository: repository.to_owned(),
            database,
            truth,
            is_mixed,
            pruned: self.report.pruned,
        });
        // It may have committed.
        self.judge_whole(repository, is_mixed);
    }

    /// Lets the one that sleeps go on, days later or not. Its segments are the last of the chain, and
    /// the latest state is that of its copy; or nothing has changed.
    pub(crate) fn wake_up(&mut self, days_later: bool) {
        let Some(sleeper) = self.sleeper.take() else {
            return;
        };
        let repository = sleeper.repository;
        if days_later {
            self.go_on_for_days(&repository);
        }
        let place = self.repository(&repository);
        let before = self.restored(&place, &["--latest"]);
        let outcome = sleeper.command.go_on();
        self.report.count(&outcome);
        self.report.woken += 1;
        let what = format!("woken: {} ({})", outcome.word(), outcome.json);
        match (self.place_of(&place, &outcome), sleeper.truth) {
            (Added::Last, None) => {}
            (Added::Last, Some(truth)) => self.judge_latest(&repository, &[Ok(truth)], &what),
            (Added::Before, truth) => {
                self.judge_latest(&repository, &[before], &what);
                let is_pruned = self.report.pruned > sleeper.pruned;
                if let Some(truth) = truth.filter(|_| !is_pruned)
                    && !self.offers(&repository, &truth, &outcome)
                {
                    self.find(FindingKind::Silent, format!("{what}: nothing is {truth}"));
                }
            }
            (Added::Nothing, _) => self.judge_latest(&repository, &[before], &what),
        }
        self.judge_whole(&repository, sleeper.is_mixed);
        disk::remove_database(&sleeper.database);
    }

    /// Where in a repository the segments are that a backup says it has added.
    fn place_of(&self, place: &Path, outcome: &Outcome) -> Added {
        let listed = self.command().run(["list".as_ref(), place.as_os_str()]);
        let last = |outcome: &Outcome| {
            let segments = outcome.json["segments"].as_array();
            segments.and_then(|it| it.last().map(|last| last["file"].clone()))
        };
        // One alone is in no list.
        let added = last(outcome).unwrap_or_else(|| outcome.json["segment"]["file"].clone());
        if outcome.exit != 0 || !added.is_string() {
            Added::Nothing
        } else if Some(added) == last(&listed) {
            Added::Last
        } else {
            Added::Before
        }
    }

    /// Whether a repository offers what a backup captured. A change without an epoch may have made
    /// another state of its last point: then it is that of its time.
    fn offers(&mut self, repository: &str, truth: &Value, outcome: &Outcome) -> bool {
        let place = self.repository(repository);
        let comparison = self.stored(repository).comparison;
        let points = self.command().restorable(&place).unwrap_or_default();
        let points = points.iter().rev();
        let points = points.map(|(timeline, epoch)| ("--epoch", format!("{timeline}:{epoch}")));
        let captured_at = outcome.json["segment"]["created_at"].as_str();
        let time = captured_at.map(|time| ("--time", time.to_owned()));
        let mut targets = points.chain(time);
        targets.any(|(option, target)| {
            let content = self.restored(&place, &[option, &target]);
            content.is_ok_and(|content| comparison.is_same(&content, truth))
        })
    }

    /// The latest state is one of these; an error where there may be none.
    fn judge_latest(&mut self, repository: &str, allowed: &[Result<Value, String>], what: &str) {
        let place = self.repository(repository);
        let comparison = self.stored(repository).comparison;
        let latest = self.restored(&place, &["--latest"]);
        let is_latest = |allowed: &Result<Value, String>| match (allowed, &latest) {
            (Ok(allowed), Ok(latest)) => comparison.is_same(allowed, latest),
            (allowed, latest) => allowed.is_err() && latest.is_err(),
        };
        if !allowed.iter().any(is_latest) {
            let detail = format!("{what}: the latest is {latest:?}, not one of {allowed:?}");
            self.find(FindingKind::Wrong, detail);
        }
    }

    /// A backup may not tell any more that the engine shows some embeddings that no log has.
    fn expect_no_warning(&mut self, name: &str, repository: &str) {
        if self.known(name).options.spills_vectors {
            self.stored(repository).comparison = Comparison::WithoutEmbeddings;
        }
    }

    /// What could be restored still can, and a verification finds nothing. A repository that has
    /// nothing yet may not be one.
    fn judge_whole(&mut self, repository: &str, is_mixed: bool) {
        let place = self.repository(repository);
        let offered = self.command().restorable(&place);
        let has_more = offered.is_ok_and(|it| !it.is_empty());
        if !has_more && self.stored(repository).points.is_empty() {
            return;
        }
        self.judge_offer(repository, &place, is_mixed);
        self.judge_soundness(repository, &place);
    }
}
