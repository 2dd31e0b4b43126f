//! A figure: ours, the engine's, the limit, and what was to be reached.

use serde::{Deserialize, Serialize};

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Seconds,
    Bytes,
}

/// How a figure is compared with the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sense {
    /// The limit by ours: the share of its speed. More is better.
    Speed,
    /// Ours by the limit: how many times as much. Less is better.
    Times,
}

/// What was to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Reach {
    /// The ratio to the limit: at least that, or at most.
    pub(crate) ratio: Option<f64>,
    /// At least how many times as fast as the engine.
    pub(crate) engine: Option<f64>,
    /// The most anonymous memory.
    pub(crate) anon_bytes: Option<u64>,
}

/// What processes took, where they were measured as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "a unit stands last in a name")]
pub(crate) struct Usage {
    /// The peak of `RssAnon`.
    pub(crate) anon_bytes: u64,
    /// Bytes that were read and written by system calls (`rchar` and `wchar`).
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    /// Bytes that came from the disk and that went to it (`read_bytes` and `write_bytes`).
    pub(crate) disk_read_bytes: u64,
    pub(crate) disk_written_bytes: u64,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) ours: f64,
    pub(crate) engine: Option<f64>,
    pub(crate) limit: Option<f64>,
    pub(crate) sense: Sense,
    pub(crate) ratio: Option<f64>,
    pub(crate) reach: Reach,
    pub(crate) is_met: Option<bool>,
    pub(crate) usage: Option<Usage>,
    pub(crate) engine_usage: Option<Usage>,
}

impl Figure {
    /// A figure with its ratio to the limit.
    pub(crate) fn new(
        name: String,
        unit: Unit,
        ours: f64,
        limit: Option<f64>,
        sense: Sense,
    ) -> Self {
        let ratio = limit.map(|limit| match sense {
            Sense::Speed => limit / ours,
            Sense::Times => ours / limit,
        });
        Self {
            name,
            unit,
            ours,
            engine: None,
            limit,
            sense,
            ratio,
            reach: Reach::default(),
            is_met: None,
            usage: None,
            engine_usage: None,
        }
    }

    /// The figure, with what was to be reached and whether it is. What is not known is not reached.
    pub(crate) fn reaching(mut self, reach: Reach) -> Self {
        let is_near = |wanted| {
            self.ratio.is_some_and(|ratio| match self.sense {
                Sense::Speed => ratio >= wanted,
                Sense::Times => ratio <= wanted,
            })
        };
        let outruns = |wanted| self.times_engine().is_some_and(|times| times >= wanted);
        let is_small = |most| self.usage.is_some_and(|usage| usage.anon_bytes <= most);
        let parts = [
            reach.ratio.map(is_near),
            reach.engine.map(outruns),
            reach.anon_bytes.map(is_small),
        ];
        let mut parts = parts.into_iter().flatten();
        self.is_met = parts.next().map(|first| first && parts.all(|part| part));
        self.reach = reach;
        self
    }

    /// How many times as fast as the engine.
    pub(crate) fn times_engine(&self) -> Option<f64> {
        self.engine.map(|engine| engine / self.ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(ours: f64, limit: f64, sense: Sense) -> Figure {
        Figure::new("f".to_owned(), Unit::Seconds, ours, Some(limit), sense)
    }

    #[test]
    fn a_reach_is_met_from_the_right_side() {
        let of = |ratio| Reach {
            ratio: Some(ratio),
            ..Reach::default()
        };
        for (ours, limit, sense, wanted, is_met) in [
            (2.0, 1.0, Sense::Speed, 0.5, true),
            (2.0, 1.0, Sense::Speed, 0.51, false),
            (2.0, 1.0, Sense::Times, 2.0, true),
            (2.0, 1.0, Sense::Times, 1.9, false),
        ] {
            let figure = figure(ours, limit, sense).reaching(of(wanted));
            assert_eq!(figure.is_met, Some(is_met), "{figure:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_reached() {
        let all = Reach {
            ratio: Some(1.0),
            engine: Some(10.0),
            anon_bytes: Some(1 << 20),
        };
        let mut known = figure(1.0, 1.0, Sense::Times);
        known.engine = Some(10.0);
        known.usage = Some(Usage::default());
        assert_eq!(known.clone().reaching(all).is_met, Some(true));
        let without = Figure {
            engine: None,
            ..known.clone()
        };
        assert_eq!(without.reaching(all).is_met, Some(false));
        let without = Figure {
            usage: None,
            ..known.clone()
        };
        assert_eq!(without.reaching(all).is_met, Some(false));
        let without = Figure {
            ratio: None,
            ..known.clone()
        };
        assert_eq!(without.reaching(all).is_met, Some(false));
        assert_eq!(known.reaching(Reach::default()).is_met, None);
    }
}
