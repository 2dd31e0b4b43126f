//! Which segments a retention policy keeps.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use apograph_format::{Code, UnixMillis};
use apograph_manifest::{Chain, ChainError, PinName, Target};
use apograph_repository::Repository;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What is to stay.
///
/// Days are those of UTC, weeks begin on Monday (ISO 8601). Windows and periods are counted back from the
/// newest segment; a period without a full backup does not count. Of each period the last full backup
/// stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Every state of this time, back from the newest segment.
    pub within: Option<Duration>,
    /// The states of so many of the last full backups.
    pub last: usize,
    /// The states of full backups on so many days.
    pub daily: usize,
    /// The states of full backups in so many weeks.
    pub weekly: usize,
    /// The states of full backups in so many months.
    pub monthly: usize,
}

/// Why a segment stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The newest states lead from it or through it: those after the last full backup that was verified
    /// and leads to them.
    Newest,
    /// It is of the time in which every state stays.
    Within,
    /// It is of one of the last full backups.
    Last,
    /// It is of the last full backup of a day.
    Daily,
    /// It is of the last full backup of a week.
    Weekly,
    /// It is of the last full backup of a month.
    Monthly,
    /// A pinned state needs it.
    Pin(PinName),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("newest"),
            Self::Within => f.write_str("within"),
            Self::Last => f.write_str("last"),
            Self::Daily => f.write_str("daily"),
            Self::Weekly => f.write_str("weekly"),
            Self::Monthly => f.write_str("monthly"),
            Self::Pin(name) => write!(f, "pin {name}"),
        }
    }
}

/// Why nothing can be removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The policy says nothing of what is to stay.
    #[error("the policy keeps nothing")]
    KeepsNothing,
    /// No full backup that leads to the newest commit was verified since it was written.
    #[error("no full backup that leads to the newest commit was verified since it was written")]
    Unverified,
    /// The newest commit cannot be restored as it is.
    #[error("the latest state cannot be restored")]
    Unrestorable(#[source] Box<ChainError>),
    /// A pinned state cannot be restored.
    #[error("the pinned state {name} cannot be restored")]
    Pin {
        /// The pin.
        name: PinName,
        /// Why not.
        source: Box<ChainError>,
    },
}

impl RetentionError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::KeepsNothing => Code::Usage,
            Self::Unverified => Code::NotVerified,
            Self::Unrestorable(error) | Self::Pin { source: error, .. } => error.code(),
        }
    }
}

/// What a policy keeps of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// For each entry why it stays; nothing where it goes.
    pub rules: Vec<Vec<Rule>>,
}

impl Retention {
    /// The entries that go.
    pub fn removed(&self) -> impl Iterator<Item = usize> {
        let rules = self.rules.iter().enumerate();
        rules.filter_map(|(index, rules)| rules.is_empty().then_some(index))
    }

    /// The chain that is left.
    pub fn left_of(&self, chain: &Chain) -> Chain {
        chain.keeping(|index| self.rules.get(index).is_some_and(|rules| !rules.is_empty()))
    }

    /// Looks whether what has to be restorable is so without the rest.
    pub(crate) fn check(&self, repository: &Repository) -> Result<(), RetentionError> {
        let left = self.left_of(repository.chain());
        left.plan(&Target::Latest)
            .map_err(|error| RetentionError::Unrestorable(error.into()))?;
        for pin in repository.pins() {
            let plan = left.plan(&pin.state.into());
            plan.map_err(|source| RetentionError::Pin {
                name: pin.name.clone(),
                source: source.into(),
            })?;
        }
        Ok(())
    }

    fn keep(&mut self, entries: Range<usize>, rule: &Rule) {
        for rules in self.rules.iter_mut().take(entries.end).skip(entries.start) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
}

impl Policy {
    /// Whether it keeps anything by itself.
    pub const fn keeps_something(&self) -> bool {
        self.within.is_some() || self.last + self.daily + self.weekly + self.monthly > 0
    }

    /// What is kept of a repository. What a verification found damaged keeps nothing; where a full backup
    /// cannot be restored, an older one counts in its place.
    ///
    /// # Errors
    ///
    /// [`RetentionError`]: then nothing may be removed.
    pub fn keeps(&self, repository: &Repository) -> Result<Retention, RetentionError> {
        if !self.keeps_something() {
            return Err(RetentionError::KeepsNothing);
        }
        let damaged = (0..repository.chain().entries().len())
            .filter_map(|index| Some((index, repository.damage(index)?)));
        let chain = repository
            .chain()
            .clone()
            .without(damaged.collect::<Vec<_>>());
        let mut kept = Retention {
            rules: vec![Vec::new(); chain.entries().len()],
        };
        keep_newest(&chain, repository, &mut kept)?;
        if let Some(within) = self.within {
            kept.keep(since(&chain, within)..chain.entries().len(), &Rule::Within);
        }
        let states = states(&chain);
        for (count, rule, period) in [
            (self.last, Rule::Last, None),
            (self.daily, Rule::Daily, Some(day as Period)),
            (self.weekly, Rule::Weekly, Some(week as Period)),
            (self.monthly, Rule::Monthly, Some(month as Period)),
        ] {
            let mut seen = BTreeSet::new();
            for (number, (at, state)) in (0..).zip(states.iter().rev()) {
                let period = period.map_or(number, |period| period(*at));
                if seen.len() < count && seen.insert(period) {
                    kept.keep(chain.closed(state.clone()), &rule);
                }
            }
        }
        for pin in repository.pins() {
            let plan = chain.plan(&pin.state.into());
            let plan = plan.map_err(|source| RetentionError::Pin {
                name: pin.name.clone(),
                source: source.into(),
            })?;
            // From where on the image is a state, what comes right after it tells. What is passed over
            // in between stays, so that nothing is missing there.
            let state = chain.state_of(plan.full).map_or(plan.full + 1, |it| it.end);
            let end = plan
                .increments
                .last()
                .map_or(state, |last| state.max(last + 1));
            kept.keep(chain.closed(plan.full..end), &Rule::Pin(pin.name.clone()));
        }
        Ok(kept)
    }
}

/// Keeps what leads to the newest commit from the last full backup that was verified.
fn keep_newest(
    chain: &Chain,
    repository: &Repository,
    kept: &mut Retention,
) -> Result<(), RetentionError> {
    chain
        .plan(&Target::Latest)
        .map_err(|error| RetentionError::Unrestorable(error.into()))?;
    let is_verified = |full: &usize| repository.verified(*full).is_some();
    let mut bases = chain.bases_of_latest().rev();
    let base = bases.find(is_verified).ok_or(RetentionError::Unverified)?;
    kept.keep(base..chain.entries().len(), &Rule::Newest);
    Ok(())
}

/// The first entry that is needed for every state of a time, back from the newest segment.
fn since(chain: &Chain, within: Duration) -> usize {
    let entries = chain.entries();
    let times = entries.iter().map(|entry| entry.segment.created_at);
    let newest = times.max().unwrap_or_default();
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let from = newest.get().saturating_sub(within);
    let is_within = |index: &usize| {
        let entry = entries.get(*index);
        entry.is_some_and(|entry| entry.segment.created_at.get() > from)
    };
    let first = (0..entries.len()).find(is_within).unwrap_or(entries.len());
    let before = |state: &&(UnixMillis, Range<usize>)| state.1.end <= first;
    let states = states(chain);
    states
        .iter()
        .rfind(before)
        .map_or(0, |(_, state)| state.start)
}

/// The states that full backups are, each with its time.
fn states(chain: &Chain) -> Vec<(UnixMillis, Range<usize>)> {
    let entries = chain.entries().iter().enumerate();
    let states = entries.filter_map(|(index, entry)| {
        let state = chain.state_of(index)?;
        Some((entry.segment.created_at, state))
    });
    states.collect()
}

/// The number of the period that an instant is in.
type Period = fn(UnixMillis) -> i64;

fn date(at: UnixMillis) -> Date {
    let at = i64::try_from(at.get()).unwrap_or(i64::MAX);
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
    at.to_zoned(TimeZone::UTC).date()
}

fn day(at: UnixMillis) -> i64 {
    let date = date(at);
    i64::from(date.year()) * 1_000 + i64::from(date.day_of_year())
}

fn week(at: UnixMillis) -> i64 {
    let week = date(at).iso_week_date();
    i64::from(week.year()) * 100 + i64::from(week.week())
}

fn month(at: UnixMillis) -> i64 {
    let date = date(at);
    i64::from(date.year()) * 100 + i64::from(date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_those_of_utc_and_of_iso_8601() {
        let at = |text: &str| {
            let at: Timestamp = text.parse().expect("an instant");
            UnixMillis::new(at.as_millisecond().try_into().expect("after 1970"))
        };
        let (last, first) = (at("2026-12-31T23:59:59Z"), at("2027-01-01T00:00:00Z"));
        assert_eq!((day(last), day(first)), (2_026_365, 2_027_001));
        assert_eq!((month(last), month(first)), (202_612, 202_701));
        // 2027-01-01 is a Friday: the week began in the year before.
        assert_eq!((week(last), week(first)), (202_653, 202_653));
        assert_eq!(week(at("2027-01-04T00:00:00Z")), 202_701);
        assert!(day(UnixMillis::new(u64::MAX)) >= day(first));
    }
}
