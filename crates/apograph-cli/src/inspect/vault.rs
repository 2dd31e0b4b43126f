//! The files of a vault: its head, versions of its catalog, its segments' objects.

use std::fs::File;
use std::path::Path;

use apograph_format::{Code, WithCauses};
use apograph_io::{Bytes, Folder, IoError, Mode, RealDisk};
use apograph_repository::vault::store::{FolderStore, ObjectName, Store, StoreError};
use apograph_repository::vault::wrap::WrappedFile;
use apograph_repository::vault::{
    CATALOG, CatalogChange, HEAD, VaultError, VersionContents, find_vault,
};
use serde_json::{Value, json};

use super::facts::Facts;
use crate::display;
use crate::failure::Failure;
use crate::session::Report;

/// What every frame of zstd begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What an object begins with that is encrypted with age.
const AGE: &[u8] = b"age-encryption.org/v1\n";
/// A version of a catalog is read up to so many bytes.
const VERSION_MAX_BYTES: usize = 1 << 30;

/// What a file of a vault says; `None` where it is none.
pub(super) fn inspect(
    path: &Path,
    file: &File,
    bytes: Bytes<'_>,
) -> Option<Result<Report, Failure>> {
    let name = path.file_name().unwrap_or_default();
    let front = match bytes.slice(0..AGE.len()).read() {
        Ok(front) => front,
        Err(error) => return Some(Err(error.into())),
    };
    let is_in_catalog = path
        .parent()
        .is_some_and(|folder| folder.file_name() == Some(CATALOG.as_ref()));
    if name == HEAD {
        let store = Folder::holding(path).map(|(folder, _)| store_in(folder));
        Some(store.map_err(Failure::from).and_then(|store| {
            let found = head(path, &store)?;
            found.ok_or_else(|| Failure::new(Code::Io, format!("{} is gone", path.display())))
        }))
    } else if front.starts_with(AGE) {
        Some(Ok(encrypted(path, bytes)))
    } else if front.starts_with(&ZSTD) && is_in_catalog {
        Some(version(path, bytes))
    } else if front.starts_with(&ZSTD) {
        Some(wrapped(path, file, bytes))
    } else {
        None
    }
}

fn store_in(folder: Folder) -> FolderStore<'static> {
    FolderStore::new(&RealDisk, folder, Mode::PRIVATE)
}

/// The vault that a folder is; `None` where it is none, or no folder.
pub(super) fn of_folder(path: &Path) -> Result<Option<Report>, Failure> {
    match Folder::find(path) {
        Ok(Some(folder)) => head(path, &store_in(folder)),
        Ok(None) | Err(IoError::NotAFolder { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The vault in a store; `None` where none is. `path` is what it is called.
pub(super) fn head(path: &Path, store: &dyn Store) -> Result<Option<Report>, Failure> {
    let told = |error| of_vault(&error, path);
    let name = ObjectName::parse(HEAD).map_err(|error| told(StoreError::from(error).into()))?;
    let size_bytes = store.size(&name).map_err(|error| told(error.into()))?;
    let (Some(size_bytes), Some(head)) = (size_bytes, find_vault(store).map_err(told)?) else {
        return Ok(None);
    };
    let mut facts = Facts::of("vault", path, size_bytes);
    facts.put("id", json!(head.id.to_string()));
    facts.put("created_at", json!(display::rfc3339(head.created_at)));
    Ok(Some(facts.report()))
}

fn version(path: &Path, bytes: Bytes<'_>) -> Result<Report, Failure> {
    if bytes.len() > VERSION_MAX_BYTES {
        let message = format!("{} is longer than any catalog", path.display());
        return Err(Failure::new(Code::UnsupportedVersion, message).about(path));
    }
    let place = path.display().to_string();
    let found = VersionContents::decode(&place, &bytes.read()?);
    let found = found.map_err(|error| of_vault(&error, path))?;
    let mut facts = Facts::of("catalog version", path, bytes.len() as u64);
    facts.put("version", json!(found.version));
    facts.put("written_at", json!(display::rfc3339(found.made_at)));
    facts.put("writer", json!(found.writer));
    facts.put("whole", json!(found.is_whole));
    facts.put("changes", found.changes.iter().map(told).collect());
    facts.put("repeated", json!(found.repeated));
    Ok(facts.report())
}

/// A change in a word and the names of the segments that it is about.
fn told(change: &CatalogChange) -> Value {
    let (word, names): (_, Vec<String>) = match change {
        CatalogChange::Added { segments, .. } => {
            let names = segments.iter().map(|it| it.name().to_string());
            ("added", names.collect())
        }
        CatalogChange::Merged { into, of } => {
            let names = of.iter().map(ToString::to_string);
            let into = [into.name().to_string()].into_iter();
            ("merged", into.chain(names).collect())
        }
        CatalogChange::Removed { segments, .. } => ("removed", strings(segments)),
        CatalogChange::BroughtBack { segments } => ("brought back", strings(segments)),
        CatalogChange::Pinned { pin } => ("pinned", vec![pin.name.to_string()]),
        CatalogChange::Unpinned { name } => ("unpinned", vec![name.to_string()]),
        CatalogChange::Gone { segments } => ("gone", strings(segments)),
        CatalogChange::Verified { checks } => {
            let names = checks.iter().map(|(name, _)| name.to_string());
            ("verified", names.collect())
        }
        CatalogChange::Looked { .. } => ("looked", Vec::new()),
        CatalogChange::Recipients { keys } => ("recipients", keys.clone()),
        _ => ("another change", Vec::new()),
    };
    json!(format!("{word} {}", names.join(" ")).trim_end())
}

fn strings(names: &[impl ToString]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn wrapped(path: &Path, file: &File, bytes: Bytes<'_>) -> Result<Report, Failure> {
    let found = WrappedFile::open(file).map_err(|error| {
        let message = format!("{}: {}", path.display(), WithCauses(&error));
        Failure::new(error.code(), message).about(path)
    })?;
    let record: Value = serde_json::from_slice(found.record()).unwrap_or_default();
    let mut facts = Facts::of("wrapped segment", path, bytes.len() as u64);
    facts.put("plain_bytes", json!(found.plain_bytes()));
    facts.put("object", record["object"].clone());
    facts.put("of", record["of"].clone());
    facts.put("segment", record["record"]["segment"].clone());
    Ok(facts.report())
}

/// What is in it, a key tells alone.
fn encrypted(path: &Path, bytes: Bytes<'_>) -> Report {
    Facts::of("encrypted segment", path, bytes.len() as u64).report()
}

pub(super) fn of_vault(error: &VaultError, path: &Path) -> Failure {
    Failure::new(error.code(), WithCauses(error).to_string()).about(path)
}
