//! Who may do what with what is created.
//!
//! A backup that root takes of another user's database, into another user's folder, must lock
//! neither of them out: the engine reads its cursor, the owner of the repository takes the next
//! backup. So a new file or folder belongs to the owner of the folder that it is created in, and
//! one that takes the place of another belongs to that one's owner and has its permissions. Whoever
//! is not root cannot give files away; then they are his, as ever.
//!
//! A file system may keep no permissions (vfat, CIFS, some of FUSE): what is created there has
//! those of the mount. That is told where nobody may do more than was asked for, and an error where
//! others could read or write a file that was to be closed to them.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Gid, Uid, fchmod, fchown};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::at::At;
use crate::error::{IoError, Result, failed};
use crate::folder::Folder;
use crate::lack::{Lack, is_unsupported};

/// Permission bits of a new file or folder, exactly: the umask does not narrow or widen them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// Read and write for the owner alone.
    pub const PRIVATE: Self = Self(0o600);

    /// The same, and read for everybody.
    pub const SHOWN: Self = Self(0o644);

    /// What others than the owner can be given: to read and to write. That they may also execute
    /// what they read opens nothing.
    const OTHERS: u32 = 0o066;

    /// The permission bits of a file.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        Ok(Self::from(&inspect(file, path)?))
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The same for a folder: its owner may do everything, and whoever may read may also enter.
    #[must_use]
    pub const fn for_folder(self) -> Self {
        Self(0o700 | self.0 | ((self.0 & 0o444) >> 2))
    }

    /// The same for a file that whoever may write here may read and write.
    #[must_use]
    pub const fn for_writers(self) -> Self {
        let writers = self.0 & 0o222;
        Self(0o600 | writers | (writers << 1))
    }

    /// The same for another group than it was meant for: it may do no more than everybody.
    const fn for_another_group(self) -> Self {
        let everybody = (self.0 & 0o007) << 3;
        Self(self.0 & (0o707 | everybody))
    }

    /// Whether others may do more with a file than they should.
    const fn is_wider_than(self, asked: Self) -> bool {
        self.0 & !asked.0 & Self::OTHERS != 0
    }

    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::cast_possible_truncation, reason = "it has nine bits")
    )]
    pub(crate) const fn raw(self) -> rustix::fs::Mode {
        rustix::fs::Mode::from_raw_mode(self.0 as rustix::fs::RawMode)
    }
}

impl From<&Metadata> for Mode {
    fn from(metadata: &Metadata) -> Self {
        Self(metadata.permissions().mode() & 0o777)
    }
}

/// Whom a file or folder belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// The number of the user.
    pub const fn user(self) -> u32 {
        self.user
    }

    /// The number of the group.
    pub const fn group(self) -> u32 {
        self.group
    }

    /// Whether it is the user who runs this process.
    pub fn is_self(self) -> bool {
        geteuid().as_raw() == self.user
    }
}

impl From<&Metadata> for Owner {
    fn from(metadata: &Metadata) -> Self {
        Self {
            user: metadata.uid(),
            group: metadata.gid(),
        }
    }
}

impl Folder {
    /// Whom it belongs to.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn owner(&self) -> Result<Owner> {
        Ok(Owner::from(&self.metadata()?))
    }

    /// Its permissions.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn mode(&self) -> Result<Mode> {
        Ok(Mode::from(&self.metadata()?))
    }
}

/// Who may do what with a new file, and how long it has to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    mode: Mode,
    /// `None` is the owner of the folder that it is created in.
    owner: Option<Owner>,
    is_passing: bool,
}

impl Access {
    /// That of the file that has a name, which the new one is to replace; where there is none,
    /// these permissions for the owner of the folder.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`] and [`IoError::NotAName`].
    pub fn replacing(at: At<'_>, otherwise: Mode) -> Result<Self> {
        let Some(found) = at.metadata()?.filter(Metadata::is_file) else {
            return Ok(otherwise.into());
        };
        // Of a file of our own it cannot be told whether anybody else was meant.
        let owner = Some(Owner::from(&found)).filter(|owner| !owner.is_self());
        Ok(Self {
            owner,
            ..Mode::from(&found).into()
        })
    }

    /// That of a file which its owner alone may read, and which goes with the process: nobody waits
    /// until a disk has it.
    #[must_use]
    pub fn passing() -> Self {
        Self {
            is_passing: true,
            ..Mode::PRIVATE.into()
        }
    }

    /// Whether the file goes with the process.
    pub const fn is_passing(self) -> bool {
        self.is_passing
    }

    /// The permissions.
    pub const fn mode(self) -> Mode {
        self.mode
    }
}

impl From<Mode> for Access {
    /// These permissions for the owner of the folder that the file is created in.
    fn from(mode: Mode) -> Self {
        Self {
            mode,
            owner: None,
            is_passing: false,
        }
    }
}

/// Gives a file or folder that was just created its owner and its permissions.
pub(crate) fn give(file: &File, at: At<'_>, access: Access) -> Result<()> {
    let path = at.path();
    let mut mode = access.mode;
    if let Some(owner) = access.owner {
        if !has_given(file, &path, owner)? {
            mode = mode.for_another_group();
        }
    } else {
        let owner = at.folder().owner()?;
        if owner.user != Owner::from(&inspect(file, &path)?).user {
            has_given(file, &path, owner)?;
        }
    }
    let set = fchmod(file, mode.raw());
    if let Err(errno) = set
        && !is_unsupported(errno)
        && errno != Errno::PERM
    {
        return Err(failed("set the permissions of", &path)(errno));
    }
    let metadata = inspect(file, &path)?;
    let found = Mode::from(&metadata);
    if metadata.is_file() && found.is_wider_than(mode) {
        return Err(IoError::TooOpen {
            path,
            asked: mode.bits(),
            found: found.bits(),
        });
    }
    if set.is_err() || found != mode {
        at.folder().note(Lack::Permissions);
    }
    Ok(())
}

/// Gives a file to an owner, or at least to the group, as far as this process may; tells whether it
/// is the group's now.
fn has_given(file: &File, path: &Path, owner: Owner) -> Result<bool> {
    let found = Owner::from(&inspect(file, path)?);
    let (user, group) = (Uid::from_raw(owner.user), Gid::from_raw(owner.group));
    Ok(found == owner
        || fchown(file, Some(user), Some(group)).is_ok()
        || found.group == owner.group
        || fchown(file, None, Some(group)).is_ok())
}

fn inspect(file: &File, path: &Path) -> Result<Metadata> {
    file.metadata().map_err(failed("inspect", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_group_may_do_no_more_than_everybody() {
        for (meant, left) in [
            (0o600, 0o600),
            (0o640, 0o600),
            (0o660, 0o600),
            (0o644, 0o644),
            (0o664, 0o644),
            (0o604, 0o604),
            (0o777, 0o777),
        ] {
            let found = Mode(meant).for_another_group().bits();
            assert_eq!(found, left, "{meant:o}: {found:o}");
        }
    }

    #[test]
    fn wider_is_what_lets_others_read_or_write() {
        for (found, asked, is_wider) in [
            (0o600, 0o600, false),
            (0o700, 0o600, false),
            (0o755, 0o644, false),
            (0o711, 0o600, false),
            (0o755, 0o600, true),
            (0o640, 0o600, true),
            (0o602, 0o600, true),
            (0o777, 0o755, true),
        ] {
            assert_eq!(Mode(found).is_wider_than(Mode(asked)), is_wider);
        }
    }
}
