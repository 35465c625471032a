//! The percentile table that HdrHistogram's tools read and plot.

use crate::histogram::Latencies;
use std::io::{self, Write};

/// Rows for each halving of the distance to 100 %.
const TICKS: u32 = 5;
const MILLISECOND: f64 = 1e6;

/// Writes the table; values are milliseconds.
pub(crate) fn write(out: &mut dyn Write, latencies: &Latencies) -> io::Result<()> {
    let histogram = latencies.histogram();
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS) {
        total += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / MILLISECOND;
        let part = step.quantile_iterated_to();
        write!(out, "{value:12.6} {part:2.12} {total:10}")?;
        if part < 1.0 {
            writeln!(out, " {:14.2}", 1.0 / (1.0 - part))?;
        } else {
            writeln!(out)?;
        }
    }
    writeln!(
        out,
        "#[Mean    = {:12.6}, StdDeviation   = {:12.6}]",
        latencies.mean() as f64 / MILLISECOND,
        latencies.stdev() / MILLISECOND
    )?;
    writeln!(
        out,
        "#[Max     = {:12.6}, Total count    = {:12}]",
        latencies.max() as f64 / MILLISECOND,
        latencies.count()
    )?;
    writeln!(
        out,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        histogram.distinct_values() / usize::from(histogram.buckets()).max(1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_rise_to_all_values() {
        let mut latencies = Latencies::new().unwrap();
        for value in 1..=1000 {
            latencies.record(value * 1_000_000, 1);
        }
        let mut bytes = Vec::new();
        write(&mut bytes, &latencies).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let fields = line.split_whitespace();
                fields.map(|field| field.parse().unwrap()).collect()
            })
            .collect();
        assert!(rows.len() > 20, "{text}");
        for pair in rows.windows(2) {
            assert!(pair[0][0] <= pair[1][0] && pair[0][1] <= pair[1][1]);
            assert!(pair[0][2] <= pair[1][2]);
        }
        let last = rows.last().unwrap();
        assert_eq!((last[1], last[2]), (1.0, 1000.0));
        let median = rows.iter().find(|row| row[1] >= 0.5).unwrap();
        assert!((median[0] - 500.0).abs() < 1.0, "{median:?}");
        assert!(text.contains("Total count    =         1000"), "{text}");
    }
}
