//! Writes the seeds of every fuzz target: `fuzz-seeds CORPUS` makes `CORPUS/TARGET/seed-000`.

use std::path::PathBuf;
use std::{env, fs, io};

use apograph_model::fuzz::targets;

fn main() -> io::Result<()> {
    let Some(corpus) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: fuzz-seeds CORPUS"));
    };
    for target in targets() {
        let folder = corpus.join(target.name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:03}")), seed)?;
        }
    }
    Ok(())
}
