//! The catalogue of a Grafeo backup repository: manifest, cursor, and what can be restored from them
