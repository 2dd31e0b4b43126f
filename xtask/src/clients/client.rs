//! A client in a process of its own, which is told what to do and can be killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::engine;
use super::install::{Installed, Language};
use crate::run::root;

/// A running client.
pub(super) struct Client {
    language: Language,
    process: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a client answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Done(Value),
    /// The release does not offer it.
    Absent,
    /// What the client said.
    Failed(String),
}

impl Client {
    pub(super) fn start(client: &Installed) -> Result<Self> {
        let language = client.release.language;
        let mut command = Command::new(&client.program);
        if let Some(driver) = language.driver() {
            command.arg(root().join("xtask/src/clients").join(driver));
        }
        let mut process = command
            .env("GRAFEO_CLIENT", &client.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", client.program.display()))?;
        let words = process.stdin.take().context("no standard input")?;
        let answers = process.stdout.take().context("no standard output")?;
        Ok(Self {
            language,
            process,
            words,
            answers: BufReader::new(answers),
        })
    }

    /// Says something and does not wait for the answer.
    pub(super) fn say(&mut self, words: &Value) -> Result<()> {
        for request in self.requests(words) {
            self.write(&request)?;
        }
        Ok(())
    }

    pub(super) fn ask(&mut self, words: &Value) -> Result<Answer> {
        let mut replies = Vec::new();
        for request in self.requests(words) {
            self.write(&request)?;
            match self.read(words)? {
                Answer::Done(reply) => replies.push(reply),
                answer => return Ok(answer),
            }
        }
        Ok(Answer::Done(match self.language {
            Language::Rust => engine::answer(words, &replies),
            Language::Python | Language::Node => replies.pop().unwrap_or_default(),
        }))
    }

    /// What is written for these words, each with an answer of its own.
    fn requests(&self, words: &Value) -> Vec<Value> {
        match self.language {
            Language::Rust => engine::requests(words),
            Language::Python | Language::Node => vec![words.clone()],
        }
    }

    fn write(&mut self, request: &Value) -> Result<()> {
        writeln!(self.words, "{request}").context("the client is gone")?;
        self.words.flush().context("the client is gone")
    }

    fn read(&mut self, words: &Value) -> Result<Answer> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("the client is gone")?;
        let answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("the client died at {words}, or said `{}`", line.trim()))?;
        if answer["absent"].is_string() {
            return Ok(Answer::Absent);
        }
        match answer["error"].as_str() {
            Some(error) => Ok(Answer::Failed(error.to_owned())),
            None => Ok(Answer::Done(answer["ok"].clone())),
        }
    }

    /// Opens a database, says what it holds once these statements have run, and closes it.
    pub(super) fn look(&mut self, path: &Path, feature: &str, statements: &Value) -> Result<Value> {
        let mut held = Value::Null;
        let mut all = vec![json!({"do": "open", "path": path, "feature": feature})];
        if statements.as_array().is_some_and(|it| !it.is_empty()) {
            all.push(json!({"do": "run", "statements": statements}));
        }
        all.extend([json!({"do": "dump"}), json!({"do": "close"})]);
        for words in all {
            match self.ask(&words)? {
                Answer::Done(answer) if words["do"] == "dump" => held = answer["held"].clone(),
                Answer::Failed(error) if words["do"] != "close" => {
                    return Ok(json!({"cannot": words["do"], "error": error}));
                }
                _ => {}
            }
        }
        Ok(held)
    }
}

impl Drop for Client {
    /// A client that is left is killed: what it has not written is lost.
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
