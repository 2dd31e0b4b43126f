//! What is done to the files of a database, without its engine.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const GARBAGE: u8 = 0xA5;

/// The folder that holds the log of a database.
pub(crate) fn log_folder(database: &Path) -> PathBuf {
    if database.is_dir() {
        return database.join("wal");
    }
    let mut folder = database.as_os_str().to_owned();
    folder.push(".wal");
    folder.into()
}

/// The folder of what the engine has moved out of a database.
pub(crate) fn spill_folder(database: &Path) -> PathBuf {
    let mut folder = database.as_os_str().to_owned();
    folder.push(".spill");
    folder.into()
}

/// The size of every log file, by name.
pub(crate) fn log_sizes(database: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    let folder = log_folder(database);
    if !folder.exists() {
        return Ok(sizes);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "log")
        {
            sizes.insert(name, entry.metadata()?.len());
        }
    }
    Ok(sizes)
}

/// Cuts bytes off the newest log file, as far as it has so many.
pub(crate) fn tear_tail(database: &Path, bytes: u64) -> io::Result<()> {
    let (path, size) = newest_log(database)?;
    let rest = size.saturating_sub(bytes);
    OpenOptions::new().write(true).open(path)?.set_len(rest)
}

/// Appends bytes that are no record to the newest log file.
pub(crate) fn append_garbage(database: &Path, bytes: usize) -> io::Result<()> {
    let (path, _) = newest_log(database)?;
    OpenOptions::new()
        .append(true)
        .open(path)?
        .write_all(&vec![GARBAGE; bytes])
}

/// Copies a database into a folder, with its log and what was moved out of it.
pub(crate) fn copy_database(database: &Path, folder: &Path) -> io::Result<()> {
    let copy = folder.join(database.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    fs::create_dir_all(folder)?;
    if database.is_dir() {
        copy_folder(database, &copy)?;
    } else {
        fs::copy(database, &copy)?;
    }
    for folder in [log_folder, spill_folder] {
        if folder(database).is_dir() && !folder(database).starts_with(database) {
            copy_folder(&folder(database), &folder(&copy))?;
        }
    }
    Ok(())
}

/// Removes a database with its log, and what was moved out of it.
pub(crate) fn remove_database(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
    let _ = fs::remove_dir_all(log_folder(path));
    let _ = fs::remove_dir_all(spill_folder(path));
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The log file with the highest number; the names of a generation are equally long, so they sort
/// by it.
fn newest_log(database: &Path) -> io::Result<(PathBuf, u64)> {
    let (name, size) = log_sizes(database)?
        .pop_last()
        .ok_or(io::ErrorKind::NotFound)?;
    Ok((log_folder(database).join(name), size))
}
