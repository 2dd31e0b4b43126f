//! A backup from async code: it blocks, so it runs where that is allowed; a time-out cancels it.
//!
//! `cargo run -p apograph --example from_async`, in an empty folder, where it leaves its files.

use std::error::Error;
use std::time::Duration;

use apograph::{Backup, CancellationToken, Captured};
use grafeo_engine::GrafeoDB;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = GrafeoDB::open("people.grafeo")?;
    database
        .session()
        .execute("INSERT (:Person {name: 'Ada'})")?;

    let token = CancellationToken::default();
    let monitor = token.clone();
    let mut backup = spawn_blocking(move || {
        let backup = Backup::new("people.grafeo", "backups");
        backup.monitor(&monitor).run()
    });
    let within = timeout(Duration::from_secs(60), &mut backup).await;
    let captured = if let Ok(captured) = within {
        captured??
    } else {
        token.cancel();
        // It takes back what it did before it ends.
        backup.await??
    };
    match captured {
        Captured::Added { segments, .. } => println!("{} files were added", segments.len()),
        Captured::UpToDate { end_epoch } => println!("nothing new since epoch {end_epoch}"),
    }
    Ok(())
}
