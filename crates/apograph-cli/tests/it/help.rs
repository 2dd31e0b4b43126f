//! What the command says of itself.

use std::process::{Command, Output};

fn apograph(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apograph"))
        .args(words)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const COMMANDS: [&str; 19] = [
    "init",
    "backup",
    "follow",
    "check-config",
    "restore",
    "list",
    "verify",
    "status",
    "drill",
    "log",
    "diff",
    "copy",
    "compact",
    "prune",
    "pin",
    "recipients",
    "inspect",
    "rebuild",
    "completions",
];

#[test]
fn every_command_has_help_with_an_example() {
    for words in COMMANDS.map(|command| [command, "--help"]) {
        let output = apograph(&words);
        assert!(output.status.success(), "{words:?}");
        let help = text(&output.stdout);
        let example = format!("  apograph {}", words[0]);
        assert!(
            help.contains("Example") && help.contains(&example),
            "{help}"
        );
    }
    let overview = apograph(&["--help"]);
    for command in COMMANDS {
        assert!(text(&overview.stdout).contains(command), "{command}");
    }
    assert!(apograph(&["help", "restore"]).status.success());
    assert_eq!(text(&apograph(&["--version"]).stdout), "apograph 0.1.0\n");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let rows: [&[&str]; 14] = [
        &["prune", "v", "--undo", "--grace", "1h"],
        &["prune", "v", "--apply", "--dry-run"],
        &["pin", "v", "x", "--remove", "--epoch", "3"],
        &[],
        &["frobnicate"],
        &["backup", "x.grafeo"],
        &[
            "backup",
            "x.grafeo",
            "--repo",
            "r",
            "--full",
            "--incremental",
        ],
        &["restore", "r", "o", "--epoch", "1:2:3"],
        &["restore", "r", "o", "--time", "yesterday"],
        &["verify", "r", "--threads", "0"],
        &["verify", "r", "--limit-rate", "fast"],
        &["backup", "x.grafeo", "--repo", "r", "--threads", "1025"],
        &["list", "sftp://host/prefix"],
        &["list", "s3:///prefix"],
    ];
    for words in rows {
        let output = apograph(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{words:?}"
        );
    }
    let output = apograph(&["list", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(
        (error["error"]["code"].as_str(), output.status.code()),
        (Some("usage"), Some(2))
    );
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = apograph(&["completions", shell]);
        assert!(
            output.status.success() && text(&output.stdout).contains("apograph"),
            "{shell}"
        );
    }
}
