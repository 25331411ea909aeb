//! `cargo xtask mutants`: the negative controls of the models. Each seeded bug must make its model
//! fail, or the model proves nothing.
//!
//! The bugs are data, in `tests/models/mutants`; the shipped source knows nothing of them. They are
//! put into a copy of the tree, all at once and each behind a question that is asked at run time,
//! so that one build serves them all:
//!
//! ```text
//!  list      the bugs, read and checked        tests/models/mutants/*.toml
//!  wrap      one file, with its bugs in it     fence(SeqCst);  ->  if seeded(17) {} else { fence(SeqCst); }
//!  tree      the copy, and its build           target/mutants/tree
//!  trial     one bug against its model         WINDLASS_SEEDED=17 models --one MODEL weak
//!  table     what came of it
//! ```
//!
//! A bug that `if` cannot express (a pattern, a constant) is `alone`: it costs a build of its own.
//! A bug that `survives` is there to say what the models do *not* prove; that it is still not caught
//! is checked too, so that the list stays true.

mod list;
mod table;
mod tree;
mod trial;
mod wrap;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use list::Bug;
use tree::Tree;
use trial::Verdict;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Seed bugs into the code and see each make its model fail.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only the bugs whose name or model contains one of these.
    names: Vec<String>,
    /// Read the lists and check that every bug has its place and its model; build nothing.
    #[arg(long)]
    check: bool,
    /// Do not see first that without a bug no model fails.
    #[arg(long)]
    skip_sanity: bool,
    /// Do not try the bugs that are expected to survive.
    #[arg(long)]
    skip_survivors: bool,
    /// Write the rows to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the rows to this file as a table for a document.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn main(arguments: &Arguments) -> ExitCode {
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if every bug did what its list says.
fn run(arguments: &Arguments) -> Result<bool> {
    let begun = Instant::now();
    let bugs = list::read(root())?;
    list::check(root(), &bugs)?;
    let unproven = list::models_without_a_bug(&bugs, &list::models(root())?);
    if arguments.check {
        println!("{} bugs, each with its place and its model", bugs.len());
        return Ok(report_unproven(&unproven));
    }
    let wanted = |bug: &&Bug| {
        let named = |name: &String| bug.name.contains(name) || bug.model.contains(name);
        (arguments.names.is_empty() || arguments.names.iter().any(named))
            && !(arguments.skip_survivors && bug.survives.is_some())
    };
    let chosen: Vec<&Bug> = bugs.iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err("no bug and no model of a bug has such a name".into());
    }
    let tree = Tree::copy(root(), &bugs)?;
    let models = tree.build()?;
    compare_with_the_registry(&models)?;
    println!("built in {:.0} s", begun.elapsed().as_secs_f64());
    if !arguments.skip_sanity {
        let of: BTreeSet<&str> = chosen.iter().map(|bug| bug.model.as_str()).collect();
        trial::sanity(&models, &of, &tree.logs())?;
        println!(
            "without a bug none of {} models fails, {:.0} s",
            of.len(),
            begun.elapsed().as_secs_f64()
        );
    }
    let (alone, together): (Vec<&Bug>, Vec<&Bug>) = chosen.iter().partition(|bug| bug.alone);
    let mut verdicts = trial::all(&models, &together, &tree.logs())?;
    for bug in alone {
        let models = tree.build_with(bug)?;
        verdicts.extend(trial::all(&models, &[bug], &tree.logs())?);
    }
    verdicts.sort_by_key(|verdict| verdict.number);
    table::print(&verdicts);
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&verdicts)? + "\n")?;
    }
    if let Some(path) = &arguments.markdown {
        std::fs::write(path, table::markdown(&verdicts))?;
    }
    println!("total: {:.0} s", begun.elapsed().as_secs_f64());
    let proven = !arguments.names.is_empty() || report_unproven(&unproven);
    Ok(verdicts.iter().all(Verdict::is_as_expected) && proven)
}

/// Says which models no bug makes fail; true if there is none.
fn report_unproven(models: &[String]) -> bool {
    for model in models {
        println!("no bug names the model {model}");
    }
    models.is_empty()
}

/// The names are read from the sources, which needs no build; here the program itself is asked.
fn compare_with_the_registry(models: &Path) -> Result<()> {
    let read = list::models(root())?;
    let registered = trial::registered(models)?;
    let stray = read.symmetric_difference(&registered).next();
    match stray {
        None => Ok(()),
        Some(name) => Err(format!(
            "`models --list` and the names in tests/models/*.rs differ in {name}: is it written \
             in a way that list::models does not read?"
        )
        .into()),
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies two folders deep")
}
