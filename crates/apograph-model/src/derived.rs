//! What a repository answers with `apograph.json`, without it, after a rebuild, as a vault and
//! back out of it.
//!
//! `apograph.json` is derived. So what can be restored, what is wrong, and each state that comes
//! back are the same where it is cut or lost; and a rebuild of a whole repository changes nothing
//! of them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Blake3, Epoch, Lsn, Point, WithCauses};
use apograph_io::{Context, Folder, IoError, Monitor};
use apograph_manifest::{HISTORY_FILE_NAME, MANIFEST_FILE_NAME, Target};
use apograph_repository::vault::wrap::{Identities, Recipients};
use apograph_repository::{Location, Pack, Repository, RepositoryError, Writer, copy, init_vault};
use apograph_restore::{Options, VerifyOptions, restore, verify};
use apograph_testing::keys::{ALICE, BOB, KeyPair};
use apograph_testing::scratch::scratch;

/// Looks at a repository with a part of what was copied.
pub type Part<'a> = dyn FnMut(&Path) -> Result<(), String> + 'a;

/// What a repository answers: one line for each question.
pub type Answers = Vec<String>;

/// Asks a whole repository the same questions with `apograph.json`, with the first half of it,
/// without it and after a rebuild: what it lists, what a verification finds, and at most so many of
/// the states that it offers.
///
/// # Errors
///
/// The first question that is answered in two ways, or a file that cannot be copied.
pub fn check_derived(repository: &Path, states: usize) -> Result<(), String> {
    let folder = scratch().map_err(|error| error.to_string())?;
    let copy = folder.path().join("copy");
    copy_files(repository, &copy).map_err(|error| error.to_string())?;
    let with = answers(&copy, states)?;
    let remove = |name| {
        // It may not be there.
        let _ = fs::remove_file(copy.join(name));
    };
    let history = copy.join(HISTORY_FILE_NAME);
    if let Ok(bytes) = fs::read(&history) {
        fs::write(&history, &bytes[..bytes.len() / 2]).map_err(|error| error.to_string())?;
        let found = answers(&copy, states)?;
        compare(&with, &found, "with the first half of apograph.json")?;
    }
    remove(HISTORY_FILE_NAME);
    compare(&with, &answers(&copy, states)?, "without apograph.json")?;
    remove(MANIFEST_FILE_NAME);
    let opened = Folder::open(&copy).map_err(|error| error.to_string())?;
    Writer::lock(&opened, Context::default())
        .and_then(|writer| writer.rebuild())
        .map_err(|error| error.to_string())?;
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
    let folder = scratch().map_err(|error| error.to_string())?;
    let [vault, back] = ["vault", "back"].map(|name| folder.path().join(name));
    init_vault(&vault, Context::default()).map_err(|error| WithCauses(&error).to_string())?;
    let with = unnamed_answers(&repository.into(), states)?;
    for (from, to) in [(repository, &vault), (&vault, &back)] {
        let copied = copy_in_steps(from, to, part);
        copied.map_err(|error| format!("copied into {}: {error}", to.display()))?;
        let found = unnamed_answers(&to.into(), states)?;
        compare(&with, &found, &format!("from {}", to.display()))?;
    }
    let vault = folder.path().join("encrypted");
    copy_encrypted(repository, &vault)?;
    for closed in [Location::from(&vault), read_by(BOB, &vault)?] {
        check_closed(&closed)?;
    }
    let found = unnamed_answers(&read_by(ALICE, &vault)?, states)?;
    compare(&with, &found, "from an encrypted vault")
}

/// Copies a repository into a vault that is Alice's.
fn copy_encrypted(from: &Path, vault: &Path) -> Result<(), String> {
    let told = |error: RepositoryError| WithCauses(&error).to_string();
    let recipients = Recipients::of([ALICE.recipient]);
    let recipients = recipients.map_err(|error| error.to_string())?;
    let to = Location::from(vault).with_recipients(recipients);
    init_vault(&to, Context::default()).map_err(told)?;
    let from = Repository::open(from, Context::default()).map_err(told)?;
    copy(&from, &to, Pack::Best, Context::default()).map_err(told)?;
    Ok(())
}

fn read_by(pair: KeyPair, vault: &Path) -> Result<Location, String> {
    let mut identities = Identities::default();
    let added = identities.add(pair.identity);
    added.map_err(|error| error.to_string())?;
    Ok(Location::from(vault).with_identities(identities))
}

/// Nobody gets a segment.
fn check_closed(place: &Location) -> Result<(), String> {
    let context = Context::default();
    let opened = Repository::open(place, context).map_err(|error| error.to_string())?;
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
    let told = |error: RepositoryError| WithCauses(&error).to_string();
    let from = Repository::open(from, Context::default()).map_err(told)?;
    let mut before = 0;
    for steps in 0.. {
        let monitor = Ended::after(steps);
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

/// Ends an operation once it has asked so often whether to go on.
struct Ended {
    left: AtomicU64,
}

impl Ended {
    const fn after(steps: u64) -> Self {
        Self {
            left: AtomicU64::new(steps),
        }
    }
}

impl Monitor for Ended {
    fn is_interrupted(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        let order = Ordering::Relaxed;
        self.left.fetch_update(order, order, less).is_err()
    }
}

/// What a repository answers, with a number for the name of each segment.
fn unnamed_answers(repository: &Location, states: usize) -> Result<Answers, String> {
    let opened = Repository::open(repository, Context::default());
    let opened = opened.map_err(|error| error.to_string())?;
    let names = opened.chain().entries().iter();
    let names: Vec<_> = names.map(|entry| entry.segment.file.to_string()).collect();
    let unnamed = |answer: String| {
        let numbered = names.iter().enumerate();
        numbered.fold(answer, |answer, (index, name)| {
            answer.replace(name, &format!("segment {index}"))
        })
    };
    Ok(answers(repository, states)?
        .into_iter()
        .map(unnamed)
        .collect())
}

fn compare(with: &Answers, other: &Answers, when: &str) -> Result<(), String> {
    let mut lines = with.iter().zip(other);
    match lines.find(|(line, other)| line != other) {
        None if with.len() == other.len() => Ok(()),
        None => Err(format!("{} answers, {when} {}", with.len(), other.len())),
        Some((line, other)) => Err(format!("{line}\n{when}: {other}")),
    }
}

/// What a repository answers.
///
/// # Errors
///
/// Where it cannot be opened.
pub fn answers(repository: impl Into<Location>, states: usize) -> Result<Answers, String> {
    let (repository, context) = (&repository.into(), Context::default());
    let opened = Repository::open(repository, context).map_err(|error| error.to_string())?;
    let chain = opened.chain();
    let mut answers = vec![
        format!("points {:?}", chain.restorable()),
        format!("positions {:?}", chain.restorable_lsns()),
        format!("gaps {:?}", chain.gaps().collect::<Vec<_>>()),
    ];
    answers.extend(chain.entries().iter().map(|entry| {
        let name = &entry.segment.file;
        format!("{name} {:?} {}", entry.unusable, entry.is_counted)
    }));
    let options = VerifyOptions::default();
    let verified = verify(repository, &options, context).map_err(|error| error.to_string())?;
    answers.push(format!("problems {:?}", verified.problems));
    let points = chain.restorable().into_iter().flat_map(|range| {
        let epochs = range.from.get()..=range.to.get();
        epochs.map(move |epoch| Target::Point(Point::new(range.timeline, Epoch::new(epoch)).into()))
    });
    let points: Vec<_> = points.collect();
    let ends = chain.restorable_lsns().into_iter();
    let ends = ends.flat_map(|range| [range.from, range.to]);
    let ends = ends.map(|lsn: Lsn| Target::Lsn(lsn));
    let step = points.len().div_ceil(states.max(1)).max(1);
    let offered = points.into_iter().step_by(step).chain(ends);
    for target in std::iter::once(Target::Latest).chain(offered) {
        answers.push(format!("{target}: {}", state(repository, target)?));
    }
    Ok(answers)
}

/// The hash of what a target restores to, or the error.
fn state(repository: &Location, target: Target) -> Result<String, String> {
    let folder = scratch().map_err(|error| error.to_string())?;
    let output = folder.path().join("out.grafeo");
    let options = Options::to(target);
    if let Err(error) = restore(repository, &output, &options, Context::default()) {
        return Ok(format!("{} {}", error.code(), WithCauses(&error)));
    }
    let mut bytes = Vec::new();
    take_files(folder.path(), &mut bytes).map_err(|error| error.to_string())?;
    Ok(Blake3::of(&bytes).to_string())
}

/// The names and bytes of all files in a folder, in the order of the names.
fn take_files(folder: &Path, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            take_files(&path, bytes)?;
        } else {
            bytes.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
            let file = fs::read(&path)?;
            // The header of a log file of generation 2 says when it was made.
            let is_log = WalSegmentHeader::decode(&file).is_ok();
            let header_bytes = if is_log { WAL_SEGMENT_HEADER_BYTES } else { 0 };
            bytes.extend(&file[header_bytes..]);
        }
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.path().is_file() {
            fs::write(to.join(entry.file_name()), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
