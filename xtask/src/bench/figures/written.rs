//! What is written, beside a durable copy of the same files.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{COPY, ENGINE, FIRST, Run, of_copy};
use crate::bench::figure::{Reach, Sense};
use crate::bench::rounds::{Middle, alternate};
use crate::bench::state::{State, remove};
use crate::bench::workload::{copy_durably, warm, write_back};

const GIB: &str = "1073741824";

impl Run<'_> {
    pub(super) fn increment(&mut self, generation: u32) -> Result<()> {
        let name = format!("backup of 1 GiB of log, generation {generation}");
        if !self.begin(&name) {
            return Ok(());
        }
        let folder = self.workloads.of(generation, "large");
        let database = folder.join("live.grafeo");
        let (log, repository) = (folder.join("live.grafeo.wal"), folder.join("backups"));
        let state = State::of(&[&log, &repository])?;
        warm(&log)?;
        let words = [
            "backup".as_ref(),
            database.as_os_str(),
            "--repo".as_ref(),
            repository.as_os_str(),
            "--incremental".as_ref(),
        ];
        let times = self.against_copy(&state, &words)?;
        let engine = (generation == 1).then(|| {
            self.engine(1, |scratch| {
                vec!["increment".into(), GIB.into(), scratch.into()]
            })
        });
        self.add(
            name,
            times,
            Sense::Times,
            engine.transpose()?,
            of_copy(COPY),
        );
        Ok(())
    }

    pub(super) fn full(&mut self) -> Result<()> {
        let name = "full backup of 1 GiB, generation 1".to_owned();
        if !self.begin(&name) {
            return Ok(());
        }
        let database = self.workloads.of(1, "database").join("live.grafeo");
        let times = self.new_repository(&database, &[])?;
        let engine = self.engine(1, |scratch| {
            vec!["full".into(), database.clone(), scratch.into()]
        })?;
        self.add(name, times, Sense::Times, Some(engine), of_copy(COPY));
        Ok(())
    }

    /// The engine has no such backup: its full one leaves the log out.
    pub(super) fn first(&mut self) -> Result<()> {
        let name = "first backup of 490 MB of log, generation 1".to_owned();
        if !self.begin(&name) {
            return Ok(());
        }
        let database = self.workloads.of(1, "logged").join("live.grafeo");
        let log = database.with_extension("grafeo.wal");
        let times = self.new_repository(&database, &[&log])?;
        self.add(name, times, Sense::Times, None, of_copy(FIRST));
        Ok(())
    }

    /// A backup into a repository that it creates, beside a copy of what it writes. What else it
    /// writes to is as it was, after each.
    fn new_repository(&self, database: &Path, beside: &[&Path]) -> Result<[Middle; 2]> {
        let folder = self.workloads.of(1, "full");
        remove(&folder)?;
        fs::create_dir_all(&folder)?;
        let state = State::of(&[&[folder.as_path()], beside].concat())?;
        for path in [&[database], beside].concat() {
            warm(path)?;
        }
        let repository = folder.join("backups");
        let words = [
            "backup".as_ref(),
            database.as_os_str(),
            "--repo".as_ref(),
            repository.as_os_str(),
        ];
        let times = self.against_copy(&state, &words);
        remove(&folder)?;
        times
    }

    pub(super) fn restore_chain(&mut self, generation: u32) -> Result<()> {
        let name = format!("restore of chain, generation {generation}");
        let reach = Reach {
            engine: (generation == 1).then_some(ENGINE),
            ..of_copy(COPY)
        };
        self.restore(name, generation, "chain", reach)
    }

    pub(super) fn restore(
        &mut self,
        name: String,
        generation: u32,
        workload: &str,
        reach: Reach,
    ) -> Result<()> {
        if !self.begin(&name) {
            return Ok(());
        }
        let chain = self.workloads.of(generation, workload);
        let (repository, folder) = (chain.join("backups"), chain.join("restored"));
        let epoch = fs::read_to_string(chain.join("target"))?;
        remove(&folder)?;
        fs::create_dir(&folder)?;
        let state = State::of(&[&folder])?;
        warm(&repository)?;
        let output = folder.join("restored.grafeo");
        let words = [
            "restore".as_ref(),
            repository.as_os_str(),
            output.as_os_str(),
            "--epoch".as_ref(),
            epoch.as_ref(),
        ];
        let times = self.against_copy(&state, &words)?;
        let engine = reach.engine.is_some().then(|| {
            self.engine(3, |scratch| {
                let output = scratch.join("restored.grafeo");
                vec![
                    "restore".into(),
                    repository.clone(),
                    epoch.clone().into(),
                    output,
                ]
            })
        });
        self.add(name, times, Sense::Times, engine.transpose()?, reach);
        remove(&folder)
    }

    /// Runs the command, and a durable copy of the files that it writes, in turns. After each run
    /// all is as it was.
    fn against_copy(&self, state: &State, words: &[&OsStr]) -> Result<[Middle; 2]> {
        let scratch = self.workloads.scratch()?;
        let (model, copy) = (scratch.join("model"), scratch.join("copy"));
        fs::create_dir(&model)?;
        self.workloads.command(words)?;
        for path in state.added()? {
            let name = path.file_name().context("a path without a name")?;
            fs::rename(&path, model.join(name))?;
        }
        let ours = || {
            state.reset()?;
            write_back()?;
            let run = self.workloads.command(words);
            state.reset()?;
            run
        };
        let limit = || {
            write_back()?;
            let run = copy_durably(&model, &copy);
            remove(&copy)?;
            run
        };
        let times = alternate(ours, limit);
        state.reset()?;
        remove(&scratch)?;
        times
    }
}
