//! Backup and point-in-time recovery for the Grafeo graph database: library facade and command
