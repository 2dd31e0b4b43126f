//! Copies the golden repositories into vaults of an object store, which the environment leads to,
//! and out again, and asks all of them the same questions.
//!
//! `store-goldens ADDRESS STATES`: each below a prefix of its own, as it is, packed, and packed and
//! encrypted; at most so many states of each are restored. The last line counts.

use std::env::args;
use std::process::ExitCode;
use std::sync::Arc;

use apograph_io::random;
use apograph_model::{StoredAs, check_stored};
use apograph_repository::vault::store::{CloudStore, Store};
use apograph_testing::fixtures::{V1, V2};

fn main() -> ExitCode {
    let mut arguments = args().skip(1);
    let address = arguments.next().expect("the address of a store");
    let states = arguments.next().expect("a number of states");
    let states = states.parse().expect("a number of states");
    let own = random().expect("a random number");
    let (mut vaults, mut answers, mut failed) = (0, 0, 0);
    for fixtures in [V1, V2] {
        for name in fixtures.names() {
            let golden = fixtures.root().join(&name).join("backup");
            if !golden.join("backup_manifest.json").exists() {
                continue;
            }
            for stored_as in StoredAs::ALL {
                let generation = fixtures.generation().number();
                let place = format!("{address}/{own:032x}/v{generation}-{name}-{stored_as:?}");
                let store: Arc<dyn Store> = Arc::new(CloudStore::open(&place).expect("an address"));
                match check_stored(&golden, &store, stored_as, states) {
                    Ok(count) => answers += count,
                    Err(difference) => {
                        println!("    {} {stored_as:?}: {difference}", golden.display());
                        failed += 1;
                    }
                }
                vaults += 1;
            }
        }
    }
    println!("    {vaults} vaults, {answers} answers from each and out of it, {failed} wrong");
    if failed == 0 && vaults > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
