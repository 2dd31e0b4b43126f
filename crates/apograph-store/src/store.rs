//! What a place of objects can do.

use std::fmt;
use std::ops::Range;

use apograph_format::UnixMillis;

use crate::error::Result;
use crate::name::ObjectName;
use crate::traffic::Traffic;

/// A place of objects. Whatever returns without an error is durable.
///
/// An object that was created is whole and stays as it is until it is deleted; only
/// [`put`](Store::put) replaces one, and what it writes is a hint that may be older than it was.
pub trait Store: fmt::Debug + Send + Sync {
    /// Where it is, for messages: a path or an address, without anything secret.
    fn place(&self) -> String;

    /// The size of an object in bytes; `None` where there is none.
    ///
    /// # Errors
    ///
    /// That of the place.
    fn size(&self, name: &ObjectName) -> Result<Option<u64>>;

    /// A whole object of at most `limit` bytes; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`](crate::StoreError::TooLarge), and that of the place.
    fn read(&self, name: &ObjectName, limit: u64) -> Result<Option<Vec<u8>>>;

    /// The bytes of an object in a range.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`](crate::StoreError::Missing),
    /// [`StoreError::EndedEarly`](crate::StoreError::EndedEarly) where it has fewer, and that of the
    /// place.
    fn read_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>>;

    /// Creates an object where nothing has its name. Of several writers one creates it, and the
    /// others learn that it is taken.
    ///
    /// # Errors
    ///
    /// That of the place: then it may be there or not, and whoever must know reads it.
    fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Created>;

    /// Begins an object that is too large to be in memory. Its name has to be one that nobody else
    /// makes: not every place can refuse a name that is taken here.
    ///
    /// # Errors
    ///
    /// That of the place.
    fn upload(&self, name: &ObjectName) -> Result<Box<dyn Upload + '_>>;

    /// Writes a small object, be it in the place of another one: a hint or a lease.
    ///
    /// # Errors
    ///
    /// That of the place.
    fn put(&self, name: &ObjectName, bytes: &[u8]) -> Result<()>;

    /// The objects right in a folder (`""` for the top), in the order of their names, from the first
    /// one after `after` on.
    ///
    /// # Errors
    ///
    /// That of the place, once: nothing follows an error.
    fn list<'a>(&'a self, folder: &str, after: Option<&str>) -> Result<Listing<'a>>;

    /// Deletes an object; nothing happens where there is none.
    ///
    /// # Errors
    ///
    /// That of the place.
    fn delete(&self, name: &ObjectName) -> Result<()>;

    /// Removes what killed writers left right in a folder (`""` for the top) and what is no object, where
    /// `is_old` says so of the time when it was written last, by the clock of the place. Nothing
    /// happens where a killed writer leaves nothing.
    ///
    /// # Errors
    ///
    /// That of the place.
    fn remove_leftovers(
        &self,
        _folder: &str,
        _is_old: &dyn Fn(UnixMillis) -> bool,
    ) -> Result<Leftovers> {
        Ok(Leftovers::default())
    }

    /// What went to the place and came from it so far; `None` where nobody charges for that.
    fn traffic(&self) -> Option<Traffic> {
        None
    }

    /// What the clock of the place says, by which [`Object::modified`] is told.
    ///
    /// # Errors
    ///
    /// That of the place; that of a folder can be asked by those alone that may write to it.
    fn now(&self) -> Result<UnixMillis>;
}

/// How much was removed that killed writers left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// How many files.
    pub count: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// The objects that a listing names.
pub type Listing<'a> = Box<dyn Iterator<Item = Result<Object>> + 'a>;

/// Whether an object was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was.
    New,
    /// Another one has its name.
    Taken,
}

/// What a listing says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Object {
    /// Its name.
    pub name: ObjectName,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it was written, by the clock of the place.
    pub modified: UnixMillis,
}

impl Object {
    /// An object.
    pub const fn new(name: ObjectName, size_bytes: u64, modified: UnixMillis) -> Self {
        Self {
            name,
            size_bytes,
            modified,
        }
    }
}

/// An object that is being written. Dropped before [`finish`](Upload::finish) it is not there.
pub trait Upload: Send {
    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// That of the place; the upload must be dropped then.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// The object is whole and gets its name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Taken`](crate::StoreError::Taken) where the place can tell, and that of the
    /// place.
    fn finish(self: Box<Self>) -> Result<()>;
}
