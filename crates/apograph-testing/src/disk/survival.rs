//! What is left of what was not synced.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;

use super::handle::Inode;

/// More changed names than this are not combined in every way.
const COMBINED_NAMES: usize = 5;

/// A name in a folder that is not what it was at the last sync of the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangedName {
    pub(super) folder: Inode,
    pub(super) name: OsString,
}

/// What is left of bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Nothing: the file is as it was at its last sync, empty if there was none.
    Lost,
    /// The first half of them, where the file ends.
    Torn,
    /// The length of the file, with zeros in place of them.
    Zeros,
    /// All of them.
    Whole,
}

/// One way in which the power can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survival {
    /// The changes of names that reached the disk although no sync said so.
    pub(super) names: BTreeSet<ChangedName>,
    /// What became of all bytes that no sync covers.
    pub data: Data,
}

impl Survival {
    /// Every way in which some changes of names, and unsynced bytes if there are any, can survive.
    pub(super) fn all(changed: &[ChangedName], has_unsynced_data: bool) -> Vec<Self> {
        let data: &[Data] = if has_unsynced_data {
            &[Data::Lost, Data::Torn, Data::Zeros, Data::Whole]
        } else {
            &[Data::Whole]
        };
        let names = combinations(changed);
        let with = |names: &BTreeSet<ChangedName>| {
            let names = names.clone();
            data.iter().map(move |&data| Self {
                names: names.clone(),
                data,
            })
        };
        names.iter().flat_map(with).collect()
    }
}

impl fmt::Display for Survival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names.iter().map(|it| it.name.display()).collect();
        write!(f, "unsynced bytes {:?}, unsynced names [", self.data)?;
        for (index, name) in names.iter().enumerate() {
            write!(f, "{}{name}", if index > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}

/// Every subset where there are few; else none, all, each alone and all but each.
fn combinations(changed: &[ChangedName]) -> Vec<BTreeSet<ChangedName>> {
    let pick = |is_in: &dyn Fn(usize) -> bool| {
        let picked = changed
            .iter()
            .enumerate()
            .filter(|(index, _)| is_in(*index));
        picked.map(|(_, name)| name.clone()).collect()
    };
    if changed.len() <= COMBINED_NAMES {
        let subsets = 0..1_u32 << changed.len();
        return subsets
            .map(|set| pick(&|index| set >> index & 1 == 1))
            .collect();
    }
    let mut sets = vec![pick(&|_| false), pick(&|_| true)];
    for one in 0..changed.len() {
        sets.push(pick(&|index| index == one));
        sets.push(pick(&|index| index != one));
    }
    sets
}
