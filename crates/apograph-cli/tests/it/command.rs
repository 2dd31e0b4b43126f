//! The command, run on a golden chain.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// The golden chain of 40 epochs that an engine wrote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain(&'static str);

/// By the engine of generation 1.
pub(crate) const V1: Chain = Chain("v1/02_chain40/backup");
/// By the engine of generation 2.
pub(crate) const V2: Chain = Chain("v2/02_chain40/backup");

impl Chain {
    fn repository(self) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testdata")
            .join(self.0);
        assert!(path.exists(), "{} is missing", path.display());
        path
    }

    /// A copy of the repository, for what writes to it.
    pub(crate) fn copy_to(self, copy: &Path) -> PathBuf {
        std::fs::create_dir(copy).unwrap();
        for entry in std::fs::read_dir(self.repository()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        copy.to_owned()
    }

    /// Runs a command; `REPO` and `OUT` stand for paths.
    pub(crate) fn apograph(self, output: &Path, words: &str) -> (Option<i32>, Value) {
        let repository = self.repository();
        let words = words.split(' ').map(|word| match word {
            "OUT" => output.to_owned(),
            word => match (word.strip_prefix("REPO"), word.strip_prefix("OUT/")) {
                (Some(rest), _) => repository.join(rest.trim_start_matches('/')),
                (None, Some(rest)) => output.join(rest),
                (None, None) => word.into(),
            },
        });
        let command = env!("CARGO_BIN_EXE_apograph");
        let run = Command::new(command)
            .args(words)
            .arg("--json")
            .output()
            .unwrap();
        let text = if run.stdout.is_empty() {
            run.stderr
        } else {
            run.stdout
        };
        let lines = std::str::from_utf8(&text).unwrap().lines().count();
        assert_eq!(lines, 1, "one object, one line");
        (run.status.code(), serde_json::from_slice(&text).unwrap())
    }

    /// Compares the whole object, which has no warnings; paths in it are replaced by the words that
    /// stand for them.
    #[track_caller]
    pub(crate) fn check(self, words: &str, exit: i32, expected: &Value) {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.grafeo");
        let (found, mut object) = self.apograph(&output, words);
        let warnings = object.as_object_mut().and_then(|it| it.remove("warnings"));
        assert_eq!(warnings, Some(json!([])));
        if object["bytes_free"].is_u64() {
            object["bytes_free"] = json!("FREE");
        }
        if object["output"] == output.to_str().unwrap() {
            object["output"] = json!("OUT");
        }
        let repository = self.repository();
        if let Some(file) = object["file"].as_str() {
            let file = file.replace(repository.to_str().unwrap(), "REPO");
            object["file"] = json!(file);
        }
        assert_eq!((found, &object), (Some(exit), expected));
    }
}
