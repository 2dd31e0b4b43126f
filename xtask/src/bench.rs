//! How fast apograph is, beside the engine and beside the limit of the machine.
//!
//! The acceptance figures are measured here: ours and the limit in turns, some rounds, and the
//! median of each, so that a machine that is busy for a while is busy for both. Scans and plans are
//! measured inside of `bench-worker` (a program of `apograph-benches`), whole commands as
//! processes. The benchmarks of the layers are criterion's; its estimates stand in the same table.
//!
//! What counts are the ratios of one run. Nothing drops the caches; what writes is measured after
//! a `sync`.

mod compare;
mod figure;
mod figures;
mod layers;
mod machine;
mod measurement;
mod plot;
mod record;
mod rounds;
mod state;
mod table;
mod workload;

use anyhow::{Result, bail};

use record::Record;
use workload::Workloads;

/// What to measure.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) prepare: bool,
    pub(crate) check: bool,
    pub(crate) filter: Option<String>,
}

/// Makes the workloads, or measures and prints the table. A whole run is recorded, and a plot of
/// all that were; with `check` it is compared with the newest record of such a machine instead.
pub(crate) fn bench(options: &Options) -> Result<()> {
    let workloads = Workloads::build()?;
    if options.prepare {
        return workloads.prepare();
    }
    workloads.check()?;
    let filter = options.filter.as_deref();
    let mut figures = figures::measure(&workloads, filter)?;
    figures.extend(layers::measure(&workloads, filter)?);
    if figures.is_empty() {
        bail!("no figure has {:?} in its name", filter.unwrap_or_default());
    }
    print!("{}", table::text(&figures));
    let record = Record::now(figures, workloads.folder())?;
    if options.check {
        return check(&record);
    }
    if filter.is_none() {
        println!("\nrecorded in {}", record.write()?.display());
        println!("plotted in {}", plot::write(&Record::all()?)?.display());
    }
    Ok(())
}

fn check(record: &Record) -> Result<()> {
    let records = Record::all()?;
    let Some(before) = compare::newest_like(&records, record) else {
        bail!("nothing was recorded on a machine like this one");
    };
    let worse = compare::worse(before, record);
    for line in &worse {
        println!("worse: {line}");
    }
    match worse.len() {
        0 => println!("\nno ratio is worse than in the record of {}", before.date),
        count => bail!(
            "{count} ratios are worse than in the record of {}",
            before.date
        ),
    }
    Ok(())
}
