//! Random numbers that nobody has had before.

use std::path::Path;

use crate::error::{Result, failed};

/// A random number of 128 bits, of the operating system: for ids and nonces.
///
/// # Errors
///
/// [`IoError::Failed`](crate::IoError::Failed).
pub fn random() -> Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(failed(
        "get random bytes from",
        Path::new("the operating system"),
    ))?;
    Ok(u128::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_comes_twice() {
        let (one, other) = (random().expect("a number"), random().expect("a number"));
        assert_ne!(one, other);
    }
}
