//! The `apograph` command over a disk that neglects what `APOGRAPH_NEGLECTS` names: the control of
//! the sweeps.

use apograph::io::RealDisk;
use apograph_faults::careless::{CarelessDisk, Neglect};

fn main() -> std::process::ExitCode {
    let neglects = match std::env::var("APOGRAPH_NEGLECTS").as_deref() {
        Ok("syncs") => Neglect::Syncs,
        Ok("publication") => Neglect::Publication,
        _ => Neglect::Withdrawal,
    };
    apograph::cli::main(&CarelessDisk::new(&RealDisk, neglects))
}
