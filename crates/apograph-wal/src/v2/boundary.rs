//! The start of a group, found from somewhere in a log.

use std::ops::Range;

use crate::part::LogPart;

/// The first place in a range at which a group seems to begin: a frame that says that it stands
/// there, and is the first of its group.
///
/// Nothing is checked: what is found is a place to begin to read at, and no proof.
pub(crate) fn find(part: &LogPart<'_>, mut range: Range<usize>) -> Option<usize> {
    range.find(|&offset| {
        let frame = part.frame_v2(offset).and_then(Result::ok);
        frame.is_some_and(|frame| frame.flags().is_first())
    })
}
