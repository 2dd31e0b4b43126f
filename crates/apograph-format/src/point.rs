//! Points in the history of a database.

use std::fmt;
use std::str::FromStr;

use crate::numbers::{Epoch, ParseWordError, Timeline};

/// A point in the history of a database: a timeline and an epoch in it, written `2:57`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Point {
    /// The timeline.
    pub timeline: Timeline,
    /// The epoch, as that timeline counts.
    pub epoch: Epoch,
}

impl Point {
    /// The point `timeline:epoch`.
    pub const fn new(timeline: Timeline, epoch: Epoch) -> Self {
        Self { timeline, epoch }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.timeline, self.epoch)
    }
}

/// A point as a user writes it: `57` where only one timeline has that epoch, else `2:57`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointName {
    /// The timeline, where it was named.
    pub timeline: Option<Timeline>,
    /// The epoch.
    pub epoch: Epoch,
}

impl From<Point> for PointName {
    fn from(point: Point) -> Self {
        Self {
            timeline: Some(point.timeline),
            epoch: point.epoch,
        }
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timeline {
            Some(timeline) => write!(f, "{timeline}:{}", self.epoch),
            None => write!(f, "{}", self.epoch),
        }
    }
}

impl FromStr for PointName {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        let (timeline, epoch) = match text.split_once(':') {
            Some((timeline, epoch)) => (Some(timeline.parse()?), epoch),
            None => (None, text),
        };
        if epoch.contains(':') {
            return Err(ParseWordError::NotAPoint);
        }
        Ok(Self {
            timeline,
            epoch: epoch.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_print_as_they_parse() {
        for text in ["57", "2:57", "0", "1:0"] {
            assert_eq!(
                text.parse::<PointName>().map(|point| point.to_string()),
                Ok(text.into())
            );
        }
        for text in ["", ":", "2:", ":5", "1:2:3", "a", "1:a", "1.5"] {
            assert!(text.parse::<PointName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_point_is_its_timeline_and_its_epoch() {
        let point = Point::new(Timeline::new(2), Epoch::new(57));
        assert_eq!(point.to_string(), "2:57");
    }
}
