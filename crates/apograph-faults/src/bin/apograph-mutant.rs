//! The `apograph` command over a disk that neglects what an environment variable names: the control
//! of the sweeps.

use apograph::io::RealDisk;
use apograph_faults::mutant::{MutantDisk, NEGLECTS, Neglect};

fn main() -> std::process::ExitCode {
    let Some(neglects) = Neglect::of_environment() else {
        eprintln!("{NEGLECTS} does not say what to neglect");
        return std::process::ExitCode::from(64);
    };
    apograph_cli::main(&MutantDisk::new(&RealDisk, neglects))
}
