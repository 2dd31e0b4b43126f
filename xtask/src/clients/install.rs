//! Finding Python and Node, and installing clients by pip and npm.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::driver;
use crate::run::run;

/// What a client is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
    /// The engine itself, in the driver of the tests.
    Rust,
}

/// A released client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) language: Language,
    pub(super) version: &'static str,
}

impl Release {
    pub(super) const fn python(version: &'static str) -> Self {
        let language = Language::Python;
        Self { language, version }
    }

    pub(super) const fn node(version: &'static str) -> Self {
        let language = Language::Node;
        Self { language, version }
    }

    /// The engine of generation 2 that the tests are built with.
    pub(super) const fn engine(version: &'static str) -> Self {
        let language = Language::Rust;
        Self { language, version }
    }

    /// A name for its folders.
    pub(super) fn slug(&self) -> String {
        self.to_string().replace(' ', "-").to_lowercase()
    }

    /// Installs it below a folder, unless it is there.
    pub(super) fn install(&self, folder: &Path) -> Result<Installed> {
        let own = folder.join(self.slug());
        let program = match self.language {
            Language::Python => install_wheels(&[self.wheel()], "grafeo", &own)?,
            Language::Node => install_bindings(self.version, &own)?,
            Language::Rust => driver::build(2)?,
        };
        Ok(Installed {
            release: *self,
            program,
            folder: own,
        })
    }

    /// Installs a store with this release of the engine.
    pub(super) fn install_store(&self, store: &Store, folder: &Path) -> Result<Installed> {
        let own = folder.join(format!("{}-{}", self.slug(), store.name));
        let package = format!("grafeo-{}=={}", store.name, store.version);
        let module = format!("grafeo_{}", store.name);
        Ok(Installed {
            release: *self,
            program: install_wheels(&[self.wheel(), package], &module, &own)?,
            folder: own,
        })
    }

    fn wheel(&self) -> String {
        format!("grafeo=={}", self.version)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::Python => f.write_str(self.version),
            Language::Node => write!(f, "Node {}", self.version),
            Language::Rust => write!(f, "Engine {}", self.version),
        }
    }
}

/// A package that keeps what it knows in a database: `grafeo-NAME`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

/// A client that can be started.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    pub(super) release: Release,
    /// The interpreter.
    pub(super) program: PathBuf,
    /// Where its packages are.
    pub(super) folder: PathBuf,
}

/// In a virtual environment of its own, in which the module is there then.
fn install_wheels(packages: &[String], module: &str, folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let import = format!("import {module}");
    if is_there(&python, &["-c", &import]) {
        return Ok(python);
    }
    let interpreter = python_3_12()?;
    run(Command::new(interpreter)
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(packages))?;
    if is_there(&python, &["-c", &import]) {
        Ok(python)
    } else {
        bail!("{packages:?} were installed, and {module} cannot be imported")
    }
}

fn install_bindings(version: &str, folder: &Path) -> Result<PathBuf> {
    let node = PathBuf::from("node");
    if !is_there(&node, &["--version"]) {
        bail!("there is no node");
    }
    if !folder.join("node_modules/@grafeo-db/js").is_dir() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let package = format!("@grafeo-db/js@{version}");
        run(Command::new("npm")
            .args(["install", "--silent", "--prefix"])
            .arg(folder)
            .arg(package))?;
    }
    Ok(node)
}

/// A Python that the wheels are made for: the one on the path, or one that pyenv has.
fn python_3_12() -> Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = ["python3.12", "python3.13", "python3", "python"]
        .map(PathBuf::from)
        .to_vec();
    if let Some(home) = std::env::home_dir()
        && let Ok(versions) = fs::read_dir(home.join(".pyenv/versions"))
    {
        let versions = versions.filter_map(|it| Some(it.ok()?.path().join("bin/python")));
        candidates.extend(versions);
    }
    let is_new = "import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))";
    candidates
        .into_iter()
        .find(|python| is_there(python, &["-c", is_new]))
        .context("no Python 3.12 or 3.13 was found")
}

/// Whether a program runs with these arguments, and succeeds.
fn is_there(program: &Path, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
