//! The rules of the house, so that nobody has to argue about them.
//!
//! Each test here reads the sources of this repository and lists what breaks one rule, as
//! `file:line: what`. The checks are in the folder beside this file, each with a bad sample that it
//! has to find.

mod argument;
mod examples;
mod length;
mod manifest;
mod model_tables;
mod models;
mod names;
mod ordering;
mod reading;
mod safety;
mod semantics;
mod source;

use source::{Finding, Source, library, none, root, under};

/// Code lines of the library, tests aside; ARCHITECTURE.md says how this figure came about.
const WHOLE: usize = 18_000;
/// Code lines of the road a reader walks first.
const ROAD: usize = 6_000;
/// What lies beside that road: sockets and the helpers over them, signals, blocking pools, settings,
/// diagnosis, ticks, futures on top of tasks, and the end of a thread that tasks are bound to.
const BESIDE_THE_ROAD: [&str; 21] = [
    "timer/src/interval.rs",
    "reactor/src/net",
    "reactor/src/io",
    "reactor/src/signal.rs",
    "executor/src/blocking",
    "executor/src/builder.rs",
    "executor/src/config.rs",
    "executor/src/counters.rs",
    "executor/src/ends.rs",
    "executor/src/failure.rs",
    "executor/src/gather.rs",
    "executor/src/group",
    "executor/src/home.rs",
    "executor/src/inspect.rs",
    "executor/src/join_set.rs",
    "executor/src/report.rs",
    "executor/src/shield.rs",
    "executor/src/task/describe.rs",
    "executor/src/task_local.rs",
    "executor/src/time_limit.rs",
    "executor/src/wait.rs",
];
/// Compiled for the models only.
const MODELS_ONLY: [&str; 2] = ["sync/src/shim/modeled", "executor/src/deque/twin.rs"];
/// Workspace members that are not part of the library.
const OTHER_MEMBERS: [&str; 5] =
    ["compat", "examples/model_check", "examples/service", "tests/stress", "tests/xtask"];

/// Everything written in Rust here.
fn everything() -> Vec<Source> {
    let mut sources = library();
    sources.extend(under(&["tests", "macros/tests", "examples", "benches", "compat"]));
    sources
}

/// The library and the crates beside it that are written like it.
fn all_crates() -> Vec<Source> {
    let mut sources = library();
    sources.extend(under(&["compat/src"]));
    sources
}

fn each(sources: &[Source], check: fn(&Source) -> Vec<Finding>) -> Vec<Finding> {
    sources.iter().flat_map(check).collect()
}

#[test]
fn files_are_short() {
    none("320 code lines a file", each(&all_crates(), length::files));
}

#[test]
fn functions_are_short() {
    none("60 code lines a function", each(&all_crates(), length::functions));
}

#[test]
fn the_library_keeps_its_promise_of_size() {
    let mut total = 0;
    let mut road = 0;
    for source in library() {
        let is_under = |paths: &[&str]| paths.iter().any(|path| source.path.starts_with(path));
        if is_under(&MODELS_ONLY) {
            continue;
        }
        let lines = source.code.lines().zip(&source.test);
        let length = lines.filter(|(line, test)| !**test && !line.trim().is_empty()).count();
        total += length;
        if is_under(&["executor/", "reactor/", "timer/"]) && !is_under(&BESIDE_THE_ROAD) {
            road += length;
        }
    }
    println!("code lines: {total}, of them on the road: {road}");
    assert!(total < WHOLE, "the library has {total} code lines, it promises less than {WHOLE}");
    assert!(road < ROAD, "the road has {road} code lines, it promises less than {ROAD}");
    let architecture =
        std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    for (before, length) in [("| **together** | **", total), ("The road is kept,\nwith ", road)] {
        let said = architecture.split(before).nth(1).expect("ARCHITECTURE.md has the figure");
        let digits = said.chars().filter(|c| *c != ',').take_while(char::is_ascii_digit);
        let said: usize = digits.collect::<String>().parse().expect("a figure follows");
        let is_near = said.abs_diff(length) <= length / 100;
        assert!(is_near, "ARCHITECTURE.md says {said} code lines, there are {length}");
    }
}

#[test]
fn unsafe_lives_in_one_folder_and_rests_on_its_rules() {
    none("unsafe", unsafe_rests_on_rules(&library(), &safety::TASK));
}

#[test]
fn compat_has_two_unsafe_blocks_that_foreign_traits_demand() {
    let sources = under(&["compat/src"]);
    none("unsafe", unsafe_rests_on_rules(&sources, &safety::COMPAT));
    let blocks: usize = sources.iter().map(|source| safety::spellings(source).count()).sum();
    assert_eq!(blocks, safety::BLOCKS_IN_COMPAT);
}

fn unsafe_rests_on_rules(sources: &[Source], place: &safety::Place) -> Vec<Finding> {
    let list = sources.iter().filter(|source| source.path == place.rules);
    let rules: Vec<u32> = list.flat_map(safety::rules).collect();
    assert!(!rules.is_empty(), "{} lists no rules; has the list another shape now?", place.rules);
    sources.iter().flat_map(|source| safety::check(source, place, &rules)).collect()
}

#[test]
fn every_other_crate_forbids_unsafe() {
    let roots = library().into_iter().filter(|source| source.path.ends_with("src/lib.rs"));
    let roots = roots.filter(|source| source.path != "executor/src/lib.rs");
    let forbids = |source: &Source| source.code.contains("#![forbid(unsafe_code)]");
    let finding = |source: Source| source.finding(0, "`#![forbid(unsafe_code)]` is missing");
    none("unsafe", roots.filter(|source| !forbids(source)).map(finding).collect());
}

#[test]
fn every_atomic_operation_argues_for_its_ordering() {
    none("orderings", each(&library(), ordering::operations_are_argued));
}

#[test]
fn every_ordering_label_has_two_ends_and_a_row() {
    none("labels", ordering::labels_are_paired(&library()));
}

#[test]
fn the_private_cfg_is_spelled_in_three_files() {
    none("cfg(windlass_loom)", names::loom_spellings(&everything()));
}

#[test]
fn reading_names_every_source_file_once() {
    let text = std::fs::read_to_string(root().join("READING.md")).unwrap_or_default();
    let sources = all_crates();
    let is_read = |source: &&Source| !source.test.iter().all(|test| *test);
    let files: Vec<&str> =
        sources.iter().filter(is_read).map(|source| source.path.as_str()).collect();
    none("READING.md", reading::check(&text, &files));
}

#[test]
fn every_public_name_is_shown_in_use() {
    none("examples", examples::check(&library()));
}

#[test]
fn functions_say_how_they_end() {
    none("how it ends", examples::functions_say_how_they_end(&library()));
}

#[test]
fn the_tests_that_documents_name_are_there() {
    let names = semantics::names(&everything());
    let mut findings = Vec::new();
    for path in ["tests/semantics.md", "ARCHITECTURE.md", "README.md", "benches/README.md"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(!text.is_empty(), "{path} is missing");
        findings.extend(semantics::check(path, &text, &names));
        if path == "tests/semantics.md" {
            findings.extend(semantics::rows(path, &text));
        }
    }
    none("names of tests", findings);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    none("unwrap", each(&all_crates(), names::no_unwrap));
}

#[test]
fn what_threads_share_comes_from_the_shim() {
    none("the shim", each(&all_crates(), names::shared_things_come_from_the_shim));
    none("threads", each(&all_crates(), names::no_thread_is_started_below));
}

#[test]
fn imports_go_down_and_dependencies_are_the_agreed_ones() {
    let floors = manifest::FLOORS.iter();
    let mut findings: Vec<Finding> = floors
        .flat_map(|floor| {
            let (path, text) = manifest::read(floor.folder);
            manifest::check(floor, &path, &text)
        })
        .collect();
    findings.extend(manifest::members(&manifest::read("").1, &OTHER_MEMBERS));
    none("dependencies", findings);
}

#[test]
fn there_are_no_feature_flags() {
    none("features", each(&library(), names::no_features));
}

#[test]
fn nothing_is_left_undone() {
    none("left undone", each(&everything(), names::nothing_is_left_undone));
}

#[test]
fn every_model_names_the_mutation_that_it_catches() {
    let sources = under(&["tests/models"]);
    none("models", each(&sources, models::check));
    let rows: usize = sources.iter().map(models::count).sum();
    assert!(rows > 0, "no model is found; has the list another shape now?");
}

#[test]
fn the_readme_of_the_models_is_complete() {
    let text = std::fs::read_to_string(root().join("tests/models/README.md")).unwrap_or_default();
    let proved =
        under(&["tests/models"]).into_iter().filter(|source| !source.path.ends_with("/broken.rs"));
    let names: Vec<String> = proved.flat_map(|source| models::names(&source)).collect();
    none("tests/models/README.md", model_tables::check(&text, &library(), &names));
}

#[test]
fn every_seeded_bug_names_its_model() {
    let names: Vec<String> = under(&["tests/models"]).iter().flat_map(models::names).collect();
    none("tests/models/mutants", model_tables::seeded_bugs(&names));
}
