//! Engines that are held in the middle of what they do, by strace: `cargo xtask lives` runs these.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use apograph_interop::EngineGeneration;

use crate::lives::{DB, live};

for_each_generation!(a_checkpoint_that_is_held,);

/// Each of its syncs takes four seconds, and a backup falls into each.
fn a_checkpoint_that_is_held(generation: EngineGeneration) {
    const HELD: Duration = Duration::from_secs(4);
    let held = |sync: u32| {
        live(generation.into(), [1, 1, 1], |world| {
            world.insert(DB, 0..2);
            world.back_up(DB, "one");
            world.insert(DB, 2..4);
            let mut holder = hold(world.engine(DB).id(), "fsync,fdatasync", sync, HELD);
            world.back_up_in_a_checkpoint(DB, "one", HELD / 2);
            let _ = holder.kill();
            let _ = holder.wait();
            world.back_up(DB, "one");
            world.insert(DB, 4..6);
            world.back_up(DB, "one");
        });
    };
    thread::scope(|scope| {
        for sync in 1..=4 {
            scope.spawn(move || held(sync));
        }
    });
}

/// Lets a process wait at one of its next calls of these kinds.
pub(crate) fn hold(process: u32, calls: &str, number: u32, held: Duration) -> Child {
    let delay = held.as_micros();
    inject(process, calls, number, &format!("delay_enter={delay}"))
}

/// Lets strace do this to a process at one of its next calls of these kinds.
pub(crate) fn inject(process: u32, calls: &str, number: u32, what: &str) -> Child {
    let inject = format!("inject={calls}:{what}:when={number}");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", &format!("trace={calls}"), "-e", &inject]);
    strace.args(["-p", &process.to_string()]);
    let mut strace = strace
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace is installed");
    let mut said = BufReader::new(strace.stderr.take().expect("it is piped"));
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("attached"), "{line}");
    // It goes on to say what it sees.
    thread::spawn(move || io::copy(&mut said, &mut io::sink()));
    strace
}
