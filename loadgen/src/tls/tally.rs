//! What became of handshakes, over the whole run.

use super::{Agreed, Fault};
use crate::{clock::Nanos, error::Failure, histogram::Latencies};
use std::collections::BTreeMap;

/// Handshakes of the whole run: most connections are made before the window.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Handshakes that succeeded, by what they led to.
    pub agreed: BTreeMap<Agreed, u64>,
    /// From when the connection was up to when the handshake was over.
    pub durations: Latencies,
    /// Connections that ended because of TLS, by kind.
    pub faults: BTreeMap<&'static str, Faults>,
    /// Connections that the server closed without close_notify.
    pub unannounced: u64,
}

/// Faults of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub count: u64,
    /// What is known about the first.
    pub detail: String,
}

impl Tally {
    /// Nothing counted.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            agreed: BTreeMap::new(),
            durations: Latencies::new()?,
            faults: BTreeMap::new(),
            unannounced: 0,
        })
    }

    /// A handshake succeeded.
    pub(crate) fn succeeded(&mut self, agreed: Agreed, duration: Nanos) {
        *self.agreed.entry(agreed).or_default() += 1;
        self.durations.record(duration, 1);
    }

    /// A connection has to end.
    pub(crate) fn failed(&mut self, fault: Fault) {
        let faults = self.faults.entry(fault.kind).or_default();
        if faults.count == 0 {
            faults.detail = fault.detail;
        }
        faults.count += 1;
    }

    /// Handshakes that succeeded, after an earlier one (`resumed`) or all by themselves.
    pub(crate) fn handshakes(&self, resumed: bool) -> u64 {
        let those = self
            .agreed
            .iter()
            .filter(|(agreed, _)| agreed.resumed == resumed);
        those.map(|(_, count)| count).sum()
    }

    /// Adds another thread's.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (agreed, count) in &other.agreed {
            *self.agreed.entry(agreed.clone()).or_default() += count;
        }
        self.durations.merge(&other.durations);
        for (kind, faults) in &other.faults {
            let sum = self.faults.entry(kind).or_default();
            if sum.count == 0 {
                sum.detail.clone_from(&faults.detail);
            }
            sum.count += faults.count;
        }
        self.unannounced += other.unannounced;
    }
}
