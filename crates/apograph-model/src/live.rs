//! The live database on disk: what the model's engine has in memory, written out before a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use apograph_format::{Generation, checkpoint_image, log_folder};

use crate::bytes::read_varint;
use crate::engine::{Files, Keep};

const CURSOR: &str = "backup_cursor.meta";

/// A database on disk.
pub(crate) struct Live {
    path: PathBuf,
    generation: Generation,
    written: Files,
}

impl Live {
    pub(crate) fn at(path: PathBuf, generation: Generation) -> Self {
        let written = Files::default();
        Self {
            path,
            generation,
            written,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn cursor_path(&self) -> PathBuf {
        log_folder(&self.path).join(CURSOR)
    }

    /// Brings the disk to what the engine has. A file that is there stays the same file.
    pub(crate) fn write(&mut self, files: Files) -> io::Result<()> {
        let folder = log_folder(&self.path);
        let life = |files: &Files| files.folder.as_ref().map(|folder| folder.life);
        if self.written.folder.is_some() && life(&files) != life(&self.written) {
            fs::remove_dir_all(&folder)?;
            self.written.folder = None;
        }
        if let Some(now) = &files.folder {
            let before = self.written.folder.take();
            if before.is_none() {
                fs::create_dir_all(&folder)?;
            }
            let before = before.unwrap_or_default().files;
            for name in before.keys().filter(|name| !now.files.contains_key(*name)) {
                fs::remove_file(folder.join(name))?;
            }
            for (name, bytes) in &now.files {
                if before.get(name) != Some(bytes) {
                    fs::write(folder.join(name), bytes)?;
                }
            }
        }
        let installing = checkpoint_image(&self.path);
        match &files.installing {
            Some(image) => fs::write(&installing, image)?,
            None if self.written.installing.is_some() => fs::remove_file(&installing)?,
            None => {}
        }
        if files.database != self.written.database {
            fs::write(&self.path, &files.database)?;
        }
        self.written = files;
        Ok(())
    }

    pub(crate) fn has_cursor(&self) -> bool {
        self.cursor_path().exists()
    }

    pub(crate) fn remove_cursor(&self) {
        // It may not be there.
        let _ = fs::remove_file(self.cursor_path());
    }

    pub(crate) fn remove_markers(&self) {
        let entries = fs::read_dir(log_folder(&self.path)).into_iter().flatten();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|it| it == "mark") {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// What the cursor asks a checkpoint of this log folder to keep.
    pub(crate) fn keep(&self, folder_life: Option<usize>) -> Keep {
        let written = self.written.folder.as_ref().map(|folder| folder.life);
        let Ok(cursor) = fs::read(self.cursor_path()) else {
            return Keep::Nothing;
        };
        // A backup of a closed database leaves a cursor for the log to come.
        if written.is_some() && folder_life != written {
            return Keep::Nothing;
        }
        let number = match self.generation {
            Generation::One => read_varint(&cursor)
                .and_then(|(_, rest)| read_varint(rest))
                .map(|(sequence, _)| sequence),
            Generation::Two => serde_json::from_slice(&cursor)
                .ok()
                .and_then(|cursor: serde_json::Value| cursor["wal_lsn"].as_u64()),
        };
        number.map_or(Keep::Everything, Keep::Behind)
    }
}
