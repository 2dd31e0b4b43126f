//! A run beside a recorded one.

use super::figure::{Figure, Sense};
use super::record::Record;

/// How much worse a ratio may be.
const MARGIN: f64 = 0.20;

/// The newest record of a machine like that of another record.
pub(crate) fn newest_like<'a>(records: &'a [Record], record: &Record) -> Option<&'a Record> {
    let like = records
        .iter()
        .filter(|it| it.machine.is_like(&record.machine));
    like.max_by_key(|it| &it.date)
}

/// What is worse than before, in words. A figure that either does not have is not compared.
pub(crate) fn worse(before: &Record, now: &Record) -> Vec<String> {
    let lines = now.figures.iter().filter_map(|figure| {
        let old = before.figures.iter().find(|it| it.name == figure.name)?;
        let (was, is) = (old.ratio?, figure.ratio?);
        is_worse(was, is, figure.sense).then(|| line(figure, was, is))
    });
    lines.collect()
}

fn is_worse(was: f64, is: f64, sense: Sense) -> bool {
    match sense {
        Sense::Speed => is < was * (1.0 - MARGIN),
        Sense::Times => is > was * (1.0 + MARGIN),
    }
}

fn line(figure: &Figure, was: f64, is: f64) -> String {
    format!("{}: {is:.2} of the limit, was {was:.2}", figure.name)
}

#[cfg(test)]
mod tests {
    use super::super::figure::Unit;
    use super::super::machine::Machine;
    use super::*;

    fn record(date: &str, cores: usize, figures: &[(&str, f64, Sense)]) -> Record {
        let figures = figures.iter().map(|&(name, ratio, sense)| {
            let (ours, limit) = match sense {
                Sense::Speed => (1.0, ratio),
                Sense::Times => (ratio, 1.0),
            };
            Figure::new(name.to_owned(), Unit::Seconds, ours, Some(limit), sense)
        });
        Record {
            date: date.to_owned(),
            commit: String::new(),
            machine: Machine {
                cpu: String::new(),
                cores,
                memory_gib: 1,
                kernel: date.to_owned(),
                file_system: String::new(),
            },
            figures: figures.collect(),
        }
    }

    #[test]
    fn worse_is_past_a_fifth_in_the_direction_of_the_figure() {
        for (sense, was, is, worse) in [
            (Sense::Speed, 1.0, 0.81, false),
            (Sense::Speed, 1.0, 0.79, true),
            (Sense::Speed, 1.0, 5.0, false),
            (Sense::Times, 1.0, 1.19, false),
            (Sense::Times, 1.0, 1.21, true),
            (Sense::Times, 1.0, 0.1, false),
        ] {
            let before = record("1", 2, &[("f", was, sense)]);
            let now = record("2", 2, &[("f", is, sense), ("new", 1.0, sense)]);
            assert_eq!(!super::worse(&before, &now).is_empty(), worse, "{was} {is}");
        }
    }

    #[test]
    fn the_newest_record_of_such_a_machine_counts() {
        let records = [
            record("1", 2, &[]),
            record("3", 2, &[]),
            record("4", 8, &[]),
        ];
        let found = newest_like(&records, &record("5", 2, &[]));
        assert_eq!(found.map(|it| it.date.as_str()), Some("3"));
        assert_eq!(newest_like(&records, &record("5", 4, &[])), None);
    }
}
