//! What is done to the files of a database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::World;
use crate::disk;
use crate::lives::history::History;

/// A copy of a database with all that is known of it.
#[derive(Debug)]
pub struct Snapshot {
    folder: PathBuf,
    history: History,
}

impl World {
    /// Copies a database as it lies there.
    pub fn snapshot(&mut self, name: &str) -> Snapshot {
        let folder = self.next_copy("snapshot");
        let database = self.database(name);
        disk::copy_database(&database, &folder).expect("a copy");
        Snapshot {
            folder,
            history: self.known(name).history.clone(),
        }
    }

    /// Puts a copy in the place of a database, whose engine is killed.
    pub fn roll_back(&mut self, name: &str, snapshot: &Snapshot) {
        self.remove(name);
        let path = self.database(name);
        let copy = snapshot.folder.join(path.file_name().expect("a name"));
        let folder = path.parent().expect("it lies in a folder");
        disk::copy_database(&copy, folder).expect("a copy");
        self.hand_over(folder);
        self.known(name).history = snapshot.history.clone();
    }

    /// The database file in a copy.
    pub fn file_of(&mut self, name: &str, snapshot: &Snapshot) -> PathBuf {
        let path = self.database(name);
        snapshot.folder.join(path.file_name().expect("a name"))
    }

    /// Removes a database and its log.
    pub fn remove(&mut self, name: &str) {
        self.kill(name);
        let path = self.database(name);
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(disk::log_folder(&path));
        self.forget(name);
    }

    /// Moves a database and its log to another folder; by `cp -a` nothing but the inodes changes.
    pub fn relocate(&mut self, name: &str, folder: &str, by_copy: bool) {
        self.kill(name);
        let path = self.database(name);
        let old = path.parent().expect("it lies in a folder");
        let new = self.path(folder);
        if by_copy {
            copy_archive(old, &new).expect("cp -a");
            fs::remove_dir_all(old).expect("a folder can be removed");
        } else {
            fs::rename(old, &new).expect("a folder can be moved");
        }
        self.known(name).path = new.join(path.file_name().expect("a name"));
    }

    /// The files of a database are from now on those of several moments: until it is closed, what
    /// lies in its log never was.
    pub fn mix(&mut self, name: &str) {
        self.known(name).is_mixed = true;
    }

    /// What was done to the files of a database by this process was done by their owner.
    pub fn hand_over_files(&mut self, name: &str) {
        let database = self.database(name);
        self.hand_over(database.parent().expect("it lies in a folder"));
    }

    /// What was restored is a database from now on, and goes on from the state of a point.
    pub fn adopt(&mut self, name: &str) {
        let database = self.database(name);
        let copy = self.plain_copy(&database);
        let Ok(dump) = self.judge.dump(&copy) else {
            return self.forget(name);
        };
        let here = self.databases.values().map(|it| &it.history);
        let known = here.chain(self.past.iter().rev());
        let mut known = known.filter(|history| history.has(dump.epoch, &dump.content));
        let history = known.next().cloned();
        self.past.push(self.databases[name].history.clone());
        self.known(name).history = history.unwrap_or_default();
    }

    pub(super) fn plain_copy(&mut self, database: &Path) -> PathBuf {
        let folder = self.next_copy("plain");
        disk::copy_database(database, &folder).expect("a plain copy");
        folder.join(database.file_name().expect("a name"))
    }

    /// The database goes on as another one.
    fn forget(&mut self, name: &str) {
        let history = std::mem::take(&mut self.known(name).history);
        self.past.push(history);
        self.known(name).is_mixed = false;
    }
}

pub(super) fn remove_database(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(disk::log_folder(path));
}

/// Copies a folder with times, owners and links: `cp -a`.
fn copy_archive(from: &Path, to: &Path) -> io::Result<()> {
    let mut command = Command::new("cp");
    let status = command.arg("-a").arg(from).arg(to).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("cp -a: {status}")))
}
