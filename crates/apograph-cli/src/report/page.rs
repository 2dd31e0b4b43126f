//! The page of a report: one file that loads nothing.
//!
//! Its policy lets no script and no style act but those in it, which are known by their hashes: so
//! what a name holds is text, also if something forgot to escape it. The script makes the picture and
//! the table of the data in the page; how the repository stands is there without it.

use apograph_operate::RepositoryReport;
use apograph_repository::Location;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::columns::Columns;
use super::facts;
use super::html::{escaped, within_script};
use crate::display;

/// What every page begins with.
pub(super) const HEAD: &str = "<!doctype html>\n<!-- made by apograph report -->\n";

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// In the order in which they need each other.
const SCRIPTS: [&str; 7] = [
    include_str!("page/data.js"),
    include_str!("page/layout.js"),
    include_str!("page/pens.js"),
    include_str!("page/card.js"),
    include_str!("page/picture.js"),
    include_str!("page/charts.js"),
    include_str!("page/table.js"),
];

/// What stands in the places of the template.
pub(super) struct Page {
    places: [(&'static str, String); 10],
}

impl Page {
    /// The page of a report on what is at a place.
    pub(super) fn of(report: &RepositoryReport<'_>, location: &Location) -> Self {
        let name = location.to_string();
        let restore = format!("apograph restore {} copy.grafeo", shell_words::quote(&name));
        let columns = Columns::of(report, restore);
        let data = serde_json::to_string(&columns).unwrap_or_default();
        let script = format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPTS.concat());
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; \
             form-action 'none'",
            hash(&script),
            hash(STYLE)
        );
        Self {
            places: [
                ("policy", policy),
                ("style", STYLE.to_owned()),
                ("script", script),
                ("data", within_script(&data)),
                ("title", escaped(&display::plain(title(&name)))),
                ("name", escaped(&display::plain(&name))),
                ("verdict", facts::verdict(report)),
                ("facts", facts::facts(report)),
                ("gaps", facts::gaps(report)),
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ],
        }
    }

    /// The file. What stands in a place is not looked at for places.
    pub(super) fn html(&self) -> String {
        let mut html = HEAD.to_owned();
        let mut pieces = TEMPLATE.split("{{");
        html.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (place, rest) = piece.split_once("}}").unwrap_or(("", piece));
            let found = self.places.iter().find(|(name, _)| *name == place);
            html.push_str(found.map_or("", |(_, text)| text));
            html.push_str(rest);
        }
        html
    }
}

/// What a place is called: its last part.
fn title(name: &str) -> &str {
    let name = name.trim_end_matches('/');
    name.rsplit('/').next().unwrap_or(name)
}

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
