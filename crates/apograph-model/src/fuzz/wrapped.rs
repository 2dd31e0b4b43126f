//! The objects of a vault's segments: wrapped, and encrypted.
//!
//! These bodies are here and not in `apograph-testing`, since the vault's crates test with that also
//! where encryption is left out.

use std::io::Cursor;
use std::sync::LazyLock;

use apograph_io::Context;
use apograph_repository::vault::wrap::{
    Compression, Identities, Recipients, WrapError, WrappedFile, unwrap, wrap,
};
use apograph_testing::keys::ALICE;

/// Plain bytes are kept up to so many: a frame of a few bytes can hold 4 MiB.
const KEPT_MAX_BYTES: u64 = 1 << 20;

/// What unwraps from its front is the same that is read from its end, and what it is wrapped to again
/// unwraps to it.
///
/// # Panics
///
/// Where that is not so.
pub fn wrapped(data: &[u8]) {
    let mut file = WrappedFile::open(Cursor::new(data));
    let (mut plain, mut length, mut is_same) = (Vec::new(), 0, true);
    let record = unwrap(data, Context::default(), |piece| {
        let start = length;
        length += piece.len() as u64;
        let read = file.as_mut().ok().map(|file| file.read(start..length));
        is_same &= matches!(read, Some(Ok(read)) if read == piece);
        if length <= KEPT_MAX_BYTES {
            plain.extend_from_slice(piece);
        }
        Ok(())
    });
    if let Ok(file) = &mut file {
        // Whatever it says.
        let _ = file.read(0..1);
        let end = file.plain_bytes();
        let _ = file.read(end.saturating_sub(1)..u64::MAX);
        assert!(
            file.read(end..u64::MAX)
                .expect("nothing is read")
                .is_empty()
        );
    }
    let Ok(record) = record else {
        return;
    };
    let file = file.expect("what unwraps can be opened");
    assert_eq!(file.record(), record);
    assert_eq!(file.plain_bytes(), length);
    assert!(is_same);
    if length > KEPT_MAX_BYTES {
        return;
    }
    let mut written = Vec::new();
    wrap(
        &plain,
        &record,
        Compression::LOG,
        Context::default(),
        &mut written,
    )
    .expect("in memory");
    let (again, of) = unwrapped(&written).expect("what was written can be read");
    assert_eq!((again, of), (plain, record));
}

fn unwrapped(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), WrapError> {
    let mut plain = Vec::new();
    let record = unwrap(bytes, Context::default(), |piece| {
        plain.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((plain, record))
}

/// What is decrypted is shorter than what it was decrypted from, and is encrypted to a stream that
/// is decrypted to it.
///
/// # Panics
///
/// Where that is not so.
pub fn encrypted(data: &[u8]) {
    // As it would be read from a vault.
    let _ = IDENTITIES.decrypt(data, |stream| {
        unwrap(stream, Context::default(), |_| Ok(()))
    });
    let Ok(plain) = decrypted(data) else {
        return;
    };
    assert!(plain.len() < data.len());
    let mut written = Vec::new();
    let encrypted = RECIPIENTS.encrypt(&mut written, |out| {
        out.write_all(&plain).map_err(WrapError::Write)
    });
    encrypted.expect("in memory");
    assert_eq!(
        decrypted(&written).expect("what was written can be read"),
        plain
    );
}

static IDENTITIES: LazyLock<Identities> = LazyLock::new(|| {
    let mut identities = Identities::default();
    identities.add(ALICE.identity).expect("an identity");
    identities
});
static RECIPIENTS: LazyLock<Recipients> =
    LazyLock::new(|| Recipients::of([ALICE.recipient]).expect("a key"));

fn decrypted(data: &[u8]) -> Result<Vec<u8>, WrapError> {
    let mut plain = Vec::new();
    IDENTITIES.decrypt(data, |stream| {
        stream.read_to_end(&mut plain).map_err(WrapError::Read)
    })?;
    Ok(plain)
}

/// Encrypted for Alice by the command `age`: no byte, a sentence, and a wrapped segment.
const ENCRYPTED: [&[u8]; 3] = [
    include_bytes!("empty.age"),
    include_bytes!("sentence.age"),
    include_bytes!("wrapped.zst.age"),
];

pub(super) fn all_encrypted() -> Vec<Vec<u8>> {
    ENCRYPTED.map(<[u8]>::to_vec).into()
}

pub(super) fn all_wrapped() -> Vec<Vec<u8>> {
    let mixed: Vec<u8> = (0_u32..600)
        .flat_map(|it| (it * it).to_le_bytes())
        .collect();
    let plain = [
        Vec::new(),
        b"a segment".to_vec(),
        mixed,
        vec![7; (4 << 20) + 1],
    ];
    let wrapped = plain.map(|plain| {
        let mut bytes = Vec::new();
        let wrapped = wrap(
            &plain,
            b"{}",
            Compression::LOG,
            Context::default(),
            &mut bytes,
        );
        wrapped.expect("in memory");
        bytes
    });
    wrapped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_sound() {
        for seed in all_wrapped() {
            unwrapped(&seed).expect("sound");
        }
        let plain = all_encrypted().iter().map(|seed| decrypted(seed)).collect();
        let plain: Vec<Vec<u8>> = Result::expect(plain, "sound");
        assert_eq!(plain[..2], [&b""[..], b"a sentence\n"]);
        let (segment, record) = unwrapped(&plain[2]).expect("sound");
        assert_eq!((&segment[..], &record[..]), (&b"a segment"[..], &b"{}"[..]));
    }
}
