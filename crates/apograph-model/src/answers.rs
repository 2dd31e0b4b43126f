//! What a repository answers.

use std::error::Error;

use apograph_format::{Epoch, Lsn, Point, WithCauses};
use apograph_io::Context;
use apograph_manifest::Target;
use apograph_repository::{Location, Repository};
use apograph_restore::{Options, VerifyOptions, restore, verify};
use apograph_testing::scratch::scratch;

use crate::hash::hash_of;

/// What a repository answers: one line for each question.
pub type Answers = Vec<String>;

/// An error with its causes.
pub(crate) fn told(error: impl Error + 'static) -> String {
    WithCauses(&error).to_string()
}

/// What a repository answers, with a number for the name of each segment.
pub(crate) fn unnamed_answers(repository: &Location, states: usize) -> Result<Answers, String> {
    let opened = Repository::open(repository, Context::default());
    let opened = opened.map_err(told)?;
    let names = opened.chain().entries().iter();
    let names: Vec<_> = names.map(|entry| entry.segment.file.to_string()).collect();
    let unnamed = |answer: String| {
        let numbered = names.iter().enumerate();
        numbered.fold(answer, |answer, (index, name)| {
            answer.replace(name, &format!("segment {index}"))
        })
    };
    Ok(answers(repository, states)?
        .into_iter()
        .map(unnamed)
        .collect())
}

pub(crate) fn compare(with: &Answers, other: &Answers, when: &str) -> Result<(), String> {
    let mut lines = with.iter().zip(other);
    match lines.find(|(line, other)| line != other) {
        None if with.len() == other.len() => Ok(()),
        None => Err(format!("{} answers, {when} {}", with.len(), other.len())),
        Some((line, other)) => Err(format!("{line}\n{when}: {other}")),
    }
}

/// What a repository answers.
///
/// # Errors
///
/// Where it cannot be opened.
pub fn answers(repository: impl Into<Location>, states: usize) -> Result<Answers, String> {
    let (repository, context) = (&repository.into(), Context::default());
    let opened = Repository::open(repository, context).map_err(told)?;
    let chain = opened.chain();
    let mut answers = vec![
        format!("points {:?}", chain.restorable()),
        format!("positions {:?}", chain.restorable_lsns()),
        format!("gaps {:?}", chain.gaps().collect::<Vec<_>>()),
    ];
    answers.extend(chain.entries().iter().map(|entry| {
        let name = &entry.segment.file;
        format!("{name} {:?} {}", entry.unusable, entry.is_counted)
    }));
    let options = VerifyOptions::default();
    let verified = verify(repository, &options, context).map_err(told)?;
    answers.push(format!("problems {:?}", verified.problems));
    let points = chain.restorable().into_iter().flat_map(|range| {
        let epochs = range.from.get()..=range.to.get();
        epochs.map(move |epoch| Target::Point(Point::new(range.timeline, Epoch::new(epoch)).into()))
    });
    let points: Vec<_> = points.collect();
    let ends = chain.restorable_lsns().into_iter();
    let ends = ends.flat_map(|range| [range.from, range.to]);
    let ends = ends.map(|lsn: Lsn| Target::Lsn(lsn));
    let step = points.len().div_ceil(states.max(1)).max(1);
    let offered = points.into_iter().step_by(step).chain(ends);
    for target in std::iter::once(Target::Latest).chain(offered) {
        answers.push(format!("{target}: {}", state(repository, target)?));
    }
    Ok(answers)
}

/// The hash of what a target restores to, or the error.
fn state(repository: &Location, target: Target) -> Result<String, String> {
    let folder = scratch().map_err(told)?;
    let output = folder.path().join("out.grafeo");
    let options = Options::to(target);
    if let Err(error) = restore(repository, &output, &options, Context::default()) {
        return Ok(format!("{} {}", error.code(), WithCauses(&error)));
    }
    hash_of(folder.path()).map_err(told)
}
