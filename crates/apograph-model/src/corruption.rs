//! Damage to the files of a repository.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::op::{Damage, DamageKind};

/// The files of a repository that are not segments.
pub(crate) const SMALL_FILES: [&str; 2] = ["backup_manifest.json", "apograph.json"];

/// What damage was done so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    /// There was some.
    pub(crate) any: bool,
    /// A segment has other bytes than it was published with.
    pub(crate) to_segments: bool,
    /// The manifest is not the one that was written last, or was made anew from the segments.
    pub(crate) to_manifest: bool,
}

impl Done {
    /// Whether the checksums in the manifest stand for what was captured. Where they are lost and
    /// a segment is damaged, nothing is left that could tell.
    pub(crate) fn can_be_told(self) -> bool {
        !(self.to_segments && self.to_manifest)
    }
}

/// The small files as they are.
pub(crate) fn small_files(repository: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let read = |name| Some((name, fs::read(repository.join(name)).ok()?));
    SMALL_FILES.into_iter().filter_map(read).collect()
}

/// Does damage, where there is something to damage.
pub(crate) fn damage(
    repository: &Path,
    damage: Damage,
    older: &BTreeMap<&'static str, Vec<u8>>,
    done: &mut Done,
) -> io::Result<()> {
    let files = files(repository);
    let Some(file) = files.get(usize::from(damage.file) % files.len().max(1)) else {
        return Ok(());
    };
    done.any = true;
    let place = usize::from(damage.place);
    match damage.kind {
        DamageKind::Flip => {
            let mut bytes = fs::read(file)?;
            let length = bytes.len().max(1);
            let offset = match place {
                0..128 => place % length,
                _ => length * (place - 128) / 128,
            };
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 1 << ((damage.place ^ damage.file) % 8);
            }
            fs::write(file, bytes)?;
            note(file, done);
        }
        DamageKind::Truncate => {
            let bytes = fs::read(file)?;
            fs::write(file, &bytes[..bytes.len() * place / 256])?;
            note(file, done);
        }
        DamageKind::Remove => {
            fs::remove_file(file)?;
            done.to_manifest |= is_small(file);
        }
        DamageKind::Swap => {
            if let Some(other) = files.get(place % files.len()) {
                let (mine, others) = (fs::read(file)?, fs::read(other)?);
                fs::write(file, others)?;
                fs::write(other, mine)?;
                note(file, done);
                note(other, done);
            }
        }
        DamageKind::Duplicate => {
            if let Some(copy) = next_name(file, &files) {
                fs::copy(file, copy)?;
                done.to_segments = true;
                // That is what a killed backup leaves too, so the next one makes it part of the
                // chain: an old image then stands where the newest should.
                done.to_manifest |= file.extension().is_some_and(|it| it == "grafeo");
            }
        }
        DamageKind::OldManifest => {
            for name in SMALL_FILES {
                match older.get(name) {
                    Some(bytes) => fs::write(repository.join(name), bytes)?,
                    None => remove(&repository.join(name)),
                }
            }
            done.to_manifest = true;
        }
    }
    Ok(())
}

pub(crate) fn remove(file: &Path) {
    // It may not be there.
    let _ = fs::remove_file(file);
}

fn note(file: &Path, done: &mut Done) {
    if is_small(file) {
        done.to_manifest = true;
    } else {
        done.to_segments = true;
    }
}

fn is_small(file: &Path) -> bool {
    SMALL_FILES.iter().any(|name| file.ends_with(name))
}

/// The files of a repository, by name.
fn files(repository: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The name of the segment that would come next, of the kind of this one.
fn next_name(file: &Path, files: &[PathBuf]) -> Option<PathBuf> {
    let parts = |file: &Path| {
        let name = file.file_name()?.to_str()?.to_owned();
        let (stem, extension) = name.split_once('.')?;
        let (kind, index) = stem.rsplit_once('_')?;
        let index: u64 = index.parse().ok()?;
        Some((kind.to_owned(), index, extension.to_owned()))
    };
    let (kind, _, extension) = parts(file)?;
    let last = files.iter().filter_map(|it| Some(parts(it)?.1)).max()?;
    Some(file.with_file_name(format!("{kind}_{:04}.{extension}", last + 1)))
}
