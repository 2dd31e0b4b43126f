//! Without the feature there are no keys, and that is said.

use apograph_wrap::{Identities, KeyError, Recipients, WrapError};

#[test]
fn no_key_is_taken_and_nothing_is_read() {
    let key = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    assert_eq!(
        Recipients::of([key]).expect_err("none"),
        KeyError::NotBuiltIn
    );
    let mut identities = Identities::default();
    assert_eq!(
        identities.add("file").expect_err("none"),
        KeyError::NotBuiltIn
    );
    let end = identities.decrypt(&b"age-encryption.org/v1"[..], |reader| {
        reader.read_to_end(&mut Vec::new()).map_err(WrapError::Read)
    });
    assert_eq!(
        end.expect_err("none").code().as_str(),
        "unsupported-version"
    );
}
