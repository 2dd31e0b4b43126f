//! Lets the contract of the stores run over a real object store, which the environment leads to.
//!
//! `store-contract ADDRESS [EXPECTED]`: each clause below a prefix of its own, or, where a code is
//! expected, the one error that has to come. The last line counts.

use std::env::args;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use apograph_format::WithCauses;
use apograph_io::random;
use apograph_store::{CloudStore, Store, probe};
use apograph_testing::store::contract::{CLAUSES, name};

/// An error that does not come sooner is none that a user waits for.
const SOON: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    let mut arguments = args().skip(1);
    let address = arguments.next().expect("the address of a store");
    let own = random().expect("a random number");
    let under = |what: &str| {
        let address = format!("{address}/{own:032x}/{what}");
        CloudStore::open(&address).expect("a store")
    };
    let checks: Vec<Check<'_>> = match arguments.next() {
        Some(code) => vec![(code.clone(), Box::new(move || fails(&under("x"), &code)))],
        None => CLAUSES
            .iter()
            .map(|(clause, keeps)| {
                let store = under(clause);
                let run: Box<dyn Fn()> = Box::new(move || keeps(&store));
                ((*clause).to_owned(), run)
            })
            .collect(),
    };
    let (mut passed, mut failed) = (0, 0);
    for (check, run) in checks {
        let begun = Instant::now();
        let is_kept = catch_unwind(AssertUnwindSafe(run)).is_ok();
        let count = if is_kept { &mut passed } else { &mut failed };
        *count += 1;
        let outcome = if is_kept { "ok" } else { "FAILED" };
        println!(
            "    {check}: {outcome}, {:.1} s",
            begun.elapsed().as_secs_f64()
        );
    }
    println!("    {passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is run, and its name.
type Check<'s> = (String, Box<dyn Fn() + 's>);

/// The store is one of which an error with this code comes soon.
fn fails(store: &dyn Store, code: &str) {
    let begun = Instant::now();
    let error = match store.create(&name("x"), b"x") {
        Ok(_) => probe(store).expect_err("an error"),
        Err(error) => error,
    };
    println!("    {}", WithCauses(&error));
    assert_eq!(error.code(), code);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
