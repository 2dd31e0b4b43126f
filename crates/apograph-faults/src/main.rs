//! Runs rows of faults and prints what they came to.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use apograph_faults::command::Programs;
use apograph_faults::{Control, Row, RowExtent, RowOutcome, Tally};
use clap::{Parser, ValueEnum};

/// More violations of a row than this are counted and not printed.
const PRINTED: usize = 20;

#[derive(Parser)]
#[command(about = "Every fault, and what must hold after it")]
struct Arguments {
    /// The rows to run; all of them where none is named
    rows: Vec<Row>,
    /// Everything, and not only what is quick
    #[arg(long)]
    long: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let own = std::env::current_exe().context("cannot tell where the programs are")?;
    let programs = Programs::beside(&own);
    let extent = if arguments.long {
        RowExtent::Long
    } else {
        RowExtent::Quick
    };
    let mut rows = arguments.rows;
    if rows.is_empty() {
        rows = Row::value_variants().to_vec();
    }
    let mut is_sound = true;
    println!(
        "{:<12} {:>8} {:>8} {:>10}  {:>8}",
        "row", "runs", "faults", "violations", "seconds"
    );
    for row in rows {
        let begun = Instant::now();
        let name = row.to_possible_value().map(|it| it.get_name().to_owned());
        let name = name.unwrap_or_default();
        match row.run(&programs, extent)? {
            RowOutcome::Skipped(why) => println!("{name:<12} SKIPPED: {why}"),
            RowOutcome::Ran { tally, control } => {
                print(&name, &tally, Some(begun));
                tally.parts.iter().for_each(|it| println!("    {it}"));
                tally
                    .violations
                    .iter()
                    .take(PRINTED)
                    .for_each(|it| println!("    {it}"));
                is_sound &= tally.violations.is_empty();
                if let Some(Control { what, tally }) = control {
                    print("  control", &tally, None);
                    println!("    {what}");
                    tally
                        .violations
                        .iter()
                        .take(2)
                        .for_each(|it| println!("    e.g. {it}"));
                    is_sound &= !tally.violations.is_empty();
                }
            }
        }
    }
    Ok(if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(name: &str, tally: &Tally, begun: Option<Instant>) {
    let seconds = begun.map_or_else(String::new, |it| {
        format!("{:.1}", it.elapsed().as_secs_f64())
    });
    let (runs, faults, violations) = (tally.runs, tally.faults, tally.violations.len());
    println!("{name:<12} {runs:>8} {faults:>8} {violations:>10}  {seconds:>8}");
    if !tally.notes.is_empty() {
        let notes = tally.notes.iter();
        let notes: Vec<String> = notes
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        println!("    {}", notes.join(", "));
    }
}
