//! What both ends of the load used, in the JSON report.

use super::rounded;
use crate::{
    files::{Host, Session},
    report::units::per,
    run::Outcome,
    watch::{HostUse, Network, ServerUse},
};
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
pub(super) struct ClientUse<'a> {
    #[serde(flatten)]
    host: &'a Host,
    cpu_sec: f64,
    user_sec: f64,
    sys_sec: f64,
    cpu_us_per_answer: f64,
    busy_max: f64,
    cpus_busy: f64,
    /// What `calibrate` found, if it was run for such a client.
    ceiling_rps: Option<f64>,
    latency_floor_ns: Option<u64>,
    cq_overflow: u64,
    rss_bytes: u64,
    rss_peak_bytes: u64,
    #[serde(flatten)]
    machine: HostUse,
    #[serde(flatten)]
    network: Network,
}

#[derive(Serialize)]
pub(super) struct ServerSide<'a> {
    #[serde(flatten)]
    used: &'a ServerUse,
    /// What is nearest to its limit: all its CPUs, or its busiest thread.
    saturation: Option<f64>,
    cpu_sec: f64,
    user_sec: Option<f64>,
    sys_sec: Option<f64>,
    cpu_us_per_answer: f64,
}

impl<'a> ClientUse<'a> {
    pub(super) fn new(session: &'a Session, outcome: &Outcome) -> Self {
        let client = &outcome.client;
        let cpu = (client.user + client.system).as_secs_f64();
        let answers = outcome.ledger.window.answered() as f64;
        Self {
            host: &session.host,
            ceiling_rps: session.limits.map(|limits| limits.ceiling_rps),
            latency_floor_ns: session.limits.map(|limits| limits.floor_ns),
            cpu_sec: rounded(cpu, 1e6),
            user_sec: rounded(client.user.as_secs_f64(), 1e6),
            sys_sec: rounded(client.system.as_secs_f64(), 1e6),
            cpu_us_per_answer: rounded(per(cpu * 1e6, answers), 1e4),
            busy_max: rounded(client.busiest, 1e3),
            cpus_busy: rounded(client.cpus_busy, 1e3),
            cq_overflow: outcome.overflows,
            rss_bytes: outcome.watched.rss.0,
            rss_peak_bytes: outcome.watched.rss.1,
            machine: outcome.watched.host,
            network: outcome.watched.network,
        }
    }
}

impl<'a> ServerSide<'a> {
    pub(super) fn new(outcome: &'a Outcome) -> Option<Self> {
        let used = outcome.watched.server.as_ref()?;
        let answers = outcome.ledger.window.answered() as f64;
        let seconds = |time: Duration| rounded(time.as_secs_f64(), 1e6);
        Some(Self {
            used,
            saturation: used.saturation(),
            cpu_sec: seconds(used.cpu),
            user_sec: used.user.map(seconds),
            sys_sec: used.user.map(|user| seconds(used.cpu.saturating_sub(user))),
            cpu_us_per_answer: rounded(per(used.cpu.as_secs_f64() * 1e6, answers), 1e4),
        })
    }
}
