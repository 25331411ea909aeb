//! The plot: a bar for each figure, from 1 to its ratio against the better peer, on a log scale.

use crate::catalogue::{ROWS, Target};
use crate::figures::{Figures, Ratio};

const ROW_HEIGHT: f64 = 18.0;
const BAR_HEIGHT: f64 = 10.0;
/// Room for the names on the left, for the figures on the right, and for the scale above.
const NAMES: f64 = 160.0;
const FIGURES: f64 = 110.0;
const SCALE: f64 = 44.0;
const BARS: f64 = 450.0;
/// What the bars can show; a ratio beyond ends at the edge.
const RANGE: (f64, f64) = (0.02, 5.0);
const TICKS: [f64; 8] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// Two sets of colours: the reader's own choice of light or dark decides.
const STYLE: &str = "\
text { font: 12px sans-serif; fill: #1f2328 } .small { font-size: 11px; fill: #59636e }
.grid { stroke: #d1d9e0 } .one { stroke: #59636e } .range { stroke: #1f2328 }
.ahead { fill: #2da44e } .behind { fill: #d4622a } .target { stroke: #8250df; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 }
  .grid { stroke: #3d444d } .one { stroke: #9198a1 } .range { stroke: #f0f6fc }
  .ahead { fill: #3fb950 } .behind { fill: #f0883e } .target { stroke: #ab7df8 }
}";

/// The whole picture.
pub fn svg(figures: &Figures) -> String {
    let bars: Vec<Bar> = bars(figures);
    let (width, height) = (NAMES + BARS + FIGURES, SCALE + ROW_HEIGHT * bars.len() as f64 + 8.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height:.0}\" width=\"{width}\" height=\"{height:.0}\">\n<style>\n{STYLE}\n</style>\n"
    );
    let subject = figures.runtimes.first().map_or("", String::as_str);
    svg.push_str(&text(
        NAMES,
        14.0,
        "small",
        "start",
        &format!("{subject} / better peer, log scale: left of 1 is ahead; line: range of the rounds; violet: target"),
    ));
    for tick in TICKS {
        let class = if tick == 1.0 { "one" } else { "grid" };
        svg.push_str(&line(class, (x(tick), SCALE - 6.0), (x(tick), height - 4.0)));
        svg.push_str(&text(x(tick), SCALE - 12.0, "small", "middle", &tick.to_string()));
    }
    for (index, bar) in bars.iter().enumerate() {
        bar.draw(&mut svg, SCALE + ROW_HEIGHT * index as f64);
    }
    svg.push_str("</svg>\n");
    svg
}

struct Bar {
    name: &'static str,
    peer: String,
    ratio: Ratio,
    target: Option<f64>,
}

fn bars(figures: &Figures) -> Vec<Bar> {
    let mut bars = Vec::new();
    for row in ROWS {
        for metric in row.metrics {
            let best = figures.against_best_peer(metric.name, row.more_is_better);
            let Some((peer, ratio)) = best else { continue };
            // The others are not on this scale.
            let target = match metric.target {
                Some(Target::Peers(limit)) => Some(limit),
                _ => None,
            };
            bars.push(Bar { name: metric.name, peer: peer.to_owned(), ratio, target });
        }
    }
    bars
}

impl Bar {
    fn draw(&self, svg: &mut String, top: f64) {
        let Ratio { median, low, high } = self.ratio;
        let middle = top + ROW_HEIGHT / 2.0;
        let (left, right) = (x(median.min(1.0)), x(median.max(1.0)));
        let class = if median <= 1.0 { "ahead" } else { "behind" };
        svg.push_str(&text(NAMES - 8.0, middle + 4.0, "", "end", self.name));
        svg.push_str(&format!(
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\"/>\n",
            middle - BAR_HEIGHT / 2.0,
            (right - left).max(1.0),
        ));
        svg.push_str(&line("range", (x(low), middle), (x(high), middle)));
        if let Some(target) = self.target {
            svg.push_str(&line("target", (x(target), middle - 8.0), (x(target), middle + 8.0)));
        }
        let figure = format!("{median:.2} ({})", self.peer);
        svg.push_str(&text(NAMES + BARS + 10.0, middle + 4.0, "", "start", &figure));
    }
}

/// Where a ratio lies.
fn x(ratio: f64) -> f64 {
    let (from, to) = RANGE;
    let share = (ratio.clamp(from, to) / from).ln() / (to / from).ln();
    NAMES + share * BARS
}

fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    let (x1, y1, x2, y2) = (from.0, from.1, to.0, to.1);
    format!(
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
    )
}

fn text(x: f64, y: f64, class: &str, anchor: &str, words: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>\n"
    )
}
