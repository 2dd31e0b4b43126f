//! The project's own commands: `cargo xtask verify`, `tidy`, `fuzz`, `fixtures`, `faults`,
//! `lives`, `clients`, `stores`, `pages`, `bench`, `release`, `dist`, `platforms`.

mod arguments;
mod bench;
mod clients;
mod dist;
mod driver;
mod lives;
mod metadata;
mod pages;
mod release;
mod run;
mod stores;
mod test_programs;
mod tidy;
mod tools;
mod verify;

use clap::Parser;

use arguments::{Arguments, Command};
use tools::Until;

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Verify { long } => verify::verify(long),
        Command::Tidy => tidy::tidy(),
        Command::Release { dry_run } => release::release(dry_run),
        Command::Dist { out } => dist::dist(&out),
        Command::Platforms => release::platforms(),
        Command::Fuzz {
            seconds,
            runs,
            target,
        } => {
            let until = runs.map_or(Until::Seconds(seconds), Until::Runs);
            tools::fuzz(until, target.as_deref())
        }
        Command::Fixtures {
            generation,
            out,
            names,
        } => tools::fixtures(generation, &out, &names),
        Command::Faults { rows, long } => tools::faults(&rows, long),
        Command::Lives {
            seeds,
            first,
            generation,
            shrink,
            random,
            vaults,
            folders,
        } => lives::lives(&lives::Options {
            seeds: first..=first.saturating_add(seeds.get() - 1),
            generation,
            shrinks: shrink,
            only_random: random,
            in_vaults: vaults,
            in_folders: folders,
        }),
        Command::Clients {
            versions,
            features,
            keep,
        } => clients::clients(&clients::Options {
            versions,
            features,
            keep,
        }),
        Command::Stores { names } => stores::stores(&names),
        Command::Pages => pages::pages(),
        Command::Bench {
            prepare,
            check,
            filter,
        } => bench::bench(&bench::Options {
            prepare,
            check,
            filter,
        }),
    }
}
