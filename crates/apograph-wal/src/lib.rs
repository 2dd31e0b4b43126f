//! Scanner for the write-ahead log of the Grafeo graph database: frames, commit groups, timelines, damage
