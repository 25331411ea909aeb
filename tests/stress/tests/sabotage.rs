//! Each check of the stress program is seen to fail: something is broken on purpose, and the run must
//! end with the message of that check.

use std::process::{Command, Output};

/// What is broken, the scenes it is broken in, and what must be told.
const BROKEN: &[(&str, &str, &str)] = &[
    ("leak", "tree", "it hangs"),
    ("hang", "tree", "it hangs"),
    ("leftover", "tree", "a task was left behind"),
    ("stuck", "tree", "the shutdown found what had not ended"),
    ("lost", "tree", "a task was lost"),
    ("lose-item", "queue::every", "items that were not delivered exactly once"),
    ("lose-item", "queue::nothing", "items are lost"),
    ("double-item", "queue::every", "items that were not delivered exactly once"),
    ("swap-items", "queue", "items have changed places"),
    ("forge-permit", "semaphore::permits", "permits are held"),
    ("lose-permit", "semaphore::permits", "permits do not add up"),
    ("skip-lock", "locks::a_mutex", "two are inside a lock"),
    ("overtake", "lines", "somebody was overtaken"),
    ("wake-early", "timers::nobody", "a sleep of"),
    ("skip-value", "channels::a_watch", "somebody has not seen the last value"),
    ("skip-value", "channels::a_broadcast", "values of a broadcast are lost"),
    ("orphan", "groups::a_group", "a child has outlived its group"),
    ("forget-job", "blocking", "jobs have run uncounted"),
    ("flip-byte", "sockets", "a byte has changed on its way"),
    ("double-party", "signals::a_barrier", "somebody passes a barrier too early"),
];

fn stress(arguments: &[&str]) -> Output {
    // With these the sabotage shows at once; a run without any ends by itself.
    let patience = ["--seed", "1", "--seconds", "20", "--patience", "4"];
    let program = env!("CARGO_BIN_EXE_stress");
    Command::new(program).args(patience).args(arguments).output().unwrap()
}

#[test]
fn every_check_can_fail() {
    for (sabotage, scene, message) in BROKEN {
        let output = stress(&["--sabotage", sabotage, "--only", scene]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{sabotage} in {scene} was not noticed");
        assert!(told.contains(message), "{sabotage} in {scene} was noticed as\n{told}");
        assert!(
            told.contains("seed 1, round"),
            "the seed of {sabotage} is not told ({}):\n{told}",
            output.status
        );
    }
}

#[test]
fn a_scene_that_does_not_exist_is_no_success() {
    let output = stress(&["--only", "no such scene"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("tree::grows_and_is_cut"), "the scenes are not told:\n{told}");
}
