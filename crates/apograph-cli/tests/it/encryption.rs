//! Vaults that are encrypted, as a user has them.

use std::fs;
use std::process::Command;

use apograph_testing::keys::{ALICE, BOB};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{Chain, V1, V2};

/// A folder in which everything is.
struct Place {
    folder: TempDir,
    chain: Chain,
}

impl Place {
    /// With a file of private keys for each, and a vault that is Alice's.
    fn new(chain: Chain) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("alice"), ALICE.identity).unwrap();
        fs::write(folder.path().join("bob"), BOB.identity).unwrap();
        let place = Self { folder, chain };
        let made = place.run(&format!(
            "init OUT/vault --vault --recipient {}",
            ALICE.recipient
        ));
        assert_eq!((made.0, &made.1["outcome"]), (Some(0), &json!("created")));
        assert_eq!(place.run("copy REPO OUT/vault").0, Some(0));
        place
    }

    fn run(&self, words: &str) -> (Option<i32>, Value) {
        self.chain.apograph(self.folder.path(), words)
    }

    /// What a command that fails says.
    #[track_caller]
    fn refused(&self, words: &str) -> (i32, String, String) {
        let (exit, object) = self.run(words);
        let of = |key: &str| object["error"][key].as_str().unwrap_or_default().to_owned();
        for key in ["message", "hint"] {
            assert!(!of(key).contains("SECRET"), "{object}");
        }
        (exit.unwrap(), of("code"), of("message"))
    }

    #[track_caller]
    fn check_refused(&self, words: &str, exit: i32, code: &str, message: &str) {
        let found = self.refused(words);
        assert_eq!((found.0, &found.1[..]), (exit, code), "{}", found.2);
        assert!(found.2.contains(message), "{}", found.2);
    }
}

#[test]
fn a_vault_is_read_with_its_key_alone() {
    for chain in [V1, V2] {
        let place = Place::new(chain);
        assert_eq!(place.run("list OUT/vault").0, Some(0));
        assert_eq!(place.run("verify OUT/vault --level objects").0, Some(0));
        let key = "--identity OUT/alice";
        for words in [
            "verify OUT/vault",
            "log OUT/vault",
            "restore OUT/vault OUT/copy.grafeo",
            "copy OUT/vault OUT/back",
        ] {
            let (exit, object) = place.run(words);
            assert_eq!(exit, Some(4), "{object}");
            let (exit, object) = place.run(&format!("{words} --identity OUT/bob"));
            assert_eq!(exit, Some(4), "{object}");
            let (exit, object) = place.run(&format!("{words} {key} --identity OUT/bob"));
            assert_eq!(exit, Some(0), "{object}");
            let warnings = object["warnings"].to_string();
            let is_told = warnings.contains("what was encrypted is not in");
            assert_eq!(is_told, words.starts_with("copy"), "{object}");
        }
        let none = "it is encrypted, and no identity was given";
        place.check_refused(
            "restore OUT/vault OUT/2.grafeo",
            4,
            "identity-missing",
            none,
        );
        assert!(!place.folder.path().join("2.grafeo").exists());
        let (_, object) = place.run("restore OUT/vault OUT/2.grafeo");
        let hint = object["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("`--identity FILE`"), "{hint}");
        let (_, verified) = place.run("verify OUT/vault");
        assert_eq!(verified["problems"][0]["code"], json!("identity-missing"));
        assert_eq!(verified["problems"].as_array().unwrap().len(), 4);
        // What could not be read is not noted as damage.
        assert_eq!(place.run("verify OUT/vault --level objects").0, Some(0));
        let (_, list) = place.run("list OUT/vault");
        assert_eq!(list["segments"][0]["usable"], json!(true));
    }
}

#[test]
fn the_environment_names_a_key_and_the_command_line_others() {
    let place = Place::new(V1);
    let run = |variable: &str, words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
        command
            .current_dir(place.folder.path())
            .args(words.split(' '));
        command.env("APOGRAPH_IDENTITY", variable);
        command.output().unwrap().status.code()
    };
    assert_eq!(run("alice", "verify vault"), Some(0));
    assert_eq!(run("", "verify vault"), Some(4));
    assert_eq!(run("bob", "verify vault"), Some(4));
    assert_eq!(run("bob", "verify vault --identity alice"), Some(0));
    assert_eq!(run("alice", "verify vault --identity bob"), Some(4));
    assert_eq!(run("no-such-file", "verify vault"), Some(1));
}

#[test]
fn recipients_are_those_of_the_vault_or_an_error() {
    let place = Place::new(V2);
    let (alice, bob) = (ALICE.recipient, BOB.recipient);
    let pairs = format!("# two\n{alice}\n\n{bob}\n");
    fs::write(place.folder.path().join("both.pub"), pairs).unwrap();
    let differ = |words: &str| {
        let message = format!("encrypts its segments for {alice}");
        place.check_refused(words, 4, "recipients-differ", &message);
    };
    differ(&format!("copy REPO OUT/vault --recipient {bob}"));
    differ("copy REPO OUT/vault --recipients-file OUT/both.pub");
    // What is a vault needs no word for it.
    for word in [" --vault", ""] {
        differ(&format!(
            "init OUT/vault{word} --recipients-file OUT/both.pub"
        ));
        for key in [format!(" --recipient {alice}"), String::new()] {
            let (exit, made) = place.run(&format!("init OUT/vault{word}{key}"));
            assert_eq!((exit, &made["outcome"]), (Some(0), &json!("unchanged")));
        }
    }
    let same = place.run(&format!("copy REPO OUT/vault --recipient {alice}"));
    assert_eq!((same.0, &same.1["present"]), (Some(0), &json!(4)));
    let refused = |words: &str, message: &str| place.check_refused(words, 2, "usage", message);
    let private = ALICE.identity.lines().last().unwrap();
    refused(
        &format!("init OUT/v --vault --recipient {private}"),
        "is a private one",
    );
    refused(
        "init OUT/v --vault --recipients-file OUT/alice",
        "alice: a recipient is",
    );
    refused("init OUT/v --vault --recipient me", "begins with `age1`");
    refused(
        &format!("init OUT/v --recipient {alice}"),
        "and no other repository",
    );
    refused(
        "verify OUT/vault --identity OUT/both.pub",
        "both.pub: there is no identity",
    );
    assert!(!place.folder.path().join("v").exists());
}

#[test]
fn recipients_are_shown_and_changed() {
    let place = Place::new(V1);
    let (alice, bob) = (ALICE.recipient, BOB.recipient);
    let check = |words: &str, recipients: &[&str]| {
        let (exit, object) = place.run(words);
        let repository = place.folder.path().join("vault");
        let expected = json!({
            "command": "recipients", "repository": repository, "recipients": recipients,
            "warnings": [],
        });
        assert_eq!((exit, object), (Some(0), expected));
    };
    check("recipients OUT/vault", &[alice]);
    check(&format!("recipients OUT/vault add {bob}"), &[alice, bob]);
    check(
        &format!("recipients OUT/vault add {bob} {alice}"),
        &[alice, bob],
    );
    check("recipients OUT/vault", &[alice, bob]);
    check(&format!("recipients OUT/vault remove {alice}"), &[bob]);
    check("recipients OUT/vault", &[bob]);
    // What is there stays hers.
    assert_eq!(
        place.run("verify OUT/vault --identity OUT/alice").0,
        Some(0)
    );
    let refused = |words: &str, message: &str| place.check_refused(words, 2, "usage", message);
    refused(
        &format!("recipients OUT/vault remove {alice}"),
        "is none of the recipients",
    );
    refused(
        &format!("recipients OUT/vault remove {bob}"),
        "no recipient would be left",
    );
    place.check_refused("recipients OUT", 4, "not-a-repository", "it is no vault");
    place.check_refused(
        "recipients OUT/none",
        4,
        "not-a-repository",
        "no such folder",
    );
    check("recipients OUT/vault", &[bob]);
}

#[test]
fn what_is_printed_for_people_names_whom_it_is_for() {
    let place = Place::new(V1);
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
        let output = command
            .current_dir(place.folder.path())
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let alice = ALICE.recipient;
    assert_eq!(run(&["recipients", "vault"]), format!("{alice}\n"));
    let added = run(&["recipients", "vault", "add", BOB.recipient]);
    let expected = format!(
        "What is added to vault from now on is encrypted for\n{alice}\n{}\nWhat is there already \
         stays as it is: those who could read it still can.\n",
        BOB.recipient
    );
    assert_eq!(added, expected);
    run(&["init", "plain", "--vault"]);
    let expected = "plain is not encrypted: whoever can read its place reads it.\n";
    assert_eq!(run(&["recipients", "plain"]), expected);
}

#[test]
fn a_lost_catalog_is_made_anew_with_a_key_and_for_whom_is_said() {
    for chain in [V1, V2] {
        let place = Place::new(chain);
        let (_, before) = place.run("list OUT/vault");
        fs::remove_dir_all(place.folder.path().join("vault/catalog")).unwrap();
        let differs = "recipients-differ";
        place.check_refused("rebuild OUT/vault --identity OUT/alice", 4, differs, "lost");
        let rebuild = format!("rebuild OUT/vault --recipient {}", ALICE.recipient);
        let missing = "identity-missing";
        place.check_refused(&rebuild, 4, missing, "no identity was given");
        place.check_refused(&format!("{rebuild} --identity OUT/bob"), 4, missing, "");
        let (exit, made) = place.run(&format!("{rebuild} --identity OUT/alice"));
        assert_eq!((exit, &made["outcome"]), (Some(0), &json!("written")));
        assert_eq!(made["recipients"], json!([ALICE.recipient]));
        let (_, after) = place.run("list OUT/vault");
        for key in ["segments", "restorable", "holes"] {
            assert_eq!(after[key], before[key], "{key}");
        }
    }
}
