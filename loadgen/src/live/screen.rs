//! The whole screen, as lines that fit it.

use super::{
    Display, Figures, Stage,
    plot::{self, Join},
    stage_text,
};
use crate::{
    histogram::Latencies,
    plan::Plan,
    report::units::{bandwidth, bytes, count, latency},
    watch::Sample,
};
use std::env;

/// Left of the charts: their scale.
const SCALE: usize = 9;
/// The charts get no higher than this.
const GRAPH_ROWS_MAX: usize = 8;
const BAR: usize = 24;

/// What does not change during a run.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    target: String,
    load: String,
    templates: Vec<String>,
    buckets: usize,
    /// NO_COLOR is not set (no-color.org).
    colours: bool,
}

impl Facts {
    pub(super) fn new(plan: &Plan) -> Self {
        let model = match &plan.open {
            None => "closed loop".to_owned(),
            Some(open) => format!("open loop at {}/s, {}", open.rate, open.arrival),
        };
        let names = plan.templates.iter().map(|template| template.name.clone());
        Self {
            target: format!("{}{}", plan.target.authority, plan.target.path),
            load: format!(
                "{} connections, threads: {}, {} in flight on each, {model}",
                plan.connections, plan.threads, plan.depth
            ),
            templates: if plan.templates.len() > 1 {
                names.collect()
            } else {
                Vec::new()
            },
            buckets: match plan.display {
                Display::Screen { buckets } => buckets,
                _ => 0,
            },
            colours: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Strong,
    Bad,
}

/// Lines of the page as it is written; styles are of whole lines, so that cutting needs no care.
#[derive(Debug, Default)]
struct Page {
    lines: Vec<(Style, String)>,
}

impl Page {
    fn plain(&mut self, text: impl Into<String>) {
        self.lines.push((Style::Plain, text.into()));
    }

    fn strong(&mut self, text: impl Into<String>) {
        self.lines.push((Style::Strong, text.into()));
    }

    /// What does not fit is cut off. Characters that would move the cursor, which names of files may have, are none.
    fn cut(self, (width, height): (usize, usize), colours: bool) -> Vec<String> {
        let lines = self.lines.into_iter().take(height);
        let lines = lines.map(|(style, text)| {
            let text: String = text
                .chars()
                .map(|character| {
                    if character.is_control() {
                        '?'
                    } else {
                        character
                    }
                })
                .take(width)
                .collect();
            match style {
                Style::Plain => text,
                Style::Bad if colours => format!("\x1b[31m{text}\x1b[m"),
                Style::Strong | Style::Bad => format!("\x1b[1m{text}\x1b[m"),
            }
        });
        lines.collect()
    }
}

/// The screen.
pub(super) fn frame(
    figures: &Figures,
    stage: &Stage,
    facts: &Facts,
    server: Option<&Sample>,
    size: (usize, usize),
) -> Vec<String> {
    let (width, height) = size;
    let mut page = Page::default();
    let room = Room::of(height, facts, server.is_some());
    page.strong(format!(" loadgen  {}", facts.target));
    page.plain(format!(" {}", facts.load));
    let progress = plot::bar(stage.part(), BAR);
    page.plain(format!(" [{progress}] {}", stage_text(stage)));
    page.plain("");
    page.strong(format!(
        " {} answers/s, at most {}, {} so far, {}",
        count(figures.rate),
        count(figures.peak),
        figures.answers,
        bandwidth(figures.bytes_per_second)
    ));
    let rates: Vec<f64> = figures.history.iter().map(|point| point.rate).collect();
    chart(&mut page, &rates, Join::Mean, (width, room.graph), count);
    page.strong(format!(" {}", spectrum(&figures.latencies)));
    let tails: Vec<f64> = figures
        .history
        .iter()
        .map(|point| point.p99 as f64)
        .collect();
    chart(
        &mut page,
        &tails,
        Join::Most,
        (width, room.graph),
        |nanos| latency(nanos as u64),
    );
    distribution(&mut page, &figures.latencies, room.bars);
    tail(&mut page, figures, facts, server, room.templates);
    page.cut(size, facts.colours)
}

/// How the lines are divided.
struct Room {
    graph: usize,
    bars: usize,
    templates: usize,
}

impl Room {
    fn of(height: usize, facts: &Facts, server: bool) -> Self {
        // Everything but charts, bars and templates.
        let fixed = 11 + usize::from(server);
        let left = height.saturating_sub(fixed);
        let templates = facts.templates.len().min(left / 4);
        let bars = facts.buckets.min((left - templates) / 2);
        let graph = ((left - templates - bars) / 2).min(GRAPH_ROWS_MAX);
        Self {
            graph,
            bars,
            templates,
        }
    }
}

fn spectrum(latencies: &Latencies) -> String {
    if latencies.count() == 0 {
        return "no answer in the last second".into();
    }
    let part = |part| latency(latencies.quantile(part));
    format!(
        "p50 {}  p90 {}  p99 {}  p99.9 {}  max {} in the last second; p99 over time:",
        part(0.5),
        part(0.9),
        part(0.99),
        part(0.999),
        latency(latencies.max())
    )
}

fn chart(
    page: &mut Page,
    values: &[f64],
    join: Join,
    (width, height): (usize, usize),
    label: impl Fn(f64) -> String,
) {
    let columns = plot::columns(values, width.saturating_sub(SCALE + 2), join);
    let most = columns.iter().copied().fold(0.0, f64::max);
    let rows = plot::graph(&columns, height, most);
    for (number, row) in rows.iter().enumerate() {
        let scale = match number {
            0 => label(most),
            last if last + 1 == height => label(0.0),
            _ => String::new(),
        };
        page.plain(format!("{scale:>SCALE$} {row}"));
    }
}

/// Parts of the answers by how long they took, in steps of the same factor.
fn distribution(page: &mut Page, latencies: &Latencies, bars: usize) {
    let (least, most) = (latencies.min().max(1) as f64, latencies.max().max(1) as f64);
    let all = latencies.count();
    let mut counts = vec![0u64; bars];
    let factor = (most / least).max(1.0);
    for step in latencies.histogram().iter_recorded() {
        let place = (step.value_iterated_to() as f64 / least).ln() / factor.ln();
        let place = if place.is_finite() {
            place.clamp(0.0, 1.0)
        } else {
            0.0
        };
        let number = ((place * bars as f64) as usize).min(bars.saturating_sub(1));
        if let Some(count) = counts.get_mut(number) {
            *count += step.count_since_last_iteration();
        }
    }
    for (number, count) in counts.into_iter().enumerate() {
        if all == 0 {
            page.plain("");
            continue;
        }
        let bound = least * factor.powf((number + 1) as f64 / bars as f64);
        let part = count as f64 / all as f64;
        page.plain(format!(
            " <= {:>8} {} {:.1}%",
            latency(bound as u64),
            plot::bar(part, BAR),
            part * 100.0
        ));
    }
}

fn tail(
    page: &mut Page,
    figures: &Figures,
    facts: &Facts,
    server: Option<&Sample>,
    templates: usize,
) {
    let codes = figures
        .codes
        .iter()
        .map(|(code, count)| format!("{code} x {count}"));
    page.plain(format!(
        " Status     {}",
        codes.collect::<Vec<_>>().join(", ")
    ));
    let errors = &figures.errors;
    page.lines.push((
        if errors.total() > 0 {
            Style::Bad
        } else {
            Style::Plain
        },
        format!(
            " Errors     connect {}, read {}, timeout {}, wrong {}, unsolicited {}; {} reconnects",
            errors.connect,
            errors.read,
            errors.timeout,
            errors.wrong,
            errors.unsolicited,
            figures.reconnects
        ),
    ));
    let rows = facts
        .templates
        .iter()
        .zip(&figures.templates)
        .take(templates);
    for (name, (answers, rate)) in rows {
        page.plain(format!(
            " Template   {}/s, {answers} in all  {name}",
            count(*rate)
        ));
    }
    let busiest = figures.busy.iter().copied().fold(0.0, f64::max);
    page.plain(format!(
        " Client     busiest thread {:.0}%",
        busiest * 100.0
    ));
    if let Some(sample) = server {
        page.plain(format!(
            " Server     {:.2} CPUs used, {}",
            sample.cpu_cores,
            bytes(sample.rss_bytes)
        ));
    }
    page.plain("");
    page.plain(" q ends the run and prints what was measured");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Board;

    fn facts() -> Facts {
        Facts {
            target: "h:80/".into(),
            load: "2 connections".into(),
            templates: vec!["a.raw".into(), "b\x1b[2J.raw".into()],
            buckets: 10,
            colours: true,
        }
    }

    fn figures() -> Figures {
        let board = Board::new(1);
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(micros * 1000, 1);
        }
        let mut slot = board.slot(0).unwrap();
        slot.at = 2_000_000_000;
        slot.counts.answers = 1000;
        slot.counts.codes = vec![(200, 990), (503, 10)];
        slot.counts.templates = vec![600, 400];
        slot.counts.errors.wrong = 10;
        slot.latencies.push(latencies.put_away());
        drop(slot);
        let mut figures = Figures::new(&board).unwrap();
        figures.look(&board, 1_000_000_000, 2_000_000_000).unwrap();
        figures
    }

    fn window() -> Stage {
        Stage::Window {
            passed: 1_000_000_000,
            whole: 2_000_000_000,
            answered: None,
        }
    }

    #[test]
    fn everything_is_there_when_there_is_room() {
        let sample = Sample {
            t_ns: 1,
            cpu_cores: 1.5,
            rss_bytes: 1 << 20,
        };
        let lines = frame(&figures(), &window(), &facts(), Some(&sample), (100, 60));
        let text = lines.join("\n");
        for part in [
            "h:80/",
            "measuring, 1s of 2s",
            "1.00K answers/s",
            "p50 500us",
            "200 x 990, 503 x 10",
            "wrong 10",
            "600/s, 600 in all  a.raw",
            "1.50 CPUs used, 1.0MiB",
            "q ends",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches(" <= ").count(), 10);
        assert!(text.contains("100.0%") || text.contains('▏'), "{text}");
        assert!(!text.contains("\x1b[2J"), "{text:?}");
    }

    #[test]
    fn it_fits_any_terminal() {
        let (figures, facts) = (figures(), facts());
        for size in [(1, 1), (20, 5), (40, 12), (80, 24), (300, 100)] {
            let lines = frame(&figures, &window(), &facts, None, size);
            assert!(lines.len() <= size.1, "{size:?}");
            for line in lines {
                let plain = line
                    .replace("\x1b[1m", "")
                    .replace("\x1b[31m", "")
                    .replace("\x1b[m", "");
                assert!(plain.chars().count() <= size.0, "{size:?}: {plain}");
            }
        }
        let lines = frame(&figures, &window(), &facts, None, (80, 24));
        assert!(lines.last().unwrap().contains("q ends"), "{lines:?}");
    }

    #[test]
    fn there_is_a_screen_before_the_first_answer() {
        let empty = Figures::new(&Board::new(1)).unwrap();
        let lines = frame(&empty, &Stage::Connecting, &facts(), None, (80, 24));
        assert!(lines.join("\n").contains("connecting"));
        assert!(lines.join("\n").contains("no answer in the last second"));
    }
}
