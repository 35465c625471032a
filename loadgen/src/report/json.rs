//! The JSON report: the keys that the arena's generator has, with their names, units and places, then ours in
//! named objects. Times in our objects are nanoseconds.

mod counts;
mod errors;
mod hold;
mod latency;
mod load;
mod sides;

pub(crate) use latency::{Measured, Micros, Spectrum};

use super::{mismatches::Shown, stuck::ShownStuck, units::per};
use crate::{
    checks::HeaderRule,
    files::{RunFile, Session},
    gates::Passage,
    plan::Plan,
    run::Outcome,
    split::Share,
    verdict::{Law, Verdict},
    windows::Row,
};
use counts::Counts;
use errors::{Errors, ErrorsDetail};
use hold::Held;
use latency::Latency;
use load::Load;
use serde::Serialize;
use sides::{ClientUse, ServerSide};
use std::{
    collections::BTreeMap,
    io,
    time::{Duration, UNIX_EPOCH},
};

/// The report as one object, in lines.
pub(crate) fn result(
    session: &Session,
    plan: &Plan,
    outcome: &Outcome,
    verdict: &Verdict,
) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(&Report::new(session, plan, outcome, verdict))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The report as it would be read again.
pub(crate) fn run(
    session: &Session,
    plan: &Plan,
    outcome: &Outcome,
    verdict: &Verdict,
) -> io::Result<RunFile> {
    Ok(RunFile {
        path: session.output.clone().unwrap_or_default(),
        value: serde_json::to_value(Report::new(session, plan, outcome, verdict))?,
    })
}

#[derive(Serialize)]
struct Report<'a> {
    version: &'a str,
    target: String,
    mode: &'a str,
    connections: u32,
    threads: u32,
    pipeline_depth: u32,
    duration_sec: Seconds,
    elapsed_sec: f64,
    requests: u64,
    responses: u64,
    rps: f64,
    /// Bytes per second; the name is the arena's.
    bandwidth_bps: f64,
    bytes_read: u64,
    latency_us: Micros,
    /// The whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    ws_upgrades: Option<u64>,
    /// Echoes, right and wrong ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    ws_frames: Option<u64>,
    /// Only with https and wss; the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<super::tls::Report<'a>>,
    status: Status,
    errors: Errors,
    reconnects: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_template: Option<Vec<PerTemplate<'a>>>,
    schema: &'a str,
    id: &'a str,
    argv: &'a [String],
    /// What was connected to.
    address: String,
    /// Hash of what was asked for; the same for all workers of a run.
    config: &'a str,
    labels: &'a BTreeMap<String, String>,
    /// Which part of a run this is, when it is not all.
    worker: Option<Worker>,
    /// The parts that were put together; a run of one process has none.
    workers: Option<()>,
    load: Load<'a>,
    phases: Phases,
    counts: Counts,
    latency: Latency,
    codes: BTreeMap<String, u64>,
    checks: Checks,
    /// The first ones of the whole run.
    mismatches: Vec<Shown<'a>>,
    /// The same of connections that did not move.
    stuck: Vec<ShownStuck<'a>>,
    errors_detail: ErrorsDetail,
    /// Only where connections are held.
    hold: Option<Held<'a>>,
    windows: &'a [Row],
    client: ClientUse<'a>,
    /// Where it was watched.
    server: Option<ServerSide<'a>>,
    verdict: Judgement<'a>,
    gates: &'a [Passage],
}

/// Seconds, written as an integer when they are one.
#[derive(Serialize)]
#[serde(untagged)]
enum Seconds {
    Whole(u64),
    Part(f64),
}

#[derive(Serialize)]
struct Status {
    #[serde(rename = "2xx")]
    class_2: u64,
    #[serde(rename = "3xx")]
    class_3: u64,
    #[serde(rename = "4xx")]
    class_4: u64,
    #[serde(rename = "5xx")]
    class_5: u64,
    other: u64,
}

#[derive(Serialize)]
struct PerTemplate<'a> {
    responses: u64,
    #[serde(rename = "2xx")]
    ok_2xx: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_us: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Measured>,
    name: &'a str,
}

#[derive(Serialize)]
struct Worker {
    index: u32,
    of: u32,
}

#[derive(Serialize)]
struct Phases {
    /// What --start-at had asked for.
    start_at_unix_ns: Option<u64>,
    /// The begin of the window, since 1970.
    start_unix_ns: u64,
    warmup_ns: u64,
    measure_ns: u64,
    /// Whether the rate neither rose nor fell; null where it was meant to, or the window is too short to say.
    steady: Option<bool>,
}

/// What was asked of answers beside their status.
#[derive(Serialize)]
struct Checks {
    /// Which bodies are compared; null when nothing says what they must be.
    validate: Option<String>,
    headers: Vec<String>,
}

#[derive(Serialize)]
struct Judgement<'a> {
    valid: bool,
    counts_balance: bool,
    bound: &'a str,
    /// Requests in flight by rate times latency, over those that there should be; 1 when nothing is missing.
    /// Null where nothing says how many there should be.
    littles_law: Option<f64>,
    exit_status: u8,
    notes: Vec<&'a String>,
    /// What --strict does not let pass.
    doubts: &'a [String],
}

impl<'a> Judgement<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        Self {
            valid: verdict.valid,
            counts_balance: verdict.balanced,
            bound: verdict.bound(),
            littles_law: verdict.law.and_then(Law::ratio),
            exit_status: verdict.exit_code,
            notes: verdict.problems.iter().chain(verdict.notes()).collect(),
            doubts: &verdict.doubts,
        }
    }
}

impl<'a> Report<'a> {
    fn new(
        session: &'a Session,
        plan: &'a Plan,
        outcome: &'a Outcome,
        verdict: &'a Verdict,
    ) -> Self {
        let tally = &outcome.tally;
        let seconds = outcome.elapsed.as_secs_f64();
        let responses = outcome.ledger.window.answered();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            target: format!("{}{}", plan.target.authority, plan.target.path),
            mode: if plan.upgrade.is_some() {
                "websocket"
            } else {
                "http"
            },
            connections: plan.connections,
            threads: plan.threads,
            pipeline_depth: plan.depth,
            duration_sec: Seconds::from(plan.duration),
            elapsed_sec: rounded(seconds, 1e3),
            requests: outcome.ledger.window.sent,
            responses,
            rps: rounded(per(responses as f64, seconds), 1e2),
            bandwidth_bps: rounded(per(tally.bytes as f64, seconds), 1e2),
            bytes_read: tally.bytes,
            latency_us: Micros::whole(tally.headline()),
            ws_upgrades: plan.upgrade.as_ref().map(|_| outcome.trouble.upgrades),
            ws_frames: plan.upgrade.as_ref().map(|_| responses),
            tls: super::tls::Report::new(plan, outcome),
            status: Status {
                class_2: tally.class(2),
                class_3: tally.class(3),
                class_4: tally.class(4),
                class_5: tally.class(5),
                other: tally.other_classes(),
            },
            errors: Errors::new(outcome),
            reconnects: tally.reconnects,
            per_template: per_template(plan, outcome),
            schema: "loadgen/1",
            load: Load::new(plan, outcome, verdict),
            id: &session.id,
            argv: &session.argv,
            address: plan.target.address.to_string(),
            config: &session.config,
            labels: &session.labels,
            worker: plan.share.map(|Share { index, of }| Worker { index, of }),
            workers: None,
            phases: Phases::new(plan, outcome, verdict),
            counts: Counts::new(outcome),
            checks: Checks::new(plan),
            mismatches: Shown::of(plan, outcome),
            stuck: ShownStuck::of(plan, outcome),
            latency: Latency::new(plan, tally),
            hold: Held::new(plan, outcome),
            windows: &outcome.windows,
            codes: tally
                .codes()
                .filter(|_| plan.upgrade.is_none())
                .map(|(code, count)| (code.to_string(), count))
                .collect(),
            errors_detail: ErrorsDetail::new(plan, outcome),
            client: ClientUse::new(session, outcome),
            server: ServerSide::new(outcome),
            verdict: Judgement::new(verdict),
            gates: &verdict.gates,
        }
    }
}

fn per_template<'a>(plan: &'a Plan, outcome: &Outcome) -> Option<Vec<PerTemplate<'a>>> {
    if plan.templates.len() < 2 {
        return None;
    }
    let templates = plan.templates.iter().zip(&outcome.tally.templates);
    let rows = templates.map(|(template, tally)| PerTemplate {
        responses: tally.answers,
        ok_2xx: tally.ok_2xx,
        latency_us: tally
            .latencies
            .as_ref()
            .filter(|latencies| latencies.count() > 0)
            .map(Micros::short),
        latency: tally.latencies.as_ref().map(Measured::new),
        name: &template.name,
    });
    Some(rows.collect())
}

impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        match duration.subsec_nanos() {
            0 => Self::Whole(duration.as_secs()),
            _ => Self::Part(duration.as_secs_f64()),
        }
    }
}

impl Phases {
    fn new(plan: &Plan, outcome: &Outcome, verdict: &Verdict) -> Self {
        Self {
            start_at_unix_ns: plan
                .start_at
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                .map(crate::clock::nanos),
            start_unix_ns: outcome.start_unix,
            warmup_ns: crate::clock::nanos(outcome.warmup),
            measure_ns: crate::clock::nanos(outcome.elapsed),
            steady: verdict.steady,
        }
    }
}

impl Checks {
    fn new(plan: &Plan) -> Self {
        let checks = &plan.checks;
        Self {
            validate: (!checks.bodies.is_empty()).then(|| checks.validate.to_string()),
            headers: checks.headers.iter().map(HeaderRule::text).collect(),
        }
    }
}

pub(crate) fn rounded(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}
