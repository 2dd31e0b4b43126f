//! What is done to the files of a database.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::World;
use super::database::State;
use crate::disk;

/// A copy of a database with all that is known of it.
#[derive(Debug)]
pub struct Snapshot {
    folder: PathBuf,
    state: State,
}

impl World {
    /// Copies a database as it lies there.
    pub fn snapshot(&mut self, name: &str) -> Snapshot {
        let folder = self.next_copy("snapshot");
        let database = self.database(name);
        disk::copy_database(&database, &folder).expect("a copy");
        Snapshot {
            folder,
            state: self.known(name).state(),
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
        self.known(name).become_as(snapshot.state.clone());
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
        disk::remove_database(&path);
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

    /// Two databases get each other's place.
    pub fn exchange(&mut self, one: &str, other: &str) {
        let [first, second] = [one, other].map(|name| {
            self.kill(name);
            self.folder_of(name)
        });
        let between = self.path("between");
        for (from, to) in [(&first, &between), (&second, &first), (&between, &second)] {
            fs::rename(from, to).expect("a folder can be moved");
        }
        let [first, second] = [one, other].map(|name| self.known(name).state());
        self.known(one).become_as(second);
        self.known(other).become_as(first);
    }

    /// A database is from now on a copy of another, with the times of its files: `cp -a`.
    pub fn copy_over(&mut self, from: &str, to: &str) {
        self.remove(to);
        let [original, copy] = [from, to].map(|name| self.folder_of(name));
        fs::remove_dir_all(&copy).expect("a folder can be removed");
        copy_archive(&original, &copy).expect("cp -a");
        let state = self.known(from).state();
        self.known(to).become_as(state);
    }

    /// The file of a database lies elsewhere from now on, and a symbolic link in its place.
    pub fn link(&mut self, name: &str) {
        self.kill(name);
        let database = self.database(name);
        if database.is_symlink() || !database.is_file() {
            return;
        }
        let target = database.with_file_name("data.grafeo");
        fs::rename(&database, &target).expect("a file can be moved");
        symlink("data.grafeo", &database).expect("a link");
    }

    fn folder_of(&mut self, name: &str) -> PathBuf {
        let database = self.database(name);
        database.parent().expect("it lies in a folder").to_owned()
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
        let Ok(dump) = self.dump(&copy) else {
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

/// Copies a folder with times, owners and links: `cp -a`.
fn copy_archive(from: &Path, to: &Path) -> io::Result<()> {
    let mut command = Command::new("cp");
    let status = command.arg("-a").arg(from).arg(to).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("cp -a: {status}")))
}
