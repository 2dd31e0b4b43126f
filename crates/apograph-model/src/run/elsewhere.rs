//! Another repository of the same database: both are right, and neither takes the other's log away.

use apograph_capture::Options;
use apograph_format::WithCauses;
use apograph_io::Context;
use apograph_manifest::Target;
use apograph_repository::Repository;

use super::{ModelRun, Wrong};
use crate::names::Timelines;
use crate::truth::ModelState;

impl ModelRun<'_> {
    /// Takes a backup into the other repository. Nothing is damaged there, so it works, and its
    /// latest state is the live one.
    pub(super) fn back_up_elsewhere(&mut self) -> Result<(), Wrong> {
        if !self.scenario.is_slow {
            self.engine.settle();
        }
        // It may be a full one.
        self.engine.log_pending();
        self.live.write(self.engine.files())?;
        let (database, options) = (self.live.path(), Options::default());
        let taken = self.library.capture(database, &self.elsewhere, &options);
        if let Err(error) = taken {
            let error = WithCauses(&error);
            return Err(format!("the backup elsewhere fails: {error}").into());
        }
        let (state, live) = (self.elsewhere(Target::Latest)?, self.engine.truth.live());
        if state != *live {
            let detail = format!("the latest state elsewhere is {state:?}, and not {live:?}");
            return Err(detail.into());
        }
        self.compare_elsewhere()
    }

    /// What is offered by new names is what a history was. A crash may take that from the database
    /// later, and then no history has it; the names keep what they were.
    pub(super) fn compare_elsewhere(&mut self) -> Result<(), Wrong> {
        if !self.elsewhere.exists() {
            return Ok(());
        }
        let opened = Repository::open(&self.elsewhere, Context::default());
        let opened = opened
            .map_err(|error| format!("elsewhere cannot be opened: {}", WithCauses(&error)))?;
        let (mut old, mut new) = (Timelines::new(), Timelines::new());
        for (point, is_last) in self.points(&opened) {
            let state = self.elsewhere(Target::Point(point.into()))?;
            let is_new = !self.names_elsewhere.knows(point);
            self.names_elsewhere.note(point, is_last, &state);
            let timelines = if is_new { &mut new } else { &mut old };
            let timeline = timelines.entry(point.timeline.get()).or_default();
            timeline.push((point.epoch.get(), state));
        }
        let truth = &self.engine.truth;
        let mut states = new.iter();
        if let Some((timeline, states)) = states.find(|(_, states)| !truth.agrees(states, false)) {
            let detail =
                format!("timeline {timeline} elsewhere is {states:?}, which no history was");
            return Err(detail.into());
        }
        Ok(self.names_elsewhere.judge(&old, truth, false)?)
    }

    fn elsewhere(&mut self, target: Target) -> Result<ModelState, String> {
        let repository = self.elsewhere.clone();
        match self.state_in(&repository, target) {
            Ok(state) => state,
            Err(error) => {
                let error = WithCauses(&error);
                Err(format!("{target} cannot be restored elsewhere: {error}"))
            }
        }
    }
}
