//! Catalogs that nobody made here, which fill no memory, overflow nothing and are errors.

use std::fs;
use std::path::Path;

use apograph_io::SystemClock;
use apograph_testing::errors::told;
use apograph_vault::{Catalog, CatalogChange, Sha256};

use crate::{contents, created, live, looked, opened, path, segment, store};

/// Writes a version that has no changes.
fn forge(folder: &Path, number: u64, scope: &str) {
    let text = format!(
        "{{\"format\":1,\"number\":{number},\"nonce\":\"0000000000000000000000000000002a\",\
         \"time\":1,\"writer\":\"x\",\"scope\":{scope},\"own\":0}}\n{{\"repeated\":0}}\n"
    );
    let bytes = zstd::bulk::compress(text.as_bytes(), 3).expect("in memory");
    fs::create_dir_all(folder.join("catalog")).expect("a folder");
    fs::write(path(folder, number), bytes).expect("written");
}

#[test]
fn a_version_that_goes_on_from_one_that_is_no_earlier_is_damaged() {
    for number in [5, 6, u64::MAX] {
        let (folder, store) = store();
        let sha256 = Sha256::of(b"");
        let since = format!(r#"{{"number":{number},"sha256":"{sha256}","changes":1}}"#);
        forge(folder.path(), 5, &format!(r#"{{"since":{since}}}"#));
        let error = Catalog::open(&store, &SystemClock, "test").expect_err("forged");
        assert!(told(&error).ends_with("it goes after itself"), "{error}");
        assert_eq!(error.code().as_str(), "corrupt-manifest");
    }
}

#[test]
fn the_greatest_number_is_read_and_nothing_comes_after_it() {
    const GREATEST: u64 = u64::MAX / 4;
    let (folder, store) = store();
    forge(folder.path(), GREATEST, "\"whole\"");
    for hint in [None, Some(GREATEST), Some(GREATEST + 1), Some(u64::MAX)] {
        let name = folder.path().join("catalog/latest");
        if let Some(number) = hint {
            fs::write(name, format!("{{\"number\":{number}}}")).expect("written");
        }
        let mut catalog = opened(&store);
        assert_eq!(catalog.version(), GREATEST, "{hint:?}");
        assert_eq!(live(&catalog), [0; 0]);
        let error = catalog.commit(vec![looked(7)], &mut |_| None);
        let error = told(&error.expect_err("no number is left"));
        assert!(error.ends_with("no version can come after it"), "{error}");
    }
    for number in [GREATEST + 1, u64::MAX] {
        forge(folder.path(), number, "\"whole\"");
        let error = Catalog::open(&store, &SystemClock, "test").expect_err("forged");
        let error = told(&error);
        assert!(error.ends_with("no version has such a number"), "{error}");
    }
}

#[test]
fn what_was_merged_again_and_again_is_read_on_any_stack() {
    const MERGES: u64 = 5_000;
    let (_folder, store) = store();
    let mut catalog = created(&store);
    let first = CatalogChange::Added {
        segments: vec![segment(0)],
        evidence: None,
    };
    let merges = (0..MERGES).map(|number| CatalogChange::Merged {
        into: Box::new(segment(number + 1)),
        of: vec![segment(number).name().clone()],
    });
    for changes in [vec![first], merges.collect()] {
        let committed = catalog.commit(changes, &mut |others| panic!("{others:?}"));
        committed.expect("committed");
    }
    for catalog in [&catalog, &opened(&store)] {
        let (live, left, _) = contents(catalog);
        assert_eq!(live, [segment(MERGES)]);
        // What was merged last is told first.
        let expected = (0..MERGES).rev().map(|number| (segment(number), 3));
        assert!(left.into_iter().eq(expected));
    }
}
