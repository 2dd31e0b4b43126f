//! Makes the golden fixtures of generation 1 again: `golden OUTDIR [NAME...]`.
//!
//! The same scenarios, not the same bytes. Needs `grafeo-driver` beside itself.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use apograph_interop::scenario::{self, EngineBackups};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1);
    let out: PathBuf = args.next().ok_or("usage: golden OUTDIR [NAME...]")?.into();
    let names: Vec<_> = args.collect();
    let driver = env::current_exe()?.with_file_name("grafeo-driver");

    let scenarios = scenario::scenarios();
    if let Some(name) = names
        .iter()
        .find(|&name| scenarios.iter().all(|s| s.name != name))
    {
        return Err(format!("there is no scenario {}", name.display()).into());
    }
    for scenario in scenarios {
        if names.is_empty() || names.iter().any(|name| name == scenario.name) {
            let dir = out.join(scenario.name);
            fs::create_dir_all(&dir)?;
            scenario::run(&scenario, &driver, &dir, &mut EngineBackups::of(&dir))?;
            println!("{}", dir.display());
        }
    }
    Ok(())
}
