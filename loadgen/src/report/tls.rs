//! What reports say about TLS.

use super::{
    json::Measured,
    units::{latency, per},
};
use crate::{files::RunFile, plan::Plan, run::Outcome, tls::Tally};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// What stands in the place of a name where nothing was chosen.
const NONE: &str = "none";

/// In the JSON report.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    server_name: String,
    certificates_checked: bool,
    /// Handshakes that succeeded.
    full: u64,
    resumed: u64,
    /// Of those, by what they led to.
    versions: BTreeMap<&'a str, u64>,
    cipher_suites: BTreeMap<&'a str, u64>,
    key_exchanges: BTreeMap<&'a str, u64>,
    alpn: BTreeMap<&'a str, u64>,
    /// Connections that ended because of TLS, by kind.
    errors: BTreeMap<&'a str, u64>,
    closed_without_notify: u64,
    handshake: Measured,
}

impl<'a> Report<'a> {
    /// With https and wss.
    pub(super) fn new(plan: &Plan, outcome: &'a Outcome) -> Option<Self> {
        let (client, tally) = (plan.tls.as_ref()?, outcome.tls.as_ref()?);
        let mut report = Self {
            server_name: client.name(),
            certificates_checked: client.checks(),
            full: tally.handshakes(false),
            resumed: tally.handshakes(true),
            versions: BTreeMap::new(),
            cipher_suites: BTreeMap::new(),
            key_exchanges: BTreeMap::new(),
            alpn: BTreeMap::new(),
            errors: tally
                .faults
                .iter()
                .map(|(kind, faults)| (*kind, faults.count))
                .collect(),
            closed_without_notify: tally.unannounced,
            handshake: Measured::new(&tally.durations),
        };
        for (agreed, count) in &tally.agreed {
            for (names, name) in [
                (&mut report.versions, agreed.version),
                (&mut report.cipher_suites, agreed.cipher_suite),
                (
                    &mut report.key_exchanges,
                    agreed.key_exchange.unwrap_or(NONE),
                ),
                (&mut report.alpn, agreed.alpn.as_deref().unwrap_or(NONE)),
            ] {
                *names.entry(name).or_default() += count;
            }
        }
        Some(report)
    }
}

/// Before the run.
pub(super) fn banner(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    let Some(client) = &plan.tls else {
        return Ok(());
    };
    let checks = if client.checks() {
        "certificate checked"
    } else {
        "certificate not checked"
    };
    let resumption = if client.resumes() {
        "sessions resumed"
    } else {
        "sessions not resumed"
    };
    writeln!(
        out,
        "  TLS:       {}, {checks}, {resumption}",
        client.name()
    )
}

/// After it.
pub(super) fn lines(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let Some(tally) = &outcome.tls else {
        return Ok(());
    };
    let durations = &tally.durations;
    if durations.count() > 0 {
        writeln!(
            out,
            "  TLS:      {}; {} full and {} resumed handshakes, mean {}, p50 {}, p99 {}, max {}",
            agreed(tally),
            tally.handshakes(false),
            tally.handshakes(true),
            latency(durations.mean()),
            latency(durations.quantile(0.5)),
            latency(durations.quantile(0.99)),
            latency(durations.max())
        )?;
    }
    Ok(())
}

/// What most connections use, and how many of them where some use something else.
fn agreed(tally: &Tally) -> String {
    let mut pairs = BTreeMap::new();
    for (agreed, count) in &tally.agreed {
        *pairs
            .entry((agreed.version, agreed.cipher_suite))
            .or_insert(0) += count;
    }
    let all: u64 = pairs.values().sum();
    let most = pairs.into_iter().max_by_key(|(_, count)| *count);
    let Some(((version, suite), count)) = most else {
        return NONE.into();
    };
    if count == all {
        return format!("{version} {suite}");
    }
    let part = per(count as f64 * 100.0, all as f64);
    format!("{version} {suite} ({part:.0}%)")
}

/// What a result says, in one line; `None` for one without TLS.
pub(crate) fn sentence(run: &RunFile) -> Option<String> {
    let names = |pointer: &str| {
        let counts = run.value.pointer(pointer).and_then(Value::as_object);
        let names = counts.into_iter().flatten().map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let full = run.count("/tls/full")?;
    let count = |pointer: &str| run.count(pointer).unwrap_or(0);
    Some(format!(
        "TLS: {} · {} · {full} full and {} resumed handshakes, p50 {}, p99 {}",
        names("/tls/versions"),
        names("/tls/cipher_suites"),
        count("/tls/resumed"),
        latency(count("/tls/handshake/p50")),
        latency(count("/tls/handshake/p99")),
    ))
}

/// For the verdict.
pub(crate) fn problems(outcome: &Outcome, problems: &mut Vec<String>) {
    let faults = outcome.tls.iter().flat_map(|tally| &tally.faults);
    for (kind, faults) in faults {
        let detail = match faults.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        problems.push(format!(
            "{} connections failed in TLS: {kind}{detail}",
            faults.count
        ));
    }
}
