//! Test support for the apograph crates: simulated disk, damage, golden fixtures
