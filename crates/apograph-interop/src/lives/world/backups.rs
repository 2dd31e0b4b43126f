//! Backups, and what each of them is worth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::World;
use crate::command::Outcome;
use crate::difference::{applied, graphs};
use crate::disk;
use crate::lives::comparison::Comparison;
use crate::lives::report::FindingKind;

/// So many points of a repository are restored at most, spread over all of them.
const MOST_POINTS: usize = 40;

/// So many names of states are looked up at most.
const MOST_NAMES: usize = 12;
/// So many pairs of them are compared at most.
const MOST_PAIRS: usize = 4;

const OTHER_NAMES: &str = "names, and no log is beside this one";

/// What a crash cut from the log may still be shown by the engine.
const SPILLED: &str = "of its spill folder that are younger than its last checkpoint";

impl World {
    /// Takes a backup of a database, or what the command takes for one, and judges it.
    pub fn back_up(&mut self, name: &str, repository: &str) -> Outcome {
        self.back_up_as(name, repository, None, None)
    }

    /// The same in a mode, and with another name for the database.
    pub fn back_up_as(
        &mut self,
        name: &str,
        repository: &str,
        mode: Option<&str>,
        alias: Option<&Path>,
    ) -> Outcome {
        let database = self.database(name);
        let place = self.repository(repository);
        self.ready(&place);
        let mut copy = self.plain_copy(&database);
        let named = alias.unwrap_or(&database);
        let outcome = self.tools.command.backup(named, &place, mode);
        self.report.count(&outcome);
        // A file does not tell its other names. Where that may leave out a log, the command says
        // so.
        if outcome.warns_of(OTHER_NAMES) {
            disk::remove_database(&copy);
            copy = self.plain_copy(named);
        }
        if outcome.exit == 0 {
            self.judge_backup(name, repository, &copy, &outcome);
            self.compact_in_time(repository);
        }
        disk::remove_database(&copy);
        outcome
    }

    /// Takes a backup while a checkpoint is under way, so much later than that began.
    pub fn back_up_in_a_checkpoint(&mut self, name: &str, repository: &str, later: Duration) {
        let database = self.database(name);
        let place = self.repository(repository);
        self.ready(&place);
        let command = self.tools.command.clone();
        let engine = self.engine(name);
        let outcome = thread::scope(|scope| {
            let backup = scope.spawn(|| {
                thread::sleep(later);
                command.backup(&database, &place, None)
            });
            engine.checkpoint().expect("a checkpoint");
            backup.join().expect("a backup")
        });
        self.report.count(&outcome);
        if outcome.exit == 0 {
            let copy = self.plain_copy(&database);
            self.judge_backup(name, repository, &copy, &outcome);
        }
    }

    /// Whether a timeline was captured from the files of several moments.
    pub(crate) fn is_mixed(&self, repository: &str, timeline: u64) -> bool {
        let stored = self.repositories.get(repository);
        stored.is_some_and(|stored| stored.mixed.contains(&timeline))
    }

    /// Somebody changed derived files of a repository, or what it offers may be less for other
    /// reasons than a fault.
    pub fn change(&mut self, repository: &str) {
        self.stored(repository).is_changed = true;
    }

    /// Restores what a repository offers, and compares it with what was.
    pub fn judge_points(&mut self, repository: &str) {
        let place = self.repository(repository);
        if !place.exists() {
            return;
        }
        let points = match self.tools.command.restorable(&place) {
            Ok(points) => points,
            // Its first backup was killed.
            Err(_) if self.report.killed > 0 && self.stored(repository).points.is_empty() => return,
            Err(refused) => {
                let detail = format!("{} cannot be listed: {}", repository, refused.json);
                return self.find(FindingKind::Wrong, detail);
            }
        };
        let step = points.len().div_ceil(MOST_POINTS).max(1);
        let mut timelines: BTreeMap<u64, Vec<(u64, Value)>> = BTreeMap::new();
        for (index, point) in points.iter().enumerate() {
            let is_last = points.get(index + 1).is_none_or(|next| next.0 != point.0);
            let stored = self.stored(repository);
            let is_mixed = stored.mixed.contains(&point.0) || stored.mixed_points.contains(point);
            if is_mixed || index % step != 0 && !is_last {
                continue;
            }
            let target = format!("{}:{}", point.0, point.1);
            match self.restored(&place, &["--epoch", &target]) {
                Ok(content) => {
                    let points = timelines.entry(point.0).or_default();
                    points.push((point.1, content));
                }
                Err(detail) => self.find(
                    FindingKind::Wrong,
                    format!("{repository}, {target}: {detail}"),
                ),
            }
        }
        self.judge_names(repository);
        for (timeline, points) in timelines {
            let comparison = self.stored(repository).comparison;
            if let Some(detail) = self.disagreement(&points, comparison) {
                let detail = format!("{repository}, timeline {timeline}: {detail}");
                self.find(FindingKind::Wrong, detail);
            }
        }
    }

    pub(super) fn judge_backup(
        &mut self,
        name: &str,
        repository: &str,
        copy: &Path,
        outcome: &Outcome,
    ) {
        let place = self.repository(repository);
        // The command has said that files are left out which belong to the image.
        let is_mixed = self.known(name).is_mixed || outcome.warns_of(OTHER_NAMES);
        // What the engine does not open is nothing to compare with.
        let Ok(truth) = self.dump(copy) else {
            self.report.unjudged += 1;
            return self.judge_offer(repository, &place, is_mixed);
        };
        let mut comparison = Comparison::Exact;
        if outcome.warns_of(SPILLED) {
            comparison = Comparison::WithoutEmbeddings;
            self.stored(repository).comparison = comparison;
        }
        match self.restored_and_named(&place, &["--latest"]) {
            Ok((content, name)) if comparison.is_same(&content, &truth.content) => {
                self.remember(repository, name, content);
            }
            Ok((content, _)) => {
                let detail = format!(
                    "{} ({}): {} is there, and not {}",
                    outcome.word(),
                    outcome.json["why"],
                    content,
                    truth.content
                );
                self.find(FindingKind::Silent, detail);
            }
            Err(detail) => {
                let detail = format!("{}: latest: {detail}", outcome.word());
                self.find(FindingKind::Silent, detail);
            }
        }
        self.judge_offer(repository, &place, is_mixed);
    }

    /// Remembers a state by the name that it keeps.
    fn remember(&mut self, repository: &str, name: Option<String>, content: Value) {
        let Some(name) = name else {
            return;
        };
        let stored = self.stored(repository);
        let comparison = stored.comparison;
        let known = stored.named.insert(name.clone(), content);
        let is_same = |known: &Value| comparison.is_same(known, &stored.named[&name]);
        if known.as_ref().is_some_and(|known| !is_same(known)) {
            let detail = format!("{repository}, {name}: the name of two states");
            self.find(FindingKind::Wrong, detail);
        }
    }

    /// A name finds the state that it was given to, or is refused.
    fn judge_names(&mut self, repository: &str) {
        let place = self.repository(repository);
        let (named, comparison) = {
            let stored = self.stored(repository);
            (stored.named.clone(), stored.comparison)
        };
        let step = named.len().div_ceil(MOST_NAMES).max(1);
        for (name, state) in named.iter().step_by(step) {
            match self.restored(&place, &["--epoch", name]) {
                Ok(content) if comparison.is_same(&content, state) => self.report.named += 1,
                Ok(content) => {
                    let detail =
                        format!("{repository}, {name}: {content} is there, and not {state}");
                    self.find(FindingKind::Wrong, detail);
                }
                Err(_) => self.report.unnamed += 1,
            }
        }
        self.judge_differences(&place, &named, comparison);
    }

    /// What is different between two states makes one of the other, where the log connects them.
    fn judge_differences(
        &mut self,
        place: &Path,
        named: &BTreeMap<String, Value>,
        comparison: Comparison,
    ) {
        let mut states: Vec<_> = named.iter().collect();
        // The longer number is the higher one.
        states.sort_by_key(|(name, _)| {
            let numbers = name
                .split([':', '+'])
                .map(|number| number.parse().unwrap_or(0));
            numbers.collect::<Vec<u64>>()
        });
        let neighbours = states.windows(2).map(|pair| (pair[0], pair[1]));
        let ends = states.first().copied().zip(states.last().copied());
        let step = states.len().div_ceil(MOST_PAIRS).max(1);
        for ((from, before), (to, after)) in neighbours.step_by(step).chain(ends) {
            let words = [
                "diff".as_ref(),
                place.as_os_str(),
                from.as_ref(),
                to.as_ref(),
            ];
            let outcome = self.tools.command.run(words);
            if outcome.exit != 0 {
                continue;
            }
            self.report.compared += 1;
            let is_same = |found: &Value| comparison.is_same(found, &graphs(after));
            let found = applied(before, &outcome.json);
            if !found.as_ref().is_ok_and(is_same) {
                let detail = format!("{from} and {to}: {} makes {found:?}", outcome.json);
                self.find(FindingKind::Wrong, detail);
            }
        }
    }

    /// What could be restored still can.
    pub(super) fn judge_offer(&mut self, repository: &str, place: &Path, is_mixed: bool) {
        let points = match self.tools.command.restorable(place) {
            Ok(points) => BTreeSet::from_iter(points),
            Err(refused) => {
                let detail = format!("cannot be listed: {}", refused.json);
                return self.find(FindingKind::Wrong, detail);
            }
        };
        let stored = self.stored(repository);
        let lost: Vec<_> = stored.points.difference(&points).copied().collect();
        let timelines = points.iter().map(|(timeline, _)| *timeline);
        let newest = stored.points.last().map_or(0, |(timeline, _)| *timeline);
        if is_mixed {
            let new = timelines.filter(|timeline| *timeline > newest);
            stored.mixed.extend(new);
            let new = points.difference(&stored.points).copied();
            stored.mixed_points.extend(new);
        }
        let is_changed = std::mem::take(&mut stored.is_changed);
        stored.points = points;
        if !lost.is_empty() && !is_changed {
            self.find(FindingKind::Lost, format!("no longer offered: {lost:?}"));
        }
    }

    /// A verification finds nothing.
    pub(super) fn judge_soundness(&mut self, repository: &str, place: &Path) {
        let verified = self
            .tools
            .command
            .run(["verify".as_ref(), place.as_os_str()]);
        if verified.exit != 0 || verified.json["ok"] == false {
            let detail = format!("{repository} is not sound: {}", verified.json);
            self.find(FindingKind::Wrong, detail);
        }
    }

    /// The content of what a restore gives.
    pub(super) fn restored(&mut self, place: &Path, target: &[&str]) -> Result<Value, String> {
        let restored = self.restored_and_named(place, target);
        restored.map(|(content, _)| content)
    }

    /// The same, with the name that the state keeps.
    fn restored_and_named(
        &mut self,
        place: &Path,
        target: &[&str],
    ) -> Result<(Value, Option<String>), String> {
        let mut output = self.next_copy("restored");
        // What is a folder comes back as one or as a file.
        if !(self.has_folders() && self.copies.is_multiple_of(2)) {
            output.set_extension("grafeo");
        }
        let outcome = self.tools.command.restore(place, &output, target);
        if outcome.exit != 0 {
            return Err(outcome.json.to_string());
        }
        let dump = self.dump(&output);
        disk::remove_database(&output);
        let name = outcome.json["point"].as_str();
        let name = name.filter(|name| name.contains('+')).map(str::to_owned);
        match dump {
            Ok(dump) => Ok((dump.content, name)),
            Err(error) => Err(format!("the engine does not open it: {error}")),
        }
    }

    fn disagreement(&self, points: &[(u64, Value)], comparison: Comparison) -> Option<String> {
        let here = self.databases.values().map(|it| &it.history);
        let mut why = Vec::new();
        for history in here.chain(self.past.iter().rev()) {
            why.push(history.disagreement(points, comparison)?);
        }
        let first = points.first().map(|(epoch, _)| *epoch);
        let last = points.last().map(|(epoch, _)| *epoch);
        why.truncate(3);
        Some(format!(
            "{first:?} to {last:?} agree with no history: {why:#?}"
        ))
    }
}
