//! The benchmarks of the layers, as criterion measures them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::figure::{Figure, Sense, Unit};
use super::state::{list, remove};
use super::workload::Workloads;
use crate::run::{cargo, run};

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// Nanoseconds.
    point_estimate: f64,
}

/// Runs the benchmarks whose name has the filter in it.
pub(crate) fn measure(workloads: &Workloads, filter: Option<&str>) -> Result<Vec<Figure>> {
    let results = workloads.folder().join("criterion");
    remove(&results)?;
    let mut command = cargo([
        "bench",
        "--quiet",
        "--package",
        "apograph-benches",
        "--bench",
        "layers",
    ]);
    command.args(["--", "--quiet", "--noplot"]).args(filter);
    command.env("APOGRAPH_BENCH_FOLDER", workloads.folder());
    run(command.env("CRITERION_HOME", &results))?;
    read(&results)
}

fn read(results: &Path) -> Result<Vec<Figure>> {
    let mut groups: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for path in benchmarks(results)? {
        let benchmark: Benchmark = parse(&path)?;
        let estimates: Estimates = parse(&path.with_file_name("estimates.json"))?;
        let seconds = estimates.median.point_estimate / 1e9;
        let group = groups.entry(benchmark.group_id).or_default();
        group.insert(benchmark.function_id, seconds);
    }
    let figures = groups.into_iter().map(|(name, seconds)| {
        let of = |function: &str| seconds.get(function).copied();
        let ours = of("apograph").with_context(|| format!("{name} has no figure of ours"))?;
        let (limit, sense) = match of("fewer") {
            Some(fewer) => (Some(fewer), Sense::Times),
            None => (of("limit"), Sense::Speed),
        };
        let mut figure = Figure::new(name, Unit::Seconds, ours, limit, sense);
        figure.engine = of("engine");
        Ok(figure)
    });
    figures.collect()
}

/// The files that name the benchmarks of this run.
fn benchmarks(results: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !results.is_dir() {
        return Ok(found);
    }
    for group in list(results)?.iter().filter(|path| path.is_dir()) {
        for function in list(group)? {
            let path = function.join("new/benchmark.json");
            if path.is_file() {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_become_figures() -> Result<()> {
        let results = tempfile::tempdir()?;
        let rows = [
            ("crc", "apograph", 2.0e9),
            ("crc", "limit", 1.0e9),
            ("crc", "engine", 8.0e9),
            ("plan", "apograph", 9.0e9),
            ("plan", "fewer", 1.0e9),
        ];
        for (group, function, median) in rows {
            let folder = results.path().join(group).join(function).join("new");
            fs::create_dir_all(&folder)?;
            let benchmark = serde_json::json!({"group_id": group, "function_id": function});
            fs::write(folder.join("benchmark.json"), benchmark.to_string())?;
            let estimates = serde_json::json!({"median": {"point_estimate": median}});
            fs::write(folder.join("estimates.json"), estimates.to_string())?;
        }
        let figures = read(results.path())?;
        let ratios: Vec<_> = figures
            .iter()
            .map(|it| (it.name.as_str(), it.ratio))
            .collect();
        assert_eq!(ratios, [("crc", Some(0.5)), ("plan", Some(9.0))]);
        assert_eq!(figures[0].times_engine(), Some(4.0));
        assert_eq!(figures[1].sense, Sense::Times);
        Ok(())
    }
}
