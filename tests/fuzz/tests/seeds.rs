//! Every kept input, and some noise, through every target, without a fuzzer.

use std::path::Path;

use fuzz::{lines, parsers, queue, wheel};

/// Runs every input of a folder; that is what a fuzzer does first.
fn run_all(folder: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(folder);
    let mut inputs = 0;
    for input in folder.read_dir().unwrap() {
        let path = input.unwrap().path();
        println!("{}", path.display());
        target(&std::fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

/// Random bytes, the same in every run.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let length = usize::from(next()) * 2;
    (0..length).map(|_| next()).collect()
}

fn run_noise(target: fn(&[u8])) {
    (0..2_000).for_each(|seed| target(&noise(seed)));
}

#[test]
fn the_wheel_does_what_a_map_does_for_every_seed_and_for_noise() {
    run_all("wheel", wheel::run);
    run_noise(wheel::run);
}

#[test]
fn the_queues_keep_their_rules_for_every_seed_and_for_noise() {
    run_all("queue", queue::run);
    run_noise(queue::run);
}

#[test]
fn the_parsers_answer_for_every_seed_and_for_noise() {
    run_all("macros", parsers::run);
    run_noise(parsers::run);
}

#[test]
fn the_readers_read_every_seed_and_noise_as_it_is() {
    run_all("lines", lines::run);
    run_noise(lines::run);
}
