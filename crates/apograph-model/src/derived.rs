//! What a repository answers with `apograph.json`, without it, after a rebuild, as a vault and
//! back out of it.
//!
//! `apograph.json` is derived. So what can be restored, what is wrong, and each state that comes
//! back are the same where it is cut or lost; and a rebuild of a whole repository changes nothing
//! of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use apograph_io::{Context, Folder, IoError, Mode, RealDisk};
use apograph_manifest::{HISTORY_FILE_NAME, MANIFEST_FILE_NAME};
use apograph_repository::vault::store::{FolderStore, Store};
use apograph_repository::vault::wrap::Identities;
use apograph_repository::{Location, Pack, Repository, RepositoryError, Writer, copy, init_vault};
use apograph_testing::ended_after::EndedAfter;
use apograph_testing::keys::BOB;
use apograph_testing::scratch::scratch;

use crate::answers::{answers, compare, told, unnamed_answers};
use crate::stored::{StoredAs, check_stored};

/// Looks at a repository with a part of what was copied.
pub type Part<'a> = dyn FnMut(&Path) -> Result<(), String> + 'a;

/// Asks a whole repository the same questions with `apograph.json`, with the first half of it,
/// without it and after a rebuild: what it lists, what a verification finds, and at most so many of
/// the states that it offers.
///
/// # Errors
///
/// The first question that is answered in two ways, or a file that cannot be copied.
pub fn check_derived(repository: &Path, states: usize) -> Result<(), String> {
    let folder = scratch().map_err(told)?;
    let copy = folder.path().join("copy");
    copy_files(repository, &copy).map_err(told)?;
    let with = answers(&copy, states)?;
    let remove = |name| {
        // It may not be there.
        let _ = fs::remove_file(copy.join(name));
    };
    let history = copy.join(HISTORY_FILE_NAME);
    if let Ok(bytes) = fs::read(&history) {
        fs::write(&history, &bytes[..bytes.len() / 2]).map_err(told)?;
        let found = answers(&copy, states)?;
        compare(&with, &found, "with the first half of apograph.json")?;
    }
    remove(HISTORY_FILE_NAME);
    compare(&with, &answers(&copy, states)?, "without apograph.json")?;
    remove(MANIFEST_FILE_NAME);
    let opened = Folder::open(&copy).map_err(told)?;
    Writer::lock(&opened, Context::default())
        .and_then(|writer| writer.rebuild())
        .map_err(told)?;
    compare(&with, &answers(&copy, states)?, "after a rebuild")
}

/// Asks a whole repository, a vault that it was copied into, a folder that this was copied into, and
/// a vault that is encrypted, the same questions. Each copy but the last one is ended again and
/// again, and `part` looks at what is there then.
///
/// # Errors
///
/// The first question that is answered in two ways, that of `part`, or a copy that fails.
pub fn check_copied(repository: &Path, states: usize, part: &mut Part<'_>) -> Result<(), String> {
    let folder = scratch().map_err(told)?;
    let [vault, back] = ["vault", "back"].map(|name| folder.path().join(name));
    init_vault(&vault, Context::default()).map_err(told)?;
    let with = unnamed_answers(&repository.into(), states)?;
    for (from, to) in [(repository, &vault), (&vault, &back)] {
        let copied = copy_in_steps(from, to, part);
        copied.map_err(|error| format!("copied into {}: {error}", to.display()))?;
        let found = unnamed_answers(&to.into(), states)?;
        compare(&with, &found, &format!("from {}", to.display()))?;
    }
    let vault = folder.path().join("encrypted");
    fs::create_dir(&vault).map_err(told)?;
    let objects = Folder::open(&vault).map_err(told)?;
    let store: Arc<dyn Store> = Arc::new(FolderStore::new(&RealDisk, objects, Mode::PRIVATE));
    check_stored(repository, &store, StoredAs::Encrypted, states)?;
    let mut bob = Identities::default();
    bob.add(BOB.identity).map_err(told)?;
    check_closed(&Location::from(&vault))?;
    check_closed(&Location::from(&vault).with_identities(bob))
}

/// Nobody gets a segment.
fn check_closed(place: &Location) -> Result<(), String> {
    let context = Context::default();
    let opened = Repository::open(place, context).map_err(told)?;
    for entry in opened.chain().entries() {
        match opened.stored(&entry.segment, context) {
            Err(error) if error.code().as_str() == "identity-missing" => {}
            other => return Err(format!("without its key: {other:?}")),
        }
    }
    Ok(())
}

/// Copies a repository, ended after each number of steps until it is not any more.
fn copy_in_steps(from: &Path, to: &Path, part: &mut Part<'_>) -> Result<(), String> {
    let from = Repository::open(from, Context::default()).map_err(told)?;
    let mut before = 0;
    for steps in 0.. {
        let monitor = EndedAfter::asked(steps);
        match copy(&from, to, Pack::Best, Context::heard_by(&monitor)) {
            Ok(_) => break,
            Err(RepositoryError::Io(IoError::Interrupted)) => {}
            Err(error) => return Err(told(error)),
        }
        // A vault in which nothing is cannot be opened.
        let there = Repository::open(to, Context::default());
        let count = there.map_or(0, |there| there.chain().entries().len());
        if count > before {
            part(to)?;
        }
        before = count;
    }
    Ok(())
}

pub(crate) fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.path().is_file() {
            fs::write(to.join(entry.file_name()), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
