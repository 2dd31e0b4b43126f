//! What a user reads who made a mistake: a sentence that is true, and the next thing to do.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{V1, V2};

/// The exit status and all that was said.
fn apograph(folder: &Path, words: &str) -> (Option<i32>, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_apograph"))
        .current_dir(folder)
        .args(words.split(' '))
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    (run.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn each_mistake_has_its_sentence() {
    let folder = tempfile::tempdir().unwrap();
    V1.copy_to(&folder.path().join("one"));
    V2.copy_to(&folder.path().join("two"));
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir_all(folder.path().join("folder/wal")).unwrap();
    fs::write(folder.path().join("letter"), "Dear reader").unwrap();
    let full = folder.path().join("one/backup_full_0000.grafeo");
    fs::copy(full, folder.path().join("people.grafeo")).unwrap();
    let rows = [
        (
            "backup people.grafeo -r none/r",
            1,
            "none/r cannot be made: the folder none does not exist",
        ),
        (
            "backup nobody.grafeo -r r",
            1,
            "there is no database nobody.grafeo",
        ),
        (
            "backup letter -r r",
            4,
            "letter is another kind of file, and no Grafeo database",
        ),
        (
            "backup empty -r r",
            4,
            "empty is a folder, and no Grafeo database",
        ),
        (
            "backup folder -r r",
            4,
            "folder is a folder, and no Grafeo database",
        ),
        ("backup people.grafeo -r empty", 4, "it is empty"),
        (
            "restore one people.grafeo",
            6,
            "name an OUTPUT that does not exist",
        ),
        (
            "restore one none/o",
            1,
            "cannot restore into none: there is no such folder",
        ),
        (
            "restore one none/o --dry-run",
            1,
            "cannot restore into none: there is no such folder",
        ),
        (
            "restore one o --lsn 300",
            5,
            "only the log of Grafeo 0.6 has LSNs",
        ),
        (
            "restore two o --lsn 700",
            5,
            "a commit ends at LSN 666 and at 758",
        ),
        (
            "restore one o --time 2026-11-21T03:00:00",
            2,
            "the offset from UTC is missing",
        ),
        (
            "restore one o --time 2026-11-21",
            2,
            "a date is a whole day",
        ),
        (
            "restore one o --time 2001-01-01T00:00:00Z",
            5,
            "not in the repository",
        ),
        ("log one --from 20 --to 10", 2, "--from lies after --to"),
        ("log one --from 20 --to 10", 2, "`--from 10 --to 20` is"),
        (
            "log one --from 60",
            0,
            "No such commit: the newest state is 1:40+0;",
        ),
        (
            "log one --from 9:1",
            2,
            "--from names timeline 9, and the last one is 1",
        ),
        (
            "log one --kind drop_everything",
            2,
            "no record in this repository can be of the kind `drop_everything`\n  \
             hint: Grafeo 0.5 has create_node, delete_node,",
        ),
        (
            "log one --kind put_catalog",
            2,
            "drop_named_graph, switch_graph,",
        ),
        (
            "log two --kind switch_graph",
            2,
            "put_catalog, drop_catalog,",
        ),
        ("log one --kind drop_node_type", 0, "No such commit"),
        ("log two --kind kind_77", 0, "No such commit"),
        (
            "diff one yesterday",
            2,
            "expected an epoch (57), a timeline",
        ),
        ("diff one 12 8", 2, "hint: name the earlier state first"),
        ("list none", 4, "there is no such folder"),
        (
            "list sftp:host:/backups",
            2,
            "sftp: is not supported; mount it",
        ),
        ("bakcup", 2, "a similar subcommand exists: 'backup'"),
    ];
    for (words, exit, expected) in rows {
        let (found, said) = apograph(folder.path(), words);
        assert_eq!(found, Some(exit), "{words}: {said}");
        assert!(said.contains(expected), "{words}: {said}");
    }
    let (_, said) = apograph(
        folder.path(),
        "restore two o --time 9999-12-31T23:59:59.999999999Z",
    );
    assert!(!said.contains("invalid value"), "{said}");
}

/// Whatever a command prints as a time, `--time` takes, and its lines fit a terminal.
#[test]
fn what_is_listed_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    for (chain, name) in [(V1, "one"), (V2, "two")] {
        chain.copy_to(&folder.path().join(name));
        let run = |words: &str| apograph(folder.path(), words);
        assert_eq!(run(&format!("verify {name} --new")).0, Some(0));
        let (_, list) = run(&format!("list {name}"));
        assert!(
            list.lines().all(|line| line.chars().count() <= 100),
            "{list}"
        );
        assert_eq!(list.contains("LAST COMMIT"), name == "two", "{list}");
        // More commits of the newest epoch may come.
        assert!(list.contains(" to 1:40+0 "), "{list}");
        let is_time = |word: &&str| word.len() == 24 && word.ends_with('Z');
        let mut times = 0;
        for time in list.split([' ', '\n', ',', '.']).filter(is_time) {
            let (exit, said) = run(&format!("restore {name} out --dry-run --time {time}"));
            assert_ne!(exit, Some(2), "{time}: {said}");
            times += 1;
        }
        let words = list.split_whitespace().filter(|word| word.ends_with('Z'));
        for time in words {
            let (exit, said) = run(&format!("restore {name} out --dry-run --time {time}"));
            assert!(matches!(exit, Some(0 | 5)), "{time}: {said}");
            times += 1;
        }
        assert!(times >= 4, "{list}");
    }
}

#[test]
fn the_log_is_filtered_and_turned_around() {
    let folder = tempfile::tempdir().unwrap();
    V2.copy_to(&folder.path().join("two"));
    let points = |words: &str| -> Vec<String> {
        let (exit, said) = apograph(folder.path(), words);
        assert_eq!(exit, Some(0), "{words}: {said}");
        let lines = said.lines().map(str::trim_start);
        let points = lines.filter(|line| line.starts_with("1:"));
        points
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(points("log two --from 20 --limit 2"), ["1:20", "1:21"]);
    assert_eq!(
        points("log two --reverse --limit 3"),
        ["1:40+0", "1:39", "1:38"]
    );
    assert_eq!(
        points("log two --to 12 --kind delete_node --reverse"),
        ["1:8"]
    );
    let all = points("log two").len();
    let (since, until) = ("2026-11-21T07:27:16.760Z", "2026-11-21T07:27:16.7599Z");
    let late = points(&format!("log two --since {since}")).len();
    let early = points(&format!("log two --until {until}")).len();
    assert!(late > 0 && early > 0, "{early} and {late}");
    assert_eq!(early + late, all);

    V1.copy_to(&folder.path().join("one"));
    let (_, said) = apograph(folder.path(), "log one --from 8 --to 8");
    let window = "backup_incr_0001.wal: captured between 2026-11-21T07:27:16.478Z and \
                  2026-11-21T07:27:16.485Z\n";
    assert!(said.contains(window), "{said}");

    let damaged = folder.path().join("one/backup_incr_0002.wal");
    let mut bytes = fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let (exit, said) = apograph(folder.path(), "log one");
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("1:18+0 ") && said.contains("?:40 "), "{said}");
    assert!(
        said.contains("warning: the commits of backup_incr_0002.wal are left out"),
        "{said}"
    );
    let (exit, said) = apograph(folder.path(), "log one --json");
    assert_eq!(exit, Some(3));
    assert!(
        said.contains("\"unreadable\":[{\"file\":\"backup_incr_0002.wal\""),
        "{said}"
    );
}

/// What a killed command left is told with its size, and is no damage.
#[test]
fn what_was_left_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let repository = V1.copy_to(&folder.path().join("one"));
    fs::write(
        repository.join(".backup_full_0004.grafeo.apograph-tmp"),
        [0; 3000],
    )
    .unwrap();
    let (exit, said) = apograph(folder.path(), "list one");
    assert_eq!(exit, Some(0));
    assert!(
        said.contains(".backup_full_0004.grafeo.apograph-tmp, 2.9 KiB"),
        "{said}"
    );
    assert_eq!(apograph(folder.path(), "verify one").0, Some(0));
}

#[test]
fn a_success_can_be_silent() {
    let folder = tempfile::tempdir().unwrap();
    V1.copy_to(&folder.path().join("one"));
    for words in [
        "-q verify one",
        "restore one out -q",
        "rebuild one --quiet",
        "init n -q",
    ] {
        assert_eq!(
            apograph(folder.path(), words),
            (Some(0), String::new()),
            "{words}"
        );
    }
    assert!(!apograph(folder.path(), "list one -q").1.is_empty());
    let (_, before) = apograph(folder.path(), "--json list one");
    let (_, behind) = apograph(folder.path(), "list one --json");
    assert_eq!(before, behind);
    assert!(before.starts_with('{'));
}

/// Every command that reads a repository says that its notes are damaged, and the backups in it are
/// none the worse.
#[test]
fn damaged_notes_are_told_and_harm_no_backup() {
    for chain in [V1, V2] {
        let folder = tempfile::tempdir().unwrap();
        chain.copy_to(&folder.path().join("r"));
        let notes = folder.path().join("r/apograph-notes.json");
        for (words, is_read) in [
            ("list r", true),
            ("verify r", true),
            ("verify r --level files", true),
            ("log r", true),
            ("restore r o --dry-run", true),
            ("rebuild r --dry-run", true),
            ("inspect r/backup_manifest.json", false),
        ] {
            let warnings = |text: &str| {
                fs::write(&notes, text).unwrap();
                let (status, said) = apograph(folder.path(), &format!("{words} --json"));
                assert_eq!(status, Some(0), "{words}: {said}");
                let object: serde_json::Value = serde_json::from_str(said.trim()).expect(words);
                let warnings = object["warnings"].as_array().expect(words).iter();
                let warnings = warnings.map(|it| it.as_str().expect(words).to_owned());
                warnings.collect::<Vec<_>>()
            };
            let damaged = warnings("{");
            assert_eq!(damaged.len(), usize::from(is_read), "{words}: {damaged:?}");
            for warning in damaged {
                assert!(
                    warning.contains("apograph-notes.json is damaged: "),
                    "{warning}"
                );
                assert!(
                    warning.contains("the next one writes the file anew"),
                    "{warning}"
                );
            }
            let id = "0123456789abcdef0123456789abcdef";
            let body = format!(r#"{{"format":1,"id":"{id}"}}"#);
            let crc32 = apograph_format::Crc32::of(body.as_bytes());
            let sound = format!(r#"{{"crc32":"{crc32}","body":{body}}}"#);
            assert_eq!(warnings(&sound), [""; 0], "{words}");
        }
        fs::write(&notes, "{").unwrap();
        let (status, said) = apograph(folder.path(), "list r");
        assert_eq!(status, Some(0));
        assert!(
            said.contains("warning: r/apograph-notes.json is damaged: "),
            "{said}"
        );
    }
}
