//! The payloads of a log: all that its checksums cover.

use std::ops::Range;
use std::path::{Path, PathBuf};

use apograph_format::{Generation, v1, v2};
use apograph_io::{Threads, Window};

use crate::Result;
use crate::limit::{hash, logs, sources};
use crate::scan::with_parts;

/// Payloads that a thread takes at a time.
const CHUNK_PAYLOADS: usize = 4096;

/// What the checksums of a log cover, at places that are known before.
#[derive(Debug)]
pub struct Payloads {
    files: Vec<PathBuf>,
    /// By file, some at a time.
    chunks: Vec<(usize, Vec<Range<u32>>)>,
}

impl Payloads {
    /// Finds the places in a log.
    ///
    /// # Errors
    ///
    /// What cannot be opened; where no frame stands.
    pub fn of(folder: &Path, generation: Generation) -> Result<Self> {
        let places = with_parts(folder, generation, |parts| {
            let places = parts.iter().map(|part| {
                let header = usize::try_from(part.file_offset)?;
                places(&part.bytes.read()?, header, generation)
            });
            places.collect::<Result<Vec<_>>>()
        })?;
        let chunks = places.iter().enumerate().flat_map(|(file, places)| {
            let chunks = places.chunks(CHUNK_PAYLOADS);
            chunks.map(move |chunk| (file, chunk.to_vec()))
        });
        Ok(Self {
            chunks: chunks.collect(),
            files: logs(folder)?,
        })
    }

    /// Each of them, split over the threads.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn hash(&self, threads: &Threads) -> Result<()> {
        let files = sources(&self.files)?;
        hash(self.chunks.len(), threads, |index| {
            let mut sum = 0;
            if let Some((file, places)) = self.chunks.get(index)
                && let Some(file) = files.get(*file)
            {
                let mut window = Window::of(file.bytes());
                for place in places {
                    let length = place.len();
                    let seen = window.at(place.start as usize, length)?;
                    sum ^= seen.get(..length).map_or(0, crc32fast::hash);
                }
            }
            Ok(sum)
        })
    }
}

/// Where the payloads of some frames are in their file.
fn places(frames: &[u8], header: usize, generation: Generation) -> Result<Vec<Range<u32>>> {
    let (front, back) = match generation {
        Generation::One => (v1::FRAME_LENGTH_BYTES, v1::FRAME_CHECKSUM_BYTES),
        Generation::Two => (v2::FRAME_HEADER_BYTES, 0),
    };
    let mut places = Vec::new();
    let mut rest = frames;
    while let Some(length) = rest.first_chunk() {
        let length = u32::from_le_bytes(*length);
        let start = u32::try_from(header + frames.len() - rest.len() + front)?;
        places.push(start..start + length);
        let frame = front + length as usize + back;
        rest = rest.get(frame..).ok_or("the last frame is cut off")?;
    }
    Ok(places)
}
