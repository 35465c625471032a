//! Entries, rounds and cells for tests.

use super::answers::{Report, ServerSide};
use super::cell::Cell;
use super::measure::Figures;
use crate::entries::Entry;
use crate::profiles::{Generation, find};
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn entry(name: &str) -> Entry {
    let meta = format!(r#"{{"display_name":"{name}","language":"Rust"}}"#);
    Entry {
        name: name.into(),
        meta: serde_json::from_str(&meta).unwrap(),
        script: PathBuf::new(),
        folder: PathBuf::new(),
    }
}

pub(super) fn figures(rps: u64, objection: Option<&str>) -> Figures {
    Figures {
        report: Report {
            elapsed: 2.0,
            responses: rps * 2,
            status: [rps * 2, 0, 0, 0, 0],
            latency_avg_us: 122.0,
            latency_us: [110.0, 2730.0, 4000.0],
            curve: vec![
                ("p50", 110.0),
                ("p99", 2730.0),
                ("p99_9", 4000.0),
                ("max", 5000.0),
            ],
            server: Some(ServerSide {
                cores: 0.953,
                cpu_us: 5.31,
                peak_memory: 3 << 20,
                switches: [rps / 2, rps / 100],
            }),
            bytes_per_second: 2_097_152.0,
            reconnects: 3,
            per_template_ok: (1..=10).collect(),
            ..Report::default()
        },
        server_cpu_us: Some(5.31),
        client_cpu_us: 5.0,
        server_cores: 0.953,
        client_cores: 0.9,
        client_side_busy: Some(0.92),
        foreign_cores: 0.0,
        peak_memory: 3 << 20,
        engine: Some("x: engine epoll".into()),
        objection: objection.map(str::to_owned),
    }
}

pub(super) fn cell<'a>(entry: &'a Entry, name: &str, rounds: Vec<Figures>) -> Cell<'a> {
    let profile = find(name, Generation::March2026).unwrap();
    Cell {
        entry,
        profile,
        connections: 512,
        window: Duration::from_secs(2),
        threads: 1,
        template_size: Some(1024.0),
        rounds,
    }
}
