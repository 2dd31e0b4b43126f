//! Lets random things happen.

use super::alphabet::life;
use super::op::{Listed, Op};
use super::report::Report;
use super::stage::LifeStage;
use super::world::Tools;

/// A random life, and what it came to.
#[derive(Debug, Clone)]
pub struct Life {
    /// Its seed.
    pub seed: u64,
    ops: Vec<Op>,
    /// What it came to. It ends with the first finding.
    pub report: Report,
}

impl Life {
    /// Lives the life of a seed.
    pub fn of(tools: &Tools, seed: u64) -> Self {
        Self::lived(tools, seed, life(seed, tools.in_folders))
    }

    fn lived(tools: &Tools, seed: u64, mut ops: Vec<Op>) -> Self {
        let mut stage = LifeStage::new(tools, &ops);
        let mut count = 0;
        for op in &ops {
            count += 1;
            stage.play(*op);
            if !stage.report().findings.is_empty() {
                break;
            }
        }
        ops.truncate(count);
        if stage.report().findings.is_empty() {
            stage.finish();
        }
        let report = stage.report().clone();
        Self { seed, ops, report }
    }

    /// The same finding with fewer things that happen.
    #[must_use]
    pub fn shrunk(mut self, tools: &Tools) -> Self {
        let Some(kind) = self.report.findings.first().map(|it| it.kind) else {
            return self;
        };
        let mut size = self.ops.len() / 2;
        while size > 0 {
            let mut end = self.ops.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut fewer = self.ops.clone();
                fewer.drain(start..end);
                let shorter = Self::lived(tools, self.seed, fewer);
                if shorter
                    .report
                    .findings
                    .first()
                    .is_some_and(|it| it.kind == kind)
                {
                    self = shorter;
                }
                end = start.min(self.ops.len());
            }
            size /= 2;
        }
        self
    }

    /// What happens in it.
    pub fn script(&self) -> String {
        Listed(&self.ops).to_string()
    }
}
