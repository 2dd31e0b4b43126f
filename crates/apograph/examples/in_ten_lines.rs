//! A backup, what can be restored, a restore, and one that is cancelled from another thread.
//!
//! `cargo run -p apograph --example in_ten_lines`, in an empty folder, where it leaves its files.

use std::error::Error;
use std::thread;

use apograph::{Backup, CancellationToken, Repository, Target, WithCauses};
use grafeo_engine::GrafeoDB;

fn main() -> Result<(), Box<dyn Error>> {
    let database = GrafeoDB::open("people.grafeo")?;
    database
        .session()
        .execute("INSERT (:Person {name: 'Ada'})")?;

    Backup::new("people.grafeo", "backups").run()?;
    let repository = Repository::open("backups")?;
    for range in repository.restorable() {
        println!("{range} can be restored");
    }
    repository.restore(Target::Latest).to("copy.grafeo")?;

    let token = CancellationToken::default();
    let other = token.clone();
    thread::spawn(move || other.cancel())
        .join()
        .expect("no panic");
    let restore = repository.restore(Target::Latest).monitor(&token);
    let error = restore.to("never.grafeo").expect_err("it is cancelled");
    println!("{}", WithCauses(&error));
    Ok(())
}
