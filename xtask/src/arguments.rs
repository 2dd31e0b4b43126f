//! What `cargo xtask` is told.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Everything that must hold before a change goes in: format, lints, tests, docs, examples,
    /// tidy
    Verify {
        /// Every value of every byte in the sweeps over damage, more generated inputs and others
        #[arg(long)]
        long: bool,
    },
    /// The rules of the workspace that no compiler checks
    Tidy,
    /// Runs the fuzz targets, each from seeds made of the golden fixtures
    Fuzz {
        /// How long each target runs, in seconds
        #[arg(long, default_value = "60")]
        seconds: NonZero<u32>,
        /// How many inputs each target runs, instead of a time
        #[arg(long, conflicts_with = "seconds")]
        runs: Option<NonZero<u64>>,
        /// The only target to run
        target: Option<String>,
    },
    /// Makes the golden fixtures again with the real engine: the same scenarios, not the same bytes
    Fixtures {
        /// The generation of the engine: 1 is Grafeo 0.5, 2 is Grafeo 0.6
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=2))]
        generation: u32,
        /// Where to make them
        #[arg(default_value = "target/golden")]
        out: PathBuf,
        /// The only fixtures to make
        names: Vec<String>,
    },
    /// Goes through every fault that is survived, with controls that must not survive it
    Faults {
        /// The only rows to run, as `kill` or `power`; a wrong one is answered with all there are
        rows: Vec<String>,
        /// Everything, and not only what is quick
        #[arg(long)]
        long: bool,
    },
    /// Lives lives of databases with the real engines, and counts what their backups came to
    Lives {
        /// How many random lives of each generation
        #[arg(long, default_value = "100")]
        seeds: NonZero<u64>,
        /// The seed of the first; with `--seeds 1` the only one
        #[arg(long, default_value = "1")]
        first: u64,
        /// The engine of one generation alone
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2))]
        generation: Option<u32>,
        /// Tells a life that finds something without what has no part in it
        #[arg(long)]
        shrink: bool,
        /// Leaves out the scripted lives
        #[arg(long)]
        random: bool,
        /// Lets all repositories of the random lives be vaults
        #[arg(long)]
        vaults: bool,
        /// Lets the databases of the random lives be folders, of generation 1
        #[arg(long)]
        folders: bool,
    },
    /// Backs up what released clients write, Python wheels and Node bindings, and asks them what
    /// came back
    Clients {
        /// The only releases, as `0.5.36`
        versions: Vec<String>,
        /// The only features, as `transactions` or `upgrade`
        #[arg(long = "feature")]
        features: Vec<String>,
        /// Keeps what the clients and the command wrote, in `target/clients/scenarios`
        #[arg(long)]
        keep: bool,
    },
    /// Holds real object stores, which are servers of this machine, to the contract of the stores
    Stores {
        /// The only servers, as `moto`; a wrong one is answered with all there are
        names: Vec<String>,
    },
    /// Looks at the pages of `apograph report` in a browser
    Pages,
    /// Packages what is published
    Release {
        /// Builds each package, and sends none
        #[arg(long)]
        dry_run: bool,
    },
    /// Builds what a package ships: the command, man pages, completions, documents
    Dist {
        /// Where to
        #[arg(default_value = "target/dist")]
        out: PathBuf,
    },
    /// Lints the published crates for systems that they compile for and no test runs on
    Platforms,
    /// Measures how fast apograph is, beside the engine and the limit of the machine
    Bench {
        /// Makes the workloads that are not there yet, and measures nothing
        #[arg(long, conflicts_with_all = ["check", "filter"])]
        prepare: bool,
        /// Compares the ratios with the newest record of such a machine, and records nothing
        #[arg(long)]
        check: bool,
        /// Only what has this in its name; that is not recorded
        filter: Option<String>,
    },
}
