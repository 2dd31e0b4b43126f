//! What a registry and its readers want of a package.

use super::findings::Findings;
use crate::metadata::Package;

pub(super) fn check(packages: &[Package], findings: &mut Findings) {
    for package in packages.iter().filter(|package| package.is_published()) {
        let rows = [
            ("README.md", package.folder().join("README.md").is_file()),
            ("description", is_given(package.description.as_deref())),
            ("license", is_given(package.license.as_deref())),
            ("repository", is_given(package.repository.as_deref())),
            ("keywords", !package.keywords.is_empty()),
            ("categories", !package.categories.is_empty()),
        ];
        for (what, _) in rows.iter().filter(|(_, is_there)| !is_there) {
            findings.add(format!("{} is published and has no {what}", package.name));
        }
    }
}

fn is_given(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}
