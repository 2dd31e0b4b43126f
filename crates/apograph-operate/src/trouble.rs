//! An error that lasts: it is told once, and then counted until it changes or ends.

use std::time::Duration;

use apograph_format::Code;

use crate::follow_event::{FollowEvent, FollowStep};

/// The first wait before it is tried again; it doubles each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest.
const RETRY_MAX: Duration = Duration::from_secs(15);
/// Another command that writes is no news before it has been in the way for so long.
const BUSY_UNTOLD: Duration = Duration::from_secs(60);

/// What goes wrong again and again, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) code: Code,
    pub(crate) failures: u64,
    since: Duration,
    is_told: bool,
    retry_after: Duration,
    /// When it is to be tried again.
    pub(crate) retry_at: Duration,
}

/// Trouble that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overcome {
    pub(crate) code: Code,
    pub(crate) failures: u64,
    pub(crate) lasted: Duration,
}

impl Overcome {
    /// What is told of it.
    pub(crate) fn event(self, step: FollowStep) -> FollowEvent {
        let Self {
            code,
            failures,
            lasted,
        } = self;
        FollowEvent::Recovered {
            step,
            code,
            failures,
            lasted,
        }
    }
}

/// Takes a failure at a moment of the clock that only runs forward. Returns whether it is to be told.
pub(crate) fn fail(trouble: &mut Option<Trouble>, code: Code, now: Duration) -> bool {
    let same = trouble.take().filter(|trouble| trouble.code == code);
    let mut next = same.unwrap_or(Trouble {
        code,
        failures: 0,
        since: now,
        is_told: false,
        retry_after: RETRY_FIRST,
        retry_at: now,
    });
    next.failures += 1;
    next.retry_at = now + next.retry_after;
    next.retry_after = (next.retry_after * 2).min(RETRY_MAX);
    let lasted = now.saturating_sub(next.since);
    let is_news = code != Code::RepositoryBusy || lasted >= BUSY_UNTOLD;
    let is_told_now = is_news && !next.is_told;
    next.is_told |= is_told_now;
    *trouble = Some(next);
    is_told_now
}

/// Takes a success. Returns the trouble that it ends, where somebody heard of it.
pub(crate) fn succeed(trouble: &mut Option<Trouble>, now: Duration) -> Option<Overcome> {
    let ended = trouble.take().filter(|trouble| trouble.is_told)?;
    Some(Overcome {
        code: ended.code,
        failures: ended.failures,
        lasted: now.saturating_sub(ended.since),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn it_is_told_once_and_again_where_it_changes_and_when_it_ends() {
        let mut trouble = None;
        assert!(fail(&mut trouble, Code::StoreUnreachable, seconds(10)));
        let mut now = seconds(10);
        let mut waits = Vec::new();
        for _ in 0..6 {
            let retry_at = trouble.as_ref().map(|it| it.retry_at).unwrap_or_default();
            waits.push(retry_at.saturating_sub(now).as_secs());
            now = retry_at;
            assert!(!fail(&mut trouble, Code::StoreUnreachable, now));
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        assert!(fail(&mut trouble, Code::AccessDenied, seconds(100)));
        let ended = succeed(&mut trouble, seconds(130)).map(|it| (it.code, it.failures, it.lasted));
        assert_eq!(ended, Some((Code::AccessDenied, 1, seconds(30))));
        assert_eq!(succeed(&mut trouble, seconds(131)), None);
    }

    #[test]
    fn a_busy_repository_is_told_once_it_has_been_so_for_a_minute() {
        let mut trouble = None;
        assert!(!fail(&mut trouble, Code::RepositoryBusy, seconds(0)));
        assert!(!fail(&mut trouble, Code::RepositoryBusy, seconds(59)));
        assert!(trouble.is_some());
        assert_eq!(succeed(&mut trouble.clone(), seconds(59)), None);
        assert!(fail(&mut trouble, Code::RepositoryBusy, seconds(60)));
        assert!(!fail(&mut trouble, Code::RepositoryBusy, seconds(61)));
        assert_eq!(
            succeed(&mut trouble, seconds(62)).map(|it| it.failures),
            Some(4)
        );
    }
}
