//! What the rules about names look at: all files, and what is said in documents and comments.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::files::{entries, read};

/// Folders that are made, and of nobody's hand.
const MADE: [&str; 4] = [".git", "target", "corpus", "artifacts"];

/// The files of the repository, and what they say.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// Their paths, from the root on.
    pub(super) files: Vec<PathBuf>,
    /// Documents, and the comments of each source file, one after the other.
    pub(super) texts: Vec<Text>,
    /// Every word of the code, outside of comments.
    pub(super) words: HashSet<String>,
    /// What stands between quotation marks in the code.
    pub(super) literals: HashSet<String>,
}

/// A document, or a comment.
#[derive(Debug)]
pub(super) struct Text {
    /// Its file, from the root on.
    pub(super) file: PathBuf,
    pub(super) content: String,
}

impl Workspace {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(root, root, &mut files)?;
        let mut workspace = Self {
            files: files.clone(),
            ..Self::default()
        };
        for file in files {
            match file.extension().and_then(|it| it.to_str()) {
                Some("rs") => workspace.add_source(file.clone(), &read(&root.join(&file))?),
                Some("md") => workspace.add(file.clone(), read(&root.join(&file))?),
                _ => {}
            }
        }
        Ok(workspace)
    }

    /// The documents of a name, as `docs/cli.md` or `cli.md`.
    pub(super) fn documents(&self, name: &str) -> impl Iterator<Item = &Text> {
        let texts = self.texts.iter();
        texts.filter(move |text| text.is_document() && text.file.ends_with(name))
    }

    /// Whether there is a file that ends with these parts.
    pub(super) fn has_file(&self, name: &str) -> bool {
        let name = name.trim_start_matches("./");
        self.files.iter().any(|file| file.ends_with(name))
    }

    pub(super) fn add(&mut self, file: PathBuf, content: String) {
        self.texts.push(Text { file, content });
    }

    pub(super) fn add_source(&mut self, file: PathBuf, source: &str) {
        let mut comment = String::new();
        for line in source.lines() {
            if let Some(said) = comment_of(line) {
                comment.push_str(said);
                comment.push(' ');
                continue;
            }
            if !comment.is_empty() {
                self.add(file.clone(), std::mem::take(&mut comment));
            }
            self.words.extend(words(line).map(str::to_owned));
            let literals = line.split('"').skip(1).step_by(2);
            self.literals.extend(literals.map(str::to_owned));
        }
        self.add(file, comment);
    }
}

impl Text {
    pub(super) fn is_document(&self) -> bool {
        self.file.extension().is_some_and(|it| it == "md")
    }

    /// Whether it tells what was, so that it may name what is no more.
    pub(super) fn is_of_the_past(&self) -> bool {
        self.file.ends_with("CHANGELOG.md")
    }

    /// What stands between backticks, outside of blocks.
    pub(super) fn spans(&self) -> impl Iterator<Item = &str> {
        let outside = self.content.split("```").step_by(2);
        outside.flat_map(|part| part.split('`').skip(1).step_by(2))
    }
}

/// What a line says that is only a comment.
pub(super) fn comment_of(line: &str) -> Option<&str> {
    let said = line.trim_start().strip_prefix("//")?;
    Some(said.trim_start_matches(['/', '!']).trim())
}

/// The names and keywords of a piece of code.
pub(super) fn words(code: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.split(move |letter| !is_part(letter))
        .filter(|word| !word.is_empty())
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if !path.is_dir() {
            files.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        } else if !MADE.iter().any(|made| path.ends_with(made)) {
            collect(root, &path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_code_are_told_apart() {
        let mut workspace = Workspace::default();
        let source =
            "//! Of `a.rs`,\n//! and more.\n\nconst B: &str = \"c-d\";\n/// E.\nfn f() {}\n";
        workspace.add_source("x.rs".into(), source);
        let said: Vec<_> = workspace.texts.iter().map(|it| it.content.trim()).collect();
        assert_eq!(said, ["Of `a.rs`, and more.", "E.", ""]);
        assert_eq!(workspace.texts[0].spans().collect::<Vec<_>>(), ["a.rs"]);
        assert!(workspace.literals.contains("c-d") && workspace.words.contains("B"));
        assert!(!workspace.words.contains("E"));
    }
}
