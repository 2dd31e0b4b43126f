//! Makes the golden fixtures of a generation again: `golden GENERATION DRIVER OUTDIR [NAME...]`.
//!
//! The same scenarios, not the same bytes. The driver is the program of that generation's engine.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use apograph_interop::EngineGeneration;
use apograph_interop::scenario::{self, EngineBackups};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1);
    let mut argument = || {
        args.next()
            .ok_or("usage: golden GENERATION DRIVER OUTDIR [NAME...]")
    };
    let generation: u32 = argument()?.to_string_lossy().parse()?;
    let generation = EngineGeneration::try_from(generation)?;
    let driver: PathBuf = argument()?.into();
    let out: PathBuf = argument()?.into();
    let names: Vec<_> = args.collect();

    let scenarios = scenario::scenarios(generation);
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
