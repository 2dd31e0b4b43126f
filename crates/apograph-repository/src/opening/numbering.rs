//! Whether the numbers of timelines are known, from one entry of a chain to the next.
//!
//! Timelines are counted from the first segment on. Where nothing is known of a segment, how many
//! began in it is not known either, and what is counted after it is a guess; until a record says
//! again which timeline the chain is in.

/// How the timelines at some place of a chain were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    /// Over all segments before it, or by a record.
    Known,
    /// After a segment of which something was not known.
    Guessed,
}

impl Numbering {
    pub(super) const fn known_if(is_known: bool) -> Self {
        if is_known { Self::Known } else { Self::Guessed }
    }

    pub(super) fn is_known(self) -> bool {
        self == Self::Known
    }
}

/// What was found of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the entry, and a column of the table below"
)]
pub(super) struct Found {
    /// It has a record, whose numbers are no guess.
    pub(super) is_recorded: bool,
    /// The record says which timeline the chain is in after it.
    pub(super) names_timeline: bool,
    /// It is known what is in it.
    pub(super) has_content: bool,
    /// It is known how much of it repeats the segments before it.
    pub(super) has_overlap: bool,
    /// It is known whether the log goes on across it.
    pub(super) is_told: bool,
    /// The manifest leaves out what came right after it, which may have said more.
    pub(super) may_lack_more: bool,
    /// It cannot be used, as the engine wrote it: nothing was ever counted in it.
    pub(super) is_left_out: bool,
}

impl Numbering {
    /// The numbering of an entry, and the one after it.
    pub(super) fn across(self, found: Found) -> (Self, Self) {
        let before = self.is_known() || found.is_recorded && found.names_timeline;
        let counted = before && found.has_overlap && (!found.has_content || found.is_told);
        let own = counted && (found.is_recorded || !found.may_lack_more);
        let after = counted && (found.has_content || found.is_left_out);
        (Self::known_if(own), Self::known_if(after))
    }
}

#[cfg(test)]
mod tests {
    use super::Numbering::{Guessed, Known};
    use super::*;

    /// A segment that was read, and is whole and clear.
    const READ: Found = Found {
        is_recorded: false,
        names_timeline: false,
        has_content: true,
        has_overlap: true,
        is_told: true,
        may_lack_more: false,
        is_left_out: false,
    };
    const RECORDED: Found = Found {
        is_recorded: true,
        names_timeline: true,
        ..READ
    };
    const LOST: Found = Found {
        has_content: false,
        ..READ
    };

    #[test]
    fn numbers_are_known_as_far_as_all_before_them_is() {
        let without_name = Found {
            names_timeline: false,
            ..RECORDED
        };
        let untold = |found| Found {
            is_told: false,
            ..found
        };
        let lacking = |found| Found {
            may_lack_more: true,
            ..found
        };
        let repeating = Found {
            has_overlap: false,
            ..READ
        };
        let left_out = Found {
            is_left_out: true,
            ..LOST
        };
        // Before an entry, what was found of it, its own numbering, and the one after it.
        let rows = [
            (Known, READ, Known, Known),
            (Guessed, READ, Guessed, Guessed),
            (Known, RECORDED, Known, Known),
            (Guessed, RECORDED, Known, Known),
            (Known, without_name, Known, Known),
            (Guessed, without_name, Guessed, Guessed),
            (Known, LOST, Known, Guessed),
            (Guessed, LOST, Guessed, Guessed),
            (Known, left_out, Known, Known),
            (Guessed, left_out, Guessed, Guessed),
            (Known, repeating, Guessed, Guessed),
            (Known, untold(READ), Guessed, Guessed),
            (Known, untold(RECORDED), Guessed, Guessed),
            (Known, untold(LOST), Known, Guessed),
            (Known, lacking(READ), Guessed, Known),
            (Known, lacking(RECORDED), Known, Known),
            (Guessed, lacking(RECORDED), Known, Known),
        ];
        for (before, found, own, after) in rows {
            assert_eq!(before.across(found), (own, after), "{before:?} {found:?}");
        }
    }
}
