//! The JSON report: the keys that the arena's generator has, with their names, units and places, then ours in
//! named objects. Times in our objects are nanoseconds.

mod errors;
mod hold;
mod sides;

use super::{
    mismatches::Shown,
    spectrum::{self, Point},
    stuck::ShownStuck,
    units::per,
};
use crate::{
    books::Books,
    checks::HeaderRule,
    files::{RunFile, Session},
    gates::Passage,
    histogram::Latencies,
    plan::Plan,
    run::Outcome,
    split::Share,
    verdict::{Law, Verdict},
    windows::Row,
};
use errors::{Errors, ErrorsDetail};
use hold::Held;
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
struct Load<'a> {
    model: &'a str,
    #[serde(flatten)]
    open: Option<OpenLoad>,
    /// With -n.
    requests: Option<u64>,
    requests_per_connection: Option<u64>,
    expect_status: StatusSet<'a>,
    expect_body: bool,
    /// With two or more templates.
    rotate: Option<&'a str>,
    seed: u64,
    /// Only in a closed loop.
    #[serde(flatten)]
    law: Option<Law>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StatusSet<'a> {
    Class(u16),
    Other(&'a str),
}

/// Only in an open loop.
#[derive(Serialize)]
struct OpenLoad {
    arrival: String,
    /// Requests per second that were to fall due, and that did.
    rate: String,
    /// What the rate is this part of, when it was asked for like that.
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_rps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_part: Option<f64>,
    offered_rps: f64,
    /// Answers over requests that fell due.
    achieved_ratio: f64,
    schedule_held: bool,
    schedule_lag_p50_ns: u64,
    schedule_lag_p99_ns: u64,
    schedule_lag_max_ns: u64,
    due: u64,
    shed: u64,
    deadline_ns: Option<u64>,
    /// Requests for which no connection was free when they fell due, of those sent.
    waited: u64,
    longest_wait_ns: u64,
    /// Due and not sent at the borders of the window.
    queued_at_start: u64,
    queued_at_end: u64,
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

/// Requests of the window: in_flight_at_start + sent = ok + bad_status + bad_header + bad_body + malformed +
/// cut_short + lost + timed_out + in_flight_at_end.
#[derive(Serialize)]
struct Counts {
    in_flight_at_start: u64,
    sent: u64,
    ok: u64,
    bad_status: u64,
    bad_header: u64,
    bad_body: u64,
    malformed: u64,
    cut_short: u64,
    lost: u64,
    timed_out: u64,
    in_flight_at_end: u64,
    answered_in_drain: u64,
    /// Still without an answer when the drain was over.
    unfinished: u64,
    bodies_checked: u64,
    body_bytes_checked: u64,
    /// Estimated from those comparisons that were timed.
    body_check_ns: u64,
    /// The same sums over warm-up, window and drain.
    whole_run: WholeRun,
}

#[derive(Serialize)]
struct WholeRun {
    sent: u64,
    ok: u64,
    bad: u64,
    lost: u64,
    unfinished: u64,
    bodies_checked: u64,
}

/// What counts as the latency of this run, then the times that were measured, each with its histogram.
#[derive(Serialize)]
struct Latency {
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
            latency: Latency {
                headline: Spectrum::new(tally.headline()),
                service: Measured::new(&tally.latencies),
                response: tally
                    .open
                    .as_ref()
                    .map(|open| Measured::new(&open.response)),
                percentiles: spectrum::points(&plan.percentiles, tally.headline()),
            },
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

impl<'a> Load<'a> {
    fn new(plan: &'a Plan, outcome: &Outcome, verdict: &Verdict) -> Self {
        Self {
            model: match &plan.open {
                Some(open) => open.rate.model(),
                None if plan.hold.is_some() => "hold",
                None => "closed",
            },
            open: OpenLoad::new(plan, outcome, verdict),
            requests: plan.requests,
            requests_per_connection: plan.has_quota().then_some(plan.quota),
            expect_status: match plan.expect_status.number() {
                Some(number) => StatusSet::Class(number),
                None => StatusSet::Other(plan.expect_status.text()),
            },
            expect_body: !plan.checks.bodies.is_empty(),
            rotate: (plan.templates.len() > 1).then(|| plan.rotation.rotate.name()),
            seed: plan.seed,
            law: verdict.law,
        }
    }
}

impl OpenLoad {
    fn new(plan: &Plan, outcome: &Outcome, verdict: &Verdict) -> Option<Self> {
        let (open, schedule) = (plan.open.as_ref()?, verdict.schedule.as_ref()?);
        let tally = outcome.tally.open.as_deref()?;
        Some(Self {
            arrival: open.arrival.to_string(),
            rate: open.rate.to_string(),
            highest_rps: plan.highest.map(|highest| rounded(highest.rps, 1e2)),
            highest_part: plan.highest.map(|highest| highest.part),
            offered_rps: rounded(schedule.offered, 1e2),
            achieved_ratio: rounded(schedule.achieved, 1e4),
            schedule_held: schedule.held,
            schedule_lag_p50_ns: tally.lag.quantile(0.5),
            schedule_lag_p99_ns: tally.lag.quantile(0.99),
            schedule_lag_max_ns: tally.lag.max(),
            due: tally.due,
            shed: tally.shed,
            deadline_ns: open.deadline.map(crate::clock::nanos),
            waited: tally.waited,
            longest_wait_ns: tally.longest_wait,
            queued_at_start: outcome.ledger.queued_at_start,
            queued_at_end: outcome.ledger.queued_at_end,
        })
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

impl Counts {
    fn new(outcome: &Outcome) -> Self {
        let ledger = &outcome.ledger;
        let Books {
            sent,
            ok,
            wrong_status,
            wrong_header,
            wrong_body,
            malformed,
            cut_short,
            lost,
            timed_out,
        } = ledger.window;
        let total = ledger.total();
        Self {
            in_flight_at_start: ledger.in_flight_at_start,
            sent,
            ok,
            bad_status: wrong_status,
            bad_header: wrong_header,
            bad_body: wrong_body,
            malformed,
            cut_short,
            lost,
            timed_out,
            in_flight_at_end: ledger.in_flight_at_end,
            answered_in_drain: ledger.drain.answered(),
            unfinished: ledger.unfinished,
            bodies_checked: outcome.tally.checked.bodies,
            body_bytes_checked: outcome.tally.checked.bytes,
            body_check_ns: outcome.tally.checked.nanos(),
            whole_run: WholeRun {
                sent: total.sent,
                ok: total.ok,
                bad: total.bad(),
                lost: total.never_answered(),
                unfinished: ledger.unfinished,
                bodies_checked: outcome.trouble.checked.bodies,
            },
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

pub(crate) fn rounded(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}
