//! A database is followed while sessions write to it: of each copy of the vault that is taken at some
//! instant it is known what has to be in it, and the engine says what is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apograph_interop::{Apograph, Durability, Engine, EngineGeneration, Load, OpenOptions};
use apograph_testing::effort::is_long;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures;

for_each_generation!(
    what_was_committed_before_the_stated_time_is_in_the_vault,
    a_signal_under_writes_loses_nothing,
);

const PROGRAM: &str = env!("CARGO_BIN_EXE_apograph-under-test");
/// What a machine that does other things needs beside `--every`, a second, and the storing.
const SLACK: Duration = Duration::from_secs(10);

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// A database with an engine, and who follows it.
struct Scene {
    folder: TempDir,
    generation: EngineGeneration,
    engine: Option<Engine>,
    follower: Child,
    /// When the engine said that the commit with this number is done.
    acknowledged: Vec<u64>,
}

impl Scene {
    fn new(generation: EngineGeneration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        let made = Apograph::at(Path::new(PROGRAM)).run([
            "init".as_ref(),
            vault.as_os_str(),
            "--vault".as_ref(),
        ]);
        assert_eq!(made.exit, 0, "{made:?}");
        let engine = opened(generation, &folder.path().join("live.grafeo"));
        let follower = follow(folder.path());
        let mut scene = Self {
            folder,
            generation,
            engine: Some(engine),
            follower,
            acknowledged: Vec::new(),
        };
        scene.begin_sessions();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("an engine")
    }

    /// Three more sessions commit beside the one that counts.
    fn begin_sessions(&mut self) {
        let load = Load {
            value_bytes: 100,
            ..Load::endless(3)
        };
        self.engine().concurrent_start(&load).unwrap();
    }

    /// Commits for a time.
    fn commit_for(&mut self, time: Duration) {
        let until = now_ms() + u64::try_from(time.as_millis()).unwrap();
        while now_ms() < until {
            let number = self.acknowledged.len();
            let op = format!("INSERT (:S {{i:{number}}})");
            self.engine().run(&op).unwrap();
            self.acknowledged.push(now_ms());
            sleep(Duration::from_millis(5));
        }
    }

    /// Opens the database again, after whatever ended the engine.
    fn open(&mut self) {
        self.engine = Some(opened(self.generation, &self.path("live.grafeo")));
        self.begin_sessions();
    }

    /// What happens to database and follower in turn.
    fn act(&mut self, turn: usize) {
        match turn % 5 {
            0 => self.engine().checkpoint().unwrap(),
            1 => {
                self.engine().concurrent_stop().unwrap();
                self.engine().close().unwrap();
                self.engine = None;
                self.open();
            }
            2 => {
                self.follower.kill().unwrap();
                self.follower.wait().unwrap();
                self.follower = follow(self.folder.path());
            }
            3 => {
                // A commit that was acknowledged a moment ago may be lost with the engine's process.
                self.engine().concurrent_stop().unwrap();
                self.engine().checkpoint().unwrap();
                self.engine.take().expect("an engine").kill();
                self.open();
            }
            _ => {}
        }
    }

    /// A copy of the vault as it is: versions first, since what they name is there before them.
    fn copy(&self, name: &str) -> Copied {
        let (vault, copy, at) = (self.path("vault"), self.path(name), now_ms());
        fs::create_dir(&copy).unwrap();
        fs::copy(vault.join("vault.json"), copy.join("vault.json")).unwrap();
        for folder in ["catalog", "segments"] {
            fs::create_dir(copy.join(folder)).unwrap();
            // The first capture may not have begun.
            let entries = fs::read_dir(vault.join(folder)).into_iter().flatten();
            for entry in entries {
                let entry = entry.unwrap();
                let is_hint = entry.file_name() == "latest";
                let is_temporary = entry.file_name().to_string_lossy().starts_with('.');
                if !is_hint && !is_temporary {
                    let target = copy.join(folder).join(entry.file_name());
                    fs::copy(entry.path(), target).unwrap();
                }
            }
        }
        Copied { path: copy, at }
    }

    /// How many commits of the session that counts are in a vault: all up to one of them, and exactly
    /// these.
    fn restored(&self, vault: &Path, output: &str) -> usize {
        let output = self.path(output);
        let restored = Apograph::at(Path::new(PROGRAM)).restore(vault, &output, &[]);
        assert_eq!(restored.exit, 0, "{restored:?}");
        let mut engine = fixtures::engine(self.generation);
        engine.open(&output).unwrap();
        let rows = engine.run("MATCH (s:S) RETURN s.i").unwrap();
        let rows = rows.as_array().cloned().unwrap_or_default();
        let mut numbers: Vec<u64> = rows.iter().filter_map(|row| row[0].as_u64()).collect();
        assert_eq!(numbers.len(), rows.len());
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
        engine.kill();
        fs::remove_dir_all(output.with_extension("grafeo.wal")).ok();
        fs::remove_file(output).unwrap();
        numbers.len()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.follower.kill();
        let _ = self.follower.wait();
    }
}

/// An engine that says that a commit is done when it is in the log, and not a moment before.
fn opened(generation: EngineGeneration, database: &Path) -> Engine {
    let mut engine = fixtures::engine(generation);
    let options = OpenOptions {
        durability: Some(Durability::Sync),
        ..OpenOptions::default()
    };
    engine.open_with(database, options).unwrap();
    engine
}

/// A vault that was copied, and when.
struct Copied {
    path: PathBuf,
    at: u64,
}

fn follow(folder: &Path) -> Child {
    Command::new(PROGRAM)
        .current_dir(folder)
        .args(["follow", "live.grafeo", "--repo", "vault", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A moment before which every commit is in a vault, by what it says of itself: when nothing was new,
/// or else when the capture before the last one had ended, since the last one began after it.
fn claimed(vault: &Path) -> Option<u64> {
    let listed = Apograph::at(Path::new(PROGRAM)).run(["list".as_ref(), vault.as_os_str()]);
    assert_eq!(listed.exit, 0, "{listed:?}");
    let at = |time: &Value| {
        let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok()
    };
    let segments = listed.json["segments"].as_array().into_iter().flatten();
    let captured: Vec<u64> = segments.filter_map(|it| at(&it["created_at"])).collect();
    let (last, until) = (*captured.last()?, at(&listed.json["captured_until"])?);
    if until > last {
        return Some(until);
    }
    captured.into_iter().rev().find(|it| *it < last)
}

fn what_was_committed_before_the_stated_time_is_in_the_vault(generation: EngineGeneration) {
    let (turns, length) = if is_long() {
        (100, Duration::from_secs(3))
    } else {
        (5, Duration::from_millis(1_600))
    };
    let mut scene = Scene::new(generation);
    let mut copies = Vec::new();
    for turn in 0..turns {
        let before = length.mul_f64(fastrand::f64());
        scene.commit_for(before);
        copies.push(scene.copy(&format!("copy-{turn}")));
        scene.commit_for(length.saturating_sub(before));
        scene.act(turn);
    }
    scene.commit_for(length);
    let (mut longest, mut restored) = (Duration::ZERO, 0);
    for (index, copied) in copies.iter().enumerate() {
        // The first capture may not have ended.
        let Some(claimed) = claimed(&copied.path) else {
            continue;
        };
        let found = scene.restored(&copied.path, "restored.grafeo");
        let expected = scene.acknowledged.partition_point(|at| *at < claimed);
        assert!(found >= expected, "{index}: {found} of {expected}");
        // How long the oldest one that is missing had waited.
        let missing = scene.acknowledged.get(found);
        let waited = missing.map_or(0, |at| copied.at.saturating_sub(*at));
        let waited = Duration::from_millis(waited);
        assert!(waited <= SLACK, "{index}: {waited:?}");
        longest = longest.max(waited);
        restored += 1;
    }
    assert!(restored + 1 >= copies.len());
    let commits = scene.acknowledged.len();
    println!(
        "generation {generation}: {commits} commits, {restored} copies; none waited longer than {longest:?}"
    );
}

fn a_signal_under_writes_loses_nothing(generation: EngineGeneration) {
    let mut scene = Scene::new(generation);
    scene.commit_for(Duration::from_millis(2_500));
    let before = scene.acknowledged.len();
    let begun = now_ms();
    let status = Command::new("kill")
        .args(["-TERM", &scene.follower.id().to_string()])
        .status();
    assert!(status.unwrap().success());
    scene.commit_for(Duration::from_millis(100));
    let ended = scene.follower.wait().unwrap();
    assert!(now_ms() - begun < 11_000);
    assert_eq!(ended.code(), Some(0));
    let out = std::io::read_to_string(scene.follower.stdout.take().unwrap()).unwrap();
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["event"], &last["captured"]),
        (&"ended".into(), &true.into())
    );
    let found = scene.restored(&scene.path("vault"), "restored.grafeo");
    assert!(found >= before, "{found} of {before}");
}
