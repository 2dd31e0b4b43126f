//! What breaks the rules.

/// What breaks the rules.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<String>);

impl Findings {
    pub(super) fn add(&mut self, finding: impl Into<String>) {
        self.0.push(finding.into());
    }
}
