//! `apograph follow`, as a service manager runs it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::status::{database, said};

/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A follower, and the socket of its service manager.
pub(crate) struct Service {
    process: Child,
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Service {
    pub(crate) fn start(folder: &TempDir, words: &str) -> Self {
        let path = folder.path().join("notify");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_apograph"))
            .current_dir(folder.path())
            .args(words.split(' '))
            .env("NOTIFY_SOCKET", path)
            // A store at which nobody listens.
            .env("AWS_ENDPOINT", "http://127.0.0.1:1")
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nobody")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            process,
            socket,
            heard: Vec::new(),
        }
    }

    /// Waits until it says something of the kind.
    #[track_caller]
    pub(crate) fn hear(&mut self, words: &str) -> String {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let mut buffer = [0; 4096];
            let count = self.socket.recv(&mut buffer).unwrap();
            let said = String::from_utf8_lossy(&buffer[..count]).into_owned();
            self.heard.push(said.clone());
            if said.contains(words) {
                return said;
            }
        }
        panic!("not {words}, but {:?}", self.heard);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }

    /// The exit status, and what it said on standard output and on standard error.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            // An ignored signal, as `nohup` leaves it, stays ignored.
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(20));
        };
        let out = self.process.stdout.take().map(std::io::read_to_string);
        let err = self.process.stderr.take().map(std::io::read_to_string);
        let [out, err] = [out, err].map(|said| said.unwrap().unwrap());
        (status.code(), out, err)
    }
}

/// A test that fails leaves none behind.
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn wait_until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < PATIENCE, "it does not come");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_service_says_when_it_is_ready_that_it_is_at_work_and_when_it_ends() {
    for generation in ["v1", "v2"] {
        let folder = database(generation);
        assert_eq!(said(&folder, "init v --vault").0, 0);
        let words = "follow people.grafeo --repo v --metrics-file people.prom";
        let mut service = Service::start(&folder, words);
        service.hear("READY=1");
        let status = service.hear("STATUS=people.grafeo at ");
        assert!(status.contains("STATUS=people.grafeo at 1:"), "{status}");
        for _ in 0..3 {
            service.hear("WATCHDOG=1");
        }
        let metrics = folder.path().join("people.prom");
        let has_captured = || {
            let text = fs::read_to_string(&metrics).unwrap_or_default();
            text.contains(
                "apograph_follow_captures_total{repository=\"v\",database=\"people.grafeo\"} 1\n",
            )
        };
        wait_until(has_captured);
        service.signal(Signal::TERM);
        service.hear("STOPPING=1");
        let (exit, out, err) = service.end();
        assert_eq!((exit, out.as_str()), (Some(0), ""), "{err}");
        let lines: Vec<&str> = err.lines().collect();
        let expected = [
            "people.grafeo: followed into v, which has no point yet",
            "people.grafeo: took a full backup, ",
            "people.grafeo: ended, and all of it was captured, at 1:",
        ];
        assert_eq!(lines.len(), expected.len(), "{err}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.contains(expected), "{line}");
        }
        let list = said(&folder, "status v --db people.grafeo --max-lag 0s");
        assert_eq!(list.0, 0, "{}", list.1);
        // One of another process, which was killed, goes on where it was.
        let mut again = Service::start(&folder, words);
        again.hear("READY=1");
        again.hear("WATCHDOG=1");
        again.signal(Signal::KILL);
        assert_eq!(again.end().0, None);
        let mut again = Service::start(&folder, words);
        again.hear("READY=1");
        again.signal(Signal::INT);
        assert_eq!(again.end().0, Some(0));
    }
}

#[test]
fn what_changes_is_an_object_a_line() {
    let folder = database("v2");
    assert_eq!(said(&folder, "init v --vault").0, 0);
    let words = "follow people.grafeo --repo v --json";
    let mut service = Service::start(&folder, words);
    service.hear("STATUS=people.grafeo at ");
    let [path, aside] = ["people.grafeo", "aside"].map(|it| folder.path().join(it));
    fs::rename(&path, &aside).unwrap();
    service.hear("STATUS=people.grafeo: io");
    // It is at work all the same.
    for _ in 0..3 {
        service.hear("WATCHDOG=1");
    }
    fs::rename(&aside, &path).unwrap();
    service.hear("STATUS=people.grafeo at ");
    service.signal(Signal::TERM);
    let (exit, out, err) = service.end();
    assert_eq!((exit, err.as_str()), (Some(0), ""));
    let objects: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<_> = objects.iter().map(|it| it["event"].clone()).collect();
    assert_eq!(events, ["ready", "full", "failed", "recovered", "ended"]);
    assert_eq!(objects[2]["code"], json!("io"));
    assert_eq!(objects[4]["captured"], json!(true));
    assert!(objects.iter().all(|it| it["repository"] == "v"));
}

/// What cannot be captured in the end is exit 1 with the code.
#[test]
fn what_is_not_captured_in_the_end_is_exit_1() {
    let folder = database("v1");
    assert_eq!(said(&folder, "init v --vault").0, 0);
    let words = "follow people.grafeo --repo v --json";
    let mut service = Service::start(&folder, words);
    service.hear("STATUS=people.grafeo at ");
    fs::remove_file(folder.path().join("people.grafeo")).unwrap();
    service.hear("STATUS=people.grafeo: io");
    service.signal(Signal::TERM);
    let (exit, out, _) = service.end();
    assert_eq!(exit, Some(1));
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["captured"], &last["code"]),
        (&json!(false), &json!("io"))
    );
}

#[test]
fn a_mistake_is_an_error_at_once() {
    let folder = database("v1");
    assert_eq!(said(&folder, "init r").0, 0);
    assert_eq!(said(&folder, "init v --vault").0, 0);
    for (words, exit) in [
        ("follow people.grafeo --repo nowhere", 4),
        ("follow nowhere.grafeo --repo v", 1),
        ("follow v/vault.json --repo v", 4),
        ("follow people.grafeo --repo r --every 1s", 2),
        ("follow people.grafeo --repo v --every 0s", 2),
        ("follow people.grafeo --repo v --full-every 0s", 2),
        ("follow people.grafeo", 2),
    ] {
        let (exited, out, err) = Service::start(&folder, words).end();
        assert_eq!((exited, out.as_str()), (Some(exit), ""), "{words}: {err}");
        assert!(err.starts_with("error: "), "{err}");
    }
    assert!(!Path::new("nowhere").exists());
}

/// A store that is away at the start is waited for: systemd hears that it takes longer.
#[cfg(feature = "cloud")]
#[test]
fn a_store_that_is_away_at_the_start_is_waited_for() {
    let folder = database("v1");
    let words = "follow people.grafeo --repo s3://nowhere/people --json";
    let mut service = Service::start(&folder, words);
    for _ in 0..3 {
        let said = service.hear("EXTEND_TIMEOUT_USEC=");
        assert!(!said.contains("READY"), "{said}");
    }
    let begun = Instant::now();
    service.signal(Signal::TERM);
    let heard = service.heard.join(" ");
    let (exit, out, err) = service.end();
    assert!(begun.elapsed() < Duration::from_secs(13));
    assert_eq!(exit, Some(1), "{out} {err}");
    assert!(!heard.contains("READY"), "{heard}");
    assert!(
        out.lines().all(|line| line.contains("\"event\":\"")),
        "{out}"
    );
}
