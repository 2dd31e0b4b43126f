//! Wrapping: from the plain bytes of a segment to frames, a record and a seek table.

use std::io::{self, Write};
use std::ops::Range;

use apograph_io::{Bytes, Context};

use crate::error::{Result, WrapError};
use crate::frame::{Compression, FRAME_BYTES, Packer};
use crate::in_order::in_order;
use crate::spare::Spare;
use crate::trailer::{FrameSize, encode};

/// How much was made of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapped {
    /// The plain bytes.
    pub plain_bytes: u64,
    /// The bytes that were written.
    pub wrapped_bytes: u64,
}

/// Wraps a segment by the threads of a context, and hands the bytes on in order. Each frame is
/// unpacked and compared before it is handed on.
///
/// A thread holds a frame thrice: plain, packed, and unpacked again; and two packed ones wait to be
/// handed on.
///
/// # Errors
///
/// [`WrapError::Io`] where the plain bytes cannot be read, and where the caller ends it;
/// [`WrapError::NotAsPacked`]; [`WrapError::Write`] where `out` fails, and where the record has more
/// than [`RECORD_MAX_BYTES`](crate::RECORD_MAX_BYTES).
pub fn wrap<'a>(
    plain: impl Into<Bytes<'a>>,
    record: &[u8],
    compression: Compression,
    context: Context<'_>,
    out: &mut dyn Write,
) -> Result<Wrapped> {
    let plain: Bytes<'_> = plain.into();
    let mut starts = (0..plain.len()).step_by(FRAME_BYTES);
    let (mut frames, mut wrapped_bytes) = (Vec::new(), 0);
    let (packers, buffers) = (Spare::new(), Spare::new());
    let mut put = |bytes: &[u8]| {
        wrapped_bytes += bytes.len() as u64;
        out.write_all(bytes).map_err(WrapError::Write)
    };
    in_order(
        context.threads,
        || {
            let Some(start) = starts.next() else {
                return Ok(None);
            };
            let range = start..plain.len().min(start.saturating_add(FRAME_BYTES));
            context.take(range.len() as u64)?;
            Ok(Some(range))
        },
        |range: Range<usize>| -> Result<_> {
            let mut packer = packers
                .take()
                .map_or_else(|| Packer::new(compression), Ok)?;
            let mut frame: Vec<u8> = buffers.take().unwrap_or_default();
            packer.pack(plain.slice(range.clone()), range.start as u64, &mut frame)?;
            packers.give(packer);
            Ok((range.len(), frame))
        },
        |(plain, packed)| -> Result<()> {
            context.monitor.advance(plain as u64);
            frames.push(size_of(&packed, plain)?);
            put(&packed)?;
            buffers.give(packed);
            Ok(())
        },
    )?;
    put(&encode(&frames, record).ok_or_else(too_long)?)?;
    Ok(Wrapped {
        plain_bytes: plain.len() as u64,
        wrapped_bytes,
    })
}

fn size_of(packed: &[u8], plain: usize) -> Result<FrameSize> {
    let size = |length: usize| u32::try_from(length).map_err(|_| too_long());
    Ok(FrameSize {
        packed: size(packed.len())?,
        plain: size(plain)?,
    })
}

fn too_long() -> WrapError {
    let detail = "the segment or its record is longer than one that can be read";
    WrapError::Write(io::Error::other(detail))
}
