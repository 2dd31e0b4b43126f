//! How large the commits of a log are.

/// The size of the value that each commit of a log sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Most of the work is per frame: 40 bytes on average in generation 1.
    Small,
    /// A value of 4 KiB: most of the work is per byte.
    Large,
}

impl Frames {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    /// The value.
    pub(crate) fn value(self) -> String {
        let bytes = match self {
            Self::Small => 84,
            Self::Large => 4 << 10,
        };
        ('a'..='z').cycle().take(bytes).collect()
    }

    /// About how many bytes a commit takes.
    pub(crate) fn commit_bytes(self) -> u64 {
        self.value().len() as u64 + 76
    }
}
