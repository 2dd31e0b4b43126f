//! The facade, on the golden repositories. That its backups and restores are right is judged by the
//! layers' own tests and by the real engines in `apograph-interop`.

mod facade;
mod grafeo;
