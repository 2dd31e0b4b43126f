//! What an error says.

use std::error::Error;

/// Checks that an error leaves to its source what that says, and so does each of its sources;
/// returns all that they say, as the command prints it.
///
/// # Panics
///
/// Where one does not.
#[track_caller]
pub fn told(error: &(dyn Error + 'static)) -> String {
    let (mut all, mut error) = (error.to_string(), error);
    while let Some(source) = error.source() {
        let (own, cause) = (error.to_string(), source.to_string());
        assert!(!own.is_empty() && !cause.is_empty(), "{error:?}");
        assert!(!own.contains(&cause), "{own:?} has {cause:?}");
        all = format!("{all}: {cause}");
        error = source;
    }
    all
}
