//! One moment of a repository that others may write to.

use std::time::Duration;

use apograph_io::{Context, Folder};
use apograph_manifest::{FileStamp, HISTORY_FILE_NAME, MANIFEST_FILE_NAME};

use crate::error::{RepositoryError, Result};

/// How long what was read of two moments is read again.
const AGREE_WITHIN: Duration = Duration::from_secs(5);
/// How long a repository without a manifest is looked at again: its first backup may be just about
/// to write one.
const FIRST_WITHIN: Duration = Duration::from_millis(300);
const AGREE_PAUSE: Duration = Duration::from_millis(10);

/// Reads a repository that others may write to meanwhile. Where manifest and files do not agree,
/// and it was not one moment that they are of, they are read again.
pub(crate) fn at_one_moment<T>(
    folder: &Folder,
    context: Context<'_>,
    read: impl Fn() -> Result<T>,
) -> Result<T> {
    let begun = context.clock.running();
    loop {
        let before = Moment::of(folder)?;
        let found = read();
        if !matches!(found, Err(RepositoryError::Contradiction { .. })) {
            return found;
        }
        let after = Moment::of(folder)?;
        let elapsed = context.clock.running().saturating_sub(begun);
        let may_begin = after.manifest.is_none() && elapsed < FIRST_WITHIN;
        let has_changed = before != after && elapsed < AGREE_WITHIN;
        if !may_begin && !has_changed {
            return found;
        }
        context.wait(AGREE_PAUSE)?;
    }
}

/// Which small files lie in a repository's folder.
#[derive(PartialEq, Eq)]
struct Moment {
    manifest: Option<FileStamp>,
    history: Option<FileStamp>,
}

impl Moment {
    fn of(folder: &Folder) -> Result<Self> {
        let stamp = |name| -> Result<Option<FileStamp>> {
            let found = folder.at(name).metadata()?;
            Ok(found.as_ref().map(FileStamp::from))
        };
        Ok(Self {
            manifest: stamp(MANIFEST_FILE_NAME)?,
            history: stamp(HISTORY_FILE_NAME)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use apograph_io::{CancellationToken, Clock, IoError};
    use apograph_testing::clock::ManualClock;

    use super::*;

    /// A folder in which a repository is looked at, and how long that was waited for.
    struct Looked {
        folder: Folder,
        clock: ManualClock,
        monitor: CancellationToken,
        looks: Cell<u32>,
        _kept: tempfile::TempDir,
    }

    impl Looked {
        fn at(names: &[&str]) -> Self {
            let kept = tempfile::tempdir().expect("a temporary folder");
            let looked = Self {
                folder: Folder::open(kept.path()).expect("a folder"),
                clock: ManualClock::default(),
                monitor: CancellationToken::default(),
                looks: Cell::default(),
                _kept: kept,
            };
            for name in names {
                looked.change(name);
            }
            looked
        }

        /// Makes a small file another one.
        fn change(&self, name: &str) {
            let length = self.looks.get() as usize;
            std::fs::write(self.folder.at(name).path(), vec![0; length]).expect("a file");
        }

        /// Looks, and finds what `found` says of each look by its number.
        fn look(&self, found: impl Fn(u32) -> Result<()>) -> Result<()> {
            let context = Context {
                clock: &self.clock,
                ..Context::heard_by(&self.monitor)
            };
            at_one_moment(&self.folder, context, || {
                self.looks.set(self.looks.get() + 1);
                assert!(self.looks.get() < 1000, "no end");
                found(self.looks.get())
            })
        }

        fn contradiction(&self) -> Result<()> {
            Err(RepositoryError::Contradiction {
                path: self.folder.path().to_owned(),
                detail: "of two moments".to_owned(),
            })
        }

        /// For how many milliseconds it waited.
        fn waited(&self) -> u128 {
            self.clock.running().as_millis()
        }
    }

    #[test]
    fn a_repository_without_a_manifest_is_looked_at_for_a_moment() {
        let looked = Looked::at(&[]);
        let end = looked.look(|_| looked.contradiction());
        assert_eq!(
            end.err().map(|error| error.code().as_str()),
            Some("corrupt-manifest")
        );
        assert_eq!((looked.waited(), looked.looks.get()), (300, 31));
        let looked = Looked::at(&[]);
        let end = looked.look(|look| {
            if look == 3 {
                looked.change(MANIFEST_FILE_NAME);
            }
            looked.contradiction()
        });
        end.expect_err("a contradiction");
        assert_eq!(looked.waited(), 30, "it came, and does not change");
    }

    #[test]
    fn what_does_not_change_is_looked_at_once() {
        let looked = Looked::at(&[MANIFEST_FILE_NAME, HISTORY_FILE_NAME]);
        let end = looked.look(|_| looked.contradiction());
        end.expect_err("a contradiction");
        assert_eq!((looked.waited(), looked.looks.get()), (0, 1));
    }

    #[test]
    fn what_others_write_meanwhile_is_looked_at_again_and_not_for_ever() {
        for name in [MANIFEST_FILE_NAME, HISTORY_FILE_NAME] {
            let looked = Looked::at(&[MANIFEST_FILE_NAME, HISTORY_FILE_NAME]);
            let end = looked.look(|_| {
                looked.change(name);
                looked.contradiction()
            });
            end.expect_err("a contradiction");
            assert_eq!((looked.waited(), looked.looks.get()), (5000, 501), "{name}");
        }
    }

    #[test]
    fn another_error_is_told_at_once() {
        let looked = Looked::at(&[]);
        let end = looked.look(|_| Err(IoError::Interrupted.into()));
        end.expect_err("an error");
        assert_eq!((looked.waited(), looked.looks.get()), (0, 1));
    }

    #[test]
    fn who_waits_for_others_can_be_interrupted() {
        let looked = Looked::at(&[]);
        let end = looked.look(|look| {
            if look == 4 {
                looked.monitor.cancel();
            }
            looked.contradiction()
        });
        assert_eq!(
            end.err().map(|error| error.code().as_str()),
            Some("interrupted")
        );
        assert_eq!((looked.waited(), looked.looks.get()), (40, 4));
    }
}
