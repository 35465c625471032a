//! The percentiles that were asked for.

use super::units::latency;
use crate::{args::Percentile, histogram::Latencies};
use serde::Serialize;
use std::io::{self, Write};

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    pub percentile: f64,
    /// `None` when fewer than ten answers lie beyond it.
    pub ns: Option<u64>,
}

pub(crate) fn points(percentiles: &[Percentile], latencies: &Latencies) -> Vec<Point> {
    let points = percentiles.iter().map(|percentile| Point {
        percentile: percentile.value(),
        ns: value(*percentile, latencies),
    });
    points.collect()
}

/// The largest value is known however few there are.
fn value(percentile: Percentile, latencies: &Latencies) -> Option<u64> {
    if percentile.part() < 1.0 {
        latencies.supported_quantile(percentile.part())
    } else {
        (latencies.count() > 0).then(|| latencies.max())
    }
}

/// A row for each; in an open loop the service time stands beside the response time.
pub(super) fn text(
    out: &mut impl Write,
    percentiles: &[Percentile],
    headline: &Latencies,
    service: Option<&Latencies>,
) -> io::Result<()> {
    if percentiles.is_empty() {
        return Ok(());
    }
    let titles = match service {
        Some(_) => "response    service",
        None => " service",
    };
    writeln!(out, "  Spectrum: {titles}    longer")?;
    let shown =
        |percentile, latencies| value(percentile, latencies).map_or_else(|| "n/a".into(), latency);
    for percentile in percentiles {
        let beyond = (1.0 - percentile.part()) * headline.count() as f64;
        write!(
            out,
            "  {:>7}% {:>9}",
            percentile.to_string(),
            shown(*percentile, headline)
        )?;
        if let Some(service) = service {
            write!(out, "  {:>9}", shown(*percentile, service))?;
        }
        writeln!(out, "  {:>8.0}", beyond.floor())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_too_few_answers_tell_is_not_told() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(micros * 1000, 1);
        }
        let list = ["50", "99", "99.9", "100"].map(|text| Percentile::parse(text).unwrap());
        let values: Vec<Option<u64>> = points(&list, &latencies)
            .iter()
            .map(|point| point.ns)
            .collect();
        assert_eq!(values[2], None);
        assert_eq!(values[3], Some(latencies.max()));
        assert!(values[0].unwrap().abs_diff(500_000) < 1000 && values[1].is_some());
        let mut bytes = Vec::new();
        text(&mut bytes, &list, &latencies, Some(&latencies)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), 5);
        assert_eq!(text.matches("n/a").count(), 2);
        assert!(
            text.contains("     50%     500us      500us       500"),
            "{text}"
        );
        let empty = Latencies::new().unwrap();
        assert!(points(&list, &empty).iter().all(|point| point.ns.is_none()));
    }
}
