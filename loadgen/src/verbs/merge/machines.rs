//! What the workers saw of their machines, and of the server.

use crate::{
    files::RunFile,
    report::{json::rounded, units::per},
};
use serde_json::Value;

/// Counters of a machine, which workers may share.
const EVENTS: [&str; 5] = [
    "listen_overflows",
    "listen_drops",
    "retransmits",
    "softnet_drops",
    "softnet_squeezed",
];

/// The worst of the machines; what belongs to the workers themselves is added.
pub(super) fn host(files: &[RunFile], merged: &mut Value) {
    let numbers = |key: &str| {
        let pointer = format!("/client/{key}");
        let numbers = files.iter().filter_map(|file| file.number(&pointer));
        numbers.collect::<Vec<f64>>()
    };
    let client = &mut merged["client"];
    for key in ["steal", "psi_cpu_some", "psi_memory_some", "psi_io_some"] {
        client[key] = numbers(key).into_iter().reduce(f64::max).into();
    }
    for key in EVENTS {
        let most = numbers(key).into_iter().reduce(f64::max);
        client[key] = most.map(|most| most as u64).into();
    }
    for key in ["cq_overflow", "rss_bytes", "rss_peak_bytes"] {
        client[key] = (numbers(key).iter().sum::<f64>() as u64).into();
    }
}

/// What one of the workers saw of the server; several that watched it saw the same.
pub(super) fn server(files: &[RunFile], merged: &mut Value) {
    let answers = merged["responses"].as_f64().unwrap_or(0.0);
    let watched = files.iter().find(|file| file.value["server"].is_object());
    let mut server = watched.map_or(Value::Null, |file| file.value["server"].clone());
    if let Some(seconds) = server["cpu_sec"].as_f64() {
        server["cpu_us_per_answer"] = rounded(per(seconds * 1e6, answers), 1e4).into();
    }
    merged["server"] = server;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(value: Value) -> RunFile {
        RunFile {
            path: "worker".into(),
            value,
        }
    }

    #[test]
    fn machines_may_be_shared_and_workers_are_not() {
        let worker = |retransmits: u64, steal: Value| {
            let client = json!({ "retransmits": retransmits, "steal": steal, "rss_bytes": 10 });
            file(json!({ "client": client, "server": null }))
        };
        let files = [worker(3, json!(0.25)), worker(5, Value::Null)];
        let mut merged = files[0].value.clone();
        host(&files, &mut merged);
        server(&files, &mut merged);
        assert_eq!(merged["client"]["retransmits"], 5);
        assert_eq!(merged["client"]["steal"], 0.25);
        assert_eq!(merged["client"]["psi_cpu_some"], Value::Null);
        assert_eq!(merged["client"]["rss_bytes"], 20);
        assert_eq!(merged["server"], Value::Null);
    }

    #[test]
    fn the_server_answered_all_of_them() {
        let watched =
            json!({ "client": {}, "server": { "cpu_sec": 2.0, "cpu_us_per_answer": 4.0 } });
        let files = [file(json!({ "client": {}, "server": null })), file(watched)];
        let mut merged = json!({ "client": {}, "responses": 1_000_000 });
        server(&files, &mut merged);
        assert_eq!(merged["server"]["cpu_us_per_answer"], 2.0);
    }
}
