//! Random stories happen to the library as they do to the model.
//!
//! `APOGRAPH_SEEDS=first-last` runs other seeds than those that every run takes; a failure names
//! its seed, and the story without whatever has no part in it.

use apograph_format::Generation;
use apograph_model::{Effort, Failure, MAX_OPS, Real, Story, check};
use fastrand::Rng;

/// Stories that every run takes, of each generation.
const STORIES: u64 = 300;
/// One in so many is a slow one.
const SLOW_EVERY: u64 = 60;

fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(range) = std::env::var("APOGRAPH_SEEDS") else {
        return 1..=STORIES;
    };
    let (first, last) = range.split_once('-').expect("APOGRAPH_SEEDS is FIRST-LAST");
    first.parse().expect("a first seed")..=last.parse().expect("a last seed")
}

fn story(generation: Generation, seed: u64) -> Story {
    let mut random = Rng::with_seed(seed);
    let length = random.usize(6..=3 * MAX_OPS);
    let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
    Story {
        generation,
        is_slow: seed.is_multiple_of(SLOW_EVERY),
        ..Story::decode(&bytes)
    }
}

/// The story without the things that it fails without, too.
fn shrunk(story: &Story, failure: Failure) -> (Story, Failure) {
    let (mut story, mut failure) = (story.clone(), failure);
    story.ops.truncate(failure.op + 1);
    let mut index = story.ops.len();
    while index > 0 {
        index -= 1;
        let mut shorter = story.clone();
        shorter.ops.remove(index);
        if let Err(still) = check(&shorter, &Real, Effort::ALL) {
            (story, failure) = (shorter, still);
            index = index.min(story.ops.len());
        }
    }
    (story, failure)
}

#[track_caller]
fn hold(generation: Generation) {
    for seed in seeds() {
        let story = story(generation, seed);
        if let Err(failure) = check(&story, &Real, Effort::ALL) {
            let (story, failure) = shrunk(&story, failure);
            panic!("seed {seed}: {failure}\n\n{story}");
        }
    }
}

#[test]
fn stories_of_generation_1_hold() {
    hold(Generation::One);
}

#[test]
fn stories_of_generation_2_hold() {
    hold(Generation::Two);
}
