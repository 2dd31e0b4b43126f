//! The words that name a state.

use apograph_format::{Code, Lsn, PointName, UnixMillis};
use apograph_io::Context;
use apograph_manifest::{PinName, Target};
use apograph_repository::{Location, Repository};
use clap::Args;

use super::values::instant;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct TargetArgs {
    /// Every commit that was captured (the default)
    #[arg(long)]
    latest: bool,
    /// The state at epoch E, or at epoch E of timeline T; with +K right after the K-th commit in it
    /// that takes no epoch of its own
    #[arg(long, value_name = "[T:]E[+K]")]
    epoch: Option<PointName>,
    /// The state right before the commit with epoch E, or the K-th one in it, as `log` names it
    #[arg(long, value_name = "[T:]E[+K]")]
    before_epoch: Option<PointName>,
    /// The last state known to have existed at an instant, such as 2026-11-21T03:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    time: Option<UnixMillis>,
    /// The state right after the commit that ends at a log position (Grafeo 0.6)
    #[arg(long, value_name = "LSN")]
    lsn: Option<Lsn>,
    /// The state that is pinned with a name
    #[arg(long, value_name = "NAME")]
    name: Option<PinName>,
}

impl TargetArgs {
    /// The target; that of a pin is in the repository.
    pub(crate) fn find(&self, at: &Location, context: Context<'_>) -> Result<Target, Failure> {
        let Some(name) = &self.name else {
            return Ok(self.target());
        };
        let repository = Repository::open(at, context)?;
        let pins = repository.pins();
        let pin = pins.iter().find(|pin| pin.name == *name);
        let pin = pin.ok_or_else(|| no_pin(name, at))?;
        Ok(pin.state.into())
    }

    fn target(&self) -> Target {
        let point = self.epoch.map(Target::Point);
        let before = self.before_epoch.map(Target::Before);
        let time = self.time.map(Target::Time);
        let lsn = self.lsn.map(Target::Lsn);
        // At most one of them is given.
        let target = point.or(before).or(time).or(lsn);
        target.unwrap_or(Target::Latest)
    }
}

/// That no state is pinned with a name.
pub(crate) fn no_pin(name: &PinName, at: &Location) -> Failure {
    let message = format!("no state is pinned as {name} in {at}");
    Failure::new(Code::TargetNotCovered, message).hinting("`apograph list` has the pins")
}
