//! Times, in the JSON report.

use super::super::spectrum::{self, Point};
use crate::{histogram::Latencies, plan::Plan, record::Tally};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Micros {
    avg: u64,
    p50: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p90: Option<u64>,
    p99: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p999: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<u64>,
}

/// What counts as the latency of this run, then the times that were measured, each with its histogram.
#[derive(Serialize)]
pub(super) struct Latency {
    #[serde(flatten)]
    headline: Spectrum,
    /// From the send.
    service: Measured,
    /// From the intended start; a closed loop has none.
    response: Option<Measured>,
    /// With --percentiles, of the headline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percentiles: Vec<Point>,
}

#[derive(Serialize)]
pub(crate) struct Measured {
    #[serde(flatten)]
    spectrum: Spectrum,
    /// HdrHistogram V2, deflated, base64; the unit is ns.
    hdr: String,
}

#[derive(Serialize)]
pub(crate) struct Spectrum {
    count: u64,
    min: u64,
    mean: u64,
    stdev: u64,
    max: u64,
    p50: u64,
    p75: u64,
    p90: u64,
    p99: u64,
    p99_9: Option<u64>,
    p99_99: Option<u64>,
}

impl Micros {
    pub(crate) fn short(latencies: &Latencies) -> Self {
        let micros = |part| latencies.quantile(part) / 1000;
        Self {
            avg: latencies.mean() / 1000,
            p50: micros(0.5),
            p90: None,
            p99: micros(0.99),
            p999: None,
            samples: None,
        }
    }

    pub(crate) fn whole(latencies: &Latencies) -> Self {
        let micros = |part| Some(latencies.quantile(part) / 1000);
        Self {
            p90: micros(0.9),
            p999: micros(0.999),
            samples: Some(latencies.count()),
            ..Self::short(latencies)
        }
    }
}

impl Spectrum {
    pub(crate) fn new(latencies: &Latencies) -> Self {
        Self {
            count: latencies.count(),
            min: latencies.min(),
            mean: latencies.mean(),
            stdev: latencies.stdev() as u64,
            max: latencies.max(),
            p50: latencies.quantile(0.5),
            p75: latencies.quantile(0.75),
            p90: latencies.quantile(0.9),
            p99: latencies.quantile(0.99),
            p99_9: latencies.supported_quantile(0.999),
            p99_99: latencies.supported_quantile(0.9999),
        }
    }
}

impl Measured {
    pub(crate) fn new(latencies: &Latencies) -> Self {
        Self {
            spectrum: Spectrum::new(latencies),
            hdr: latencies.to_base64(),
        }
    }
}

impl Latency {
    pub(super) fn new(plan: &Plan, tally: &Tally) -> Self {
        Self {
            headline: Spectrum::new(tally.headline()),
            service: Measured::new(&tally.latencies),
            response: tally
                .open
                .as_ref()
                .map(|open| Measured::new(&open.response)),
            percentiles: spectrum::points(&plan.percentiles, tally.headline()),
        }
    }
}
