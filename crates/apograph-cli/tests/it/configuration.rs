//! `apograph.toml`, and the commands that read it.

use std::fs;
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::follow::Service;
use crate::status::{database, said};

const CONFIGURATION: &str = r#"metrics-file = "all.prom"

[[database]]
path = "people.grafeo"
repository = "v"
keep-within = "30d"
keep-weekly = 8
max-lag = "15m"
max-age = "26h"

[[database]]
path = "other/people.grafeo"
repository = "other/r"
every = "10m"
full-every = "7d"
max-unverified = "8d"
"#;

/// Two databases, of both generations, each with a repository.
fn place() -> TempDir {
    let folder = database("v1");
    let other = database("v2");
    fs::create_dir(folder.path().join("other")).unwrap();
    for name in ["people.grafeo", "people.grafeo.wal"] {
        let target = folder.path().join("other").join(name);
        fs::rename(other.path().join(name), target).unwrap();
    }
    assert_eq!(said(&folder, "init v --vault").0, 0);
    assert_eq!(said(&folder, "init other/r").0, 0);
    fs::write(folder.path().join("apograph.toml"), CONFIGURATION).unwrap();
    folder
}

/// Run from elsewhere: paths are taken from the folder of the file.
fn run(folder: &TempDir, words: &str) -> Output {
    let file = folder.path().join("apograph.toml");
    let words = words.split(' ').map(|word| match word {
        "FILE" => file.clone().into_os_string(),
        word => word.into(),
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
    let output = command.current_dir("/").args(words).output();
    output.unwrap()
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_configuration_is_checked_and_nothing_is_written() {
    let folder = place();
    let output = run(&folder, "check-config FILE --json");
    assert_eq!(output.status.code(), Some(0));
    let found = object(&output);
    let rhythm = |it: &Value| {
        (
            it["every_seconds"].clone(),
            it["full_every_seconds"].clone(),
        )
    };
    let databases = found["databases"].as_array().unwrap();
    let rhythms: Vec<_> = databases.iter().map(rhythm).collect();
    let expected = [(json!(1), json!(86_400)), (json!(600), json!(604_800))];
    assert_eq!((&found["ok"], &rhythms[..]), (&json!(true), &expected[..]));
    assert!(!folder.path().join("all.prom").exists());
    let list = said(&folder, "list v --json");
    assert!(list.1.contains("\"segments\":[]"), "{}", list.1);

    // Rules are of vaults, so some for a folder are a mistake.
    let file = folder.path().join("apograph.toml");
    fs::write(&file, format!("{CONFIGURATION}keep-last = 2\n")).unwrap();
    let output = run(&folder, "check-config FILE --json");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(object(&output)["databases"][1]["code"], json!("usage"));
    fs::write(&file, CONFIGURATION).unwrap();

    // What cannot be opened is told, and the others too.
    fs::remove_dir_all(folder.path().join("v")).unwrap();
    let output = run(&folder, "check-config FILE --json");
    assert_eq!(output.status.code(), Some(4));
    let found = object(&output);
    let codes = found["databases"].as_array().unwrap().iter();
    let codes: Vec<_> = codes.map(|it| it["code"].clone()).collect();
    assert_eq!(codes, [json!("not-a-repository"), Value::Null]);
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_line_and_key() {
    let folder = place();
    let file = folder.path().join("apograph.toml");
    for (from, to, line, words) in [
        ("max-lag", "max-lagg", 8, "unknown field `max-lagg`"),
        ("every = \"10m\"", "every = 10", 14, "`every = 10`"),
        (
            "\"10m\"",
            "\"10\"",
            14,
            "`every = \"10\"`: it is a number with a unit",
        ),
        ("\"10m\"", "\"0s\"", 14, "it is a second at least"),
        ("\"7d\"", "\"0d\"", 15, "it is a second at least"),
        ("\"7d\"", "\"a week\"", 15, "`full-every = \"a week\"`"),
        ("other/r", "sftp://host/r", 13, "sftp:// is not supported"),
        ("\"other/r\"", "\"v\"", 13, "is that of another database"),
        ("repository = \"v\"\n", "", 3, "missing field `repository`"),
        ("weekly = 8", "weekly = -8", 7, "`keep-weekly = -8`"),
        ("\"30d\"", "\"30\"", 6, "it is a number with a unit"),
        ("metrics-file", "retention", 1, "unknown field `retention`"),
        ("path = \"people", "path = people", 4, "line 4"),
    ] {
        let text = CONFIGURATION.replacen(from, to, 1);
        assert_ne!(text, CONFIGURATION);
        fs::write(&file, text).unwrap();
        for command in [
            "check-config FILE",
            "follow --config FILE",
            "status --config FILE",
        ] {
            let output = run(&folder, command);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{to}: {told}");
            let place = format!("{}, line {line}", file.display());
            assert!(
                told.contains(&place) && told.contains(words),
                "{to}: {told}"
            );
        }
    }
}

#[test]
fn the_databases_of_a_file_are_followed_in_one_process_and_it_is_read_again() {
    let folder = place();
    let words = "follow --config apograph.toml --json";
    let mut service = Service::start(&folder, words);
    service.hear("READY=1");
    service.hear("people.grafeo at ");
    service.hear("WATCHDOG=1");

    // A mistake changes nothing.
    let file = folder.path().join("apograph.toml");
    fs::write(&file, "[[database]]\npath = 7\n").unwrap();
    service.signal(Signal::HUP);
    service.hear("WATCHDOG=1");
    // One database less.
    let (first, _) = CONFIGURATION.split_at(CONFIGURATION.rfind("[[").unwrap());
    fs::write(&file, first).unwrap();
    service.signal(Signal::HUP);
    service.hear("RELOADING=1");
    service.hear("READY=1");
    service.hear("WATCHDOG=1");
    let metrics = fs::read_to_string(folder.path().join("all.prom")).unwrap();
    let samples = metrics.matches("\napograph_follow_failing{").count();
    let heads = metrics
        .matches("# TYPE apograph_follow_failing gauge")
        .count();
    assert_eq!((samples, heads), (1, 1), "{metrics}");
    service.signal(Signal::TERM);
    let (exit, out, err) = service.end();
    assert_eq!((exit, err.as_str()), (Some(0), ""));
    let events = |name: &str| out.matches(&format!("\"event\":\"{name}\"")).count();
    assert_eq!(
        (events("ready"), events("full"), events("ended")),
        (3, 2, 3),
        "{out}"
    );
    assert_eq!(events("warning"), 1, "{out}");

    fs::write(&file, CONFIGURATION).unwrap();
    let output = run(&folder, "status --config FILE --json");
    assert_eq!(output.status.code(), Some(0));
    let found = object(&output);
    let databases = found["databases"].as_array().unwrap();
    let pending: Vec<_> = databases
        .iter()
        .map(|it| it["pending"]["commits"].clone())
        .collect();
    assert_eq!(pending, [json!(0), json!(0)]);
    let output = run(&folder, "status --config FILE --prometheus");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("# TYPE apograph_segments gauge").count(), 1);
    assert_eq!(text.matches("\napograph_segments{").count(), 4, "{text}");
    // A limit that one of them passes.
    let strict = CONFIGURATION.replace("26h", "0s");
    fs::write(&file, strict).unwrap();
    let output = run(&folder, "status --config FILE");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(10), "{text}");
    assert_eq!(text.matches("Alert: ").count(), 1, "{text}");
}

/// A heartbeat comes after a success, and not without one.
#[cfg(feature = "heartbeat")]
#[test]
fn a_heartbeat_is_heard_after_a_success_alone() {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        (&stream)
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        line
    });
    let folder = place();
    fs::remove_dir_all(folder.path().join("v")).unwrap();
    let text = CONFIGURATION.replace("keep-within = \"30d\"\nkeep-weekly = 8\n", "");
    let key = |path: &str| format!("heartbeat = \"http://{address}/{path}\"\n");
    let text = text.replacen("max-lag", &format!("{}max-lag", key("fails")), 1);
    let text = format!("{text}{}", key("works"));
    fs::write(folder.path().join("apograph.toml"), text).unwrap();
    let mut service = Service::start(&folder, "follow --config apograph.toml --json");
    service.hear("READY=1");
    assert_eq!(heard.join().unwrap(), "GET /works HTTP/1.1\r\n");
    service.signal(Signal::TERM);
    let (exit, out, _) = service.end();
    // One of them has no vault.
    assert_eq!(exit, Some(1));
    assert!(!out.contains("heartbeat"), "{out}");
}
