//! Exact restore and verification of Grafeo backup repositories
