//! A callgrind profile: its total, and where the instructions went.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// Functions that take nearly all of the run with their callees are `main` and what is around it.
const AROUND: f64 = 0.97;

/// The instructions of the whole run.
pub fn total(profile: &Path, text: &str) -> Result<f64, String> {
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|number| number.trim().parse().ok());
    total.ok_or_else(|| format!("{}: no total", profile.display()))
}

/// Prints three lists in instructions per operation: functions with what they call, functions
/// alone (with what is inlined into them), and lines of source.
pub fn print(profile: &Path, operations: f64, top: usize) -> Result<(), String> {
    let text = read(profile)?;
    let alone = sums(&text, |place| place.function.to_owned());
    let by_line = sums(&text, |place| format!("{}:{}", short(place.file), place.line));
    let lists =
        [("functions with callees", with_callees(profile, &text)?), ("functions alone", alone)];
    for (title, list) in lists.into_iter().chain([("lines", by_line)]) {
        println!("  {title}:");
        let mut list: Vec<_> = list.into_iter().collect();
        list.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        for (name, cost) in list.into_iter().take(top) {
            println!("  {:>8.1}  {name}", cost / operations);
        }
    }
    Ok(())
}

/// Functions with what they call, as `callgrind_annotate` adds them up.
fn with_callees(profile: &Path, text: &str) -> Result<HashMap<String, f64>, String> {
    let mut annotate = Command::new("callgrind_annotate");
    annotate.args(["--auto=no", "--threshold=99", "--inclusive=yes"]).arg(profile);
    let output = annotate.output().map_err(|error| format!("callgrind_annotate: {error}"))?;
    let most = total(profile, text)? * AROUND;
    let mut costs: HashMap<String, f64> = HashMap::new();
    // "5,337,322 ( 9.58%)  file:function [object]": once for each file that the function has
    // inlined code of, the greatest figure being that of the whole.
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((cost, rest)) = line.trim().split_once(" (") else { continue };
        let Some((_, place)) = rest.split_once("%)  ") else { continue };
        let name = place.split_once(':').map_or(place, |(_, name)| name);
        let name = name.split(" [").next().unwrap_or(name);
        if let Ok(cost) = cost.replace(',', "").parse::<f64>()
            && cost < most
        {
            let known = costs.entry(name.to_owned()).or_default();
            *known = known.max(cost);
        }
    }
    Ok(costs)
}

/// Where instructions were executed.
struct Place<'a> {
    function: &'a str,
    file: &'a str,
    line: u32,
}

/// The cost of each place, added up by what `name` calls it; without what is called from there.
fn sums(text: &str, name: impl Fn(&Place) -> String) -> HashMap<String, f64> {
    let mut costs = HashMap::new();
    let mut place = Place { function: "", file: "", line: 0 };
    let mut of_call = false;
    for line in text.lines() {
        let file = ["fl=", "fi=", "fe="].iter().find_map(|key| line.strip_prefix(key));
        if let Some(file) = file {
            place.file = file;
        } else if let Some(function) = line.strip_prefix("fn=") {
            place.function = function;
        } else if line.starts_with("calls=") {
            of_call = true; // the next line is what the callee took
        } else if line.starts_with("0x") && !std::mem::take(&mut of_call) {
            // Address, line, cost.
            let mut numbers = line.split(' ').skip(1).map(str::parse::<u32>);
            let (Some(Ok(number)), Some(Ok(cost))) = (numbers.next(), numbers.next()) else {
                continue;
            };
            let cost = f64::from(cost);
            place.line = number;
            *costs.entry(name(&place)).or_default() += cost;
        }
    }
    costs
}

/// A path without the way to the repository, to the registry or to the standard library.
fn short(path: &str) -> String {
    let inside = Path::new(path).strip_prefix(crate::root()).ok().and_then(Path::to_str);
    let registry = || Some(path.split_once("/index.crates.io-")?.1.split_once('/')?.1);
    let standard = || Some(path.strip_prefix("/rustc/")?.split_once("/library/")?.1);
    inside.or_else(registry).or_else(standard).unwrap_or(path).to_owned()
}

pub fn read(profile: &Path) -> Result<String, String> {
    std::fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))
}
