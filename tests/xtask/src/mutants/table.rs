//! The verdicts, as a table for the eye and one for a document.

use super::trial::Verdict;

/// Prints a row for each bug, and the sums.
pub fn print(verdicts: &[Verdict]) {
    let width = |of: fn(&Verdict) -> usize| verdicts.iter().map(of).max().unwrap_or(0);
    let bugs = width(|verdict| verdict.bug.len());
    let models = width(|verdict| verdict.model.len());
    println!(
        "\n{:bugs$}  {:models$}  {:<12}  {:<12}  {:>10}",
        "bug", "model", "caught", "mode", "executions"
    );
    for verdict in verdicts {
        let (mode, executions) = (verdict.mode.unwrap_or("-"), executions(verdict));
        println!(
            "{:bugs$}  {:models$}  {:<12}  {mode:<12}  {executions:>10}",
            verdict.bug,
            verdict.model,
            caught(verdict)
        );
    }
    println!();
    for verdict in verdicts.iter().filter(|verdict| !verdict.is_as_expected()) {
        println!("NOT AS EXPECTED: {}: {}: {}", verdict.bug, verdict.what, advice(verdict));
    }
    let caught = verdicts.iter().filter(|verdict| verdict.caught).count();
    let as_expected = verdicts.iter().filter(|verdict| verdict.is_as_expected()).count();
    let unexpected = verdicts.len() - as_expected;
    let survived = verdicts.len() - caught;
    println!("bugs: {caught} caught, {survived} not caught, {unexpected} not as expected");
}

/// The rows for a document.
pub fn markdown(verdicts: &[Verdict]) -> String {
    let mut text = String::from("| bug | what | model | caught | mode | executions |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for verdict in verdicts {
        let cells = [
            &format!("`{}`", verdict.bug),
            &verdict.what,
            &format!("`{}`", verdict.model),
            &match &verdict.survives {
                Some(why) => format!("{}: {why}", caught(verdict)),
                None => caught(verdict).to_owned(),
            },
            verdict.mode.unwrap_or("-"),
            &executions(verdict),
        ]
        .map(|cell: &str| cell.replace('|', "\\|").replace('\n', " "));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn caught(verdict: &Verdict) -> &'static str {
    match (verdict.caught, &verdict.survives, verdict.out_of_time) {
        (true, _, _) => "yes",
        (false, _, true) => "no: time",
        (false, Some(_), false) => "no, expected",
        (false, None, false) => "no",
    }
}

fn executions(verdict: &Verdict) -> String {
    match verdict.executions {
        Some(executions) => executions.to_string(),
        None => String::from(if verdict.caught { "?" } else { "-" }),
    }
}

fn advice(verdict: &Verdict) -> &'static str {
    match (verdict.caught, verdict.out_of_time) {
        (true, _) => "its model fails, so it does not survive; remove `survives`",
        (false, true) => "the model takes too long; give it a smaller bound or another model",
        (false, false) => {
            "its model passes: the model is blind to it, or it is harmless (then say so in \
             `survives`)"
        }
    }
}
