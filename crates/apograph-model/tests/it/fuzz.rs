//! The catalogue of fuzz targets, and the one over a whole repository, over its seeds.

use apograph_model::fuzz::{REPOSITORY, repository, targets};

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
