//! A chain whose every state is known, and what a damaged copy of it makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail, ensure};
use apograph::format::{DATABASE_HEADERS_BYTES, Point, SEGMENT_HEADER_BYTES, WithCauses};
use apograph::manifest::Target;
use apograph::repository::Repository;
use apograph::restore::{Problem, RestoreError, Verified, VerifyOptions, verify};
use apograph_testing::context::every_core;
use tempfile::TempDir;

use super::damage::{Changes, Damage, Files, is_image};
use crate::database_state::{DatabaseState, points, state_at};
use crate::scratch::scratch;
use crate::stage::{SMALL_FILES, contents};

/// A repository in a folder of its own.
pub(super) struct Chain {
    name: &'static str,
    generation: u8,
    folder: TempDir,
    files: Files,
    truth: BTreeMap<Point, DatabaseState>,
    latest: DatabaseState,
}

/// Which of the points to restore; the latest state always is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) first: usize,
    pub(super) step: usize,
}

/// What a damaged chain is.
pub(super) enum Verdict {
    /// Its damage is named, and every state is the right one or an error.
    Detected,
    /// Every state is the right one.
    Harmless,
    /// Something else.
    Wrong(Error),
}

impl Chain {
    /// A copy of the repository in a folder, which has to be sound.
    pub(super) fn of(name: &'static str, repository: &Path) -> Result<Self> {
        let context = || repository.display().to_string();
        let files = files_in(repository)?;
        let verified = verify(repository, &VerifyOptions::default(), every_core())?;
        ensure!(verified.problems.is_empty(), "{} is damaged", context());
        let opened = Repository::open(repository, every_core())?;
        let mut truth = BTreeMap::new();
        for point in points(&opened) {
            let state = state_at(repository, Target::Point(point.into()))?;
            truth.insert(point, state.with_context(context)?);
        }
        ensure!(truth.len() > 1, "{} has no states", context());
        let chain = Self {
            name,
            generation: opened.generation().number(),
            folder: scratch()?,
            files,
            truth,
            latest: state_at(repository, Target::Latest)?.with_context(context)?,
        };
        chain.write_all()?;
        Ok(chain)
    }

    /// The same in another folder.
    pub(super) fn copied(&self) -> Result<Self> {
        let chain = Self {
            folder: scratch()?,
            files: self.files.clone(),
            truth: self.truth.clone(),
            latest: self.latest.clone(),
            ..*self
        };
        chain.write_all()?;
        Ok(chain)
    }

    /// The folder that it is in.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) const fn files(&self) -> &Files {
        &self.files
    }

    /// Damages it, looks, and makes it whole again.
    pub(super) fn judge(
        &self,
        damage: &Damage,
        changes: &Changes,
        sample: Sample,
    ) -> Result<Verdict> {
        for (name, bytes) in changes {
            self.write(name, bytes.as_deref())?;
        }
        let verdict = self.verdict(damage, sample);
        for name in changes.keys() {
            self.write(name, self.files.get(name).map(Vec::as_slice))?;
        }
        Ok(verdict.unwrap_or_else(Verdict::Wrong))
    }

    fn verdict(&self, damage: &Damage, sample: Sample) -> Result<Verdict> {
        let failed = self.restore_all(sample)?;
        let verified = verify(self.folder.path(), &VerifyOptions::default(), every_core());
        match (&verified, failed) {
            (Ok(Verified { problems, .. }), None) if problems.is_empty() => Ok(Verdict::Harmless),
            (Ok(Verified { problems, .. }), Some((target, error))) if problems.is_empty() => {
                bail!("verify finds nothing, and {target}: {}", WithCauses(&error))
            }
            (Ok(Verified { problems, .. }), _) => {
                let is_named = problems.iter().any(|problem| names(problem, damage));
                ensure!(is_named, "verify names something else: {problems:?}");
                Ok(Verdict::Detected)
            }
            (Err(error), _) => {
                let said = WithCauses(error).to_string();
                let is_named = damage.files().any(|file| is_told(&said, file));
                ensure!(is_named, "verify names another file: {said}");
                Ok(Verdict::Detected)
            }
        }
    }

    /// Restores whatever there was and whatever there is said to be. The first target that is an
    /// error, unless none is.
    fn restore_all(&self, sample: Sample) -> Result<Option<(Target, RestoreError)>> {
        let mut targets: BTreeSet<Point> = self.truth.keys().copied().collect();
        if let Ok(repository) = Repository::open(self.folder.path(), every_core()) {
            targets.extend(points(&repository));
        }
        let targets = targets.into_iter().skip(sample.first).step_by(sample.step);
        let targets = targets.map(|point| {
            let target = Target::Point(point.into());
            (target, self.truth.get(&point))
        });
        let mut failed = None;
        for (target, truth) in targets.chain([(Target::Latest, Some(&self.latest))]) {
            let restored = state_at(self.folder.path(), target);
            match restored.with_context(|| target.to_string())? {
                Ok(state) => {
                    let truth = truth.with_context(|| format!("{target} never was"))?;
                    ensure!(state == *truth, "{target} is another state");
                }
                Err(error) => failed = failed.or(Some((target, error))),
            }
        }
        Ok(failed)
    }

    fn write_all(&self) -> Result<()> {
        let mut files = self.files.iter();
        files.try_for_each(|(name, bytes)| self.write(name, Some(bytes)))
    }

    fn write(&self, name: &str, bytes: Option<&[u8]>) -> Result<()> {
        let path: PathBuf = self.folder.path().join(name);
        match bytes {
            Some(bytes) => {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                fs::write(path, bytes)?;
            }
            None => fs::remove_file(path)?,
        }
        Ok(())
    }
}

/// The files of a repository, and of the folders in it.
fn files_in(repository: &Path) -> Result<Files> {
    let mut files = Files::new();
    for (path, bytes) in contents(repository)? {
        if repository.join(&path).is_file() {
            files.insert(path.to_string_lossy().into_owned(), bytes);
        }
    }
    Ok(files)
}

/// Whether a problem is told so that the damage can be found: by its file, and by a place that does
/// not lie after it.
fn names(problem: &Problem, damage: &Damage) -> bool {
    let Some(file) = problem.file.as_deref() else {
        return false;
    };
    if damage.files().any(|file| SMALL_FILES.contains(&file)) {
        return true;
    }
    if damage.files().any(|object| object.contains(file)) && !damage.files().any(|it| it == file) {
        // An object of a segment: where in it is not where in the segment.
        return true;
    }
    // How a segment is read depends on its headers, and so does what looks damaged in it.
    let header_bytes = if is_image(file) {
        DATABASE_HEADERS_BYTES
    } else {
        SEGMENT_HEADER_BYTES
    };
    let in_body = damage
        .offset()
        .filter(|offset| *offset >= header_bytes as u64);
    let is_found = match in_body {
        Some(damaged) => problem.offset.is_some_and(|offset| offset <= damaged),
        None => damage.offset().is_none() || problem.offset.is_some(),
    };
    is_found && damage.files().any(|damaged| damaged == file)
}

/// Whether an error that ends everything names a file.
fn is_told(said: &str, file: &str) -> bool {
    let number = file
        .strip_prefix("catalog/")
        .and_then(|name| name.strip_suffix(".zst"));
    let number: Option<u64> = number.and_then(|number| number.parse().ok());
    match number {
        // One that names another one before it than there is can be the wrong one too.
        Some(number) => [number, number - 1]
            .iter()
            .any(|number| said.contains(&format!("version {number} of the catalog"))),
        None if file == HEAD => said.contains(file) || said.contains("is not a backup repository"),
        None => said.contains(file),
    }
}

/// What says that a folder is a vault.
const HEAD: &str = "vault.json";

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}, {}", self.generation, self.name)
    }
}
