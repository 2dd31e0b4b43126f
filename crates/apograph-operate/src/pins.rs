//! Pins: states that stay whatever is pruned.

use apograph_format::{Code, Point, PointName};
use apograph_io::{Context, random};
use apograph_manifest::{
    ChainError, Cut, Pin, PinName, PinnedPoint, PinnedState, RepositoryId, Target,
};
use apograph_repository::{Location, Repository, RepositoryError, pin};
use apograph_restore::{Options, RestoreError, restore};

/// Why a state is not pinned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// It cannot be restored.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Where it is has to be read, and cannot be.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The repository cannot be read or changed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// It has no name that stays: its point and its position are encrypted, or not counted.
    #[error("the state has neither a point nor a position that is known")]
    Nameless,
}

impl PinError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Chain(error) => error.code(),
            Self::Restore(error) => error.code(),
            Self::Repository(error) => error.code(),
            Self::Nameless => Code::Encrypted,
        }
    }
}

/// Pins the state that `target` is now: it stays whatever is pruned, and can be named. Another one with
/// the name is pinned no longer. Where the chain does not tell which state that is, it is read.
///
/// # Errors
///
/// [`PinError`].
pub fn pin_state(
    at: &Location,
    target: &Target,
    name: &PinName,
    context: Context<'_>,
) -> Result<PinnedState, PinError> {
    let mut state = None;
    pin(
        at,
        &mut |repository| {
            let found = find(at, repository, target, context)?;
            state = Some(found);
            Ok::<_, PinError>(Pin {
                name: name.clone(),
                state: found,
                at: context.clock.now(),
            })
        },
        context,
    )?;
    state.ok_or(PinError::Nameless)
}

/// The state that a target is.
fn find(
    at: &Location,
    repository: &Repository,
    target: &Target,
    context: Context<'_>,
) -> Result<PinnedState, PinError> {
    let plan = repository.chain().plan(target)?;
    if let Target::Lsn(lsn) = target
        && repository.chain().is_sealed()
    {
        return Ok(PinnedState::Lsn(*lsn));
    }
    let chain = repository.chain();
    // By its number, where that is known: what comes right behind it can be lost.
    let exact = |point: Point, further: Option<u64>| {
        let named = |further| PointName {
            further,
            ..point.into()
        };
        let exact = named(further.or_else(|| chain.further_of(point)));
        let is_found = chain.plan(&Target::Point(exact)).is_ok();
        if is_found { exact } else { named(further) }
    };
    let name = match plan.cut {
        Cut::At { point, further } => Some(exact(point, further)),
        Cut::End => plan.point.map(|point| exact(point, None)),
        _ => None,
    };
    if let Some(point) = name.and_then(PinnedPoint::of) {
        return Ok(PinnedState::Point(point));
    }
    let options = Options {
        dry_run: true,
        ..Options::to(*target)
    };
    // Nothing is written there.
    let output = std::env::temp_dir().join(format!(
        "{}.grafeo",
        RepositoryId::new(random().map_err(RepositoryError::from)?)
    ));
    let read = restore(at, &output, &options, context)?;
    let exact = read.exact.map(PointName::from);
    let name = exact.or(read.point.map(PointName::from));
    let point = name.and_then(PinnedPoint::of).map(PinnedState::Point);
    let state = point.or(read.lsn.map(PinnedState::Lsn));
    state.ok_or(PinError::Nameless)
}
