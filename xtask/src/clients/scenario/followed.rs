//! The life of a database that `follow` captures while its client writes, closes and is killed.
//!
//! A step of a store takes several commits, and the store says what it holds after the last. Each of
//! these states has to come back, and all points between them can be opened.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Telling, text};
use crate::clients::client::Answer;

/// The steps of each life.
const STEPS: u64 = 17;
/// How long a client does nothing after a step.
const PAUSE: Duration = Duration::from_millis(100);
/// What is committed has to be captured within this time.
const PATIENCE: Duration = Duration::from_mins(1);

impl Telling<'_> {
    /// Closed after one life, killed in the middle of a step after another, and then once more.
    pub(super) fn tell_followed(&mut self) -> Result<()> {
        let vault = self.scenario.folder.join("vault");
        let made = self.apograph(&["init", text(&vault)?, "--vault"])?;
        made.map_err(anyhow::Error::msg).context("init")?;
        self.open()?;
        let mut follower = self.follow(&vault)?;
        let lived = self.live_followed(&vault);
        let ended = end(&mut follower);
        lived?;
        ended?;
        self.said_states(&vault)
    }

    fn live_followed(&mut self, vault: &Path) -> Result<()> {
        self.write()?;
        self.close()?;
        self.open()?;
        self.write()?;
        self.kill_in_a_step()?;
        // Which of its commits the step got to, only the points tell.
        self.is_unanswered = false;
        self.open()?;
        self.write()?;
        self.close()?;
        self.await_capture(vault)
    }

    fn write(&mut self) -> Result<()> {
        for _ in 0..STEPS {
            let words = json!({"do": "step", "number": self.number});
            self.number += 1;
            if let Answer::Failed(error) = self.ask(&words)? {
                bail!("{words}: {error}");
            }
            self.look()?;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn follow(&self, vault: &Path) -> Result<Child> {
        let said = File::create(self.scenario.folder.join("follow.log"))
            .context("cannot make the log of follow")?;
        let database = self.database();
        Command::new(&self.scenario.command)
            .args(["follow", text(&database)?, "--repo", text(vault)?])
            .stdin(Stdio::null())
            .stderr(said)
            .spawn()
            .context("cannot run apograph follow")
    }

    /// Waits until nothing is in no backup.
    fn await_capture(&mut self, vault: &Path) -> Result<()> {
        let database = self.database();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let words = ["status", text(vault)?, "--db", text(&database)?];
            if let Ok(status) = self.apograph(&words)?
                && status["pending"]["commits"] == 0
            {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("not all is captured")
    }

    /// What the client said, against all points of the same epoch.
    fn said_states(&mut self, vault: &Path) -> Result<()> {
        let mut points = Vec::new();
        for (timeline, epoch) in self.points_in(vault)? {
            let found = self.restored(vault, &["--epoch", &format!("{timeline}:{epoch}")])?;
            if found.iter().any(|found| found["graph"].is_null()) {
                self.counts.wrong += 1;
                self.detail(format!("{timeline}:{epoch} cannot be opened: {}", found[0]));
            }
            points.push((epoch, found));
        }
        let is_there = |epoch: u64, held: &Value| {
            let mut of_epoch = points.iter().filter(|point| point.0 == epoch);
            of_epoch.any(|(_, found)| found.contains(held))
        };
        for (epoch, held) in self.states.said() {
            if is_there(epoch, held) {
                self.counts.exact += 1;
            } else {
                self.counts.wrong += 1;
                let line = format!("what was said at epoch {epoch} does not come back");
                self.counts.details.push(line);
            }
        }
        Ok(())
    }
}

/// Ends a follower in order.
fn end(follower: &mut Child) -> Result<()> {
    let pid = rustix::process::Pid::from_child(follower);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)
        .context("cannot end apograph follow")?;
    let status = follower.wait().context("cannot wait for apograph follow")?;
    ensure!(status.success(), "apograph follow: {status}");
    Ok(())
}
