//! What a document or a comment names is there: commands, codes, and what the code calls so.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;

use super::files::{read, rust_files};
use super::findings::Findings;
use super::workspace::{Text, Workspace, words};

/// Where the commands of `apograph` and their options are declared, with the files in the folder of
/// that name.
const ARGUMENTS: &str = "crates/apograph-cli/src/args.rs";
/// What others call so.
const OF_OTHERS: [&str; 8] = [
    "ExecStart",
    "LockFileEx",
    "PrivateTmp",
    "ProcSubset",
    "WatchdogSec",
    "crc-fast",
    "grafeo-wal-v2",
    "rust-version",
];

pub(super) fn check(
    root: &Path,
    workspace: &Workspace,
    xtask: &clap::Command,
    findings: &mut Findings,
) -> Result<()> {
    let mut arguments = read(&root.join(ARGUMENTS))?;
    for file in rust_files(&root.join(ARGUMENTS).with_extension(""))? {
        arguments.push_str(&read(&file)?);
    }
    let commands = Commands::of(xtask, &arguments);
    let texts = workspace.texts.iter();
    for text in texts.filter(|text| !text.is_of_the_past()) {
        check_text(text, workspace, &commands, findings);
    }
    Ok(())
}

/// What can be typed.
#[derive(Debug)]
struct Commands {
    /// After `cargo xtask`, with its options.
    xtask: Vec<(String, HashSet<String>)>,
    /// After `apograph`: commands and options, as the names in the code give them.
    apograph: HashSet<String>,
}

impl Commands {
    fn of(xtask: &clap::Command, arguments: &str) -> Self {
        let xtask = xtask.get_subcommands().map(|command| {
            let options = command.get_arguments().filter_map(|it| it.get_long());
            let options = options.map(str::to_owned).collect();
            (command.get_name().to_owned(), options)
        });
        let known = words(arguments).map(|word| word.replace('_', "-").to_lowercase());
        Self {
            xtask: xtask.collect(),
            apograph: known
                .chain(["help", "version"].map(str::to_owned))
                .collect(),
        }
    }

    /// What is wrong with a command line, if it is one of ours.
    fn wrong(&self, line: &str) -> Option<String> {
        let mut given = line.split('#').next()?.split_whitespace();
        let program = given.next()?;
        let rest: Vec<_> = given.collect();
        let option = |word: &str| {
            let name = word.trim_start_matches('[').strip_prefix("--")?;
            let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
            Some(name[..end.unwrap_or(name.len())].to_owned())
        };
        let is_word = |word: &&&str| word.bytes().all(|it| it.is_ascii_lowercase());
        let options = || rest.iter().filter_map(|word| option(word));
        match (program, rest.first()) {
            ("cargo", Some(&"xtask")) => {
                let name = rest.get(1).filter(is_word)?;
                let Some((_, known)) = self.xtask.iter().find(|(found, _)| found == *name) else {
                    return Some(format!("`cargo xtask {name}`"));
                };
                let unknown = options().find(|it| !it.is_empty() && !known.contains(it))?;
                Some(format!("`cargo xtask {name} --{unknown}`"))
            }
            ("apograph", Some(name)) if is_word(&name) => {
                if !self.apograph.contains(*name) {
                    return Some(format!("`apograph {name}`"));
                }
                let unknown = options().find(|it| !it.is_empty() && !self.apograph.contains(it))?;
                Some(format!("`apograph {name} --{unknown}`"))
            }
            _ => None,
        }
    }
}

fn check_text(text: &Text, workspace: &Workspace, commands: &Commands, findings: &mut Findings) {
    let name = text.file.display();
    let typed = text.content.lines().filter_map(|it| it.strip_prefix("$ "));
    for line in text.spans().chain(typed) {
        if let Some(wrong) = commands.wrong(line) {
            findings.add(format!("{name} names {wrong}, which is no command"));
        }
    }
    for span in text.spans().filter(|span| !OF_OTHERS.contains(span)) {
        if is_kebab(span) && !workspace.literals.contains(span) && !is_file(workspace, span) {
            findings.add(format!("{name} names {span}, which nothing says"));
        }
        let code = span.strip_suffix("()").unwrap_or(span);
        if is_code(code) && !words(code).all(|word| workspace.words.contains(word)) {
            findings.add(format!("{name} names {span}, which is no code"));
        }
    }
}

/// `chain-broken`, as error codes are written.
fn is_kebab(span: &str) -> bool {
    let is_part = |part: &str| {
        let is_letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        !part.is_empty() && part.bytes().all(is_letter)
    };
    span.contains('-')
        && span.starts_with(|it: char| it.is_ascii_lowercase())
        && span.split('-').all(is_part)
}

/// `Chain::plan` or `ChainPlan`.
fn is_code(span: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && part
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'_')
    };
    let humps = span.bytes().zip(span.bytes().skip(1));
    let humps = humps.filter(|(before, it)| before.is_ascii_lowercase() && it.is_ascii_uppercase());
    let is_path = span.contains("::");
    let is_hump = span.starts_with(|it: char| it.is_ascii_uppercase()) && humps.count() > 0;
    (is_path || is_hump) && span.split("::").all(is_name)
}

/// Whether a file or a folder has the name, with or without what follows the dot.
fn is_file(workspace: &Workspace, name: &str) -> bool {
    let mut parts = workspace.files.iter().flat_map(|file| file.iter());
    parts.any(|part| {
        let part = part.to_string_lossy();
        part == name || part.split('.').next() == Some(name)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::arguments::Arguments;

    #[track_caller]
    fn check_one(content: &str, expected: &[&str]) {
        let mut workspace = Workspace {
            files: vec!["crates/apograph-wal/src/lib.rs".into()],
            ..Workspace::default()
        };
        let source = "const CODE: &str = \"chain-broken\";\nimpl ChainPlan { fn of() {} }\n";
        workspace.add_source("a.rs".into(), source);
        workspace.add("b.md".into(), content.into());
        let arguments = "enum Command { Backup { limit_rate: u64 }, Rebuild }";
        let commands = Commands::of(&Arguments::command(), arguments);
        let mut findings = Findings::default();
        for text in &workspace.texts {
            check_text(text, &workspace, &commands, &mut findings);
        }
        assert_eq!(findings.0, expected);
    }

    #[test]
    fn a_command_that_there_is_not_is_found() {
        check_one(
            "`cargo xtask verify --long`, `cargo xtask faults [ROW] [--long]`",
            &[],
        );
        check_one(
            "`apograph backup DB [--limit-rate BYTES]`, `cargo test`",
            &[],
        );
        check_one(
            "`cargo xtask verfy`",
            &["b.md names `cargo xtask verfy`, which is no command"],
        );
        check_one(
            "```console\n$ cargo xtask lives --sedes 3   # some\n```",
            &["b.md names `cargo xtask lives --sedes`, which is no command"],
        );
        check_one(
            "`apograph prune REPO`, `apograph backup DB --rate 3`",
            &[
                "b.md names `apograph prune`, which is no command",
                "b.md names `apograph backup --rate`, which is no command",
            ],
        );
    }

    #[test]
    fn a_code_that_there_is_not_is_found() {
        check_one(
            "`chain-broken`, `apograph-wal`, `crc-fast`, `--level`, `a-B`",
            &[],
        );
        check_one(
            "The error `chain-torn`.",
            &["b.md names chain-torn, which nothing says"],
        );
        check_one("`ChainPlan::of`, `ChainPlan`, `Chain`, `of()`", &[]);
        check_one(
            "`ChainPlan::new()`, `BrokenChain`",
            &[
                "b.md names ChainPlan::new(), which is no code",
                "b.md names BrokenChain, which is no code",
            ],
        );
    }
}
