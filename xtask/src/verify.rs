//! Everything that must hold before a change goes in, from the quick to the slow.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::driver;
use crate::metadata::packages;
use crate::run::{cargo, describe, root, run};
use crate::test_programs::run_tests;
use crate::tidy::tidy;

/// The example that the README begins with.
const OF_README: &str = "first_backup";

pub(crate) fn verify(is_long: bool) -> Result<()> {
    let begun = Instant::now();
    step("format", cargo(["fmt", "--all", "--check"]))?;
    step("format of engine-0.6", driver::format_newer())?;
    let mut lints = cargo(["clippy", "--workspace", "--all-targets"]);
    lints.args(["--", "-D", "warnings"]);
    step("lints", lints)?;
    // Together they are built with all that one of them asks for.
    let mut alone = cargo(["clippy", "--package", "apograph"]);
    alone.args(["--", "-D", "warnings"]);
    step("lints of the library without features", alone)?;
    let mut small = cargo(["clippy", "--package", "apograph-cli"]);
    small.args(["--no-default-features", "--", "-D", "warnings"]);
    step("lints of the command without features", small)?;
    step("lints of engine-0.6", driver::lint_newer()?)?;
    step("build of engine-0.6", driver::build_newer()?)?;
    step("tests of engine-0.6", driver::test_newer()?)?;
    println!("==> tests");
    timed("tests", || run_tests(is_long))?;
    let mut docs = cargo(["doc", "--workspace", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    step("docs", docs)?;
    step("examples", cargo(["build", "--workspace", "--examples"]))?;
    println!("==> first command of the README");
    timed("first command of the README", first_command)?;
    for (package, example) in runnable()? {
        let name = format!("example {example} of {package}");
        println!("==> {name}");
        timed(&name, || run_example(&example))?;
    }
    println!("==> tidy");
    timed("tidy", tidy)?;
    println!("verified in {}", minutes(begun.elapsed()));
    Ok(())
}

fn step(name: &str, mut command: Command) -> Result<()> {
    println!("==> {name}: {}", describe(&command));
    timed(name, || run(&mut command))
}

/// How long something took that takes minutes.
fn minutes(took: Duration) -> String {
    format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60)
}

fn timed(name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    step().with_context(|| format!("{name} failed"))?;
    println!("    {name}: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The examples of the published packages that run without arguments.
fn runnable() -> Result<Vec<(String, String)>> {
    let packages = packages()?;
    let published = packages.iter().filter(|package| package.is_published());
    let examples = published.flat_map(|package| {
        let own = package.examples();
        own.map(|example| (package.name.clone(), example.to_owned()))
    });
    let mut examples: Vec<_> = examples.collect();
    examples.retain(|(_, example)| example != OF_README);
    Ok(examples)
}

/// Runs what the README says to run first, as it stands there.
fn first_command() -> Result<()> {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let words = first_words(&text).context("the README has no command of cargo")?;
    ensure!(
        words.contains(&OF_README),
        "the README begins with another example: `cargo {}`",
        words.join(" ")
    );
    run(&mut cargo(words))
}

/// The words after `cargo` in the first command of a text, without what is said of it.
fn first_words(text: &str) -> Option<Vec<&str>> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("$ cargo "))?;
    Some(line.split('#').next()?.split_whitespace().collect())
}

/// Runs an example without arguments in an empty folder.
///
/// No package is named: cargo would choose the features of what it needs for that one alone, and
/// build it once more.
fn run_example(example: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut command = cargo(["run", "--quiet", "--example", example, "--manifest-path"]);
    command.arg(root().join("Cargo.toml"));
    run(command.current_dir(folder.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_command_is_taken_as_it_stands() {
        let text =
            "Text.\n\n```console\n$ cargo run -p a --example b    # does c\n$ cargo d\n```\n";
        let words = ["run", "-p", "a", "--example", "b"];
        assert_eq!(first_words(text).as_deref(), Some(&words[..]));
        assert_eq!(first_words("cargo run"), None);
    }

    #[test]
    fn minutes_are_told() {
        assert_eq!(minutes(Duration::from_millis(492_900)), "8 min 12 s");
    }
}
