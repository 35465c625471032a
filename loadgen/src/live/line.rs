//! One line, a second at a time.

use super::{Figures, Stage, stage_text};
use crate::report::units::{count, latency};

/// The line, no wider than the terminal: what does not fit is left out whole, from the end.
pub(super) fn line(figures: &Figures, stage: &Stage, width: usize) -> String {
    let mut parts = vec![stage_text(stage)];
    if matches!(stage, Stage::Window { .. }) {
        parts.push(format!("{} answers/s", count(figures.rate)));
        if figures.latencies.count() > 0 {
            parts.push(format!("p50 {}", latency(figures.latencies.quantile(0.5))));
            parts.push(format!("p99 {}", latency(figures.latencies.quantile(0.99))));
        }
        parts.push(format!("{} errors", figures.errors.total()));
    }
    let mut line = String::new();
    for part in parts {
        // The last column is left free: what is written there makes some terminals begin a new line.
        if line.chars().count() + part.chars().count() + 2 >= width {
            break;
        }
        line.push_str("  ");
        line.push_str(&part);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Board;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let figures = Figures::new(&Board::new(1)).unwrap();
        let second = 1_000_000_000;
        let stage = Stage::Window {
            passed: 3 * second,
            whole: 10 * second,
            answered: None,
        };
        assert_eq!(
            line(&figures, &stage, 80),
            "  measuring, 3s of 10s  0 answers/s  0 errors"
        );
        assert_eq!(
            line(&figures, &stage, 40),
            "  measuring, 3s of 10s  0 answers/s"
        );
        assert_eq!(line(&figures, &stage, 10), "");
        assert_eq!(line(&figures, &Stage::Connecting, 80), "  connecting");
    }
}
