//! Which package may depend on which: the table of layers in ARCHITECTURE.md.

use super::Findings;
use crate::metadata::{Dependency, FOR_TESTS, Package};

/// Each layer, from below, with the layers that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("apograph-format", &[]),
    ("apograph-io", &["apograph-format"]),
    ("apograph-store", &["apograph-format", "apograph-io"]),
    ("apograph-wrap", &["apograph-format", "apograph-io"]),
    ("apograph-manifest", &["apograph-format", "apograph-io"]),
    (
        "apograph-vault",
        &[
            "apograph-format",
            "apograph-io",
            "apograph-store",
            "apograph-wrap",
            "apograph-manifest",
        ],
    ),
    ("apograph-wal", &["apograph-format", "apograph-io"]),
    (
        "apograph-repository",
        &[
            "apograph-format",
            "apograph-io",
            "apograph-store",
            "apograph-manifest",
            "apograph-vault",
            "apograph-wal",
        ],
    ),
    ("apograph-capture", BELOW_BOTH_WAYS),
    ("apograph-restore", BELOW_BOTH_WAYS),
    ("apograph-operate", ABOVE_BOTH_WAYS),
    ("apograph", LIBRARY),
    ("apograph-cli", LIBRARY),
];

/// What capture and restore stand on.
const BELOW_BOTH_WAYS: &[&str] = &[
    "apograph-format",
    "apograph-io",
    "apograph-manifest",
    "apograph-wal",
    "apograph-repository",
];
/// What the operation of repositories stands on.
const ABOVE_BOTH_WAYS: &[&str] = &[
    "apograph-format",
    "apograph-io",
    "apograph-manifest",
    "apograph-wal",
    "apograph-repository",
    "apograph-capture",
    "apograph-restore",
];
/// Every layer of the library.
const LIBRARY: &[&str] = &[
    "apograph-format",
    "apograph-io",
    "apograph-manifest",
    "apograph-wal",
    "apograph-repository",
    "apograph-capture",
    "apograph-restore",
    "apograph-operate",
];

/// Other packages that may use every layer.
const TOOLS: &[&str] = &["apograph-benches", "xtask"];
/// The engine of the workspace. That of generation 2 is for the driver outside of it alone.
const ENGINE: &str = "=0.5.44";
/// Packages that may use the engine.
const USES_ENGINE: &[&str] = &["apograph-interop", "apograph-benches"];
/// Packages whose tests and examples may use the engine.
const TESTS_USE_ENGINE: &[&str] = &["apograph"];

pub(super) fn check(packages: &[Package], findings: &mut Findings) {
    for package in packages {
        let name = package.name.as_str();
        let layer = LAYERS.iter().find(|(layer, _)| *layer == name);
        if layer.is_none() && !FOR_TESTS.contains(&name) && !TOOLS.contains(&name) {
            findings.add(format!("{name} has no place among the layers"));
        }
        for dependency in &package.dependencies {
            let used = dependency.name.as_str();
            if is_engine(used) && !may_use_engine(name, dependency) {
                findings.add(format!("{name} must not depend on the engine's {used}"));
            } else if is_engine(used) && dependency.versions != ENGINE {
                let versions = &dependency.versions;
                findings.add(format!(
                    "{name} must depend on {used} {ENGINE}, not {versions}"
                ));
            }
            if dependency.is_for_development() {
                continue;
            }
            if FOR_TESTS.contains(&used) && !FOR_TESTS.contains(&name) {
                findings.add(format!(
                    "{used} is for tests; {name} depends on it in its code"
                ));
            } else if let Some((_, below)) = layer
                && is_ours(used)
                && !below.contains(&used)
            {
                findings.add(format!("{name} must not depend on {used}"));
            }
        }
    }
}

fn is_ours(name: &str) -> bool {
    name == "xtask" || name == "apograph" || name.starts_with("apograph-")
}

fn is_engine(name: &str) -> bool {
    name == "grafeo" || name.starts_with("grafeo-")
}

fn may_use_engine(name: &str, dependency: &Dependency) -> bool {
    USES_ENGINE.contains(&name)
        || TESTS_USE_ENGINE.contains(&name) && dependency.is_for_development()
}
