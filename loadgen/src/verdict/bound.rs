//! Who set the limit, as far as that can be told.

use crate::{
    plan::Plan, report::units::per, run::Outcome, schedule::Held, target::Address, watch::ServerUse,
};

/// When a thread, or all CPUs together, are busy for more than this part of the time, answers may have waited
/// for the client, and it is part of what was measured.
const CLIENT: f64 = 0.85;
/// The same for its rate, as a part of its highest one.
const CEILING: f64 = 0.9;
/// A server that uses this part of what it may use is at its limit...
const SERVER: f64 = 0.75;
/// ...or has a good part in it.
const MIXED: f64 = 0.5;
/// Segments sent again and packets dropped, for each answer.
const RESENT: f64 = 0.01;

/// What is known of the limits. Parts are 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    /// The busiest thread, or all CPUs that this program may use.
    pub client_cpu: f64,
    /// The CPUs that the server may use, or its busiest thread; only with --server-pid and the like.
    pub server_cpu: Option<f64>,
    /// The rate over the highest one of this client; only after `loadgen calibrate`.
    pub ceiling: Option<f64>,
    /// Segments sent again and packets dropped on this machine, for each answer.
    pub resent: Option<f64>,
    /// In an open loop: whether the schedule was held, and whether this client was late by itself.
    pub schedule: Option<(bool, bool)>,
    /// There is no network on the way.
    pub is_local: bool,
}

impl Evidence {
    pub(super) fn of(plan: &Plan, outcome: &Outcome, schedule: Option<&Held>) -> Self {
        let network = &outcome.watched.network;
        let answers = outcome.ledger.window.answered() as f64;
        let lost = network.retransmits.zip(network.softnet_drops);
        Self {
            client_cpu: outcome.client.busiest.max(outcome.client.cpus_busy),
            server_cpu: outcome
                .watched
                .server
                .as_ref()
                .and_then(ServerUse::saturation),
            ceiling: None,
            resent: lost.map(|(resent, dropped)| per((resent + dropped) as f64, answers)),
            schedule: schedule.map(|held| (held.held, held.client_late)),
            is_local: match &plan.target.address {
                Address::Ip(address) => address.ip().is_loopback(),
                Address::Unix(_) => true,
            },
        }
    }

    /// Whether the client was at its limit.
    pub(super) fn client_bound(&self) -> bool {
        self.client_cpu >= CLIENT || self.ceiling.is_some_and(|part| part >= CEILING)
    }

    /// What reports call the limit.
    pub(super) fn bound(&self) -> &'static str {
        let idle_server = self.server_cpu.is_some_and(|part| part < MIXED);
        match (self.schedule, self.server_cpu) {
            (Some((_, true)), _) => "client",
            (Some((true, _)), _) => "rate",
            _ if self.client_bound() => "client",
            (_, Some(SERVER..)) => "server",
            (_, Some(MIXED..)) => "mixed",
            _ if idle_server && self.resent > Some(RESENT) => "network",
            // Answers did not come, and nothing lies between: whatever the server waited for.
            (Some((false, _)), _) if self.is_local => "server",
            _ => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_is_known_to_be_used_up() {
        let idle = Evidence {
            client_cpu: 0.2,
            ..Evidence::default()
        };
        let served = |part: f64| Evidence {
            server_cpu: Some(part),
            ..idle
        };
        assert_eq!(idle.bound(), "unknown");
        assert_eq!(served(0.8).bound(), "server");
        assert_eq!(served(0.6).bound(), "mixed");
        assert_eq!(served(0.3).bound(), "unknown");
        let busy = Evidence {
            client_cpu: 0.9,
            ..served(0.95)
        };
        assert_eq!(busy.bound(), "client");
        let near = Evidence {
            ceiling: Some(0.95),
            ..idle
        };
        assert_eq!(near.bound(), "client");
        let lossy = Evidence {
            resent: Some(0.05),
            ..served(0.3)
        };
        assert_eq!(lossy.bound(), "network");
        // Without the server's figures it may as well be the server.
        let blind = Evidence {
            server_cpu: None,
            ..lossy
        };
        assert_eq!(blind.bound(), "unknown");
    }

    #[test]
    fn a_schedule_says_more() {
        let open = |held, late, is_local| Evidence {
            schedule: Some((held, late)),
            is_local,
            client_cpu: 0.1,
            ..Evidence::default()
        };
        assert_eq!(open(true, false, true).bound(), "rate");
        assert_eq!(open(true, true, true).bound(), "client");
        assert_eq!(open(false, false, true).bound(), "server");
        assert_eq!(open(false, false, false).bound(), "unknown");
    }
}
