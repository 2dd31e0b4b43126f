//! The table that a run prints.

use super::figure::{Figure, Sense, Unit, Usage};

const HEAD: [&str; 9] = [
    "FIGURE", "OURS", "ENGINE", "LIMIT", "RATIO", "REACH", "MET", "RSSANON", "ENGINE'S",
];

/// A line for each figure, after a head.
pub(crate) fn text(figures: &[Figure]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(figures.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len()).filter_map(width).collect();
    let line = |row: &[String; 9]| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| match column {
            0 | 5 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

/// What was measured, in a few words.
pub(crate) fn brief(figure: &Figure) -> String {
    let [_, ours, _, limit, ratio, reach, met, ..] = row(figure);
    format!("{ours}, the limit {limit}: {ratio} {reach} {met}")
}

fn row(figure: &Figure) -> [String; 9] {
    let amount = |amount: Option<f64>| amount.map_or_else(String::new, |it| of(it, figure.unit));
    let anon = |usage: Option<Usage>| usage.map_or_else(String::new, |it| mib(it.anon_bytes));
    let is_met = figure
        .is_met
        .map_or("", |is_met| if is_met { "yes" } else { "NO" });
    [
        figure.name.clone(),
        amount(Some(figure.ours)),
        amount(figure.engine),
        amount(figure.limit),
        figure
            .ratio
            .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        reach(figure),
        is_met.to_owned(),
        anon(figure.usage),
        anon(figure.engine_usage),
    ]
}

fn reach(figure: &Figure) -> String {
    let sign = match figure.sense {
        Sense::Speed => ">=",
        Sense::Times => "<=",
    };
    let parts = [
        figure.reach.ratio.map(|ratio| format!("{sign} {ratio}")),
        figure.reach.engine.map(|times| format!("engine x {times}")),
        figure
            .reach
            .anon_bytes
            .map(|bytes| format!("<= {}", mib(bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn of(amount: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => format!("{:.1} MiB", amount / f64::from(1 << 20)),
        Unit::Seconds if amount >= 1.0 => format!("{amount:.2} s"),
        Unit::Seconds if amount >= 1e-3 => format!("{:.1} ms", amount * 1e3),
        Unit::Seconds if amount >= 1e-6 => format!("{:.1} us", amount * 1e6),
        Unit::Seconds => format!("{:.1} ns", amount * 1e9),
    }
}

fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::super::figure::Reach;
    use super::*;

    #[test]
    fn columns_stand_below_their_heads() {
        let name = "scan and verify small, generation 1".to_owned();
        let mut scan = Figure::new(name, Unit::Seconds, 0.2, Some(0.1), Sense::Speed);
        scan.engine = Some(3.0);
        let scan = scan.reaching(Reach {
            ratio: Some(0.6),
            engine: Some(10.0),
            anon_bytes: None,
        });
        let bytes = f64::from(3 << 20);
        let mut memory = Figure::new(
            "memory".to_owned(),
            Unit::Bytes,
            bytes,
            Some(bytes),
            Sense::Times,
        );
        memory.usage = Some(Usage {
            anon_bytes: 3 << 20,
            ..Usage::default()
        });
        let memory = memory.reaching(Reach {
            ratio: Some(1.0),
            engine: None,
            anon_bytes: Some(32 << 20),
        });
        let expected = "\
FIGURE                                   OURS  ENGINE     LIMIT  RATIO  REACH                MET  RSSANON  ENGINE'S
scan and verify small, generation 1  200.0 ms  3.00 s  100.0 ms   0.50  >= 0.6, engine x 10   NO
memory                                3.0 MiB           3.0 MiB   1.00  <= 1, <= 32.0 MiB    yes  3.0 MiB
";
        assert_eq!(text(&[scan, memory]), expected);
    }

    #[test]
    fn seconds_are_told_in_their_size() {
        for (seconds, told) in [
            (12.0, "12.00 s"),
            (0.25, "250.0 ms"),
            (3e-5, "30.0 us"),
            (4e-9, "4.0 ns"),
        ] {
            assert_eq!(of(seconds, Unit::Seconds), told);
        }
    }
}
