//! The workspace, as cargo tells it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::run::cargo;

/// Packages for tests alone, which may use every layer.
pub(crate) const FOR_TESTS: &[&str] = &[
    "apograph-testing",
    "apograph-model",
    "apograph-faults",
    "apograph-interop",
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    manifest_path: PathBuf,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    publish: Option<Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

/// A dependency of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The versions that will do.
    #[serde(rename = "req")]
    pub(crate) versions: String,
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Package {
    /// Whether the package goes to a registry.
    pub(crate) fn is_published(&self) -> bool {
        self.publish
            .as_ref()
            .is_none_or(|registries| !registries.is_empty())
    }

    /// Whether it is there for tests and by them.
    pub(crate) fn is_for_tests(&self) -> bool {
        FOR_TESTS.contains(&self.name.as_str())
    }

    /// The folder of the package.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// The names of its examples.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &str> {
        let is_example = |target: &&Target| target.kind.iter().any(|kind| kind == "example");
        let examples = self.targets.iter().filter(is_example);
        examples.map(|target| target.name.as_str())
    }
}

impl Dependency {
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) fn is_for_development(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// The packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    Ok(metadata()?.packages)
}

/// The folder that cargo builds in.
pub(crate) fn target_folder() -> Result<PathBuf> {
    Ok(metadata()?.target_directory)
}

fn metadata() -> Result<Metadata> {
    let output = cargo(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cannot start cargo")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {errors}");
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}
