//! Copies out of a vault, and from folder to folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::{SegmentName, UnixMillis};
use apograph_io::{Context, Folder, Mode};
use apograph_manifest::{HISTORY_FILE_NAME, MANIFEST_FILE_NAME, read_manifest};
use apograph_repository::{
    Copied, Initialized, Pack, Repository, RepositoryError, Result, Writer, copy, init, init_vault,
};
use apograph_testing::ended_after::EndedAfter;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::damage;

fn copied(from: &Path, to: &Path, context: Context<'_>) -> Result<Copied> {
    let from = Repository::open(from, Context::default())?;
    copy(&from, to, Pack::Best, context)
}

fn whole(from: &Path, to: &Path) -> Copied {
    copied(from, to, Context::default()).expect("copied")
}

/// A vault of all that a stage has.
fn vault(stage: &Stage) -> PathBuf {
    let vault = stage.path("vault");
    init_vault(&vault, Context::default()).expect("a vault");
    whole(&stage.repository(), &vault);
    vault
}

/// The segment files of a repository, by their names.
fn segments(repository: &Path) -> BTreeMap<String, Vec<u8>> {
    let manifest = read_manifest(&Folder::open(repository).expect("a folder"));
    let manifest = manifest.expect("sound").expect("a manifest");
    let bytes = |file: &str| fs::read(repository.join(file)).expect("a segment");
    let segments = manifest.segments.iter().map(|it| it.file.as_str());
    segments
        .map(|file| (file.to_owned(), bytes(file)))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Where segments were lost nothing is restorable that was not, and no image becomes a state that it
/// never was: neither the number in a name nor a link goes on across them.
#[test]
fn what_is_missing_is_missing_in_a_copy_too() {
    for (fixtures, name) in [(V1, "03_two_fulls"), (V2, "03_two_fulls")] {
        let count = segments(&Stage::of(fixtures, name).repository()).len();
        for lost in 1..count - 1 {
            let stage = Stage::of(fixtures, name);
            let from = stage.repository();
            let file = segments(&from).into_keys().find(|file| {
                let number = SegmentName::parse(file).expect("a name").index;
                number == lost as u64
            });
            fs::remove_file(from.join(file.expect("a segment"))).expect("removed");
            Writer::lock(&stage.folder(), Context::default())
                .and_then(|writer| writer.rebuild())
                .expect("a manifest");
            let [vault, out, folder] = [vault(&stage), stage.path("out"), stage.path("folder")];
            whole(&vault, &out);
            whole(&from, &folder);
            let said = |repository: &Path| {
                let opened = Repository::open(repository, Context::default()).expect("opened");
                let chain = opened.chain();
                let gaps: Vec<_> = chain.gaps().map(|it| (it.after, it.before)).collect();
                let pairs = chain.entries().windows(2);
                let holes = pairs.filter(|pair| pair[1].hole_after(&pair[0]).is_some());
                (chain.restorable(), gaps, holes.count())
            };
            let expected = said(&from);
            assert_eq!(expected.2, 1, "the one that is missing");
            for copy in [vault, out, folder] {
                assert_eq!(said(&copy), expected, "{name}, {}", copy.display());
            }
        }
    }
}

#[test]
fn what_went_into_a_vault_comes_out_byte_for_byte() {
    for fixtures in [V1, V2] {
        for name in ["02_chain40", "03_two_fulls", "12_crash_in_chain"] {
            let stage = Stage::of(fixtures, name);
            let (vault, out) = (vault(&stage), stage.path("out"));
            let there = segments(&stage.repository());
            let copied = whole(&vault, &out);
            assert_eq!((copied.segments, copied.present), (there.len() as u64, 0));
            assert_eq!(copied.stored_bytes, copied.bytes);
            assert_eq!(segments(&out), there, "{name}");
            let [before, after] = [&stage.repository(), &out].map(|repository| {
                let opened = Repository::open(repository, Context::default()).expect("opened");
                let chain = opened.chain();
                (opened.manifest(), chain.restorable(), chain.gaps().count())
            });
            assert_eq!(after, before, "{name}");
            assert!(names(&out).contains(&HISTORY_FILE_NAME.to_owned()));
            // There is nothing more to copy, in either direction.
            assert_eq!(whole(&vault, &out).segments, 0);
            assert_eq!(whole(&out, &vault).segments, 0);
        }
    }
}

#[test]
fn a_folder_is_copied_into_another_and_a_vault_into_another() {
    let stage = Stage::new(V2);
    let (vault, out, other) = (vault(&stage), stage.path("out"), stage.path("other"));
    assert_eq!(whole(&stage.repository(), &out).segments, 4);
    assert_eq!(segments(&out), segments(&stage.repository()));
    init_vault(&other, Context::default()).expect("a vault");
    assert_eq!(whole(&vault, &other).segments, 4);
    assert_eq!(whole(&other, &out).present, 4);
    assert_eq!(whole(&out, &out).present, 4);
}

#[test]
fn what_is_there_already_stays_and_another_history_is_refused() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let (vault, out) = (vault(&stage), stage.path("out"));
        let shorter = Stage::new(fixtures);
        shorter.keep_segments(2);
        whole(&shorter.repository(), &out);
        assert_eq!(segments(&out).len(), 2);
        let rest = whole(&vault, &out);
        assert_eq!((rest.segments, rest.present), (2, 2));
        assert_eq!(segments(&out), segments(&stage.repository()));

        let other = Stage::of(fixtures, "03_two_fulls");
        for from in [&other.repository(), &shorter.repository()] {
            let before = (names(&out), segments(&out));
            let error = copied(from, &out, Context::default()).expect_err("another");
            assert_eq!(error.code().as_str(), "chain-broken");
            assert!(told(&error).ends_with("out holds another history"));
            assert_eq!((names(&out), segments(&out)), before);
        }
    }
}

#[test]
fn only_a_repository_or_no_folder_at_all_is_copied_into() {
    let stage = Stage::new(V1);
    let vault = vault(&stage);
    let (empty, full, file) = (stage.path("empty"), stage.path("full"), stage.path("file"));
    fs::create_dir(&empty).expect("a folder");
    fs::create_dir(&full).expect("a folder");
    fs::write(full.join("letter"), b"Dear").expect("a file");
    fs::write(&file, b"").expect("a file");
    for to in [&empty, &full, &file] {
        let error = copied(&vault, to, Context::default()).expect_err("refused");
        assert_eq!(error.code().as_str(), "not-a-repository", "{error}");
    }
    assert!(names(&empty).is_empty());
    let made = init(&empty, Context::default()).expect("made");
    assert_eq!(made, Initialized::Adopted);
    assert_eq!(whole(&vault, &empty).segments, 4);
}

#[test]
fn a_damaged_object_ends_the_copy_and_what_is_before_it_is_there() {
    let stage = Stage::new(V1);
    let (vault, out) = (vault(&stage), stage.path("out"));
    let opened = Repository::open(&vault, Context::default()).expect("a vault");
    let name = opened.chain().entries()[2].segment.file.to_string();
    let object = vault.join("segments").join(format!("{name}.zst"));
    let mut bytes = fs::read(&object).expect("an object");
    bytes[30] ^= 1;
    fs::write(&object, bytes).expect("damaged");
    let error = copied(&vault, &out, Context::default()).expect_err("damaged");
    assert_eq!(error.code().as_str(), "corrupt-segment");
    assert!(told(&error).contains(&name), "{error}");
    let there = segments(&stage.repository()).into_iter().take(2).collect();
    assert_eq!(segments(&out), there);
    let found: Vec<_> = names(&out)
        .into_iter()
        .filter(|it| it.contains("tmp"))
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_copy_that_is_ended_anywhere_goes_on_from_there() {
    let stage = Stage::of(V2, "03_two_fulls");
    let (vault, out) = (vault(&stage), stage.path("out"));
    let (mut ended, mut before) = (0, 0);
    for limit in 0.. {
        let monitor = EndedAfter::asked(limit);
        let result = copied(&vault, &out, Context::heard_by(&monitor));
        let opened = Repository::open(&out, Context::default());
        let count = opened.map_or(0, |opened| opened.chain().entries().len());
        assert!(count >= before);
        before = count;
        match result {
            Ok(_) => break,
            Err(error) => assert_eq!(error.code().as_str(), "interrupted"),
        }
        ended += 1;
    }
    assert!(ended >= 4, "{ended}");
    assert_eq!(segments(&out), segments(&stage.repository()));
}

#[test]
fn segments_that_a_killed_copy_left_are_copied_again_with_their_times() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let (vault, out) = (vault(&stage), stage.path("out"));
        whole(&vault, &out);
        let finished = stage.manifest();
        // It was killed before the manifest, and before `apograph.json`.
        let mut cut = finished.clone();
        cut.segments.truncate(3);
        fs::write(out.join(MANIFEST_FILE_NAME), cut.encode()).expect("a manifest");
        fs::remove_file(out.join(HISTORY_FILE_NAME)).expect("a history");
        let again = whole(&vault, &out);
        assert_eq!((again.segments, again.present), (1, 3));
        let opened = Repository::open(&out, Context::default()).expect("opened");
        assert_eq!(opened.manifest(), finished);
        assert!(opened.unnamed().is_empty());
    }
}

#[test]
fn what_a_killed_backup_left_is_not_copied_over() {
    let stage = Stage::new(V1);
    let (vault, out) = (vault(&stage), stage.path("out"));
    let shorter = Stage::new(V1);
    shorter.keep_segments(3);
    whole(&shorter.repository(), &out);
    let other = b"somebody's last commits";
    fs::write(out.join(SEGMENTS[3]), other).expect("a file");
    let error = copied(&vault, &out, Context::default()).expect_err("in the way");
    assert!(matches!(error, RepositoryError::InTheWay { .. }), "{error}");
    assert_eq!(fs::read(out.join(SEGMENTS[3])).expect("a file"), other);
    assert_eq!(segments(&out).len(), 3);
}

#[test]
fn until_when_it_was_looked_is_copied_and_never_set_back() {
    let stage = Stage::new(V1);
    let out = stage.path("out");
    let looked = |repository: &Path| {
        let opened = Repository::open(repository, Context::default()).expect("opened");
        let notes = opened.notes().expect("sound").expect("notes");
        (notes.looked_until, notes.file_times_through.clone())
    };
    let note = |repository: &Path, until: u64, file: Option<&str>| {
        let folder = Folder::open(repository).expect("a folder");
        let writer = Writer::lock(&folder, Context::default()).expect("a lock");
        let held = writer.open(Mode::PRIVATE).expect("opened");
        let mut notes = held
            .repository()
            .notes()
            .expect("sound")
            .expect("notes")
            .clone();
        notes.looked_until = Some(UnixMillis::new(until));
        notes.file_times_through = file.map(|file| file.try_into().expect("a name"));
        writer.write_notes(Mode::PRIVATE, &notes).expect("written");
    };
    let source = stage.path("source");
    whole(&stage.repository(), &source);
    note(&source, 5000, Some(SEGMENTS[1]));
    whole(&source, &out);
    let expected = Some(SEGMENTS[1].try_into().expect("a name"));
    assert_eq!(looked(&out), (Some(UnixMillis::new(5000)), expected));
    note(&out, 7000, None);
    note(&source, 6000, None);
    whole(&source, &out);
    assert_eq!(looked(&out), (Some(UnixMillis::new(7000)), None));
}

#[test]
fn two_copies_into_a_folder_do_not_meet() {
    let stage = Stage::new(V1);
    let (vault, out) = (vault(&stage), stage.path("out"));
    init(&out, Context::default()).expect("made");
    let folder = Folder::open(&out).expect("a folder");
    let writer = Writer::lock(&folder, Context::default()).expect("a lock");
    let error = copied(&vault, &out, Context::default()).expect_err("busy");
    assert_eq!(error.code().as_str(), "repository-busy");
    drop(writer);
    assert_eq!(whole(&vault, &out).segments, 4);
}

#[test]
fn a_segment_of_a_folder_that_is_damaged_is_named() {
    let stage = Stage::new(V2);
    damage(&stage, SEGMENTS[2]);
    let error = copied(&stage.repository(), &stage.path("out"), Context::default());
    let error = error.expect_err("damaged");
    assert_eq!(error.code().as_str(), "corrupt-segment");
    assert!(told(&error).contains(SEGMENTS[2]), "{error}");
}
