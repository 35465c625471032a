//! Results as comma-separated values (RFC 4180): a header, then a row for each.

use super::RunFile;
use serde_json::Value;
use std::io::{self, Write};

const COLUMNS: [(&str, &str); 36] = [
    ("id", "/id"),
    ("target", "/target"),
    ("server", "/labels/server"),
    ("mode", "/mode"),
    ("model", "/load/model"),
    ("offered_rps", "/load/offered_rps"),
    ("connections", "/connections"),
    ("threads", "/threads"),
    ("pipeline_depth", "/pipeline_depth"),
    ("elapsed_sec", "/elapsed_sec"),
    ("requests", "/requests"),
    ("responses", "/responses"),
    ("rps", "/rps"),
    ("bytes_per_sec", "/bandwidth_bps"),
    ("mean_ns", "/latency/mean"),
    ("p50_ns", "/latency/p50"),
    ("p90_ns", "/latency/p90"),
    ("p99_ns", "/latency/p99"),
    ("p99_9_ns", "/latency/p99_9"),
    ("p99_99_ns", "/latency/p99_99"),
    ("max_ns", "/latency/max"),
    ("2xx", "/status/2xx"),
    ("3xx", "/status/3xx"),
    ("4xx", "/status/4xx"),
    ("5xx", "/status/5xx"),
    ("bad", "/counts/whole_run/bad"),
    ("lost", "/counts/whole_run/lost"),
    ("connect_errors", "/errors/connect"),
    ("reconnects", "/reconnects"),
    ("client_cpu_us_per_answer", "/client/cpu_us_per_answer"),
    ("server_cpu_us_per_answer", "/server/cpu_us_per_answer"),
    ("server_cpu_saturation", "/server/cpu_saturation"),
    ("server_rss_peak_bytes", "/server/rss_peak_bytes"),
    ("bound", "/verdict/bound"),
    ("valid", "/verdict/valid"),
    ("exit_status", "/verdict/exit_status"),
];

pub(crate) fn write(out: &mut dyn Write, runs: &[RunFile]) -> io::Result<()> {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    write!(out, "{}\r\n", names.join(","))?;
    for run in runs {
        let fields = COLUMNS
            .iter()
            .map(|(_, pointer)| field(run.value.pointer(pointer)));
        write!(out, "{}\r\n", fields.collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}

fn field(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.contains([',', '"', '\r', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        let run = RunFile {
            path: "x".into(),
            value: json!({"id": "a,b", "target": "say \"x\"", "rps": 1.5, "labels": null}),
        };
        let mut out = Vec::new();
        write(&mut out, &[run]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].starts_with("\"a,b\",\"say \"\"x\"\"\",,"),
            "{text}"
        );
        assert!(lines[1].contains(",1.5,"), "{text}");
    }
}
