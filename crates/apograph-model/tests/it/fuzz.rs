//! The catalogue of fuzz targets, and those of this crate, over their seeds.

use apograph_model::fuzz::{REPOSITORY, VAULTS, repository, targets};
use apograph_testing::strategies::cases;
use proptest::prelude::*;

/// Fronts and backs of seeds that are put together, of each target.
const SPLICES: u32 = 100;

#[test]
fn every_target_has_a_file_and_seeds() {
    let targets = targets();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/fuzz_targets");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {folder}: {error}"))
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    files.sort();
    let names: Vec<_> = targets.iter().map(|it| format!("{}.rs", it.name)).collect();
    assert_eq!(files, names);
    for target in targets {
        let text = std::fs::read_to_string(format!("{folder}/{}.rs", target.name));
        let call = format!("::fuzz::{}(data)", target.name);
        assert!(text.expect(target.name).contains(&call), "{}", target.name);
        assert!((target.seeds)().len() > 2, "{}", target.name);
    }
}

#[test]
fn seeds_of_a_repository_hold() {
    repository(b"");
    for seed in (REPOSITORY.seeds)() {
        repository(&seed);
    }
}

#[test]
fn seeds_of_vaults_hold_also_damaged() {
    for target in VAULTS {
        target.run_over_damaged_seeds();
    }
}

proptest! {
    #![proptest_config(cases(SPLICES))]

    #[test]
    fn spliced_seeds_of_vaults_hold(seeds in any::<[usize; 2]>(), places in any::<[usize; 2]>()) {
        for target in VAULTS {
            target.run_over_spliced_seeds(seeds, places);
        }
    }
}
