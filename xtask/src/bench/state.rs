//! Folders as they were before a run, so that the next one finds the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The files that a backup replaces. All others are added whole and never changed.
const REPLACED: [&str; 3] = [
    "backup_manifest.json",
    "apograph.json",
    "backup_cursor.meta",
];

/// What was in some folders: the names, and the content of what is replaced.
#[derive(Debug)]
pub(crate) struct State(Vec<(PathBuf, Entries)>);

type Entries = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl State {
    /// The state of folders, without what is in folders inside of them.
    pub(crate) fn of(folders: &[&Path]) -> Result<Self> {
        let states = folders.iter().map(|folder| {
            let mut entries = Entries::new();
            for path in list(folder)? {
                let is_replaced = REPLACED.iter().any(|name| path.ends_with(name));
                let content = is_replaced.then(|| fs::read(&path)).transpose()?;
                entries.insert(path, content);
            }
            Ok((folder.to_path_buf(), entries))
        });
        Ok(Self(states.collect::<Result<_>>()?))
    }

    /// What is there and was not.
    pub(crate) fn added(&self) -> Result<Vec<PathBuf>> {
        let mut added = Vec::new();
        for (folder, entries) in &self.0 {
            let present = list(folder)?.into_iter();
            added.extend(present.filter(|path| !entries.contains_key(path)));
        }
        Ok(added)
    }

    /// Removes what was added, and puts back what was replaced or removed.
    pub(crate) fn reset(&self) -> Result<()> {
        for path in self.added()? {
            remove(&path)?;
        }
        for (path, content) in self.0.iter().flat_map(|(_, entries)| entries) {
            if let Some(content) = content
                && fs::read(path).ok().as_ref() != Some(content)
            {
                fs::write(path, content)?;
            }
        }
        Ok(())
    }
}

/// Removes a file or a folder, where there is one.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// The paths in a folder, sorted.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot list {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_it_was() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = |name| folder.path().join(name);
        fs::write(path("kept"), "1")?;
        fs::write(path("apograph.json"), "2")?;
        fs::write(path("backup_cursor.meta"), "3")?;
        let state = State::of(&[folder.path()])?;
        fs::write(path("apograph.json"), "other")?;
        fs::remove_file(path("backup_cursor.meta"))?;
        fs::create_dir(path("added"))?;
        fs::write(path("added").join("inside"), "4")?;
        assert_eq!(state.added()?, [path("added")]);
        state.reset()?;
        assert_eq!(state.added()?, [] as [PathBuf; 0]);
        for (name, content) in [
            ("kept", "1"),
            ("apograph.json", "2"),
            ("backup_cursor.meta", "3"),
        ] {
            assert_eq!(fs::read_to_string(path(name))?, content);
        }
        Ok(())
    }
}
