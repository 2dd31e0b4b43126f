//! The files that a package ships beside the command: a man page for each of its words, and
//! completions.
//!
//! ```console
//! $ cargo run -p apograph-cli --example package_files -- target/dist
//! ```

use std::fs;
use std::io;
use std::path::PathBuf;

use clap_complete::Shell::{Bash, Fish, Zsh};

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1);
    let folder = folder.map_or_else(|| PathBuf::from("target/dist"), PathBuf::from);
    let [pages, completions] = ["man/man1", "completions"].map(|name| folder.join(name));
    for folder in [&pages, &completions] {
        fs::create_dir_all(folder)?;
    }
    clap_mangen::generate_to(apograph_cli::command(), &pages)?;
    for shell in [Bash, Fish, Zsh] {
        let mut command = apograph_cli::command();
        clap_complete::generate_to(shell, &mut command, "apograph", &completions)?;
    }
    println!("{} and {}", pages.display(), completions.display());
    Ok(())
}
