//! Derived files never change an answer.

use std::fs;

use apograph_io::{Context, Folder, Mode, RealDisk};
use apograph_manifest::{HISTORY_FILE_NAME, write_records};
use apograph_model::{check_copied, check_derived};
use apograph_repository::Repository;
use apograph_testing::scratch::scratch;

use crate::golden_repositories;

/// The engine writes no `apograph.json`: one is made of what was read.
#[test]
fn every_golden_answers_alike_with_its_records_without_and_as_a_vault() {
    let mut repositories = 0;
    for golden in golden_repositories() {
        let folder = scratch().expect("a temporary folder");
        let copy = folder.path().join("copy");
        fs::create_dir(&copy).expect("a folder");
        for entry in fs::read_dir(&golden).expect("a folder") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), copy.join(entry.file_name())).expect("a file");
        }
        let repository = Repository::open(&copy, Context::default()).expect("a repository");
        let (opened, records) = (Folder::open(&copy).expect("a folder"), repository.records());
        write_records(&RealDisk, &opened, Mode::PRIVATE, records, None).expect("records");
        assert!(copy.join(HISTORY_FILE_NAME).exists());
        let checked = check_derived(&copy, 64);
        let checked = checked.and_then(|()| check_copied(&copy, 16, &mut |_| Ok(())));
        if let Err(difference) = checked {
            panic!("{}: {difference}", golden.display());
        }
        repositories += 1;
    }
    assert!(repositories > 20, "{repositories}");
}
