//! Writing a log of either generation.

use apograph_format::Generation;

use crate::Result;

/// Both generations.
pub const GENERATIONS: [Generation; 2] = [Generation::One, Generation::Two];

/// A writer of commits, each with the next epoch.
pub trait LogWriter {
    /// Writes a commit that makes a node with one property.
    ///
    /// # Errors
    ///
    /// What the engine or the operating system says.
    fn commit(&mut self) -> Result<()>;

    /// Hands what was written to the operating system.
    ///
    /// # Errors
    ///
    /// What the engine or the operating system says.
    fn flush(&mut self) -> Result<()>;

    /// The epoch of the last commit.
    fn epoch(&self) -> u64;

    /// Writes so many commits.
    ///
    /// # Errors
    ///
    /// What the engine or the operating system says.
    fn write(&mut self, commits: u64) -> Result<()> {
        for _ in 0..commits {
            self.commit()?;
        }
        self.flush()
    }
}
