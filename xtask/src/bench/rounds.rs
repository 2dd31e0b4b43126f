//! Rounds of runs, and the middle of what they took.

use anyhow::{Context, Result};

use super::figure::Usage;
use super::measurement::Measurement;

/// How often ours and the limit are measured, in turns.
pub(crate) const ROUNDS: u32 = 9;

/// The medians of some runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Middle {
    pub(crate) seconds: f64,
    pub(crate) usage: Usage,
}

impl Middle {
    /// The medians of what was measured; of the memory, the most.
    pub(crate) fn of(runs: &[Measurement]) -> Result<Self> {
        let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
        let last = runs.last().context("nothing was measured")?;
        let peaks = runs.iter().map(|run| run.usage.anon_bytes);
        Ok(Self {
            seconds: median(&seconds).context("nothing was measured")?,
            usage: Usage {
                anon_bytes: peaks.max().unwrap_or_default(),
                ..last.usage
            },
        })
    }
}

/// Measures one and the other in turns.
pub(crate) fn alternate(
    mut ours: impl FnMut() -> Result<Measurement>,
    mut limit: impl FnMut() -> Result<Measurement>,
) -> Result<[Middle; 2]> {
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        runs[0].push(ours()?);
        runs[1].push(limit()?);
    }
    let [ours, limit] = runs;
    Ok([Middle::of(&ours)?, Middle::of(&limit)?])
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle - 1)?, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_found() {
        for (values, middle) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 2.0, 100.0], Some(3.0)),
        ] {
            assert_eq!(median(values), middle, "{values:?}");
        }
    }
}
