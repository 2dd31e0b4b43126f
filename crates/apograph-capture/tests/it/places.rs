//! Repositories where nothing lasts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use apograph_capture::{Options, capture};
use apograph_testing::context::every_core;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};

use crate::live::Live;

const SOURCE: &str = "08_torn_tail/source";

/// The engine's close would remove the backups, or fail.
#[test]
fn a_repository_in_a_log_folder_is_refused_before_anything_is_written() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let log_folder = live.log_folder();
        fs::create_dir_all(live.path("beside/deep")).expect("a folder");
        symlink(&log_folder, live.path("beside/link")).expect("a link");
        let inside = log_folder.join("inside");
        let names = || {
            let names = fs::read_dir(&log_folder).expect("a folder");
            let names = names.map(|it| it.expect("an entry").file_name());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names
        };
        let before = names();
        let refused = |path: &Path| {
            let options = Options::default();
            let captured = capture(&live.database(), path, &options, every_core());
            let error = captured.expect_err("a place that does not last");
            assert_eq!(error.code(), "usage", "{error}");
            let end = "the engine removes what lies in the log folder of a database";
            assert!(told(&error).ends_with(end), "{error}");
        };
        refused(&inside);
        refused(&log_folder);
        refused(&live.path("beside/link"));
        refused(&live.path("beside/link/inside"));
        refused(&live.path("beside/deep/../link/inside"));
        assert_eq!(names(), before);
        // Also where the folder is there already.
        fs::create_dir_all(inside.join("deep")).expect("a folder");
        refused(&inside.join("deep"));
        refused(&inside);
        refused(&inside.join("deep/repository"));
        assert_eq!(
            fs::read_dir(inside.join("deep")).expect("a folder").count(),
            0
        );
    }
}
