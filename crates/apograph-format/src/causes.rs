//! What an error says together with what caused it.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// An error with its causes, in one sentence: each after the one that it caused, with a colon.
///
/// No error of these crates repeats its source. What [`Display`](fmt::Display) prints of it alone
/// is what went wrong; why is in its sources, and the command prints all of them in this way.
///
/// ```
/// use apograph_format::WithCauses;
///
/// let error: Box<dyn std::error::Error> = "the disk is full".into();
/// assert_eq!(WithCauses(&*error).to_string(), "the disk is full");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WithCauses<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let causes = std::iter::successors(self.0.source(), |&cause| cause.source());
        for cause in causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

/// What is wrong, by the error that found it, or in words where none did.
///
/// It is the source of the error that has it, as the type that it was. Printed it has its causes;
/// two are equal where they say the same.
#[derive(Clone)]
pub struct Detail(Arc<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Detail {
    fn from(error: E) -> Self {
        Self(error.into().into())
    }
}

impl Deref for Detail {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WithCauses(&*self.0).fmt(f)
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Detail {}
