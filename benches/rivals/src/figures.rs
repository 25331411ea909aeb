//! What a run of `compare` writes down, line by line, and what its figures say.
//!
//! ```text
//!   {"compare":"windlass,tokio,smol","workers":2,"rounds":5,"quick":false}
//!   {"head":"machine: ..."}                      several: where and with what
//!   {"round":1}                                  begins a round
//!   {"runtime":"tokio","workers":2,"metric":"spawn_join","unit":"ns/task","value":383.000}
//! ```

use std::collections::HashMap;

use crate::bare;
use crate::measure::{field, median, parse_json_line};

/// All that a log says.
#[derive(Debug, Default)]
pub struct Figures {
    /// The first one is compared with the others.
    pub runtimes: Vec<String>,
    /// Where and with what the figures were taken.
    pub head: Vec<String>,
    /// By metric and runtime, one per round; nothing where the child failed.
    series: HashMap<(String, String), Vec<Option<f64>>>,
    rounds: usize,
}

/// How many times worse one runtime is than another: above 1 is behind, whether the metric is a
/// cost or a rate.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Figures {
    /// What `text`, a log, says. Lines that it does not know are passed over.
    pub fn read(text: &str) -> Figures {
        let mut figures = Figures::default();
        for line in text.lines() {
            figures.take(line);
        }
        figures
    }

    fn take(&mut self, line: &str) {
        if let Some(runtimes) = field(line, "compare") {
            self.runtimes = runtimes.split(',').map(str::to_owned).collect();
            let known = |key| field(line, key).unwrap_or("?");
            let quick = if known("quick") == "true" { ", quick: NOT FIGURES TO QUOTE" } else { "" };
            let (workers, rounds) = (known("workers"), known("rounds"));
            self.head.push(format!("{workers} workers, medians of {rounds} rounds{quick}"));
        } else if let Some(text) = field(line, "head") {
            self.head.push(text.to_owned());
        } else if field(line, "round").is_some() {
            self.rounds += 1;
        } else if let Some((runtime, metric, value)) = parse_json_line(line) {
            let series = self.series.entry((metric.to_owned(), runtime.to_owned())).or_default();
            series.resize(self.rounds.max(1), None);
            series[self.rounds.max(1) - 1] = Some(value);
        }
    }

    /// Takes over the rows of a later log; the head says which they are.
    pub fn replace_with(&mut self, later: Figures) {
        let mut metrics: Vec<&str> = later.series.keys().map(|(metric, _)| &**metric).collect();
        metrics.sort_unstable();
        metrics.dedup();
        self.series.retain(|(metric, _), _| !metrics.contains(&&**metric));
        self.head.push(format!("measured apart from the others: {}", metrics.join(", ")));
        self.head.extend(later.head);
        self.series.extend(later.series);
    }

    /// Whether there is any figure of this metric.
    pub fn has(&self, metric: &str) -> bool {
        self.series.keys().any(|(known, _)| known == metric)
    }

    pub fn median(&self, metric: &str, runtime: &str) -> Option<f64> {
        let series = self.series.get(&(metric.to_owned(), runtime.to_owned()))?;
        let known: Vec<f64> = series.iter().copied().flatten().collect();
        (!known.is_empty()).then(|| median(known))
    }

    /// The ratios of the rounds in which both have a figure; nothing if there is none.
    pub fn ratio(
        &self,
        metric: &str,
        subject: &str,
        peer: &str,
        more_is_better: bool,
    ) -> Option<Ratio> {
        let series = |name: &str| self.series.get(&(metric.to_owned(), name.to_owned()));
        let pairs = series(subject)?.iter().zip(series(peer)?);
        let ratios = pairs.filter_map(|(subject, peer)| {
            let (subject, peer) = ((*subject)?, (*peer)?);
            let (above, below) = if more_is_better { (peer, subject) } else { (subject, peer) };
            // Nothing against nothing is a draw.
            Some(if above == below { 1.0 } else { above / below })
        });
        let ratios: Vec<f64> = ratios.collect();
        let low = ratios.iter().copied().reduce(f64::min)?;
        let high = ratios.iter().copied().reduce(f64::max)?;
        Some(Ratio { median: median(ratios), low, high })
    }

    /// The peer against which the subject does worst, and how.
    pub fn against_best_peer(&self, metric: &str, more_is_better: bool) -> Option<(&str, Ratio)> {
        let (subject, peers) = self.runtimes.split_first()?;
        let against = |peer| self.ratio(metric, subject, peer, more_is_better);
        let peers = peers.iter().filter(|peer| !bare::NAMES.contains(&&***peer));
        let ratios = peers.filter_map(|peer| Some((&**peer, against(peer)?)));
        ratios.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median))
    }

    /// The name of the bare loops that did better, by their medians: with two of them in each round,
    /// the better one of a round would be the one that the noise was kinder to.
    pub fn better_bare(&self, metric: &str) -> &'static str {
        let rate = |name: &&&str| self.median(metric, name).unwrap_or(0.0);
        let better = bare::NAMES.iter().max_by(|one, other| rate(one).total_cmp(&rate(other)));
        better.expect("there are two")
    }
}
