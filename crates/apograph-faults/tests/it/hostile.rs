use std::path::Path;

use apograph_faults::command::Programs;
use apograph_faults::{Extent, Outcome, rows};

#[test]
fn no_repository_hangs_or_overwhelms_the_command() {
    let programs = Programs::beside(Path::new(env!("CARGO_BIN_EXE_apograph-sound")));
    let outcome = rows::hostile::run(&programs, Extent::Quick).unwrap();
    let Outcome::Ran { tally, control } = outcome else {
        panic!("it was not run");
    };
    assert_eq!(tally.violations, [""; 0]);
    assert!(!control.unwrap().tally.violations.is_empty());
}
