//! The naive model: which states a database was in, as plain lists of commits.
//!
//! A commit is a number, counted over the whole scenario; a state is the numbers in the order in
//! which they were applied. Applying a commit once more moves it to the end: that is what it does
//! to the values that it writes. So a commit that is missing, that does not belong, or that is
//! replayed over a later one makes another list.
//!
//! A [`History`] is a run of commits whose epochs were counted in one go. In generation 1 each
//! process begins one, on the state that it found. In generation 2 it begins with the database, and
//! a crash begins another one that shares its front. A change without an epoch belongs to the
//! highest one before it, so several states can have had one epoch, and the last of them is *the*
//! state of it.

use std::collections::BTreeSet;

/// The numbers of the commits in a database, in the order in which they were applied.
pub type ModelState = Vec<u32>;

/// A commit in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Commit {
    number: u32,
    /// The epoch that it belongs to.
    epoch: u64,
    /// Whether it took that epoch.
    owns_epoch: bool,
    /// Whether it changes anything.
    has_records: bool,
}

/// A part of the history whose epochs were counted in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    base: ModelState,
    commits: Vec<Commit>,
    /// How many commits there were at a backup or a checkpoint.
    cuts: BTreeSet<usize>,
    /// The history that goes on from its front, after a crash took captured commits from it.
    superseded_by: Option<usize>,
    /// Whether only its first commit tells where it began.
    began_unknown: bool,
}

impl History {
    fn at(base: ModelState) -> Self {
        Self {
            base,
            commits: Vec::new(),
            cuts: BTreeSet::from([0]),
            superseded_by: None,
            began_unknown: false,
        }
    }

    /// The highest epoch that a commit took.
    pub(crate) fn highest(&self) -> u64 {
        let epochs = self.commits.iter().map(|commit| commit.epoch);
        epochs.max().unwrap_or_default()
    }

    fn state(&self, epoch: u64, cut: usize) -> ModelState {
        let commits = self.commits.iter().take(cut);
        let up_to = commits.filter(|commit| commit.has_records && commit.epoch <= epoch);
        up_to.fold(self.base.clone(), |mut state, commit| {
            apply(&mut state, commit.number);
            state
        })
    }

    /// The state at an epoch.
    fn last_state(&self, epoch: u64) -> ModelState {
        self.state(epoch, self.commits.len())
    }

    /// Whether a state is one that was current at an epoch when a backup or a checkpoint ran.
    fn had_at(&self, epoch: u64, state: &ModelState) -> bool {
        let ends = self.cuts.iter().copied().chain([self.commits.len()]);
        let mut complete = ends.filter(|&cut| {
            let later = self.commits.get(cut..).unwrap_or_default();
            !later.iter().any(|it| it.owns_epoch && it.epoch <= epoch)
        });
        complete.any(|cut| self.state(epoch, cut) == *state)
    }

    /// The last epoch up to which each after `from` was taken by one of the first commits.
    fn contiguous_to(&self, from: u64, cut: usize) -> u64 {
        let commits = self.commits.get(..cut).unwrap_or_default();
        let is_taken = |epoch: u64| commits.iter().any(|it| it.owns_epoch && it.epoch == epoch);
        let highest = self.highest().max(from);
        (from..highest)
            .find(|epoch| !is_taken(epoch + 1))
            .unwrap_or(highest)
    }
}

/// Puts a commit after all others.
pub(crate) fn apply(state: &mut ModelState, number: u32) {
    state.retain(|it| *it != number);
    state.push(number);
}

/// A point of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) history: usize,
    pub(crate) epoch: u64,
}

/// Backups of one chain without a gap: whatever lies between is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Captured {
    from: Moment,
    /// Whether they begin with an image. Without one the log alone tells of the first history.
    has_image: bool,
    to: usize,
    cut: usize,
}

impl Captured {
    /// Generation 1: the epoch of a history from which on they serve.
    fn first_epoch_in(&self, history: usize) -> u64 {
        if history == self.from.history {
            self.from.epoch
        } else {
            0
        }
    }
}

/// What is true of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioTruth {
    keeps_counting: bool,
    bodies: Vec<Vec<Vec<u8>>>,
    histories: Vec<History>,
    live: ModelState,
    /// Generation 1: another process goes on in a log that no seal closed. Nothing in the log tells
    /// which of the two made a change, as long as there is no epoch.
    is_next_unknown: bool,
    /// Generation 1: the same as seen from images that such a process wrote before its first epoch.
    /// They tell where it began, and the log does not.
    seen_from_images: Vec<History>,
    /// From which of them on they are of the process that is open.
    first_open: usize,
    captured: Vec<Captured>,
    seen: BTreeSet<ModelState>,
}

impl ScenarioTruth {
    /// The truth about a new database; whether its epochs go on from process to process.
    pub(crate) fn new(keeps_counting: bool) -> Self {
        Self {
            keeps_counting,
            bodies: Vec::new(),
            histories: vec![History::at(ModelState::new())],
            live: ModelState::new(),
            is_next_unknown: false,
            seen_from_images: Vec::new(),
            first_open: 0,
            captured: Vec::new(),
            seen: BTreeSet::from([ModelState::new()]),
        }
    }

    /// What the database holds: whatever is committed and was not lost.
    pub fn live(&self) -> &ModelState {
        &self.live
    }

    /// Makes the records of a commit, given its number, and tells both.
    pub(crate) fn make(
        &mut self,
        records: impl FnOnce(u32) -> Vec<Vec<u8>>,
    ) -> (u32, Vec<Vec<u8>>) {
        let number = u32::try_from(self.bodies.len()).unwrap_or(u32::MAX);
        let records = records(number);
        self.bodies.push(records.clone());
        (number, records)
    }

    /// The number of the commit that holds exactly these records.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn number_of(&self, records: &[Vec<u8>]) -> Result<Option<u32>, String> {
        let Some(first) = records.first() else {
            return Ok(None);
        };
        let number = first.first_chunk().map(|it| u32::from_le_bytes(*it));
        let number = number.ok_or("a record that is too short")?;
        let known = usize::try_from(number).ok();
        let known = known.and_then(|number| self.bodies.get(number));
        match known {
            Some(known) if known == records => Ok(Some(number)),
            Some(_) => Err(format!("commit {number} has other records")),
            None => Err(format!("there is no commit {number}")),
        }
    }

    pub(crate) fn current(&self) -> usize {
        self.histories.len() - 1
    }

    pub(crate) fn history(&self) -> &History {
        &self.histories[self.current()]
    }

    /// Something is committed: in an epoch of its own, or in that which is current.
    pub(crate) fn commit(&mut self, number: u32, epoch: u64, owns_epoch: bool) {
        if owns_epoch && self.is_next_unknown {
            self.begin_history();
        }
        let counts = owns_epoch || self.keeps_counting;
        let known = usize::try_from(number).ok();
        let body = known.and_then(|number| self.bodies.get(number));
        let has_records = body.is_some_and(|body| !body.is_empty());
        if has_records {
            apply(&mut self.live, number);
        }
        let open = self.seen_from_images.iter_mut().skip(self.first_open);
        for history in open.chain(self.histories.last_mut()) {
            let epoch = if counts { epoch } else { history.highest() };
            history.commits.push(Commit {
                number,
                epoch,
                owns_epoch,
                has_records,
            });
        }
    }

    /// A process begins to count anew.
    pub(crate) fn begin_history(&mut self) {
        let began_unknown = std::mem::take(&mut self.is_next_unknown);
        if !began_unknown {
            self.first_open = self.seen_from_images.len();
        }
        let base = self.live.clone();
        self.histories.push(History {
            began_unknown,
            ..History::at(base)
        });
    }

    /// A process goes on in the log of the one before.
    pub(crate) fn go_on_unknown(&mut self) {
        self.is_next_unknown = true;
        self.first_open = self.seen_from_images.len();
    }

    /// A crash: these commits are lost, and of this one the epoch. What a backup holds of them is
    /// a history that ended; where that cannot be, it never was.
    pub(crate) fn lose(&mut self, lost: &[u32], without_epoch: Option<u32>, is_captured: bool) {
        self.live.retain(|number| !lost.contains(number));
        let is_lost = |commit: &Commit| lost.contains(&commit.number);
        if !is_captured {
            for history in &mut self.seen_from_images {
                history.commits.retain(|commit| !is_lost(commit));
                history.cuts.retain(|cut| *cut <= history.commits.len());
            }
        }
        if !is_captured && !self.keeps_counting {
            for history in &mut self.histories {
                history.commits.retain(|commit| !is_lost(commit));
            }
            // What began with a lost commit did not begin.
            let current = self.current();
            let is_seen = self
                .captured
                .iter()
                .any(|it| it.to.max(it.from.history) == current);
            if self.history().began_unknown && self.history().commits.is_empty() && !is_seen {
                self.histories.pop();
            }
        } else if is_captured || self.keeps_counting {
            let first = self.histories.iter();
            let first = first.clone().position(|it| it.commits.iter().any(is_lost));
            let first = first.unwrap_or(self.current());
            let mut fork = self.histories[first].clone();
            fork.commits.retain(|commit| !is_lost(commit));
            let next = self.histories.len();
            for history in &mut self.histories[first..] {
                history.superseded_by.get_or_insert(next);
            }
            self.histories.push(fork);
        }
        if without_epoch.is_some() && self.history().began_unknown && self.current() > 0 {
            self.note_torn_beginning();
        }
        let history = self.last();
        history.cuts.retain(|cut| *cut <= history.commits.len());
        if let Some(last) = history.commits.last_mut()
            && Some(last.number) == without_epoch
        {
            last.epoch = 0;
            let next = history.highest() + 1;
            if let Some(last) = history.commits.last_mut() {
                last.epoch = next;
            }
        }
    }

    /// Generation 1: the first commit of a process that went on in the log of another has no epoch
    /// any more. Nothing tells that it is not the next one of the process before.
    fn note_torn_beginning(&mut self) {
        let commits = &self.history().commits;
        if let ([commit], Some(before)) = (&commits[..], self.histories.iter().rev().nth(1)) {
            let mut seen = before.clone();
            let epoch = seen.highest() + 1;
            seen.commits.push(Commit { epoch, ..*commit });
            self.seen_from_images.push(seen);
        }
    }

    /// A checkpoint ran.
    pub(crate) fn note_checkpoint(&mut self) {
        if self.is_next_unknown {
            self.seen_from_images.push(History::at(self.live.clone()));
        }
        self.cut();
    }

    /// A backup was taken that goes on from the one before it.
    pub(crate) fn note_increment(&mut self) {
        let (to, cut) = self.cut();
        if let Some(last) = self.captured.last_mut() {
            (last.to, last.cut) = (to, cut);
        }
    }

    /// A full backup was taken that may go on from nothing: it serves from a moment on.
    pub(crate) fn note_full(&mut self, from: Moment) {
        self.note_chain(from, true);
    }

    /// An increment was taken though the log need not have gone on from the backup before it.
    ///
    /// Where epochs are not kept counting it serves from the last one that the log leads up to.
    /// There may be a gap after that, and nothing at all where the process has logged nothing.
    pub(crate) fn note_lone_increment(&mut self) {
        let now = self.now();
        if self.keeps_counting {
            return self.note_full(now);
        }
        let history = self.history();
        let before = self.captured.last().filter(|it| it.to == now.history);
        let known = before.map_or(0, |it| {
            history.contiguous_to(it.first_epoch_in(now.history), it.cut)
        });
        let epoch = history.contiguous_to(known, history.commits.len());
        self.note_chain(Moment { epoch, ..now }, false);
    }

    fn note_chain(&mut self, from: Moment, has_image: bool) {
        let (to, cut) = self.cut();
        self.captured.push(Captured {
            from,
            has_image,
            to,
            cut,
        });
    }

    fn cut(&mut self) -> (usize, usize) {
        self.seen.insert(self.live.clone());
        let cut = self.history().commits.len();
        self.last().cuts.insert(cut);
        for history in self.seen_from_images.iter_mut().skip(self.first_open) {
            history.cuts.insert(history.commits.len());
        }
        (self.current(), cut)
    }

    fn last(&mut self) -> &mut History {
        self.histories.last_mut().expect("a history")
    }

    /// The moment now.
    pub(crate) fn now(&self) -> Moment {
        Moment {
            history: self.current(),
            epoch: self.history().highest(),
        }
    }

    /// Whether a commit is a change that takes no epoch.
    pub(crate) fn takes_no_epoch(&self, number: u32) -> bool {
        let mut commits = self.histories.iter().flat_map(|history| &history.commits);
        !commits.any(|commit| commit.number == number && commit.owns_epoch)
    }

    /// The moments whose state every backup so far must give back.
    pub(crate) fn required(&self) -> Vec<Moment> {
        let mut required = Vec::new();
        for captured in &self.captured {
            let first = if self.keeps_counting {
                captured.to
            } else {
                captured.from.history
            };
            for history in first..=captured.to {
                let known = &self.histories[history];
                if known.superseded_by.is_some_and(|by| by <= captured.to) {
                    continue;
                }
                let cut = if history == captured.to {
                    captured.cut
                } else {
                    known.commits.len()
                };
                let from = if self.keeps_counting {
                    captured.from.epoch
                } else {
                    captured.first_epoch_in(history)
                };
                let commits = known.commits.get(..cut).unwrap_or_default();
                // Nothing tells of a process that has not logged anything.
                let is_image = captured.has_image && history == captured.from.history;
                if commits.is_empty() && !is_image {
                    continue;
                }
                let to = if self.keeps_counting {
                    commits.iter().map(|it| it.epoch).max().unwrap_or_default()
                } else {
                    known.contiguous_to(from, cut)
                };
                required.extend((from..=to).map(|epoch| Moment { history, epoch }));
            }
        }
        required
    }

    /// Whether a state is the one of a moment, as far as a backup could see it. Where epochs go on,
    /// a later backup may have seen more of the same epoch.
    pub(crate) fn is_state_of(&self, moment: Moment, state: &ModelState) -> bool {
        let from = self.histories.get(moment.history..).unwrap_or_default();
        let count = if self.keeps_counting { from.len() } else { 1 };
        from.iter()
            .take(count)
            .any(|history| history.had_at(moment.epoch, state))
    }

    /// Whether there was such a state when a backup or a checkpoint ran, or at an epoch.
    pub(crate) fn was_ever(&self, state: &ModelState) -> bool {
        let at_an_epoch =
            |history: &History| (0..=history.highest()).any(|epoch| history.had_at(epoch, state));
        self.seen.contains(state) || self.histories.iter().any(at_an_epoch)
    }

    /// Whether a history agrees with what a timeline gave back: with its last state as one of its
    /// epoch, and with every other as the last one. After damage each of them can be the last one
    /// that is left.
    pub fn agrees(&self, timeline: &[(u64, ModelState)], is_damaged: bool) -> bool {
        let Some((last, others)) = timeline.split_last() else {
            return true;
        };
        let is_kept = |history: &History, epoch, state: &ModelState| {
            history.last_state(epoch) == *state || is_damaged && history.had_at(epoch, state)
        };
        let agrees = |history: &History| {
            others
                .iter()
                .all(|(epoch, state)| is_kept(history, *epoch, state))
                && history.had_at(last.0, &last.1)
        };
        let mut histories = self.histories.iter().chain(&self.seen_from_images);
        histories.any(agrees)
    }

    /// The histories, for people: which commits took which epoch.
    pub fn describe(&self) -> String {
        let histories = self.histories.iter().chain(&self.seen_from_images);
        let lines = histories.enumerate().map(|(index, history)| {
            let commits = history.commits.iter().map(|commit| {
                let mark = if commit.owns_epoch { "" } else { "*" };
                format!("{}{mark}:{}", commit.epoch, commit.number)
            });
            let commits = commits.collect::<Vec<_>>().join(" ");
            format!("history {index} on {:?}: {commits}", history.base)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
