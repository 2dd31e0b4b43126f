//! One frame: up to 4 MiB of a segment, packed apart from all others.
//!
//! Frames say how long their content is, and have its checksum (RFC 8878, section 3.1.1).

use apograph_io::Bytes;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{
    CParameter, compress_bound, find_frame_compressed_size, get_frame_content_size,
};

use crate::error::{Result, WrapError};

/// The plain bytes of a frame; the last one of a segment has what is left.
///
/// Larger frames pack a log hardly better, and smaller ones an image a third worse. No reader needs
/// more memory than for one of these a thread.
pub const FRAME_BYTES: usize = 4 << 20;

/// At most so many bytes has a packed frame: its content as it is, in blocks of up to 128 KiB with a
/// header of 3 bytes, a header of at most 18, and a checksum.
pub(crate) const PACKED_MAX_BYTES: usize = FRAME_BYTES + (FRAME_BYTES >> 7) + 64;

/// How much time is given to make a segment smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression(i32);

impl Compression {
    /// For the log: a fourth of its size, faster than a disk.
    pub const LOG: Self = Self(1);
    /// For images.
    pub const IMAGE: Self = Self(3);

    /// A level of zstd, of 1 to 19.
    pub const fn new(level: u8) -> Option<Self> {
        match level {
            1..=19 => Some(Self(level as i32)),
            _ => None,
        }
    }
}

/// Packs frames, one after the other, in the same memory.
pub(crate) struct Packer {
    compressor: Compressor<'static>,
    unpacker: Decompressor<'static>,
    plain: Vec<u8>,
    again: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(compression: Compression) -> Result<Self> {
        let made = Compressor::new(compression.0).and_then(|mut compressor| {
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            Ok(Self {
                compressor,
                unpacker: Decompressor::new()?,
                plain: Vec::new(),
                again: Vec::new(),
            })
        });
        made.map_err(WrapError::Write)
    }

    /// Packs the content of a frame into `packed`, and unpacks it to see that it is that.
    pub(crate) fn pack(
        &mut self,
        plain: Bytes<'_>,
        offset: u64,
        packed: &mut Vec<u8>,
    ) -> Result<()> {
        let plain = plain.read_into(&mut self.plain)?;
        packed.clear();
        packed.reserve(compress_bound(plain.len()));
        let made = self.compressor.compress_to_buffer(plain, packed);
        made.map_err(WrapError::Write)?;
        self.again.clear();
        self.again.reserve(plain.len());
        let again = self.unpacker.decompress_to_buffer(packed, &mut self.again);
        if again.is_ok() && self.again == plain {
            return Ok(());
        }
        Err(WrapError::NotAsPacked { offset })
    }
}

/// Unpacks frames, one after the other.
pub(crate) struct Unpacker(Decompressor<'static>);

impl Unpacker {
    pub(crate) fn new() -> Result<Self> {
        Decompressor::new().map(Self).map_err(WrapError::Read)
    }

    /// Unpacks the content of a frame at an offset of the wrapped bytes into `plain`.
    pub(crate) fn unpack(&mut self, packed: &[u8], offset: u64, plain: &mut Vec<u8>) -> Result<()> {
        let damaged = |detail: &str| WrapError::damaged(offset, detail);
        let length = match get_frame_content_size(packed) {
            Ok(Some(length)) => usize::try_from(length).unwrap_or(usize::MAX),
            Ok(None) => return Err(damaged("a frame that does not say how long it is")),
            Err(_) => return Err(damaged("no frame of zstd")),
        };
        if length > FRAME_BYTES {
            return Err(damaged("a frame of more than 4 MiB"));
        }
        plain.clear();
        plain.reserve_exact(length);
        match self.0.decompress_to_buffer(packed, plain) {
            Ok(unpacked) if unpacked == length => Ok(()),
            _ => Err(damaged("a frame that cannot be unpacked")),
        }
    }
}

/// How many bytes the frame in front has; `None` where it is not whole.
pub(crate) fn packed_length(front: &[u8]) -> Option<usize> {
    let length = find_frame_compressed_size(front).ok()?;
    (length <= front.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(plain: &[u8], compression: Compression, offset: u64) -> Result<Vec<u8>> {
        let mut packed = Vec::new();
        Packer::new(compression)?.pack(plain.into(), offset, &mut packed)?;
        Ok(packed)
    }

    fn unpack(packed: &[u8], offset: u64) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        Unpacker::new()?.unpack(packed, offset, &mut plain)?;
        Ok(plain)
    }

    fn plain(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn a_frame_unpacks_to_its_content() {
        for length in [0, 1, 1000, FRAME_BYTES] {
            let packed = pack(&plain(length), Compression::LOG, 0).expect("packed");
            assert_eq!(packed_length(&packed), Some(packed.len()));
            assert_eq!(unpack(&packed, 0).expect("unpacked"), plain(length));
        }
    }

    #[test]
    fn what_cannot_be_packed_is_no_longer_than_the_bound() {
        let mut random = fastrand::Rng::with_seed(1);
        let plain: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
            .take(FRAME_BYTES)
            .collect();
        let packed = pack(&plain, Compression::LOG, 0).expect("packed");
        assert!((FRAME_BYTES..=PACKED_MAX_BYTES).contains(&packed.len()));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_refused() {
        let packed = pack(&plain(3000), Compression::IMAGE, 0).expect("packed");
        for length in 0..packed.len() {
            assert_eq!(packed_length(&packed[..length]), None, "{length}");
            unpack(&packed[..length], 0).expect_err("cut");
        }
        for place in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[place] ^= 0x10;
            if let Ok(other) = unpack(&damaged, 0) {
                // A byte that says nothing.
                assert_eq!(other, plain(3000), "{place}");
            }
        }
    }

    #[test]
    fn a_frame_that_is_too_large_or_does_not_say_is_refused() {
        let mut compressor = Compressor::new(1).expect("a compressor");
        let large = compressor
            .compress(&plain(FRAME_BYTES + 1))
            .expect("packed");
        let said = |packed: &[u8]| unpack(packed, 7).expect_err("refused").to_string();
        assert!(said(&large).ends_with("at byte 7: a frame of more than 4 MiB"));
        let parameter = CParameter::ContentSizeFlag(false);
        compressor.set_parameter(parameter).expect("a parameter");
        let silent = compressor.compress(&plain(10)).expect("packed");
        assert!(said(&silent).ends_with("a frame that does not say how long it is"));
        assert!(said(b"something else").ends_with("no frame of zstd"));
    }

    #[test]
    fn levels_are_those_that_unpack_in_little_memory() {
        assert_eq!(Compression::new(1), Some(Compression::LOG));
        assert_eq!(Compression::new(3), Some(Compression::IMAGE));
        assert_eq!((Compression::new(0), Compression::new(20)), (None, None));
    }
}
