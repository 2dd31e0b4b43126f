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

/// The state right after one commit: a point, and how many further commits of its epoch are in it,
/// written `2:57+1`.
///
/// A further commit takes no epoch of its own: it changes the schema, an index or a graph, and stands
/// in the epoch before it. `2:57+0` is the state right after the commit that took epoch 57. While
/// further commits may follow, the point `2:57` means more from one backup to the next; an exact point
/// never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExactPoint {
    /// The point.
    pub point: Point,
    /// How many further commits of its epoch.
    pub further: u64,
}

impl fmt::Display for ExactPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.point, self.further)
    }
}

/// A point as a user writes it: `57` where only one timeline has that epoch, else `2:57`; with `+1`
/// behind it an exact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointName {
    /// The timeline, where it was named.
    pub timeline: Option<Timeline>,
    /// The epoch.
    pub epoch: Epoch,
    /// How many further commits of the epoch; `None` for all that are known.
    pub further: Option<u64>,
}

impl From<Point> for PointName {
    fn from(point: Point) -> Self {
        Self {
            timeline: Some(point.timeline),
            epoch: point.epoch,
            further: None,
        }
    }
}

impl From<ExactPoint> for PointName {
    fn from(exact: ExactPoint) -> Self {
        Self {
            further: Some(exact.further),
            ..exact.point.into()
        }
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(timeline) = self.timeline {
            write!(f, "{timeline}:")?;
        }
        write!(f, "{}", self.epoch)?;
        match self.further {
            Some(further) => write!(f, "+{further}"),
            None => Ok(()),
        }
    }
}

impl FromStr for PointName {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        let not_a_point = |error| match error {
            ParseWordError::NotANumber => ParseWordError::NotAPoint,
            error => error,
        };
        let (timeline, epoch) = match text.split_once(':') {
            Some((timeline, epoch)) => (Some(timeline.parse().map_err(not_a_point)?), epoch),
            None => (None, text),
        };
        if epoch.contains(':') {
            return Err(ParseWordError::NotAPoint);
        }
        let (epoch, further) = match epoch.split_once('+') {
            Some((epoch, further)) => (epoch, Some(further_commits(further)?)),
            None => (epoch, None),
        };
        Ok(Self {
            timeline,
            epoch: epoch.parse().map_err(not_a_point)?,
            further,
        })
    }
}

/// A number of further commits: digits alone.
fn further_commits(text: &str) -> Result<u64, ParseWordError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or(ParseWordError::NotAPoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_print_as_they_parse() {
        for text in ["57", "2:57", "0", "1:0", "57+0", "2:57+12"] {
            assert_eq!(
                text.parse::<PointName>().map(|point| point.to_string()),
                Ok(text.into())
            );
        }
        for text in [
            "", ":", "2:", ":5", "1:2:3", "a", "1:a", "1.5", "5+", "+1", "5+a", "5++1", "5+-1",
            "1+2:3",
        ] {
            let error = text.parse::<PointName>().unwrap_err();
            assert_eq!(error, ParseWordError::NotAPoint, "{text:?}");
        }
    }

    #[test]
    fn a_point_is_its_timeline_and_its_epoch() {
        let point = Point::new(Timeline::new(2), Epoch::new(57));
        assert_eq!(point.to_string(), "2:57");
    }
}
