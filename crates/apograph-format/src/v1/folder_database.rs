//! The database file that stands for a folder database (FORMAT.md, "Folder database").
//!
//! A folder database is all log: it has no image. Before its first checkpoint a database file has
//! none either, and consists of a header and two empty slots. So the full backup of a folder
//! database is such a file, byte for byte as the engine writes it. When it was created, and by
//! whom, nobody wrote down: the creator says what it is, and the time is made of the hash of the
//! first group, so that it tells one database from another.

use crate::blake3::Blake3;
use crate::database_headers::{
    DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DatabaseHeaders, PAGE_BYTES,
};
use crate::v1::DATABASE_VERSION;

/// The creator in the database file that stands for a folder database: the first release that logs
/// commits, and what it is of.
const CREATOR: &[u8] = b"0.5.35+folder";
/// Before a number of 16 bits, in bincode.
const OF_16_BITS: u8 = 251;
/// Before a number of 64 bits, in bincode.
const OF_64_BITS: u8 = 253;
/// Times from here on, for as many milliseconds again, are made of hashes: 2004 to 2039.
const FIRST_TIME_MS: u64 = 1 << 40;

const VERSION_OFFSET: usize = DATABASE_MAGIC.len();
const PAGE_SIZE_OFFSET: usize = VERSION_OFFSET + 1;
const CREATED_AT_OFFSET: usize = PAGE_SIZE_OFFSET + 1 + size_of::<u16>();
const CREATOR_OFFSET: usize = CREATED_AT_OFFSET + 1 + size_of::<u64>();

/// The database file that stands for a folder database, by the hash of the first group in its log
/// that has a record. Before there is one, it was created at the first instant of all.
pub fn folder_base(first_group: Option<Blake3>) -> Vec<u8> {
    let created_at_ms = first_group.map_or(0, |hash| {
        let front = hash.get().first_chunk().copied().unwrap_or_default();
        FIRST_TIME_MS | (u64::from_le_bytes(front) & (FIRST_TIME_MS - 1))
    });
    let [version, ..] = DATABASE_VERSION.to_le_bytes();
    let page_bytes = u16::try_from(PAGE_BYTES).unwrap_or_default();
    let mut file = vec![0; DATABASE_HEADERS_BYTES];
    let mut put = |offset: usize, bytes: &[u8]| {
        let front = file.iter_mut().skip(offset);
        front.zip(bytes).for_each(|(to, byte)| *to = *byte);
    };
    put(0, &DATABASE_MAGIC);
    put(VERSION_OFFSET, &[version, OF_16_BITS]);
    put(PAGE_SIZE_OFFSET + 1, &page_bytes.to_le_bytes());
    put(CREATED_AT_OFFSET, &[OF_64_BITS]);
    put(CREATED_AT_OFFSET + 1, &created_at_ms.to_le_bytes());
    put(CREATOR_OFFSET, CREATOR);
    file
}

impl DatabaseHeaders {
    /// Whether the file stands for a folder database of generation 1: all of the database is in the
    /// log after it.
    pub fn are_of_folder(&self) -> bool {
        self.file.creator.as_bytes() == CREATOR && self.checkpoint.iteration == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engines, Generation, Image, UnixMillis};

    /// What 0.5.35 and 0.5.44 write differs in the time and the creator alone.
    #[test]
    fn the_base_is_a_file_that_never_had_a_checkpoint() {
        for (hash, created_at_ms) in [
            (None, 0),
            (Some(Blake3::new([0; 32])), 1 << 40),
            (Some(Blake3::new([0xff; 32])), (1 << 41) - 1),
        ] {
            let file = folder_base(hash);
            let image = Image::parse(&file).expect("an image");
            let headers = image.headers();
            assert_eq!(headers.file.created_at, UnixMillis::new(created_at_ms));
            assert_eq!(headers.file.generation, Generation::One);
            assert!(headers.are_of_folder() && image.extents().is_empty());
            assert_eq!(headers.engines(), Engines::since("0.5.35", Generation::One));
            assert_eq!(&file[..8], b"GRAF\x01\xfb\x00\x10");
            assert!(
                file[CREATOR_OFFSET + CREATOR.len()..]
                    .iter()
                    .all(|byte| *byte == 0)
            );
            assert_eq!(file.len(), DATABASE_HEADERS_BYTES);
        }
    }
}
