//! Deadlines are kept however many connections there are and whatever else goes on.

use super::{PATIENT, Scene, play, scripts};
use crate::{
    Config,
    engine::sim::{
        Kernel, Random,
        answers::{Body, Expected},
        client::{Ends, Late, Script},
    },
};

const CONNECTIONS: usize = 100_000;

/// A client that asks once, and is late with what `late` says.
fn client(id: usize, late: Option<Late>) -> Script {
    let mut says = format!("GET /b/{id}/5 HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes();
    let answer = Expected {
        status: 200,
        body: Some(Body::Pattern { id, len: 5 }),
        head_only: false,
    };
    let mut expected = vec![answer];
    let mut requests = vec![says.len()];
    let late = late.map(|late| match late {
        Late::Head(_) => Late::Head(says.len()),
        Late::Body(_) => Late::Body(says.len()),
        late => late,
    });
    let more: &[u8] = match late {
        Some(Late::Head(_)) => b"GET /b/1/5 HTTP/1.1\r\nHost",
        Some(Late::Body(_)) => b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf",
        _ => b"",
    };
    if !more.is_empty() {
        says.extend_from_slice(more);
        requests.push(says.len());
        expected.push(Expected {
            status: 408,
            body: None,
            head_only: false,
        });
    }
    Script {
        says,
        requests,
        waits: false,
        expected,
        ends: if late.is_some() {
            Ends::AfterServer
        } else {
            Ends::AfterAnswers
        },
        late,
        pauses: 0,
        resets_after: None,
        window: 70_000,
        handed: false,
    }
}

/// A machine without whims.
fn scene(clients: Vec<Script>, stops_at: u32, seed: u64) -> Scene {
    Scene {
        config: Config {
            shutdown_timeout: PATIENT,
            ..scripts::config(&mut Random::new(seed))
        },
        kernel: Kernel {
            immediate: false,
            can_send_batch: true,
            arrivals: 3000,
            buffers: 1024,
            buffer_bytes: 4096,
            lazy: 1,
            short: 0,
            ends: 0,
            no_descriptors: 0,
            stale: 0,
            jumps: 0,
            no_watches: 0,
            hand_over_fails: 0,
            stops_at,
        },
        slots: CONNECTIONS as u32,
        reactors: 1,
        clients,
        seed,
    }
}

/// Those who have not asked yet, those in the midst of a head and those whose last answer is out get a second, and as much
/// to close.
#[test]
fn a_stop_waits_for_nobody_to_whom_nothing_is_owed() {
    for seed in [7, 8] {
        let clients: Vec<Script> = (0..60)
            .map(|id| {
                let mut client = client(id, [Late::Request, Late::Head(0)].get(id % 3).copied());
                if client.late.is_none() {
                    (client.says, client.requests, client.expected) = Default::default();
                }
                client.ends = Ends::Never;
                client
            })
            .collect();
        let (world, counters) = play(scene(clients, 8, seed));
        let world = world.borrow();
        assert!(world.stopped_early && counters.accepted == 60 && counters.requests >= 40);
        assert!(world.since_stop() >= 1000, "{} ms", world.since_stop());
        assert!(world.since_stop() <= 2500, "{} ms", world.since_stop());
    }
}

/// As many connections as that are late with the next request, a tenth of them with the rest of a head or body, while
/// others come and go: each is closed within the same bounds as a single one (see `Client::check_deadline`).
#[test]
fn a_hundred_thousand_connections_are_closed_neither_early_nor_late() {
    let clients = (0..CONNECTIONS + CONNECTIONS / 10)
        .map(|id| {
            let late = match id % 22 {
                0 | 11 => None,
                1 => Some(Late::Head(0)),
                2 => Some(Late::Body(0)),
                _ => Some(Late::Request),
            };
            client(id, late)
        })
        .collect();
    let (world, counters) = play(scene(clients, u32::MAX, 7));
    assert!(!world.borrow().stopped_early);
    assert_eq!(counters.timeouts, CONNECTIONS as u64);
    // All at once, not one after the other.
    assert!(counters.slots_total > CONNECTIONS as u64 * 9 / 10);
}
