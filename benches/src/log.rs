//! A log of either generation.

use std::path::Path;

use apograph_format::Generation;

use crate::{Frames, LogWriter, Result, v1, v2};

/// A writer at the start of an empty log folder.
pub(crate) fn open(
    folder: &Path,
    generation: Generation,
    frames: Frames,
) -> Result<Box<dyn LogWriter>> {
    Ok(match generation {
        Generation::One => Box::new(v1::Writer::open(folder, frames)?),
        Generation::Two => Box::new(v2::Writer::open(folder, frames)?),
    })
}
