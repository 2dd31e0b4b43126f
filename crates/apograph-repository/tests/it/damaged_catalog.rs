//! Vaults whose catalog cannot be read.

use std::fs;
use std::path::Path;

use apograph_io::Context;
use apograph_manifest::PointRange;
use apograph_repository::{
    Pack, Repository, RepositoryError, copy, init_vault, plan_vault_rebuild,
};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

/// What can be restored as of each version of a vault's catalog, from the first one on.
fn restorable_by_version(stage: &Stage, vault: &Path) -> Vec<Vec<PointRange>> {
    init_vault(vault, Context::default()).expect("a vault");
    let versions = vault.join("catalog");
    let from = Repository::open(stage.repository(), Context::default()).expect("opened");
    copy(&from, vault, Pack::Best, Context::default()).expect("copied");
    let mut names: Vec<_> = fs::read_dir(&versions)
        .expect("versions")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    let aside = stage.path("aside");
    fs::create_dir(&aside).expect("a folder");
    let mut found = Vec::new();
    // A vault without its newest versions is what it was before them.
    while let Some(newest) = names.pop() {
        let opened = Repository::open(vault, Context::default()).expect("opened");
        found.push(opened.chain().restorable());
        let name = newest.file_name().expect("a name");
        fs::rename(&newest, aside.join(name)).expect("moved");
    }
    for entry in fs::read_dir(&aside).expect("versions") {
        let entry = entry.expect("an entry");
        fs::rename(entry.path(), versions.join(entry.file_name())).expect("moved back");
    }
    found.reverse();
    found
}

#[test]
fn an_error_of_the_catalog_names_what_the_versions_before_have() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let vault = stage.path("vault");
        let by_version = restorable_by_version(&stage, &vault);
        assert!(by_version.len() > 3, "{}", by_version.len());
        let mut named = 0;
        for number in 1..=by_version.len() {
            let version = vault.join(format!("catalog/{number:020}.zst"));
            let whole = fs::read(&version).expect("a version");
            for is_lost in [false, true] {
                if is_lost {
                    fs::remove_file(&version).expect("removed");
                } else {
                    fs::write(&version, &whole[..whole.len() - 1]).expect("cut");
                }
                let opened = Repository::open(&vault, Context::default());
                let planned = plan_vault_rebuild(&(&vault).into(), Context::default());
                fs::write(&version, &whole).expect("mended");
                let Err(error) = opened else {
                    // The newest one is missing to nobody, nor is one that none goes on from.
                    continue;
                };
                assert_eq!(error.code().as_str(), "corrupt-manifest");
                let before = number.checked_sub(2).map(|index| &by_version[index]);
                let Some(before) = before.filter(|ranges| !ranges.is_empty()) else {
                    assert!(matches!(error, RepositoryError::Vault(_)), "{error}");
                    continue;
                };
                let RepositoryError::CatalogDamaged { restorable, .. } = &error else {
                    panic!("{number}: {error}");
                };
                assert_eq!(restorable, before, "{number}");
                let told = before.last().expect("a range").to_string();
                assert!(error.to_string().contains(&told), "{error}");
                // A rebuild finds no less.
                let rebuilt = planned.expect("a plan").expect("a vault").chain();
                for range in restorable {
                    let ends = [range.from, range.to].map(|it| (range.timeline, it));
                    let has = |(timeline, epoch)| {
                        let mut all = rebuilt.restorable().into_iter();
                        all.any(|it| it.timeline == timeline && (it.from..=it.to).contains(&epoch))
                    };
                    assert!(ends.into_iter().all(has), "{number}: {range}");
                }
                named += 1;
            }
        }
        assert!(named > 2, "{named}");
    }
}
