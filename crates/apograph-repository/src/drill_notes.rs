//! Noting what a drill found.

use apograph_io::{Context, Mode};
use apograph_manifest::{DrillNote, MANIFEST_FILE_NAME, Notes, Pin, read_notes};

use crate::error::Result;
use crate::repository::Repository;
use crate::writer::Writer;

impl Repository {
    /// What the last drill found; `None` where there was none, or it was not noted.
    pub fn drilled(&self) -> Option<&DrillNote> {
        self.notes().ok().flatten()?.drilled.as_ref()
    }

    /// The states that stay whatever is removed, the first that was pinned first.
    pub fn pins(&self) -> &[Pin] {
        let notes = self.notes().ok().flatten();
        notes.map_or(&[], |notes| notes.pins.as_slice())
    }

    /// Notes what a drill found: in `apograph-notes.json`, or in the catalog of a vault. Where the
    /// engine alone has written there are no notes, and none are made.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Busy`](crate::RepositoryError::Busy) where another command holds the
    /// repository; [`RepositoryError::Manifest`](crate::RepositoryError::Manifest),
    /// [`RepositoryError::Vault`](crate::RepositoryError::Vault) and
    /// [`RepositoryError::Io`](crate::RepositoryError::Io). What is noted is then as it was.
    pub fn note_drill(&self, drill: &DrillNote, context: Context<'_>) -> Result<()> {
        let folder = match (self.folder(), self.vault()) {
            (_, Some(vault)) => return vault.note_drill(drill, context),
            (None, None) => return Ok(()),
            (Some(folder), None) => folder,
        };
        if !matches!(self.notes(), Ok(Some(_))) {
            return Ok(());
        }
        let writer = Writer::lock(folder, context)?;
        // Another command may have written them meanwhile.
        let Some(notes) = read_notes(folder)? else {
            return Ok(());
        };
        let model = folder.at(MANIFEST_FILE_NAME);
        let mode = Mode::of(&model.open()?, &model.path())?;
        let notes = Notes {
            drilled: Some(drill.clone()),
            ..notes
        };
        writer.write_notes(mode, &notes)
    }
}
