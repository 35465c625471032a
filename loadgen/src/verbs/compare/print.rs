//! The comparison as text and as JSON.

use super::{Comparison, Metric, judge::Unit};
use crate::report::units;
use std::io::{self, Write};

pub(super) fn json(out: &mut dyn Write, comparison: &Comparison) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, comparison)?;
    writeln!(out)
}

pub(super) fn text(out: &mut dyn Write, comparison: &Comparison) -> io::Result<()> {
    let Comparison { a, b, pairs, .. } = comparison;
    let noun = if *pairs == 1 { "pair" } else { "pairs" };
    writeln!(out, "loadgen compare   A = {a}, B = {b}, {pairs} {noun}\n")?;
    writeln!(
        out,
        "  {:<18} {:>10} {:>10} {:>7}  {:<16} {:>7}  verdict on B",
        "", "A", "B", "B/A", "95% interval", "p"
    )?;
    for metric in &comparison.metrics {
        let Metric { ratio, .. } = metric;
        writeln!(
            out,
            "  {:<18} {:>10} {:>10} {:>7.3}  {:<16} {:>7}  {}",
            metric.name,
            value(metric.unit, metric.median_a),
            value(metric.unit, metric.median_b),
            ratio.value,
            format!("[{:.3}, {:.3}]", ratio.low, ratio.high),
            probability(metric.p_holm),
            metric.verdict
        )?;
    }
    writeln!(out)?;
    let floors = comparison.metrics.iter().filter_map(|metric| {
        let floor = metric.noise_floor?;
        Some(format!("{} ±{:.1}%", metric.name, floor * 100.0))
    });
    let floors: Vec<String> = floors.collect();
    if !floors.is_empty() {
        writeln!(
            out,
            "  A/A noise floor ({}): {}",
            comparison.noise,
            floors.join(", ")
        )?;
    }
    writeln!(out, "  Test:     {}", comparison.test)?;
    writeln!(out, "  Interval: {}", comparison.interval)?;
    for note in &comparison.notes {
        writeln!(out, "  Note:     {note}")?;
    }
    Ok(())
}

fn value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::PerSecond => units::count(value),
        Unit::Nanoseconds => units::latency(value as u64),
        Unit::Microseconds => format!("{value:.2}us"),
    }
}

fn probability(p: f64) -> String {
    if p < 0.0005 {
        "<0.001".into()
    } else {
        format!("{p:.3}")
    }
}
