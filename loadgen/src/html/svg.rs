//! Charts as inline SVG. Lengths are those of the view box, which a page scales.

use maud::{Markup, PreEscaped, html};
use std::fmt::Write;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 36.0;
/// Colours that the style sheet has.
pub(super) const COLOURS: usize = 6;

/// From values to lengths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

/// What an axis shows.
pub(super) struct Axis {
    pub scale: Scale,
    pub title: &'static str,
    pub label: fn(f64) -> String,
}

/// A line of a chart.
pub(super) struct Line {
    pub points: Vec<(f64, f64)>,
    /// Number of its colour.
    pub colour: usize,
    pub dashed: bool,
}

impl Scale {
    /// From 0 to at least `high`.
    pub(super) fn from_zero(high: f64) -> Self {
        let high = if high > 0.0 { high * 1.05 } else { 1.0 };
        Self {
            low: 0.0,
            high,
            logarithmic: false,
        }
    }

    /// Exactly from `low` to `high`.
    pub(super) fn linear(low: f64, high: f64) -> Self {
        Self {
            low,
            high: if high > low { high } else { low + 1.0 },
            logarithmic: false,
        }
    }

    /// Logarithmic, from a 1-2-5 step at or below `low` to one at or above `high`; both above 0.
    pub(super) fn logarithmic(low: f64, high: f64) -> Self {
        let low = step_down(low.max(f64::MIN_POSITIVE));
        let high = step_up(high.max(low * 2.0));
        Self {
            low,
            high,
            logarithmic: true,
        }
    }

    /// 0 to 1.
    fn part(self, value: f64) -> f64 {
        let part = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        part.clamp(0.0, 1.0)
    }

    fn ticks(self) -> Vec<f64> {
        if self.logarithmic {
            return self.logarithmic_ticks();
        }
        let rough = (self.high - self.low) / 4.0;
        let step = step_up(rough);
        let first = (self.low / step).ceil();
        let ticks = (0..20).map(|number| (first + f64::from(number)) * step);
        ticks
            .take_while(|tick| *tick <= self.high * 1.0001)
            .collect()
    }

    fn logarithmic_ticks(self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let factors: &[f64] = if decades < 2.5 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let mut ticks = Vec::new();
        let mut power = 10f64.powf(self.low.log10().floor());
        while power <= self.high * 1.0001 {
            ticks.extend(factors.iter().map(|factor| factor * power));
            power *= 10.0;
        }
        ticks.retain(|tick| *tick >= self.low * 0.9999 && *tick <= self.high * 1.0001);
        ticks
    }
}

/// The nearest 1, 2 or 5 times a power of ten.
fn step_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors
        .into_iter()
        .find(|factor| factor * power >= value * 0.9999);
    factor.unwrap_or(10.0) * power
}

fn step_down(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let factors = [5.0, 2.0, 1.0];
    let factor = factors
        .into_iter()
        .find(|factor| factor * power <= value * 1.0001);
    factor.unwrap_or(1.0) * power
}

fn x_of(scale: Scale, value: f64) -> f64 {
    LEFT + scale.part(value) * (WIDTH - LEFT - RIGHT)
}

fn y_of(scale: Scale, value: f64) -> f64 {
    HEIGHT - BOTTOM - scale.part(value) * (HEIGHT - TOP - BOTTOM)
}

/// A frame with both axes around `marks`.
fn frame(title: &str, x: &Axis, y: &Axis, marks: &Markup) -> Markup {
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
            @for tick in y.scale.ticks() {
                @let at = round(y_of(y.scale, tick));
                line class="grid" x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at) y2=(at) {}
                text x=(LEFT - 5.0) y=(at + 4.0) text-anchor="end" { ((y.label)(tick)) }
            }
            @for tick in x.scale.ticks() {
                @let at = round(x_of(x.scale, tick));
                line class="grid" x1=(at) x2=(at) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM + 4.0) {}
                text x=(at) y=(HEIGHT - BOTTOM + 16.0) text-anchor="middle" { ((x.label)(tick)) }
            }
            text x=(LEFT + (WIDTH - LEFT - RIGHT) / 2.0) y=(HEIGHT - 4.0) text-anchor="middle" { (x.title) }
            text x=(LEFT) y="10" { (y.title) }
            (marks)
        }
    }
}

/// Lines over two axes.
pub(super) fn lines(title: &str, x: &Axis, y: &Axis, lines: &[Line]) -> Markup {
    let marks = html! {
        @for line in lines {
            @let dash = if line.dashed { " dash" } else { "" };
            path class=(format!("mark k{}{dash}", line.colour % COLOURS)) d=(path(x.scale, y.scale, &line.points)) {}
        }
    };
    frame(title, x, y, &marks)
}

fn path(x: Scale, y: Scale, points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, point) in points.iter().enumerate() {
        let command = if number == 0 { 'M' } else { 'L' };
        // Writing to a string does not fail.
        let _ = write!(
            path,
            "{command}{} {}",
            round(x_of(x, point.0)),
            round(y_of(y, point.1))
        );
    }
    if let [(at, value)] = points {
        // A single point would not be seen.
        let _ = write!(
            path,
            "M{} {}h4",
            round(x_of(x, *at) - 2.0),
            round(y_of(y, *value))
        );
    }
    path
}

/// One cell of a heat map: its bounds, and how strong it is (0 to 1).
pub(super) struct Cell {
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub strength: f64,
}

/// Cells over two axes.
pub(super) fn heat(title: &str, x: &Axis, y: &Axis, cells: &[Cell]) -> Markup {
    let marks = html! {
        @for cell in cells {
            @let (left, right) = (x_of(x.scale, cell.x.0), x_of(x.scale, cell.x.1));
            @let (low, high) = (y_of(y.scale, cell.y.0), y_of(y.scale, cell.y.1));
            rect class="f0" x=(round(left)) y=(round(high)) width=(round(right - left)) height=(round(low - high))
                fill-opacity=(round(cell.strength)) {}
        }
    };
    frame(title, x, y, &marks)
}

/// A bar with its spread.
pub(super) struct Bar {
    pub name: String,
    pub value: f64,
    pub runs: Vec<f64>,
    pub shown: String,
    pub colour: usize,
}

/// Horizontal bars from zero; dots are single runs, the whisker reaches from the least to the most.
pub(super) fn bars(title: &str, bars: &[Bar]) -> Markup {
    const ROW: f64 = 44.0;
    let height = ROW * bars.len() as f64 + 4.0;
    let most = bars
        .iter()
        .flat_map(|bar| bar.runs.iter().copied().chain([bar.value]))
        .fold(0.0, f64::max);
    let scale = Scale::linear(0.0, most);
    let at = |value: f64| round(scale.part(value) * (WIDTH - 8.0));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(title) {
            @for (row, bar) in bars.iter().enumerate() {
                @let top = ROW * row as f64;
                @let middle = top + 29.0;
                text class="strong" x="0" y=(top + 13.0) { (shortened(&bar.name)) }
                text class="strong" x=(WIDTH - 2.0) y=(top + 13.0) text-anchor="end" { (bar.shown) }
                rect class=(format!("f{}", bar.colour % COLOURS)) x="0" y=(top + 19.0) width=(at(bar.value).max(1.0))
                    height="20" rx="2" {}
                @if bar.runs.len() > 1 {
                    @let least = at(bar.runs.iter().copied().fold(f64::MAX, f64::min));
                    @let most = at(bar.runs.iter().copied().fold(0.0, f64::max));
                    path class="whisker" d=(format!("M{least} {}v10M{most} {}v10M{least} {middle}H{most}", middle - 5.0, middle - 5.0)) {}
                    @for run in &bar.runs { circle class="dot" cx=(at(*run)) cy=(middle) r="2.4" {} }
                }
            }
        }
    }
}

/// What fits over a bar beside its value.
fn shortened(name: &str) -> String {
    const CHARS: usize = 44;
    if name.chars().count() <= CHARS {
        return name.into();
    }
    let kept: String = name.chars().take(CHARS - 1).collect();
    format!("{kept}…")
}

/// Colours and names, where there is more than one.
pub(super) fn legend(entries: &[(usize, String)]) -> Markup {
    if entries.len() < 2 {
        return PreEscaped(String::new());
    }
    html! {
        ul.legend {
            @for (colour, name) in entries {
                li { i class=(format!("f{}", colour % COLOURS)) {} (name) }
            }
        }
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(Scale::linear(0.0, 10.0).ticks(), [0.0, 5.0, 10.0]);
        assert_eq!(Scale::linear(0.0, 0.9).ticks().len(), 2);
        let ticks = Scale::logarithmic(3e4, 4e6).ticks();
        assert_eq!(ticks.len(), 8, "{ticks:?}");
        assert!((ticks[0] / 2e4 - 1.0).abs() < 1e-9);
        assert_eq!(Scale::logarithmic(1.0, 1e6).ticks().len(), 7);
    }

    #[test]
    fn any_value_lies_inside_the_frame() {
        for scale in [
            Scale::from_zero(0.0),
            Scale::logarithmic(0.0, 0.0),
            Scale::linear(5.0, 5.0),
        ] {
            for value in [-1.0, 0.0, 1e12] {
                let part = scale.part(value);
                assert!((0.0..=1.0).contains(&part), "{scale:?} {value} {part}");
            }
            assert!(scale.ticks().len() <= 20_000);
        }
    }
}
