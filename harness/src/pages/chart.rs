//! Charts as SVG, drawn here so that the page needs nothing to draw them.

use maud::{Markup, html};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
/// Room for the axes' texts: left, right, top, bottom.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 38.0;

/// A line: its name, its colour's number, and points in units of the axes.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// An axis: its places between `low` and `high` in units that are drawn evenly.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Where a text stands, and the text.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// 0 at the low end, 1 at the high one.
    fn share(&self, value: f64) -> f64 {
        let span = (self.high - self.low).max(f64::EPSILON);
        ((value - self.low) / span).clamp(0.0, 1.0)
    }

    /// From 0 to a round number above `most`, with four or five ticks.
    pub(super) fn from_zero(title: &'static str, most: f64, text: impl Fn(f64) -> String) -> Self {
        let most = most.max(1.0);
        let magnitude = 10f64.powf((most / 4.0).log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| most / step <= 5.0)
            .unwrap_or(most);
        let count = (most / step).ceil();
        Self {
            title,
            low: 0.0,
            high: count * step,
            ticks: (0..=count as u32)
                .map(|index| (f64::from(index) * step, text(f64::from(index) * step)))
                .collect(),
        }
    }

    /// Powers of ten around `low` and `high`; places are decimal logarithms.
    pub(super) fn powers(
        title: &'static str,
        low: f64,
        high: f64,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let first = low.max(1e-3).log10().floor();
        let last = high.max(1e-3).log10().ceil().max(first + 1.0);
        let count = (last - first) as u32;
        Self {
            title,
            low: first,
            high: last,
            ticks: (0..=count)
                .map(|index| first + f64::from(index))
                .map(|power| (power, text(10f64.powf(power))))
                .collect(),
        }
    }
}

fn place(x: &Axis, y: &Axis, point: (f64, f64)) -> (f64, f64) {
    (
        LEFT + x.share(point.0) * (WIDTH - LEFT - RIGHT),
        HEIGHT - BOTTOM - y.share(point.1) * (HEIGHT - TOP - BOTTOM),
    )
}

/// Lines over two axes; points are marked if they are few.
pub(super) fn lines(label: &str, x: &Axis, y: &Axis, lines: &[Line]) -> Markup {
    let (left, bottom) = place(x, y, (x.low, y.low));
    let (right, top) = place(x, y, (x.high, y.high));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            @for (value, text) in &y.ticks {
                @let height = place(x, y, (x.low, *value)).1;
                line.grid x1=(left) x2=(right) y1=(height) y2=(height) {}
                text x=(left - 6.0) y=(height + 4.0) text-anchor="end" { (text) }
            }
            @for (index, (value, text)) in x.ticks.iter().enumerate() {
                @let across = place(x, y, (*value, y.low)).0;
                line.grid x1=(across) x2=(across) y1=(bottom) y2=(bottom + 4.0) {}
                @let anchor = if index == 0 { "start" } else if index + 1 == x.ticks.len() { "end" } else { "middle" };
                text x=(across) y=(bottom + 17.0) text-anchor=(anchor) { (text) }
            }
            text x=(right) y=(HEIGHT - 4.0) text-anchor="end" { (x.title) }
            text x=(left + 6.0) y=(top + 10.0) { (y.title) }
            @for line in lines {
                path class=(format!("mark {}", class(line.colour))) d=(path(x, y, &line.points)) {
                    title { (line.name) }
                }
                @if line.points.len() < 20 {
                    @for point in &line.points {
                        @let (across, height) = place(x, y, *point);
                        circle class=(format!("dot {}", class(line.colour))) cx=(number(across)) cy=(number(height)) r="3" {
                            title { (line.name) }
                        }
                    }
                }
            }
        }
    }
}

fn path(x: &Axis, y: &Axis, points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let (across, height) = place(x, y, *point);
        let verb = if index == 0 { 'M' } else { 'L' };
        path += &format!("{verb}{} {}", number(across), number(height));
    }
    path
}

/// A bar from 0 with a whisker over `range`, in parts of `most`.
pub(super) fn bar(colour: usize, value: f64, range: Option<(f64, f64)>, most: f64) -> Markup {
    let across = |value: f64| number((value / most.max(f64::EPSILON)).clamp(0.0, 1.0) * 118.0);
    html! {
        svg.bar viewBox="0 0 120 16" aria-hidden="true" {
            rect class=(class(colour)) x="0" y="3" width=(across(value)) height="10" rx="1.5" {}
            @if let Some((low, high)) = range {
                path.whisker d=(format!("M{0} 8H{1}M{0} 5v6M{1} 5v6", across(low), across(high))) {}
            }
        }
    }
}

/// Eight colours, then the same with another pattern.
pub(super) fn class(colour: usize) -> String {
    let again = if colour / 8 % 2 == 1 { " again" } else { "" };
    format!("c{}{again}", colour % 8)
}

/// Two decimals are a hundredth of a pixel.
fn number(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let axis = Axis::from_zero("x", 187_000.0, |value| format!("{value}"));
        assert_eq!((axis.high, axis.ticks.len()), (200_000.0, 5));
        assert_eq!(
            Axis::from_zero("x", 0.0, |value| format!("{value}")).high,
            1.0
        );
        let axis = Axis::powers("us", 90.0, 12_000.0, |value| format!("{value}"));
        let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["10", "100", "1000", "10000", "100000"]);
    }

    #[test]
    fn names_are_escaped_and_points_stay_inside() {
        let axis = |title| Axis::from_zero(title, 10.0, |value| format!("{value}"));
        let line = Line {
            name: "<script>".into(),
            colour: 9,
            points: vec![(0.0, 99.0), (99.0, -5.0)],
        };
        let svg = lines("a \"label\"", &axis("x"), &axis("y"), &[line]).into_string();
        assert!(
            svg.contains("&lt;script&gt;") && !svg.contains("<script>"),
            "{svg}"
        );
        assert!(svg.contains("a &quot;label&quot;"), "{svg}");
        assert!(svg.contains("d=\"M64.00 10.00L466.00 202.00\""), "{svg}");
    }
}
