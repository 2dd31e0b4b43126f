//! Standard output, which carries the result alone.

use apograph_format::Code;
use std::io::{self, BufWriter, ErrorKind, Write};

use crate::failure::Failure;

/// Writes a result: for a program as it is, for a person with styles where the terminal has them.
///
/// A reader that went away (`| head`) has what it wanted; any other error is one.
pub(crate) fn print(
    json: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let stdout = io::stdout().lock();
    let written = if json {
        write_to(BufWriter::new(stdout), write)
    } else {
        write_to(BufWriter::new(anstream::AutoStream::auto(stdout)), write)
    };
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(&error)),
        _ => Ok(()),
    }
}

fn write_to(
    mut out: impl Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    write(&mut out)?;
    out.flush()
}

/// What could not be written.
pub(crate) fn unwritten(error: &io::Error) -> Failure {
    Failure::new(
        Code::Io,
        format!("cannot write to standard output: {error}"),
    )
}
