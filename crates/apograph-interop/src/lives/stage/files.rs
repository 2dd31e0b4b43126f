//! What crashes and people do to the files of a database.

use std::fs;
use std::path::{Path, PathBuf};

use super::LifeStage;
use crate::disk;
use crate::lives::op::Db;

impl LifeStage {
    /// From now on files of several moments lie together.
    pub(super) fn mix(&mut self, db: Db) {
        self.world.kill(db.name());
        self.before[db as usize] = Some(self.world.snapshot(db.name()));
        self.world.mix(db.name());
    }

    pub(super) fn tear(&mut self, db: Db, bytes: u16) {
        self.world.kill(db.name());
        self.change_newest(db, |bytes_there| {
            let rest = bytes_there.len().saturating_sub(bytes.into());
            bytes_there.truncate(rest);
        });
    }

    pub(super) fn zero(&mut self, db: Db, which: u8, place: u8, bytes: u8) {
        self.mix(db);
        let files = self.world.log_files(db.name());
        let Some(which) = usize::from(which).checked_rem(files.len()) else {
            return;
        };
        change(&files[which], |there| {
            let start = there.len() * usize::from(place) / 256;
            let end = there.len().min(start + usize::from(bytes));
            there[start..end].fill(0);
        });
    }

    pub(super) fn change_newest(&mut self, db: Db, change: impl FnOnce(&mut Vec<u8>)) {
        let name = db.name();
        if !self.world.log_folder(name).is_dir() {
            return;
        }
        if let Some(newest) = self.world.log_files(name).pop() {
            self::change(&newest, change);
        }
    }

    /// A file whose bit in `left` is set was not removed yet.
    pub(super) fn close_killed(&mut self, db: Db, left: u8) {
        let name = db.name();
        if !self.world.is_open(name) {
            return;
        }
        let snapshot = self.world.snapshot(name);
        let copy = self.world.file_of(name, &snapshot);
        self.world.close(name);
        // That of a folder removes nothing.
        if self.world.has_folders() {
            return;
        }
        self.mix(db);
        let log = self.world.log_folder(name);
        let files = files_in(&copy.with_extension("grafeo.wal"));
        for (index, file) in files.iter().enumerate() {
            if left >> (index % 8) & 1 == 1 {
                let _ = fs::create_dir(&log);
                let target = log.join(file.file_name().expect("a name"));
                fs::copy(file, target).expect("a file can be copied");
            }
        }
        self.world.hand_over_files(name);
    }

    pub(super) fn swap_file(&mut self, db: Db) {
        if self.snapshots[db as usize].is_none() || self.world.has_folders() {
            return;
        }
        self.mix(db);
        if let Some(snapshot) = &self.snapshots[db as usize] {
            let file = self.world.file_of(db.name(), snapshot);
            let database = self.world.database(db.name());
            fs::copy(file, database).expect("a file can be copied");
        }
    }

    pub(super) fn lose_file(&mut self, db: Db, which: u8) {
        self.mix(db);
        let mut files = files_in(&self.world.log_folder(db.name()));
        if !files.is_empty() {
            let file = files.remove(usize::from(which) % files.len());
            fs::remove_file(file).expect("a file can be removed");
        }
    }

    pub(super) fn lose_folder(&mut self, db: Db) {
        self.mix(db);
        let _ = fs::remove_dir_all(self.world.log_folder(db.name()));
    }

    /// The engine needs none of our files: what the database is stays as it is.
    pub(super) fn lose_markers(&mut self, db: Db) {
        for file in files_in(&self.world.log_folder(db.name())) {
            if is_ours(&file) {
                fs::remove_file(file).expect("a file can be removed");
            }
        }
    }

    pub(super) fn old_markers(&mut self, db: Db) {
        let log = self.world.log_folder(db.name());
        let Some(snapshot) = self.snapshots[db as usize]
            .as_ref()
            .filter(|_| log.is_dir())
        else {
            return;
        };
        let copy = self.world.file_of(db.name(), snapshot);
        for file in files_in(&disk::log_folder(&copy)) {
            if is_ours(&file) {
                let target = log.join(file.file_name().expect("a name"));
                fs::copy(file, target).expect("a file can be copied");
            }
        }
        self.world.hand_over_files(db.name());
    }

    pub(super) fn exchange_logs(&mut self) {
        for db in [Db::A, Db::B] {
            self.mix(db);
        }
        let [a, b] = [Db::A, Db::B].map(|db| self.world.log_folder(db.name()));
        if a.is_dir() && b.is_dir() {
            exchange(&a, &b, &self.world.path("between"));
        }
    }

    pub(super) fn exchange_log_file(&mut self, which: u8) {
        for db in [Db::A, Db::B] {
            self.mix(db);
        }
        let [a, b] = [Db::A, Db::B].map(|db| self.world.log_files(db.name()));
        let common = a.len().min(b.len());
        if common > 0 {
            let which = usize::from(which) % common;
            exchange(&a[which], &b[which], &self.world.path("between"));
        }
    }
}

/// Changes the bytes of a log file.
fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).expect("a log file can be read");
    change(&mut bytes);
    fs::write(file, bytes).expect("a log file can be written");
}

/// Exchanges two files or folders by way of a third place.
fn exchange(one: &Path, other: &Path, between: &Path) {
    for (from, to) in [(one, between), (other, one), (between, other)] {
        fs::rename(from, to).expect("a file can be moved");
    }
}

/// Whether a file of the log folder is a marker or a cursor.
fn is_ours(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    let is_cursor = name.is_some_and(|name| name.contains("cursor"));
    is_cursor || file.extension().is_some_and(|it| it == "mark")
}

/// The files of a folder, by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|it| it.ok().map(|it| it.path()))
        .collect();
    files.sort();
    files
}
