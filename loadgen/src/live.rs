//! What is shown of a run while it goes on: on a terminal, on standard error, and nothing that stays there.

mod board;
mod figures;
mod line;
mod plot;
mod screen;
mod terminal;

pub(crate) use board::{Board, Counts, Errors};
pub(crate) use figures::Figures;

use crate::{
    clock::{self, NEVER, Nanos},
    duration::display,
    error::Failure,
    plan::Plan,
    signals::Stop,
    watch::Sample,
};
use screen::Facts;
use std::{
    io::{self, Write},
    time::Duration,
};
use terminal::Terminal;

/// How it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Display {
    #[default]
    Nothing,
    /// A line that is written over every second.
    Line,
    /// The whole screen, with as many bars in its histogram.
    Screen { buckets: usize },
}

const LINE_EVERY: Nanos = 1_000_000_000;
const SCREEN_EVERY: Nanos = 200_000_000;

/// The part of the run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before --start-at.
    Waiting {
        left: Nanos,
    },
    Connecting,
    /// Nothing is measured yet.
    WarmUp {
        left: Nanos,
    },
    Window {
        passed: Nanos,
        whole: Nanos,
        /// With -n: how many of how many.
        answered: Option<(u64, u64)>,
    },
}

impl Stage {
    /// Part of the window that is over.
    fn part(&self) -> f64 {
        let Self::Window {
            passed,
            whole,
            answered,
        } = self
        else {
            return 0.0;
        };
        let of = |part: u64, whole: u64| {
            if whole > 0 {
                part as f64 / whole as f64
            } else {
                0.0
            }
        };
        let answered = answered.map_or(0.0, |(answered, all)| of(answered, all));
        of(*passed, *whole).max(answered).min(1.0)
    }
}

fn stage_text(stage: &Stage) -> String {
    let seconds = |nanos: Nanos| display(Duration::from_secs(nanos / 1_000_000_000));
    match stage {
        Stage::Waiting { left } => format!("waiting to begin, {} left", seconds(*left)),
        Stage::Connecting => "connecting".into(),
        Stage::WarmUp { left } => format!("warming up, {} left", seconds(*left)),
        Stage::Window {
            passed,
            whole,
            answered,
        } => {
            let whole = Duration::from_nanos(*whole);
            let text = format!("measuring, {} of {}", seconds(*passed), display(whole));
            match answered {
                Some((answered, all)) => format!("{text}, {answered} of {all} requests"),
                None => text,
            }
        }
    }
}

/// Shows one run.
#[derive(Debug)]
pub(crate) struct Live<'r> {
    board: &'r Board,
    figures: Figures,
    view: View,
    facts: Facts,
    /// When to show it next.
    due: Nanos,
    /// Of the window, once it is known.
    start: Option<Nanos>,
    duration: Nanos,
    requests: Option<u64>,
    start_at: Option<Nanos>,
}

#[derive(Debug)]
enum View {
    Line {
        is_shown: bool,
    },
    Screen(Terminal),
    /// The terminal is gone; the run goes on.
    Lost,
}

impl<'r> Live<'r> {
    /// Takes over the terminal, when the whole of it is wanted.
    pub(crate) fn new(plan: &Plan, board: &'r Board) -> Result<Option<Self>, Failure> {
        let view = match plan.display {
            Display::Nothing => return Ok(None),
            Display::Line => View::Line { is_shown: false },
            Display::Screen { .. } => View::Screen(Terminal::take().map_err(|error| {
                Failure::Machine(format!("--tui: the terminal cannot be taken over: {error}"))
            })?),
        };
        Ok(Some(Self {
            board,
            figures: Figures::new(board)?,
            view,
            facts: Facts::new(plan),
            due: 0,
            start: None,
            duration: clock::nanos(plan.duration),
            requests: plan.requests,
            start_at: plan.start_at.map(crate::start_at::instant),
        }))
    }

    /// The window will begin then.
    pub(crate) fn announce(&mut self, start: Nanos) {
        self.start = Some(start);
        self.due = self.due.min(start);
    }

    /// When to call [`turn`](Self::turn) next.
    pub(crate) fn due(&self) -> Nanos {
        match self.view {
            View::Lost => NEVER,
            _ => self.due,
        }
    }

    /// Shows how it goes, when it is time. A key may end the run.
    pub(crate) fn turn(&mut self, now: Nanos, server: Option<&Sample>) -> Option<Stop> {
        if now < self.due() {
            return None;
        }
        let every = match self.view {
            View::Screen(_) => SCREEN_EVERY,
            _ => LINE_EVERY,
        };
        self.due = now - now.saturating_sub(self.start.unwrap_or(now)) % every + every;
        let stage = self.stage(now);
        if let Some(start) = self.start.filter(|start| now > *start) {
            // What cannot be read is not shown; the result does not depend on it.
            let _ = self.figures.look(self.board, start, now);
        }
        let shown = match &mut self.view {
            View::Line { is_shown } => {
                *is_shown = true;
                let (width, _) = terminal::size(io::stderr());
                let line = line::line(&self.figures, &stage, width);
                write!(io::stderr(), "\r{line}\x1b[K")
            }
            View::Screen(terminal) => {
                if terminal.wants_to_quit() {
                    return Some(Stop::Interrupted);
                }
                let size = terminal.size();
                terminal.show(&screen::frame(
                    &self.figures,
                    &stage,
                    &self.facts,
                    server,
                    size,
                ))
            }
            View::Lost => Ok(()),
        };
        if shown.is_err() {
            self.view = View::Lost;
        }
        None
    }

    fn stage(&self, now: Nanos) -> Stage {
        match (self.start, self.start_at) {
            (Some(start), _) if now >= start => Stage::Window {
                passed: now - start,
                whole: self.duration,
                answered: self.requests.map(|all| (self.figures.answers, all)),
            },
            (_, Some(start)) => Stage::Waiting {
                left: start.saturating_sub(now),
            },
            (Some(start), None) => Stage::WarmUp { left: start - now },
            (None, None) => Stage::Connecting,
        }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        if let View::Line { is_shown: true } = self.view {
            // Whatever comes next begins where the line was.
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn stages_say_how_far_they_are() {
        let window = |answered| Stage::Window {
            passed: 5 * SECOND + 9,
            whole: 90 * SECOND,
            answered,
        };
        assert_eq!(stage_text(&window(None)), "measuring, 5s of 90s");
        let limited = window(Some((10, 40)));
        assert_eq!(
            stage_text(&limited),
            "measuring, 5s of 90s, 10 of 40 requests"
        );
        assert_eq!(limited.part(), 0.25);
        let waiting = Stage::Waiting { left: 3 * SECOND };
        assert_eq!(stage_text(&waiting), "waiting to begin, 3s left");
        assert_eq!(waiting.part(), 0.0);
    }

    /// The arena's scripts take the first match of these, and may see both streams as one.
    #[test]
    fn no_stage_looks_like_a_result() {
        let stages = [
            Stage::Waiting { left: 1 },
            Stage::Connecting,
            Stage::WarmUp { left: 1 },
            Stage::Window {
                passed: 1,
                whole: 2,
                answered: Some((1, 2)),
            },
        ];
        for text in stages.iter().map(stage_text) {
            for word in [
                "Latency",
                "requests in",
                "responses",
                "2xx=",
                "Reconnects: ",
                "Bandwidth:",
            ] {
                assert!(!text.contains(word), "{text}");
            }
        }
    }
}
