//! A Grafeo backup repository on disk: its segments, its history, its lock
