//! Where repositories are, and how paths are named.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[cfg(feature = "cloud")]
use apograph_testing::store::stand_in::StandIn;
use serde_json::Value;
use tempfile::TempDir;

/// A closed database of each generation.
fn databases() -> [(TempDir, PathBuf); 2] {
    ["v1", "v2"].map(|generation| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testdata")
            .join(generation)
            .join("02_chain40/backup/backup_full_0000.grafeo");
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("people.grafeo");
        fs::copy(&source, &database).expect("a golden database");
        (folder, database)
    })
}

fn apograph<S: AsRef<std::ffi::OsStr>>(folder: &Path, words: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apograph"))
        .current_dir(folder)
        .args(words)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn an_empty_folder_needs_init() {
    for (folder, _) in databases() {
        let run = |words: &str| apograph(folder.path(), &words.split(' ').collect::<Vec<_>>());
        fs::create_dir(folder.path().join("r")).unwrap();
        let refused = run("backup people.grafeo -r r");
        assert_eq!(refused.status.code(), Some(4));
        let said = stderr(&refused);
        assert!(
            said.contains("it is empty") && said.contains("`apograph init REPO`"),
            "{said}"
        );
        assert_eq!(run("list r").status.code(), Some(4));

        assert_eq!(stdout(&run("init r")), "r is a repository now.\n");
        assert_eq!(stdout(&run("init r")), "r is a repository already.\n");
        assert_eq!(run("list r").status.code(), Some(0));
        assert_eq!(run("verify r").status.code(), Some(0));
        assert_eq!(run("restore r out.grafeo").status.code(), Some(4));
        assert!(run("backup people.grafeo -r r --existing").status.success());
        assert!(run("restore r out.grafeo").status.success());
        assert_eq!(stdout(&run("init r")), "r is a repository already.\n");

        fs::write(folder.path().join("file"), "").unwrap();
        for words in ["init file", "init none/r", "init ."] {
            assert!(!run(words).status.success(), "{words}");
        }
        let made = run("init --json n");
        let object: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(object["outcome"], "created");
    }
}

#[test]
fn a_repository_is_made_where_nothing_is_and_that_is_said() {
    for (folder, _) in databases() {
        let run = |words: &str| apograph(folder.path(), &words.split(' ').collect::<Vec<_>>());
        let refused = run("backup people.grafeo -r r --existing");
        assert_eq!(refused.status.code(), Some(4));
        assert!(!folder.path().join("r").exists());
        let said = stdout(&run("backup people.grafeo -r r"));
        assert!(said.starts_with("Made r, a repository.\n"), "{said}");
        let said = stdout(&run("backup people.grafeo -r r --full"));
        assert!(!said.contains("Made"), "{said}");
        let object = run("backup people.grafeo -r other --json");
        let object: Value = serde_json::from_slice(&object.stdout).unwrap();
        assert_eq!(object["created"], true);
    }
}

#[test]
fn an_output_in_a_repository_is_told_to_go_elsewhere() {
    for (folder, _) in databases() {
        let run = |words: &str| apograph(folder.path(), &words.split(' ').collect::<Vec<_>>());
        assert!(run("backup people.grafeo -r r").status.success());
        let refused = run("restore r r/out.grafeo");
        assert_eq!(refused.status.code(), Some(2));
        let said = stderr(&refused);
        assert!(
            said.contains("r/out.grafeo") && said.contains("hint: name a place outside"),
            "{said}"
        );
        assert!(!folder.path().join("r/out.grafeo").exists());
    }
}

#[test]
fn a_path_is_bytes() {
    for (folder, database) in databases() {
        let odd = OsString::from_vec(b"pe\xff\x1bople.grafeo".to_vec());
        fs::rename(&database, folder.path().join(&odd)).unwrap();
        let repository = OsString::from_vec(b"r\xfe\n".to_vec());
        let output = OsString::from_vec(b"o\xfd".to_vec());
        let words = |words: &[&OsString]| -> Vec<OsString> {
            words.iter().map(|&word| word.clone()).collect()
        };
        let text = |word: &str| OsString::from(word);
        let run = |list: &[&OsString]| apograph(folder.path(), &words(list));
        let made = run(&[&text("backup"), &odd, &text("-r"), &repository]);
        assert!(made.status.success(), "{}", stderr(&made));
        let said = stdout(&made);
        assert!(
            said.starts_with("Made r\u{fffd}\\n, a repository.\n"),
            "{said:?}"
        );
        for command in ["list", "verify", "log", "rebuild"] {
            let run = run(&[&text(command), &repository]);
            assert!(run.status.success(), "{command}: {}", stderr(&run));
        }
        let restored = run(&[&text("restore"), &repository, &output, &text("--json")]);
        let object: Value = serde_json::from_slice(&restored.stdout).unwrap();
        assert_eq!(object["output"], "o\u{fffd}");
        assert_eq!(object["output_bytes"], "6ffd");
        assert!(folder.path().join(&output).exists());
        let again = run(&[&text("restore"), &repository, &output, &text("--json")]);
        let object: Value = serde_json::from_slice(&again.stderr).unwrap();
        assert_eq!(object["error"]["file_bytes"], "6ffd");
        let missing = OsString::from_vec(b"\x1b[2J\x9b".to_vec());
        let refused = run(&[&text("inspect"), &missing]);
        let said = stderr(&refused);
        assert!(
            said.contains("\\u{1b}[2J") && !said.contains('\u{1b}'),
            "{said:?}"
        );
    }
}

#[test]
fn a_file_url_is_decoded_and_other_schemes_are_told() {
    for (folder, _) in databases() {
        let run = |words: &[&str]| apograph(folder.path(), words);
        let path = folder.path().join("a b%");
        let url = format!("file://{}/a%20b%25", folder.path().display());
        assert!(
            run(&["backup", "people.grafeo", "-r", &url])
                .status
                .success()
        );
        assert!(path.as_os_str().as_bytes().ends_with(b"a b%") && path.is_dir());
        let local = url.replace("file://", "file://localhost");
        assert!(run(&["list", &local]).status.success());
        for scheme in [
            "sftp:host:/b",
            "ftp://host/b",
            "s3://",
            "rclone:x",
            "file://host/b",
        ] {
            let refused = run(&["list", scheme]);
            assert_eq!(refused.status.code(), Some(2), "{scheme}");
        }
        let refused = run(&["list", "sftp:host:/b"]);
        assert!(stderr(&refused).contains("sftp: is not supported"));
        let named = run(&["backup", "people.grafeo", "-r", "./sftp:b"]);
        assert!(named.status.success(), "{}", stderr(&named));
        assert!(run(&["list", "sftp:b"]).status.success());
    }
}

#[test]
fn each_file_of_a_vault_says_what_it_is() {
    for (folder, _) in databases() {
        let run = |words: &[&str]| apograph(folder.path(), words);
        let key = "age16ehemm6ulekh9alurz6guktcpcvk5u0n40hfk3jl9gz9sjnadgdq9c6dcc";
        let encrypted = ["init", "encrypted", "--vault", "--recipient", key];
        for made in [&["init", "packed", "--vault"][..], &encrypted] {
            assert!(run(made).status.success());
            let backup = ["backup", "people.grafeo", "-r", made[1]];
            assert!(run(&backup).status.success());
        }
        let inspected = |file: &str| -> Value {
            let output = run(&["inspect", file, "--json"]);
            assert!(output.status.success(), "{}", stderr(&output));
            serde_json::from_str(&stdout(&output)).unwrap()
        };
        let segment_in = |vault: &str| {
            let segments = fs::read_dir(folder.path().join(vault).join("segments")).unwrap();
            let names = segments.map(|entry| entry.unwrap().file_name());
            let name = names.min().unwrap().into_string().unwrap();
            format!("{vault}/segments/{name}")
        };
        assert_eq!(inspected("packed/vault.json")["is"], "vault");
        let version = inspected("packed/catalog/00000000000000000002.zst");
        assert_eq!(version["is"], "catalog version");
        assert_eq!(version["version"], 2);
        let changes: Vec<_> = version["changes"].as_array().unwrap().clone();
        let segment = inspected(&segment_in("packed"));
        assert_eq!(segment["is"], "wrapped segment");
        let added = format!("added {}", segment["segment"]["file"].as_str().unwrap());
        assert!(
            changes[0].as_str().unwrap().starts_with(&added),
            "{changes:?}"
        );
        assert_eq!((&segment["object"], &segment["of"]), (&0.into(), &1.into()));
        let size = fs::metadata(folder.path().join("people.grafeo"))
            .unwrap()
            .len();
        assert_eq!(segment["plain_bytes"], size);
        let encrypted = inspected(&segment_in("encrypted"));
        assert_eq!(encrypted["is"], "encrypted segment");
        assert_eq!(encrypted.get("segment"), None);

        let version = folder
            .path()
            .join("packed/catalog/00000000000000000002.zst");
        let bytes = fs::read(&version).unwrap();
        fs::write(&version, &bytes[..bytes.len() - 1]).unwrap();
        let refused = run(&["inspect", "packed/catalog/00000000000000000002.zst"]);
        assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    }
}

/// The files of a folder, by their names below it.
#[cfg(feature = "cloud")]
fn files_in(folder: &Path, below: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            files.extend(files_in(&path, &format!("{below}{name}/")));
        } else {
            files.push((format!("{below}{name}"), fs::read(&path).unwrap()));
        }
    }
    files
}

#[test]
#[cfg(feature = "cloud")]
fn an_object_in_a_store_says_what_the_same_file_says() {
    for (folder, _) in databases() {
        let server = StandIn::start();
        let run = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
            command.current_dir(folder.path()).args(words);
            command.arg("--json").envs(server.settings());
            command.output().unwrap()
        };
        assert!(run(&["init", "packed", "--vault"]).status.success());
        assert!(run(&["init", "plain", "--vault"]).status.success());
        let backup = ["backup", "people.grafeo", "-r", "packed"];
        assert!(run(&backup).status.success());
        let copy = ["copy", "packed", "plain", "--compress", "none"];
        assert!(run(&copy).status.success());
        let said = |words: &[&str]| -> Value {
            let output = run(words);
            let said = [output.stdout, output.stderr].concat();
            let mut object: Value = serde_json::from_slice(&said).unwrap();
            let object = object.as_object_mut().unwrap();
            object.remove("file");
            let traffic = object.remove("traffic");
            let is_remote = words[1].starts_with("s3://");
            assert_eq!(traffic.is_some(), is_remote, "{words:?}");
            Value::Object(object.clone())
        };
        let mut kinds = Vec::new();
        for vault in ["packed", "plain"] {
            let files = files_in(&folder.path().join(vault), "");
            for (name, bytes) in &files {
                server.place(&format!("people/{vault}/{name}"), bytes);
            }
            for (name, _) in &files {
                let local = said(&["inspect", &format!("{vault}/{name}")]);
                let url = format!("s3://bucket/people/{vault}/{name}");
                assert_eq!(said(&["inspect", &url]), local, "{name}");
                kinds.push(local["is"].as_str().unwrap().to_owned());
            }
            let local = said(&["inspect", vault]);
            assert_eq!(local["is"], "vault");
            for end in ["", "/"] {
                let url = format!("s3://bucket/people/{vault}{end}");
                assert_eq!(said(&["inspect", &url]), local);
            }
        }
        kinds.sort();
        kinds.dedup();
        let expected = [
            "catalog version",
            "database file",
            "vault",
            "wrapped segment",
        ];
        assert_eq!(kinds, expected);
        for missing in ["", "/none", "/people/packed/none", "/people/packed/catalog"] {
            let refused = run(&["inspect", &format!("s3://bucket{missing}")]);
            assert_eq!(refused.status.code(), Some(1), "{missing}");
            assert!(stderr(&refused).contains("does not exist"), "{missing}");
        }
        assert_eq!(run(&["inspect", "s3://"]).status.code(), Some(2));
    }
}

/// Where no temporary file can be made, nothing is known of the segments of a vault.
#[test]
fn without_a_folder_for_temporary_files_no_segment_is_said_to_be_missing() {
    for (folder, _) in databases() {
        let run = |temporary: &str, words: &[&str]| {
            Command::new(env!("CARGO_BIN_EXE_apograph"))
                .current_dir(folder.path())
                .env("TMPDIR", temporary)
                .args(words)
                .output()
                .unwrap()
        };
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let sound = |words: &[&str]| {
            let output = run("tmp", words);
            assert!(output.status.success(), "{words:?}: {}", stderr(&output));
            stdout(&output)
        };
        sound(&["init", "v", "--vault"]);
        sound(&["backup", "people.grafeo", "-r", "v"]);
        for words in [
            &["restore", "v", "out.grafeo", "--dry-run"][..],
            &["verify", "v"],
            &["backup", "people.grafeo", "-r", "v", "--full"],
            &["copy", "v", "back"],
        ] {
            let refused = run("nowhere", words);
            assert_eq!(
                refused.status.code(),
                Some(1),
                "{words:?}: {}",
                stderr(&refused)
            );
            let told = stderr(&refused);
            let expected = "a temporary file in nowhere, which TMPDIR names";
            assert!(told.contains(expected), "{words:?}: {told}");
        }
        assert!(!sound(&["list", "v"]).contains("missing"));
        sound(&["verify", "v"]);
        sound(&["restore", "v", "out.grafeo"]);
        let left = fs::read_dir(folder.path().join("tmp")).unwrap();
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn nothing_is_restored_into_a_vault() {
    for (folder, _) in databases() {
        let run = |words: &[&str]| apograph(folder.path(), words);
        assert!(run(&["init", "v", "--vault"]).status.success());
        assert!(
            run(&["backup", "people.grafeo", "-r", "v"])
                .status
                .success()
        );
        let refused = run(&["restore", "v", "v/out.grafeo"]);
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        assert!(!folder.path().join("v/out.grafeo").exists());
    }
}

/// So nothing of its size has to fit into the folder for temporary files.
#[test]
fn the_image_of_a_vault_is_unpacked_where_the_database_will_be() {
    for (index, (folder, database)) in databases().into_iter().enumerate() {
        let beside = "people.grafeo.spill/vectors_a.bin";
        let has_embeddings = index == 0;
        if has_embeddings {
            fs::create_dir(folder.path().join("people.grafeo.spill")).unwrap();
            fs::write(folder.path().join(beside), b"embeddings").unwrap();
        }
        let run = |words: &[&str]| {
            let output = apograph(folder.path(), words);
            assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        };
        run(&["init", "v", "--vault"]);
        run(&["backup", "people.grafeo", "-r", "v"]);
        fs::create_dir(folder.path().join("again")).unwrap();
        let restored = Command::new(env!("CARGO_BIN_EXE_apograph"))
            .current_dir(folder.path())
            .env("TMPDIR", folder.path().join("missing"))
            .args(["restore", "v", "again/people.grafeo"])
            .output()
            .unwrap();
        assert!(restored.status.success(), "{}", stderr(&restored));
        let again = folder.path().join("again");
        let image = fs::read(again.join("people.grafeo")).unwrap();
        assert!(image == fs::read(database).unwrap());
        let embeddings = fs::read(again.join(beside)).ok();
        assert_eq!(
            embeddings.as_deref(),
            has_embeddings.then_some(&b"embeddings"[..])
        );
    }
}

/// What is locked is in use, and other names are other people's.
#[test]
fn what_a_killed_backup_left_for_a_vault_is_removed() {
    let [(folder, _), _] = databases();
    let temporary = folder.path().join("tmp");
    let left = |number: u8| temporary.join(format!("apograph-staging-{number:032x}"));
    let mut made = vec![left(1), left(2), temporary.join("apograph-staging-1")];
    for path in &made {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join(".backup_full_0000.grafeo.apograph-tmp"), b"left").unwrap();
    }
    fs::create_dir(left(3)).unwrap();
    fs::write(left(3).join("other"), b"no temporary name").unwrap();
    made.push(left(3));
    let opened = apograph_io::Folder::open(&made[1]).unwrap();
    let lock = apograph_io::FileLock::acquire_folder(&opened).unwrap();
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_apograph"))
            .current_dir(folder.path())
            .env("TMPDIR", &temporary)
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    };
    run(&["init", "v", "--vault"]);
    run(&["backup", "people.grafeo", "-r", "v"]);
    let there: Vec<_> = made.iter().map(|path| path.is_dir()).collect();
    assert_eq!(there, [false, true, true, true]);
    assert!(left(3).join("other").exists());
    drop(lock);
    run(&["backup", "people.grafeo", "-r", "v"]);
    assert!(!left(2).exists());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 2);
}

/// Whatever is lost of a catalog, and of what says that there is a vault, is made anew of the segments.
#[test]
fn a_vault_of_which_the_catalog_is_lost_is_made_anew() {
    type Lose = fn(&Path);
    let losses: [(&str, Lose); 5] = [
        ("a version", |vault| {
            let version = vault.join("catalog/00000000000000000002.zst");
            fs::remove_file(version).unwrap();
        }),
        ("the newest version", |vault| {
            let version = vault.join("catalog/00000000000000000003.zst");
            fs::write(version, b"").unwrap();
        }),
        ("the catalog", |vault| {
            fs::remove_dir_all(vault.join("catalog")).unwrap();
        }),
        ("the head", |vault| {
            fs::write(vault.join("vault.json"), b"{").unwrap();
        }),
        ("all", |vault| {
            fs::remove_dir_all(vault.join("catalog")).unwrap();
            fs::remove_file(vault.join("vault.json")).unwrap();
        }),
    ];
    for (folder, _) in databases() {
        let run = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            apograph(folder.path(), &words)
        };
        let said = |words: &str| {
            let output = run(words);
            assert!(output.status.success(), "{words}: {}", stderr(&output));
            stdout(&output)
        };
        for (what, lose) in &losses {
            let _ = fs::remove_dir_all(folder.path().join("v"));
            said("init v --vault");
            said("backup people.grafeo -r v --full");
            said("backup people.grafeo -r v --full");
            let list = said("list v");
            said("restore v before.grafeo");
            assert!(said("rebuild v").contains("The catalog is right: 2 segments."));
            let vault = folder.path().join("v");
            lose(&vault);
            let refused = run("list v");
            assert_eq!(refused.status.code(), Some(3), "{what}");
            assert!(stderr(&refused).contains("apograph rebuild"), "{what}");
            let would = said("rebuild v --dry-run");
            assert!(would.contains("Would write a catalog of 2 segments."));
            assert_eq!(run("list v").status.code(), Some(3), "{what}");
            assert!(said("rebuild v").contains("Wrote a catalog of 2 segments."));
            let found = said("list v");
            let rows = |list: &str| -> Vec<String> {
                let lines = list.lines().filter(|line| !line.starts_with("Captured"));
                lines.map(str::to_owned).collect()
            };
            assert_eq!(rows(&found), rows(&list), "{what}");
            said("verify v");
            said("restore v after.grafeo");
            let [before, after] = ["before.grafeo", "after.grafeo"].map(|name| {
                let file = folder.path().join(name);
                let bytes = fs::read(&file).unwrap();
                fs::remove_file(&file).unwrap();
                bytes
            });
            assert!(before == after, "{what}");
            said("backup people.grafeo -r v");
            said("verify v");
        }
    }
}
