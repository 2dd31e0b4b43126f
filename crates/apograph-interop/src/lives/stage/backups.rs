//! Backups, and what happens to their repositories.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::LifeStage;
use super::small_files::{SMALL_FILES, SmallFiles};
use crate::command::Outcome;
use crate::disk;
use crate::lives::op::{Backup, Db, Name, Small};
use crate::lives::report::FindingKind;

impl LifeStage {
    pub(super) fn back_up(&mut self, backup: Backup) {
        let name = backup.db.name();
        let repository = format!("{name}{}", backup.repository);
        let folder = self.world.repository(&repository);
        if backup.db == Db::A {
            self.small_files[usize::from(backup.repository)] = SmallFiles::of(&folder);
        }
        let alias = self.alias(backup.db, backup.by);
        // From a vault without a backup nothing can be restored.
        let points = self.world.command().restorable(&folder);
        let has_backup = folder.is_dir() && points.is_ok_and(|points| !points.is_empty());
        let readers = (backup.is_read && has_backup).then(|| self.readers(&folder));
        self.world
            .back_up_as(name, &repository, backup.mode, alias.as_deref());
        for outcome in readers
            .into_iter()
            .flat_map(|it| it.join().expect("a reader"))
        {
            if outcome.exit != 0 || outcome.json["ok"] == false {
                let detail = format!("read beside a backup: {}", outcome.json);
                self.world.find(FindingKind::Wrong, detail);
            }
        }
    }

    pub(super) fn back_up_in_a_checkpoint(&mut self, db: Db, later: Duration) {
        self.open(db);
        let repository = format!("{}0", db.name());
        self.world
            .back_up_in_a_checkpoint(db.name(), &repository, later);
    }

    /// Those who look at a repository at this moment.
    fn readers(&mut self, folder: &Path) -> JoinHandle<Vec<Outcome>> {
        let command = self.world.command().clone();
        let (folder, output) = (folder.to_owned(), self.world.path("read.grafeo"));
        thread::spawn(move || {
            let words = ["list", "verify"].map(|word| [word.as_ref(), folder.as_os_str()]);
            let mut outcomes = words.map(|words| command.run(words)).to_vec();
            outcomes.push(command.restore(&folder, &output, &[]));
            disk::remove_database(&output);
            outcomes
        })
    }

    /// Another name of a database, in a folder of its own.
    fn alias(&mut self, db: Db, by: Name) -> Option<PathBuf> {
        let database = self.world.database(db.name());
        let alias = self.world.path(&format!("alias-{}.grafeo", db.name()));
        let _ = fs::remove_file(&alias);
        match by {
            Name::Own => return None,
            Name::SymbolicLink => symlink(database, &alias).expect("a link"),
            Name::HardLink => {
                // A link to a link has two names, and not the file.
                let file = fs::canonicalize(database).ok()?;
                if file.is_dir() {
                    return None;
                }
                fs::hard_link(file, &alias).expect("a link");
            }
        }
        Some(alias)
    }

    pub(super) fn engine_backup(&mut self, db: Db) {
        self.open(db);
        let theirs = self.world.path(&format!("theirs-{}", db.name()));
        let engine = self.world.engine(db.name());
        if engine.backup_incremental(&theirs).is_err() {
            let _ = engine.backup_full(&theirs);
        }
    }

    pub(super) fn restore_over(&mut self, db: Db, repository: u8, point: u8) {
        let folder = self.repository(repository);
        let command = self.world.command().clone();
        let points = command.restorable(&folder).unwrap_or_default();
        if points.is_empty() {
            return;
        }
        let name = db.name();
        let (timeline, epoch) = points[usize::from(point) % points.len()];
        self.world.kill(name);
        self.before[db as usize] = Some(self.world.snapshot(name));
        self.world.remove(name);
        let target = ["--epoch", &format!("{timeline}:{epoch}")];
        let database = self.world.database(name);
        let restored = command.restore(&folder, &database, &target);
        if restored.exit == 0 {
            self.world.adopt(name);
            if self
                .world
                .is_mixed(&format!("{}{repository}", Db::A.name()), timeline)
            {
                self.world.mix(name);
            }
        } else {
            let detail = format!("{target:?} is offered: {}", restored.json);
            self.world.find(FindingKind::Wrong, detail);
        }
    }

    pub(super) fn lose_small(&mut self, repository: u8, small: Small) {
        let _ = fs::remove_file(self.repository(repository).join(small.name()));
    }

    pub(super) fn old_small(&mut self, repository: u8, small: Small) {
        let folder = self.repository(repository);
        let old = self.small_files[usize::from(repository)].get(small);
        if let Some(old) = old.filter(|_| folder.is_dir()) {
            fs::write(folder.join(small.name()), old).expect("a file can be written");
            // A manifest that does not name what the record knows is told, with what mends it.
            let listed = self.world.command().restorable(&folder);
            if listed.is_err_and(|refused| refused.word() == "corrupt-manifest") {
                self.rebuild(repository, false);
            }
        }
    }

    pub(super) fn rebuild(&mut self, repository: u8, is_lost: bool) {
        let folder = self.repository(repository);
        if self.world.is_in_vaults() || !folder.is_dir() {
            return;
        }
        if is_lost {
            for name in SMALL_FILES {
                let _ = fs::remove_file(folder.join(name));
            }
        }
        let rebuilt = self
            .world
            .command()
            .run(["rebuild".as_ref(), folder.as_os_str()]);
        if rebuilt.exit != 0 {
            let detail = format!("not rebuilt: {}", rebuilt.json);
            self.world.find(FindingKind::Wrong, detail);
        }
    }

    pub(super) fn judge_derived(&mut self, repository: &str, folder: &Path) {
        if self.world.is_in_vaults() {
            return;
        }
        let command = self.world.command().clone();
        // Of one whose first backup was killed nothing can be made anew.
        let before = command.restorable(folder).unwrap_or_default();
        if before.is_empty() {
            return;
        }
        for lost in [&SMALL_FILES[..1], &SMALL_FILES] {
            for name in lost {
                let _ = fs::remove_file(folder.join(name));
            }
            if lost.len() > 1 {
                let rebuilt = command.run(["rebuild".as_ref(), folder.as_os_str()]);
                if rebuilt.exit != 0 {
                    let detail = format!("{repository} is not rebuilt: {}", rebuilt.json);
                    self.world.find(FindingKind::Wrong, detail);
                    return;
                }
            }
            let after = command.restorable(folder).unwrap_or_default();
            // A rebuild names what a killed backup published, too.
            let is_lost = before.iter().any(|point| !after.contains(point));
            let may_have_more = self.world.report().killed > 0;
            if is_lost || !may_have_more && after != before {
                let detail = format!("{repository} without {lost:?}: {after:?}, not {before:?}");
                self.world.find(FindingKind::Lost, detail);
                return;
            }
        }
        self.world.judge_points(repository);
    }

    fn repository(&self, number: u8) -> PathBuf {
        self.world.repository(&format!("{}{number}", Db::A.name()))
    }
}
