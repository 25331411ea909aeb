//! The table: figures, ratios, targets.

use crate::catalogue::{Metric, ROWS, Row, Target};
use crate::figures::{Figures, Ratio};
use crate::{bare, python};

/// Rows that are further behind than this are marked.
const MARK_ABOVE: f64 = 1.5;

/// Where the figures were taken, as a list, and the table below it.
pub fn markdown(figures: &Figures) -> String {
    let head: Vec<String> = figures.head.iter().map(|line| format!("- {line}")).collect();
    let mut lines = vec![head.join("\n"), String::new()];
    let named =
        figures.runtimes.iter().map(String::as_str).filter(|name| !bare::NAMES.contains(name));
    let columns: Vec<&str> = named.chain(["bare"]).collect();
    let subject = columns[0];
    lines.push(format!(
        "| row | unit | {} | {subject} / best peer | range | / bare | target |",
        columns.join(" | ")
    ));
    lines.push(format!("|---|---|{}---|---|---|---|", "--:|".repeat(columns.len())));
    for row in ROWS {
        for metric in row.metrics.iter().filter(|metric| figures.has(metric.name)) {
            lines.push(line(figures, &columns, row, metric));
        }
    }
    lines.join("\n")
}

fn line(figures: &Figures, columns: &[&str], row: &Row, metric: &Metric) -> String {
    let better_bare = figures.better_bare(metric.name);
    let series = |name| if name == "bare" { better_bare } else { name };
    let medians = columns.iter().map(|name| match figures.median(metric.name, series(name)) {
        Some(figure) => written(figure),
        None if *name == "bare" && !row.has_bare() => String::new(),
        None if python::has(name) && !python::can(row) => String::new(),
        None if row.without.contains(name) => String::new(),
        None => "failed".to_owned(),
    });
    let medians: Vec<String> = medians.collect();
    let best = figures.against_best_peer(metric.name, row.more_is_better);
    let best = best.map_or(" | ".to_owned(), |(peer, ratio)| {
        let mark = if ratio.median > MARK_ABOVE { " **behind**" } else { "" };
        let Ratio { median, low, high } = ratio;
        format!("{median:.2} ({peer}){mark} | {low:.2}..{high:.2}")
    });
    let bare = figures.ratio(metric.name, columns[0], better_bare, row.more_is_better);
    let bare = bare.map_or(String::new(), |ratio| format!("{:.2}", ratio.median));
    let target = target(figures, row, metric).unwrap_or_default();
    let (name, unit) = (metric.name, metric.unit);
    format!("| {name} | {unit} | {} | {best} | {bare} | {target} |", medians.join(" | "))
}

/// The target, and whether it is met with the two digits that the table shows.
fn target(figures: &Figures, row: &Row, metric: &Metric) -> Option<String> {
    let against =
        |peer| figures.ratio(metric.name, figures.runtimes.first()?, peer, row.more_is_better);
    let (limit, of, ratio) = match metric.target? {
        Target::Peers(limit) => {
            let best = figures.against_best_peer(metric.name, row.more_is_better);
            (limit, "", best.map(|(_, ratio)| ratio))
        }
        Target::Tokio(limit) => (limit, " of tokio", against("tokio")),
        Target::Bare(limit) => (limit, " of bare", against(figures.better_bare(metric.name))),
    };
    let hundredths = |ratio: f64| (ratio * 100.0).round();
    let met = hundredths(ratio?.median) <= hundredths(limit);
    Some(format!("{limit:.2}{of} {}", if met { "✓" } else { "✗" }))
}

/// A figure with three digits that count, and commas between thousands.
fn written(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.2}");
    }
    if figure < 100.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
