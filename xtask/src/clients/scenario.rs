//! The life of one database in the hands of one client, and the backups of it.
//!
//! The client writes with one feature, a commit a step, and says after each what it holds. In
//! between the command takes a first backup, increments, full ones, one of the closed database and
//! one of a killed client's. After each, `--latest` is compared with what the client said last.
//! Where the two differ, the same client opens a plain copy of the files: what it does not find
//! there either was never on disk. At the end every restorable point is compared with what the
//! client said at its epoch. What a store writes is captured by `follow` (`followed.rs`).

mod followed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::install::Installed;
use super::judge::{Counts, States, difference};

/// One scenario.
pub(super) struct ClientScenario {
    pub(super) client: Installed,
    /// The clients that go on where the database is upgraded, one after the other.
    pub(super) upgrades: Vec<Installed>,
    pub(super) feature: String,
    /// Whether the database is a folder.
    pub(super) is_folder: bool,
    /// Whether `follow` takes the backups.
    pub(super) is_followed: bool,
    /// The command.
    pub(super) command: PathBuf,
    /// Where the scenario takes place.
    pub(super) folder: PathBuf,
    pub(super) keep: bool,
}

impl ClientScenario {
    /// The row of the table.
    pub(super) fn name(&self) -> &str {
        if self.is_followed {
            return &self.feature;
        }
        match (self.upgrades.is_empty(), self.is_folder) {
            (false, true) => "folder-upgrade",
            (false, false) => "upgrade",
            (true, true) => "folder",
            (true, false) => &self.feature,
        }
    }

    /// The column of the table.
    pub(super) fn column(&self) -> String {
        self.client.release.to_string()
    }

    pub(super) fn run(&self) -> Counts {
        let mut telling = match Telling::begin(self) {
            Ok(telling) => telling,
            Err(error) => return broken(Counts::default(), &error),
        };
        let outcome = if self.is_followed {
            telling.tell_followed()
        } else {
            telling.tell()
        };
        let counts = telling.counts;
        if !self.keep && counts.details.is_empty() {
            // It is in the target folder, and made anew by the next run.
            let _ = fs::remove_dir_all(&self.folder);
        }
        match outcome {
            Ok(()) => counts,
            Err(error) => broken(counts, &error),
        }
    }
}

/// A scenario that could not be told to its end.
fn broken(mut counts: Counts, error: &anyhow::Error) -> Counts {
    counts.wrong += 1;
    counts.details.push(format!("broken off: {error:#}"));
    counts
}

/// A scenario that is being told.
struct Telling<'a> {
    scenario: &'a ClientScenario,
    client: Option<Client>,
    /// Those who look at restored databases, by their place: the first client, and those that go on.
    readers: BTreeMap<usize, Client>,
    /// Who has the database now, by the place.
    who: usize,
    /// The next step.
    number: u64,
    states: States,
    /// What the client said last; `None` where it was killed and nobody has looked.
    last: Option<Value>,
    /// It was killed in a step.
    is_unanswered: bool,
    counts: Counts,
    restored: usize,
}

impl<'a> Telling<'a> {
    fn begin(scenario: &'a ClientScenario) -> Result<Self> {
        if scenario.folder.exists() {
            fs::remove_dir_all(&scenario.folder).context("cannot clear the scenario's folder")?;
        }
        fs::create_dir_all(&scenario.folder).context("cannot make the scenario's folder")?;
        Ok(Self {
            scenario,
            client: None,
            readers: BTreeMap::new(),
            who: 0,
            number: 0,
            states: States::default(),
            last: None,
            is_unanswered: false,
            counts: Counts::default(),
            restored: 0,
        })
    }

    fn database(&self) -> PathBuf {
        self.scenario.folder.join(self.file_name())
    }

    /// The name of the database, which no other file in its folder begins with.
    const fn file_name(&self) -> &'static str {
        if self.scenario.is_folder {
            "db"
        } else {
            "db.grafeo"
        }
    }

    /// A repository in a folder, and where the whole database is what is tried, a vault too.
    fn repositories(&self) -> Vec<PathBuf> {
        let mut names = vec!["backups"];
        if self.scenario.is_folder || !self.scenario.upgrades.is_empty() {
            names.push("vault");
        }
        let folder = &self.scenario.folder;
        names.into_iter().map(|name| folder.join(name)).collect()
    }

    /// The client of a place.
    fn client_of(&self, place: usize) -> &'a Installed {
        let scenario = self.scenario;
        let upgraded = place.checked_sub(1);
        upgraded.map_or(&scenario.client, |place| &scenario.upgrades[place])
    }

    fn tell(&mut self) -> Result<()> {
        for vault in self.repositories().iter().skip(1) {
            let made = self.apograph(&["init", text(vault)?, "--vault"])?;
            made.map_err(anyhow::Error::msg).context("init")?;
        }
        if !self.open()? {
            self.counts.is_absent = true;
            return Ok(());
        }
        self.steps(4)?;
        if self.counts.is_absent {
            return Ok(());
        }
        self.backup(None)?;
        self.steps(4)?;
        self.backup(None)?;
        self.tick()?;
        self.backup(None)?;
        self.checkpoint()?;
        self.steps(2)?;
        self.backup(None)?;
        self.backup(None)?;
        self.steps(1)?;
        self.backup(Some("--full"))?;
        self.steps(3)?;
        self.backup(None)?;
        self.close()?;
        self.backup(None)?;
        self.who = 1.min(self.scenario.upgrades.len());
        // A client that has lost something may not be able to.
        if !self.open()? {
            return self.points();
        }
        self.backup(None)?;
        self.steps(3)?;
        self.backup(None)?;
        self.checkpoint()?;
        self.kill_in_a_step()?;
        self.backup(None)?;
        self.open()?;
        self.steps(3)?;
        self.backup(None)?;
        self.steps(2)?;
        self.backup(Some("--full"))?;
        self.kill_in_a_step()?;
        self.backup(None)?;
        for place in 2..=self.scenario.upgrades.len() {
            self.go_on_with(place)?;
        }
        self.points()
    }

    /// The next client has the database from now on.
    fn go_on_with(&mut self, place: usize) -> Result<()> {
        self.who = place;
        self.open()?;
        self.backup(None)?;
        self.steps(4)?;
        self.backup(None)?;
        self.checkpoint()?;
        self.steps(2)?;
        self.backup(Some("--full"))?;
        self.kill_in_a_step()?;
        self.backup(None)?;
        self.open()?;
        self.steps(3)?;
        self.close()?;
        self.backup(None)
    }

    fn ask(&mut self, words: &Value) -> Result<Answer> {
        let client = self.client.as_mut().context("no client is running")?;
        client.ask(words)
    }

    /// Whether the client can open a database for the feature.
    fn open(&mut self) -> Result<bool> {
        self.client = Some(Client::start(self.client_of(self.who))?);
        let words =
            json!({"do": "open", "path": self.database(), "feature": self.scenario.feature});
        match self.ask(&words)? {
            Answer::Done(_) => {}
            Answer::Absent => return Ok(false),
            Answer::Failed(_) if self.counts.as_engine > 0 => return Ok(false),
            Answer::Failed(error) => bail!("cannot open: {error}"),
        }
        self.look()?;
        Ok(true)
    }

    fn look(&mut self) -> Result<()> {
        // After `compact()` older releases say nothing any more.
        self.last = None;
        if let Answer::Done(dump) = self.ask(&json!({"do": "dump"}))? {
            if std::mem::take(&mut self.is_unanswered) {
                self.states.note_unanswered(&dump["held"]);
            }
            self.states.note(&dump);
            self.last = Some(dump["held"].clone());
        }
        Ok(())
    }

    /// Steps of the feature. A release that offers none of them does not offer it.
    fn steps(&mut self, count: u64) -> Result<()> {
        let mut absent = 0;
        for _ in 0..count {
            let words = json!({"do": "step", "number": self.number});
            self.number += 1;
            if self.ask(&words)? == Answer::Absent {
                absent += 1;
            }
            self.look()?;
        }
        let offers_nothing =
            absent == count || (absent > 0 && NEEDS_ALL.contains(&self.scenario.name()));
        self.counts.is_absent |= self.number == count && offers_nothing;
        Ok(())
    }

    /// A query that commits, after whatever the feature has written.
    fn tick(&mut self) -> Result<()> {
        self.ask(&json!({"do": "tick", "number": self.number}))?;
        self.look()
    }

    fn checkpoint(&mut self) -> Result<()> {
        self.ask(&json!({"do": "checkpoint"}))?;
        self.look()
    }

    fn close(&mut self) -> Result<()> {
        if let Answer::Failed(error) = self.ask(&json!({"do": "close"}))? {
            bail!("cannot close: {error}");
        }
        self.client = None;
        Ok(())
    }

    /// Kills the client in the middle of something, or right after it.
    fn kill_in_a_step(&mut self) -> Result<()> {
        let words = json!({"do": "step", "number": self.number});
        self.number += 1;
        if let Some(mut client) = self.client.take() {
            client.say(&words)?;
            std::thread::sleep(Duration::from_millis(3));
        }
        self.last = None;
        self.is_unanswered = true;
        Ok(())
    }

    /// A backup into each repository, and what the latest state comes back as.
    fn backup(&mut self, mode: Option<&str>) -> Result<()> {
        for repository in self.repositories() {
            self.backup_into(&repository, mode)?;
        }
        Ok(())
    }

    fn backup_into(&mut self, repository: &Path, mode: Option<&str>) -> Result<()> {
        let database = self.database();
        let mut words = vec!["backup", text(&database)?, "--repo", text(repository)?];
        words.extend(mode);
        let taken = match self.apograph(&words)? {
            Ok(taken) => taken,
            Err(code) => {
                self.counts.refused.push(code);
                return Ok(());
            }
        };
        let said = taken["outcome"].as_str().unwrap_or_default().to_owned();
        let found = self.restored(repository, &["--latest"])?;
        let is_as_said = self.last.as_ref().is_some_and(|last| found.contains(last));
        if is_as_said {
            self.counts.exact += 1;
            return Ok(());
        }
        let copied = self.plain_copy()?;
        if found.contains(&copied) {
            // Of a killed client nobody knows more than what is on disk.
            match &self.last {
                Some(_) => self.counts.as_engine += 1,
                None => self.counts.exact += 1,
            }
            return Ok(());
        }
        let warnings = taken["warnings"].as_array().into_iter().flatten();
        if warnings
            .filter_map(Value::as_str)
            .any(tells_what_is_missing)
        {
            self.counts.as_engine += 1;
            return Ok(());
        }
        self.counts.silent += 1;
        let before = self.number;
        let wanted = self.last.clone().unwrap_or(copied);
        let difference = difference(&wanted, &found[0]).unwrap_or_default();
        self.detail(format!(
            "{said} before step {before}: --latest of {} has {difference}",
            repository.display()
        ));
        Ok(())
    }

    /// What the client makes of a copy of its files.
    fn plain_copy(&mut self) -> Result<Value> {
        let copy = self.scenario.folder.join("copy");
        if copy.exists() {
            fs::remove_dir_all(&copy).context("cannot clear the copy")?;
        }
        fs::create_dir_all(&copy).context("cannot make the copy")?;
        for entry in fs::read_dir(&self.scenario.folder).context("cannot list the scenario")? {
            let entry = entry.context("cannot list the scenario")?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(self.file_name())
            {
                copy_all(&entry.path(), &copy.join(entry.file_name()))?;
            }
        }
        self.look_by(self.who, &copy.join(self.file_name()), &json!([]))
    }

    /// What a restored state comes back as: as it is, and once the statements have run that the
    /// restore names. (An engine that replayed the same log after a crash has not run them.)
    fn restored(&mut self, repository: &Path, target: &[&str]) -> Result<Vec<Value>> {
        self.restored += 1;
        let mut name = format!("restored/{}", self.restored);
        // What is a folder comes back as one or as a file.
        if !self.scenario.is_folder || self.restored.is_multiple_of(2) {
            name.push_str(".grafeo");
        }
        let output = self.scenario.folder.join(name);
        fs::create_dir_all(self.scenario.folder.join("restored"))
            .context("cannot make a folder")?;
        let mut words = vec!["restore", text(repository)?, text(&output)?];
        words.extend(target);
        match self.apograph(&words)? {
            Ok(report) => {
                let mut found = self.look_at(&output, &json!([]))?;
                let statements = &report["statements_to_run"];
                if statements.as_array().is_some_and(|it| !it.is_empty()) {
                    found.extend(self.look_at(&output, statements)?);
                }
                Ok(found)
            }
            Err(code) => Ok(vec![json!({"refused": code})]),
        }
    }

    /// A database is looked at by the clients of its generation.
    fn look_at(&mut self, database: &Path, statements: &Value) -> Result<Vec<Value>> {
        let is_of_generation_2 = database.is_file() && {
            let bytes = fs::read(database).context("cannot read a database")?;
            bytes.get(4..8) == Some(&[3, 0, 0, 0])
        };
        let upgraded = self.scenario.upgrades.len();
        let places = if is_of_generation_2 && upgraded > 0 {
            1..=upgraded
        } else {
            0..=0
        };
        places
            .map(|place| self.look_by(place, database, statements))
            .collect()
    }

    fn look_by(&mut self, place: usize, database: &Path, statements: &Value) -> Result<Value> {
        let mut reader = match self.readers.remove(&place) {
            Some(reader) => reader,
            None => Client::start(self.client_of(place))?,
        };
        let looked = reader.look(database, &self.scenario.feature, statements);
        // One that died is not asked again.
        if looked.is_ok() {
            self.readers.insert(place, reader);
        }
        looked.or_else(|error| Ok(json!({"died": error.to_string()})))
    }

    /// Every restorable point against what the client said at its epoch.
    fn points(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_unanswered) {
            let held = self.plain_copy()?;
            self.states.note_unanswered(&held);
        }
        for repository in self.repositories() {
            if repository.exists() {
                self.points_of(&repository)?;
            }
        }
        Ok(())
    }

    fn points_of(&mut self, repository: &Path) -> Result<()> {
        for (timeline, epoch) in self.points_in(repository)? {
            let point = format!("{timeline}:{epoch}");
            let found = self.restored(repository, &["--epoch", &point])?;
            if found.iter().any(|found| self.states.had(epoch, found)) {
                self.counts.exact += 1;
            } else if self.lacks_something() {
                self.counts.as_engine += 1;
            } else {
                self.counts.wrong += 1;
                let graph = &found[0]["graph"]["nodes"];
                let nodes = graph.as_array().map_or(0, Vec::len);
                let short: String = found[0].to_string().chars().take(120).collect();
                self.detail(format!("{point} was never: {nodes} nodes, {short}"));
            }
        }
        Ok(())
    }

    /// The points that a repository offers, by timeline and epoch.
    fn points_in(&self, repository: &Path) -> Result<Vec<(u64, u64)>> {
        let list = match self.apograph(&["list", text(repository)?])? {
            Ok(list) => list,
            Err(code) => bail!("list: {code}"),
        };
        let mut points = Vec::new();
        for range in list["restorable"].as_array().into_iter().flatten() {
            let number = |key: &str| range[key].as_u64().unwrap_or_default();
            let epochs = number("from")..=number("to");
            points.extend(epochs.map(|epoch| (number("timeline"), epoch)));
        }
        Ok(points)
    }

    /// Whether the client has lost what it said before, so that nobody knows what it had at a
    /// point.
    const fn lacks_something(&self) -> bool {
        self.counts.as_engine > 0
    }

    fn detail(&mut self, line: String) {
        const MOST: usize = 12;
        if self.counts.details.len() < MOST {
            self.counts.details.push(line);
        }
    }

    /// Runs the command: its object, or its error code.
    fn apograph(&self, words: &[&str]) -> Result<std::result::Result<Value, String>> {
        let output = Command::new(&self.scenario.command)
            .args(words)
            .arg("--json")
            .output()
            .context("cannot run apograph")?;
        if output.status.success() {
            let object = serde_json::from_slice(&output.stdout);
            return Ok(Ok(object.context("apograph said no JSON")?));
        }
        let last = output
            .stderr
            .split(|byte| *byte == b'\n')
            .rfind(|it| !it.is_empty());
        let error: Value = serde_json::from_slice(last.unwrap_or_default()).with_context(|| {
            format!("apograph said {}", String::from_utf8_lossy(&output.stderr))
        })?;
        let code = error["error"]["code"].as_str().unwrap_or_default();
        Ok(Err(code.to_owned()))
    }
}

/// Whether a warning says that the client has something that the backup has not.
fn tells_what_is_missing(warning: &str) -> bool {
    [
        "belong to no commit",
        "compact() was called",
        "no log tells",
    ]
    .iter()
    .any(|words| warning.contains(words))
}

/// Features of which a release offers either all steps or none.
const NEEDS_ALL: [&str; 3] = ["vectors", "texts", "compact"];

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to).context("cannot make a folder")?;
        for entry in fs::read_dir(from).context("cannot list a folder")? {
            let entry = entry.context("cannot list a folder")?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}
