//! What a power cut leaves, by the promises of a disk alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use apograph_io::{Disk, Folder, Mode, StagedFile, replace_file};
use apograph_testing::disk::{Data, Fault, SimDisk};
use tempfile::TempDir;

type Files = BTreeMap<String, String>;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("old"), "before").expect("a file");
    folder
}

fn opened(folder: &TempDir) -> Folder {
    Folder::open(folder.path()).expect("a folder")
}

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|it| it.expect("an entry").file_name().into_string());
    let names = names.map(|name| name.expect("a plain name"));
    let content = |name: &String| fs::read_to_string(folder.join(name)).expect("a file");
    names.map(|name| (name.clone(), content(&name))).collect()
}

/// Everything that can be left if the power goes now.
fn outcomes(disk: &SimDisk) -> BTreeSet<Files> {
    let cut = |survival| {
        let target = tempfile::tempdir().expect("a temporary folder");
        disk.cut(survival, target.path());
        files(target.path())
    };
    disk.survivals().iter().map(cut).collect()
}

fn of<const N: usize>(files: [(&str, &str); N]) -> Files {
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    files.into()
}

#[test]
fn a_name_and_its_bytes_are_made_durable_apart() {
    let folder = folder();
    let disk = SimDisk::new(folder.path());
    let here = opened(&folder);
    let new = here.at("new");
    let mut file = disk.create_new(new, Mode::PRIVATE.into()).expect("a file");
    file.write(b"1234").expect("a write");
    let (nothing, old) = (of([("old", "before")]), ("old", "before"));
    let with = |text| of([("new", text), old]);
    let zeros = "\0\0\0\0";
    let all = [
        nothing.clone(),
        with(""),
        with("12"),
        with(zeros),
        with("1234"),
    ];
    assert_eq!(outcomes(&disk), all.into());

    file.sync().expect("a sync");
    assert_eq!(outcomes(&disk), [nothing, with("1234")].into());

    disk.sync_folder(&here).expect("a sync");
    assert_eq!(outcomes(&disk), [with("1234")].into());
}

#[test]
fn renames_that_no_sync_orders_survive_in_any_order() {
    let folder = folder();
    fs::write(folder.path().join("other"), "too").expect("a file");
    let disk = SimDisk::new(folder.path());
    let here = opened(&folder);
    disk.publish(here.at("old"), here.at("a"))
        .expect("a rename");
    disk.publish(here.at("other"), here.at("b"))
        .expect("a rename");
    let outcomes = outcomes(&disk);
    assert!(outcomes.contains(&of([("a", "before"), ("other", "too")])));
    assert!(outcomes.contains(&of([("b", "too"), ("old", "before")])));
    assert_eq!(outcomes.len(), 16, "each of four names may have changed");
}

#[test]
fn bytes_whose_sync_failed_never_come_back() {
    let folder = folder();
    let here = opened(&folder);
    let new = here.at("new");
    let disk = SimDisk::new(folder.path()).with_fault(2, Fault::Fails(ErrorKind::Other));
    let mut file = disk.create_new(new, Mode::PRIVATE.into()).expect("a file");
    file.write(b"1234").expect("a write");
    file.sync().expect_err("the fault");
    file.sync().expect("the second sync says it succeeded");
    disk.sync_folder(&here).expect("a sync");
    assert_eq!(fs::read(new.path()).expect("a file"), b"1234");
    let lost = of([("new", ""), ("old", "before")]);
    assert_eq!(outcomes(&disk), [lost].into());
}

#[test]
fn after_a_power_cut_nothing_happens() {
    let folder = folder();
    let disk = SimDisk::new(folder.path()).with_fault(1, Fault::PowerCut);
    let here = opened(&folder);
    let new = here.at("new");
    let mut file = disk.create_new(new, Mode::PRIVATE.into()).expect("a file");
    file.write(b"1234").expect_err("the power is off");
    disk.remove_file(new).expect_err("and stays off");
    assert_eq!(fs::read(new.path()).expect("a file"), b"");
    let names: Vec<_> = disk.operations().iter().map(|it| it.name).collect();
    assert_eq!(names, ["create", "write", "remove"]);
}

#[test]
fn a_wrong_write_changes_one_bit() {
    let folder = folder();
    let disk = SimDisk::new(folder.path()).with_fault(1, Fault::WritesWrong);
    let here = opened(&folder);
    let new = here.at("new");
    let mut file = disk.create_new(new, Mode::PRIVATE.into()).expect("a file");
    file.write(b"1234").expect("a write");
    assert_eq!(fs::read(new.path()).expect("a file"), b"12#4");
    assert!(disk.is_struck());
}

/// The control is the same without its syncs: a file that is published at once.
#[test]
fn a_staged_file_is_whole_or_absent_and_a_replaced_one_old_or_new() {
    let mut torn = 0;
    for index in 0..12 {
        let folder = folder();
        let disk = SimDisk::new(folder.path()).with_fault(index, Fault::PowerCut);
        let here = opened(&folder);
        let published =
            StagedFile::create(&disk, here.at("new"), Mode::PRIVATE).and_then(|mut staged| {
                staged.write(b"1234")?;
                staged.publish()?;
                replace_file(&disk, here.at("old"), Mode::PRIVATE, b"after")
            });
        for files in outcomes(&disk) {
            let (new, old) = (files.get("new"), files.get("old"));
            assert!(new.is_none_or(|it| it == "1234"), "{index}: {files:?}");
            assert!(
                old.is_some_and(|it| it == "before" || it == "after"),
                "{index}: {files:?}"
            );
            assert!(
                published.is_err() || (new.is_some() && old.unwrap() == "after"),
                "{index}"
            );
        }

        let folder = self::folder();
        let disk = SimDisk::new(folder.path()).with_fault(index, Fault::PowerCut);
        let here = opened(&folder);
        let mutant = disk.create_new(here.at("t"), Mode::PRIVATE.into());
        let _ = mutant.and_then(|mut file| {
            file.write(b"1234")?;
            disk.publish(here.at("t"), here.at("new"))
        });
        let is_torn = |files: &Files| files.get("new").is_some_and(|text| text != "1234");
        torn += outcomes(&disk)
            .iter()
            .filter(|files| is_torn(files))
            .count();
    }
    assert!(torn > 0, "without syncs a published file can be torn");
}

#[test]
fn survivals_say_what_they_are() {
    let folder = folder();
    let disk = SimDisk::new(folder.path());
    let here = opened(&folder);
    let new = here.at("new");
    let mut file = disk.create_new(new, Mode::PRIVATE.into()).expect("a file");
    file.write(b"1234").expect("a write");
    let survivals = disk.survivals();
    let torn = survivals.iter().rfind(|it| it.data == Data::Torn);
    let text = torn.expect("a torn one").to_string();
    assert_eq!(text, "unsynced bytes Torn, unsynced names [new]");
}
