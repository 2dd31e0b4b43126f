//! What an error of a decoder says of itself.

use apograph_format::{Crc32, FormatError};

#[test]
fn errors_say_where_they_are_and_whether_another_version_helps() {
    let what = "a thing";
    let checksum = Crc32::new(7);
    let malformed = |offset| FormatError::Malformed {
        what,
        offset,
        detail: "odd".to_owned(),
    };
    let mismatch = |offset| FormatError::ChecksumMismatch {
        what,
        offset,
        expected: checksum,
        found: checksum,
    };
    let short = FormatError::TooShort {
        what,
        need: 9,
        have: 8,
    };
    let (found, known) = (3, 2);
    let version = FormatError::UnsupportedVersion { what, found, known };
    // The error, whether it is of another version, its offset, and that in a larger structure.
    let rows = [
        (malformed(5), false, 5, 105),
        (mismatch(5), false, 5, 105),
        (malformed(u64::MAX), false, u64::MAX, u64::MAX),
        (short, false, 0, 0),
        (version, true, 0, 0),
    ];
    for (error, is_unsupported, offset, shifted) in rows {
        assert_eq!(error.is_unsupported(), is_unsupported, "{error}");
        assert_eq!(error.offset(), offset, "{error}");
        let code = error.code();
        let error = error.shifted(100);
        assert_eq!((error.offset(), error.code()), (shifted, code), "{error}");
    }
}
