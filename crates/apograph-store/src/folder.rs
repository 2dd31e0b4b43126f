//! Objects in a folder.
//!
//! A name's parts are folders and a file. An object is written under a temporary name that no other
//! writer makes, synced, and then published by a rename that fails where the name is taken. On a file
//! system that has neither such a rename nor links, a lock on the folder keeps others out meanwhile.
//! Where it has no locks either, an object that is being created is empty for a moment: whoever reads
//! one has to know its own end.
//!
//! What was written is read back and compared before it has its name, so that a bit that went wrong on
//! the way is an error, and no object.
//!
//! A file with a temporary name (`.NAME.DIGITS.apograph-tmp`) is what a writer has begun, or what a
//! killed one left. It is not listed.

use std::fmt;
use std::io;
use std::iter;
use std::ops::Range;

use apograph_format::UnixMillis;
use apograph_io::{
    At, Disk, FileStatus, Folder, IoError, Mode, StagedFile, TEMPORARY_SUFFIX, random,
};

use crate::error::{Result, StoreError};
use crate::name::{ObjectName, is_part};
use crate::store::{Created, Leftovers, Listing, Object, Store, Upload};

/// The name of the file that is made and removed to ask a file system for its time.
const CLOCK: &str = "clock";

/// A folder of objects.
pub struct FolderStore<'d> {
    disk: &'d dyn Disk,
    root: Folder,
    mode: Mode,
}

impl<'d> FolderStore<'d> {
    /// The objects in a folder. Those that are created have the permissions `mode`.
    pub const fn new(disk: &'d dyn Disk, root: Folder, mode: Mode) -> Self {
        Self { disk, root, mode }
    }

    /// The folder that a name is in; `None` where it is not there.
    fn find(&self, folder: &str) -> Result<Option<Folder>> {
        let mut found = self.root.clone();
        for part in parts(folder) {
            match found.at(part).find_folder()? {
                Some(inner) => found = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// The same, made durably where it is not there.
    fn find_or_create(&self, folder: &str) -> Result<Folder> {
        let mut found = self.root.clone();
        for part in parts(folder) {
            let inner = found.at(part).find_folder()?;
            found = match inner {
                Some(inner) => inner,
                None => self.create_folder(&found, part)?,
            };
        }
        Ok(found)
    }

    /// Makes a folder, unless another writer is faster.
    fn create_folder(&self, within: &Folder, name: &str) -> Result<Folder> {
        let at = within.at(name);
        let created = self.disk.create_folder(at, self.mode.for_folder());
        let inner = match created {
            Err(error) if error.is_already_exists() => at.open_folder()?,
            created => created?,
        };
        // Also where another writer made it: that one may not have synced it yet.
        self.disk.sync_folder(within)?;
        Ok(inner)
    }

    /// Begins a file that will have a name, under a temporary one that no other writer makes.
    fn staged(&self, folder: &Folder, name: &str) -> Result<StagedFile<'d>> {
        let own = format!("{name}.{:032x}", random()?);
        let staged = StagedFile::create(self.disk, folder.at(&own), self.mode)?;
        Ok(staged.named(name.as_ref()))
    }

    /// Removes a file; says whether it was there.
    fn remove(&self, at: At<'_>) -> Result<bool> {
        match self.disk.remove_file(at) {
            Err(error) if error.is_not_found() => Ok(false),
            removed => Ok(removed.map(|()| true)?),
        }
    }

    fn missing(&self, name: &ObjectName) -> StoreError {
        StoreError::Missing {
            place: self.place(),
            name: name.clone(),
        }
    }
}

impl Store for FolderStore<'_> {
    fn place(&self) -> String {
        self.root.path().display().to_string()
    }

    fn size(&self, name: &ObjectName) -> Result<Option<u64>> {
        let (folder, file) = name.split();
        let Some(folder) = self.find(folder)? else {
            return Ok(None);
        };
        let status = folder.at(file).status()?;
        Ok(status.filter(|it| it.is_regular).map(|it| it.length))
    }

    fn read(&self, name: &ObjectName, limit: u64) -> Result<Option<Vec<u8>>> {
        let (folder, file) = name.split();
        let Some(folder) = self.find(folder)? else {
            return Ok(None);
        };
        folder
            .at(file)
            .read_small(limit)
            .map_err(|error| match error {
                IoError::TooLarge { limit, .. } => StoreError::TooLarge {
                    place: self.place(),
                    name: name.clone(),
                    limit,
                },
                other => other.into(),
            })
    }

    fn read_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let (folder, file) = name.split();
        let folder = self.find(folder)?.ok_or_else(|| self.missing(name))?;
        let source = folder.at(file).source().map_err(|error| {
            if error.is_not_found() {
                self.missing(name)
            } else {
                error.into()
            }
        })?;
        let within = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok());
        let within = within.filter(|(_, end)| *end <= source.len());
        let (start, end) = within.ok_or_else(|| StoreError::EndedEarly {
            place: self.place(),
            name: name.clone(),
            end: range.end,
        })?;
        Ok(source.bytes().slice(start..end).read()?.into_owned())
    }

    fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Created> {
        let (folder, file) = name.split();
        let folder = self.find_or_create(folder)?;
        let mut staged = self.staged(&folder, file)?;
        append(&mut staged, 0, bytes)?;
        match staged.publish_shared() {
            Ok(()) => Ok(Created::New),
            Err(error) if error.is_already_exists() => Ok(Created::Taken),
            Err(error) => Err(error.into()),
        }
    }

    fn upload(&self, name: &ObjectName) -> Result<Box<dyn Upload + '_>> {
        let (folder, file) = name.split();
        let folder = self.find_or_create(folder)?;
        Ok(Box::new(FolderUpload {
            store: self,
            staged: self.staged(&folder, file)?,
            length: 0,
            name: name.clone(),
        }))
    }

    fn put(&self, name: &ObjectName, bytes: &[u8]) -> Result<()> {
        let (folder, file) = name.split();
        let folder = self.find_or_create(folder)?;
        let mut staged = self.staged(&folder, file)?;
        append(&mut staged, 0, bytes)?;
        match staged.replace() {
            // Another writer's came in between: it is the newer one, as if it had replaced this one.
            Err(error) if error.is_already_exists() => Ok(()),
            replaced => Ok(replaced?),
        }
    }

    fn list<'a>(&'a self, folder: &str, after: Option<&str>) -> Result<Listing<'a>> {
        let Some(found) = self.find(folder)? else {
            return Ok(Box::new(iter::empty()));
        };
        let mut names = Vec::new();
        for name in found.names()? {
            let name = name?;
            let name = name.to_str().filter(|name| is_part(name));
            names.extend(name.filter(|name| Some(*name) > after).map(str::to_owned));
        }
        names.sort_unstable();
        let folder = folder.to_owned();
        Ok(Box::new(names.into_iter().filter_map(move |name| {
            object(&folder, found.at(&name)).transpose()
        })))
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let (folder, file) = name.split();
        let Some(folder) = self.find(folder)? else {
            return Ok(());
        };
        self.remove(folder.at(file))?;
        Ok(self.disk.sync_folder(&folder)?)
    }

    fn remove_leftovers(
        &self,
        folder: &str,
        is_old: &dyn Fn(UnixMillis) -> bool,
    ) -> Result<Leftovers> {
        let mut removed = Leftovers::default();
        let Some(folder) = self.find(folder)? else {
            return Ok(removed);
        };
        for name in folder.names()? {
            let name = name?;
            let at = folder.at(&name);
            if !name.to_str().is_some_and(is_staged) {
                continue;
            }
            let status = at.status()?.filter(|it| it.is_regular);
            let Some(status) = status.filter(|it| is_old(modified(it))) else {
                continue;
            };
            if self.remove(at)? {
                removed.count += 1;
                removed.bytes += status.length;
            }
        }
        if removed.count > 0 {
            self.disk.sync_folder(&folder)?;
        }
        Ok(removed)
    }

    fn now(&self) -> Result<UnixMillis> {
        let staged = self.staged(&self.root, CLOCK)?;
        let status = staged.temporary().status()?;
        Ok(status.map_or(UnixMillis::default(), |it| modified(&it)))
    }
}

/// A large object that is being written to a folder.
struct FolderUpload<'s, 'd> {
    store: &'s FolderStore<'d>,
    staged: StagedFile<'d>,
    length: usize,
    name: ObjectName,
}

impl Upload for FolderUpload<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        append(&mut self.staged, self.length, bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self {
            store,
            staged,
            name,
            ..
        } = *self;
        staged.publish_shared().map_err(|error| {
            if error.is_already_exists() {
                let place = store.place();
                StoreError::Taken { place, name }
            } else {
                error.into()
            }
        })
    }
}

/// Appends bytes to a file that has so many, and compares what is there then.
fn append(staged: &mut StagedFile<'_>, length: usize, bytes: &[u8]) -> Result<()> {
    staged.write(bytes)?;
    let written = staged.source()?;
    if written.bytes().skip(length).equal(bytes.into())? {
        return Ok(());
    }
    let differs = io::Error::new(
        io::ErrorKind::InvalidData,
        "what is read back is not what was written",
    );
    Err(StoreError::Io(IoError::Failed {
        operation: "write",
        path: staged.temporary().path(),
        source: differs,
    }))
}

/// What stands at a name, where it is an object.
fn object(folder: &str, at: At<'_>) -> Result<Option<Object>> {
    let Some(status) = at.status()?.filter(|it| it.is_regular) else {
        return Ok(None);
    };
    let name = at.name().to_string_lossy();
    let name = match folder {
        "" => name.into_owned(),
        folder => format!("{folder}/{name}"),
    };
    // A name that is too long is none of an object.
    let name = ObjectName::parse(name).ok();
    Ok(name.map(|name| Object::new(name, status.length, modified(&status))))
}

/// Whether a name is one that [`FolderStore::staged`] makes.
fn is_staged(name: &str) -> bool {
    let name = name
        .strip_prefix('.')
        .and_then(|it| it.strip_suffix(TEMPORARY_SUFFIX));
    name.and_then(|it| it.rsplit_once('.'))
        .is_some_and(|(name, own)| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            is_part(name) && own.len() == 32 && own.bytes().all(is_digit)
        })
}

fn modified(status: &FileStatus) -> UnixMillis {
    let milliseconds = status.modified_ns.div_euclid(1_000_000);
    UnixMillis::new(u64::try_from(milliseconds).unwrap_or_default())
}

fn parts(folder: &str) -> impl Iterator<Item = &str> {
    folder.split('/').filter(|part| !part.is_empty())
}

impl fmt::Debug for FolderStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.root.path();
        f.debug_struct("FolderStore").field("root", &root).finish()
    }
}
