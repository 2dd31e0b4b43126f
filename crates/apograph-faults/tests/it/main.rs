//! The rows that are quick and need no more than this machine: none has a violation, and each
//! control has.
//!
//! Those that trace system calls, mount file systems or run the real engine are left to
//! `cargo xtask faults`.

mod cut;
mod folders;
mod names;
mod operating;
mod watched;

use std::path::Path;

use apograph_faults::command::Programs;
use apograph_faults::{Row, RowExtent, RowOutcome};

/// Whether the row holds; `false` where this machine cannot produce the fault.
fn holds_or_is_skipped(row: Row) -> bool {
    let programs = Programs::beside(Path::new(env!("CARGO_BIN_EXE_apograph-sound")));
    let outcome = row
        .run(&programs, RowExtent::Quick)
        .expect("a row that runs");
    let RowOutcome::Ran { tally, control } = outcome else {
        return false;
    };
    assert!(tally.faults > 0, "no fault was met");
    let (violations, first) = (tally.violations.len(), tally.violations.first());
    assert_eq!(
        violations, 0,
        "of {} faults, the first: {first:?}",
        tally.faults
    );
    let caught = control.is_none_or(|control| !control.tally.violations.is_empty());
    assert!(caught, "the control was not caught");
    true
}

fn holds(row: Row) {
    let is_run = holds_or_is_skipped(row);
    assert!(is_run, "{row:?} needs nothing that a machine can lack");
}

/// Whoever is not root cannot be.
#[test]
fn root_and_the_owner_lock_each_other_out_no_more() {
    holds_or_is_skipped(Row::Turns);
}

macro_rules! rows {
    ($($name:ident: $row:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            holds(Row::$row);
        }
    )*};
}

rows! {
    any_operation_may_fail: Operation,
    the_power_may_go_at_any_operation: Power,
    a_file_system_may_lack_what_others_have: Lacking,
    a_failed_sync_is_no_success: Sync,
    two_commands_keep_out_of_each_others_way: Busy,
    whoever_is_told_to_end_leaves_nothing: Interrupted,
    nothing_is_restored_over: Occupied,
    nothing_is_more_open_than_the_database: Permissions,
    what_is_written_is_compared: Encoder,
    a_copy_goes_on_wherever_it_ended: Copy,
    any_request_to_a_store_may_fail: Requests,
    several_writers_of_a_store_lose_nothing: Conditions,
    rot_is_noticed_or_harmless: Rot,
    hostile_repositories_end_in_an_error_at_once: Hostile,
}
