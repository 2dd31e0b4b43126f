//! Full and incremental capture of a live Grafeo database
