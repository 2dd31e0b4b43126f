use apograph_faults::{Extent, Outcome, rows};

#[test]
fn no_damage_restores_another_state_and_a_forgery_does() {
    let outcome = rows::rot::run(Extent::Quick).unwrap();
    let Outcome::Ran { tally, control } = outcome else {
        panic!("it was not run");
    };
    assert_eq!(tally.violations, [""; 0]);
    assert!(tally.notes["detected"] > 0 && tally.notes["harmless"] > 0);
    assert!(!control.unwrap().tally.violations.is_empty());
}
