//! The ratios over the records, as a picture: one panel for each figure that has something to
//! reach.
//!
//! A dashed line is what was to be reached. Machines that cannot be compared have lines of their
//! own, each in its colour.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::figure::{Figure, Sense};
use super::record::{Record, results};

const COLUMNS: usize = 3;
const PANEL: (f64, f64) = (300.0, 150.0);
/// Left, top, right and bottom of what is drawn inside of a panel.
const AREA: (f64, f64, f64, f64) = (36.0, 34.0, 288.0, 130.0);
const COLOURS: [&str; 4] = ["#1f5fa8", "#b5541c", "#2e7d4f", "#7a3b8f"];

/// Draws all records, beside them.
pub(crate) fn write(records: &[Record]) -> Result<PathBuf> {
    let path = results().join("ratios.svg");
    fs::write(&path, draw(records))?;
    Ok(path)
}

fn draw(records: &[Record]) -> String {
    let names = names(records);
    let machines = machines(records);
    let rows = names.len().div_ceil(COLUMNS);
    let (width, height) = (PANEL.0 * real(COLUMNS), PANEL.1 * real(rows));
    let total = height + 20.0 * real(machines.len() + 1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {total}\" \
         font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"{width}\" height=\"{total}\" fill=\"white\"/>\n"
    );
    for (index, name) in names.iter().enumerate() {
        let x = PANEL.0 * real(index % COLUMNS);
        let y = PANEL.1 * real(index / COLUMNS);
        let panel = panel(name, records, &machines);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">\n{panel}</g>");
    }
    for (index, (record, colour)) in machines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let machine = &record.machine;
        let text = format!(
            "{}, {} cores, {} GiB, {}",
            machine.cpu, machine.cores, machine.memory_gib, machine.file_system
        );
        let y = height + 20.0 * real(index + 1);
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{y}\" fill=\"{colour}\">{}</text>",
            escaped(&text)
        );
    }
    svg + "</svg>\n"
}

/// The figures to draw, in the order of the newest record.
fn names(records: &[Record]) -> Vec<&str> {
    let figures = records.last().map(|record| record.figures.as_slice());
    let drawn = figures.unwrap_or_default().iter();
    let drawn = drawn.filter(|it| it.ratio.is_some() && it.reach.ratio.is_some());
    drawn.map(|figure| figure.name.as_str()).collect()
}

/// One record of each machine.
fn machines(records: &[Record]) -> Vec<&Record> {
    let mut machines: Vec<&Record> = Vec::new();
    for record in records {
        if !machines
            .iter()
            .any(|it| it.machine.is_like(&record.machine))
        {
            machines.push(record);
        }
    }
    machines
}

fn panel(name: &str, records: &[Record], machines: &[&Record]) -> String {
    let (left, top, right, bottom) = AREA;
    let points: Vec<(usize, &Record, &Figure)> = records
        .iter()
        .enumerate()
        .filter_map(|(index, record)| {
            let figure = record.figures.iter().find(|it| it.name == name)?;
            figure.ratio.map(|_| (index, record, figure))
        })
        .collect();
    let ratio = |figure: &Figure| figure.ratio.unwrap_or_default();
    let newest = points.last().map(|(_, _, figure)| *figure);
    let reach = newest
        .and_then(|figure| figure.reach.ratio)
        .unwrap_or_default();
    let highest = points
        .iter()
        .map(|(_, _, figure)| ratio(figure))
        .fold(reach, f64::max)
        * 1.1;
    let steps = real(records.len().saturating_sub(1).max(1));
    let x = |index: usize| left + (right - left) * real(index) / steps;
    let y = |ratio: f64| bottom - (bottom - top) * ratio / highest;

    let sign = match newest.map(|figure| figure.sense) {
        Some(Sense::Times) => "at most",
        _ => "at least",
    };
    let now = newest.map(ratio).unwrap_or_default();
    let title = format!("{name}: {now:.2}, {sign} {reach}");
    let mut svg = format!("<text x=\"{left}\" y=\"20\">{}</text>\n", escaped(&title));
    for (value, dash) in [(0.0, ""), (reach, " stroke-dasharray=\"4 3\"")] {
        let y = y(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#888\"{dash}/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            left - 4.0,
            y + 3.0
        );
    }
    for (machine, colour) in machines.iter().zip(COLOURS.iter().cycle()) {
        let own = points
            .iter()
            .filter(|(_, it, _)| it.machine.is_like(&machine.machine));
        let places: Vec<(f64, f64)> = own
            .map(|(index, _, it)| (x(*index), y(ratio(it))))
            .collect();
        let line: Vec<String> = places
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>",
            line.join(" ")
        );
        for (x, y) in places {
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>"
            );
        }
    }
    if let (Some(first), Some(last)) = (records.first(), records.last()) {
        for (record, x, anchor) in [(first, left, "start"), (last, right, "end")] {
            let day = record.date.split('T').next().unwrap_or_default();
            let y = bottom + 12.0;
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"#888\">{day}</text>"
            );
        }
    }
    svg
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Reach, Unit};
    use super::super::machine::Machine;
    use super::*;

    fn record(date: &str, cores: usize, ratio: f64) -> Record {
        let reach = Reach {
            ratio: Some(1.25),
            ..Reach::default()
        };
        let figure = |name: &str| {
            Figure::new(
                name.to_owned(),
                Unit::Seconds,
                ratio,
                Some(1.0),
                Sense::Times,
            )
        };
        Record {
            date: date.to_owned(),
            commit: String::new(),
            machine: Machine {
                cpu: "A & B".to_owned(),
                cores,
                memory_gib: 1,
                kernel: String::new(),
                file_system: String::new(),
            },
            figures: vec![figure("copy").reaching(reach), figure("no reach")],
        }
    }

    #[test]
    fn each_machine_has_a_line_and_the_reach_a_dashed_one() {
        let records = [
            record("2026-11-21T10:00:00Z", 2, 2.5),
            record("2026-11-22T10:00:00Z", 8, 1.0),
            record("2026-11-23T10:00:00Z", 2, 1.25),
        ];
        let svg = draw(&records);
        assert!(svg.contains("copy: 1.25, at most 1.25"), "{svg}");
        assert!(!svg.contains("no reach"), "{svg}");
        assert!(svg.contains("A &amp; B, 8 cores"), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches("stroke-dasharray").count(), 1);
        // From a height of 2.75: 2.5 stands at 42.7, 1.25 at 86.4, in the first and the last place.
        assert!(svg.contains("points=\"36.0,42.7 288.0,86.4\""), "{svg}");
    }

    #[test]
    fn one_record_is_a_point() {
        let svg = draw(&[record("2026-11-21T10:00:00Z", 2, 1.0)]);
        assert!(svg.contains("<circle cx=\"36.0\""), "{svg}");
    }
}
