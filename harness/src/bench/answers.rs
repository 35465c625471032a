//! The load generator's JSON.

use serde_json::Value;

/// What a generator reports. Fields that only ours has are optional, so that
/// the arena's generator can be used too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Seconds of the measured window.
    pub elapsed: f64,
    /// Answers of every status in the window.
    pub responses: u64,
    /// Answers by class: 2xx, 3xx, 4xx, 5xx, other.
    pub status: [u64; 5],
    /// Mean latency in microseconds.
    pub latency_avg_us: f64,
    /// 50th, 99th and 99.9th percentile in microseconds.
    pub latency_us: [f64; 3],
    /// Names and microseconds of all percentiles; only ours has them.
    pub curve: Vec<(&'static str, f64)>,
    /// Received bytes per second.
    pub bytes_per_second: f64,
    /// Connections opened after the first ones.
    pub reconnects: u64,
    /// 2xx answers by template, in template order.
    pub per_template_ok: Vec<u64>,
    /// The generator's own CPU time per answer in microseconds.
    pub cpu_us: Option<f64>,
    /// The server's side, where the generator was asked to watch it.
    pub server: Option<ServerSide>,
    /// Seconds between the first connection and the window.
    pub warmup: f64,
    /// Errors by kind, only those that happened.
    pub errors: Vec<(String, u64)>,
    /// Answers that belong to no request.
    pub unsolicited: u64,
    /// What the generator itself finds wrong with the run.
    pub notes: Vec<String>,
    /// Whether requests and their fates add up.
    pub balanced: bool,
}

/// What the server used in the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerSide {
    /// CPU seconds per second.
    pub cores: f64,
    /// CPU microseconds per answer.
    pub cpu_us: f64,
    /// Most resident memory that was seen, in bytes.
    pub peak_memory: u64,
    /// Context switches: voluntary, involuntary.
    pub switches: [u64; 2],
}

/// Points of the curve: our name, the generator's.
const CURVE: [(&str, &str); 8] = [
    ("min", "min"),
    ("p50", "p50"),
    ("p75", "p75"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("p99_9", "p99_9"),
    ("p99_99", "p99_99"),
    ("max", "max"),
];

/// Requests that never got an answer, in our generator's accounts of the window.
const FATES: [&str; 4] = ["malformed", "cut_short", "lost", "timed_out"];
/// Events that our generator counts over the whole run.
const EVENTS: [&str; 9] = [
    "closed_early",
    "broken",
    "send_failed",
    "stuck",
    "unsolicited",
    "never_connected",
    "upgrades_failed",
    "wrong_opcode",
    "out_of_order",
];

impl Report {
    /// Reads the generator's output.
    ///
    /// # Errors
    /// A sentence, when it is no report.
    pub fn parse(output: &[u8]) -> Result<Self, String> {
        let json: Value =
            serde_json::from_slice(output).map_err(|error| format!("no JSON report: {error}"))?;
        let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_f64);
        let count = |pointer: &str| json.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let needed = |pointer: &str| {
            number(pointer).ok_or_else(|| format!("the JSON report has no number {pointer}"))
        };
        let mut errors = Vec::new();
        for (group, kinds) in [
            ("errors", &["connect", "read", "timeout"][..]),
            ("counts", &FATES[..]),
            ("errors_detail", &EVENTS[..]),
        ] {
            for kind in kinds {
                let number = count(&format!("/{group}/{kind}"));
                if number > 0 && !errors.iter().any(|(known, _)| known == kind) {
                    errors.push(((*kind).to_owned(), number));
                }
            }
        }
        let classes = ["2xx", "3xx", "4xx", "5xx", "other"];
        let list = |pointer: &str| json.pointer(pointer).and_then(Value::as_array).cloned();
        let texts = |value: &Value| value.as_str().map(str::to_owned);
        Ok(Self {
            elapsed: needed("/elapsed_sec")?,
            responses: needed("/responses")? as u64,
            status: classes.map(|class| count(&format!("/status/{class}"))),
            latency_avg_us: needed("/latency_us/avg")?,
            latency_us: [
                number("/latency_us/p50").unwrap_or(0.0),
                needed("/latency_us/p99")?,
                number("/latency_us/p999").unwrap_or(0.0),
            ],
            curve: curve(&json),
            bytes_per_second: number("/bandwidth_bps").unwrap_or(0.0),
            reconnects: count("/reconnects"),
            per_template_ok: list("/per_template")
                .unwrap_or_default()
                .iter()
                .map(|row| row.get("2xx").and_then(Value::as_u64).unwrap_or(0))
                .collect(),
            cpu_us: number("/client/cpu_us_per_answer"),
            server: server_side(&json),
            warmup: number("/phases/warmup_ns").map_or(0.1, |ns| ns / 1e9),
            errors,
            unsolicited: count("/errors_detail/unsolicited"),
            notes: list("/verdict/notes")
                .unwrap_or_default()
                .iter()
                .filter_map(texts)
                .collect(),
            balanced: json.pointer("/verdict/counts_balance") != Some(&Value::Bool(false)),
        })
    }

    /// Successful answers per second: what the arena ranks by.
    pub fn rps(&self) -> f64 {
        self.status[0] as f64 / self.elapsed.max(f64::EPSILON)
    }

    /// The 50th, 99th or 99.9th percentile, by its place; `None` when too few
    /// answers lie beyond it.
    pub fn percentile(&self, place: usize) -> Option<f64> {
        let name = *["p50", "p99", "p99_9"].get(place)?;
        let stated = self.curve.is_empty() || self.curve.iter().any(|(known, _)| *known == name);
        stated.then(|| self.latency_us.get(place).copied())?
    }

    /// Answers of any status per second.
    pub fn all_per_second(&self) -> f64 {
        self.responses as f64 / self.elapsed.max(f64::EPSILON)
    }

    /// Why the run does not count, if it does not. Profiles that send broken
    /// requests expect refusals and closed connections, but no server errors
    /// and no answers beyond one per request.
    pub fn objection(&self, expects_errors: bool) -> Option<String> {
        let [ok, redirects, client, server, other] = self.status;
        if ok == 0 {
            return Some("no successful answer".into());
        }
        if !self.balanced {
            return Some("the generator's accounts of requests do not add up".into());
        }
        let mut wrong = Vec::new();
        for (count, name) in [
            (redirects, "3xx"),
            (client, "4xx"),
            (server, "5xx"),
            (other, "other"),
        ] {
            if count > 0 && !(expects_errors && name == "4xx") {
                wrong.push(format!("{count} {name} answers"));
            }
        }
        if expects_errors {
            if self.unsolicited > 0 {
                wrong.push(format!("{} unsolicited answers", self.unsolicited));
            }
        } else {
            wrong.extend(
                self.errors
                    .iter()
                    .map(|(kind, count)| format!("{kind}: {count}")),
            );
        }
        (!wrong.is_empty()).then(|| wrong.join(", "))
    }
}

/// A percentile that too few answers lie beyond is no part of it.
fn curve(json: &Value) -> Vec<(&'static str, f64)> {
    let point = |(name, key): (&'static str, &str)| {
        let ns = json.pointer(&format!("/latency/{key}"))?.as_f64()?;
        Some((name, ns / 1e3))
    };
    CURVE.into_iter().filter_map(point).collect()
}

fn server_side(json: &Value) -> Option<ServerSide> {
    let side = json.get("server")?;
    let number = |name: &str| side.get(name)?.as_f64();
    let count = |name: &str| side.get(name)?.as_u64();
    Some(ServerSide {
        cores: number("cpu_cores_used")?,
        cpu_us: number("cpu_us_per_answer")?,
        peak_memory: count("rss_peak_bytes")?,
        switches: [count("voluntary_switches")?, count("involuntary_switches")?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARENA: &str = r#"{"version":"0.5.3","elapsed_sec":2.0,"requests":11,"responses":10,"rps":5.0,
        "bandwidth_bps":1024.0,"latency_us":{"avg":122,"p50":110,"p90":1,"p99":167,"p999":1,"samples":10},
        "status":{"2xx":10,"3xx":0,"4xx":0,"5xx":0,"other":0},
        "errors":{"connect":0,"read":0,"timeout":0},"reconnects":3}"#;

    #[test]
    fn the_arenas_report_is_understood() {
        let report = Report::parse(ARENA.as_bytes()).unwrap();
        assert_eq!(
            (report.responses, report.status[0], report.reconnects),
            (10, 10, 3)
        );
        assert!((report.rps() - 5.0).abs() < 1e-9);
        assert_eq!(report.cpu_us, None);
        assert_eq!(report.objection(false), None);
    }

    #[test]
    fn errors_make_a_run_invalid_unless_they_are_part_of_the_load() {
        let text = ARENA
            .replace(r#""4xx":0"#, r#""4xx":4"#)
            .replace(r#""read":0"#, r#""read":2"#);
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(
            report.objection(false).as_deref(),
            Some("4 4xx answers, read: 2")
        );
        assert_eq!(report.objection(true), None);
    }

    #[test]
    fn server_errors_and_extra_answers_are_never_fine() {
        let broken = Report::parse(ARENA.replace(r#""5xx":0"#, r#""5xx":1"#).as_bytes()).unwrap();
        assert!(broken.objection(true).is_some());
        let text = ARENA.replace(r#""reconnects":3"#, r#""errors_detail":{"unsolicited":7}"#);
        let extra = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(
            extra.objection(true).as_deref(),
            Some("7 unsolicited answers")
        );
        assert_eq!(extra.objection(false).as_deref(), Some("unsolicited: 7"));
    }

    #[test]
    fn what_went_wrong_with_messages_is_named() {
        let detail = r#""errors_detail":{"upgrades_failed":2,"wrong_opcode":0,"out_of_order":5}"#;
        let text = ARENA.replace(r#""reconnects":3"#, detail);
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(
            report.objection(false).as_deref(),
            Some("upgrades_failed: 2, out_of_order: 5")
        );
    }

    #[test]
    fn a_text_report_is_refused() {
        assert!(
            Report::parse(b"Latency 1us")
                .unwrap_err()
                .contains("no JSON report")
        );
        assert!(Report::parse(b"{}").unwrap_err().contains("/elapsed_sec"));
    }

    #[test]
    fn percentiles_and_the_servers_side_are_read_where_they_are() {
        let plain = Report::parse(ARENA.as_bytes()).unwrap();
        assert_eq!((plain.server, plain.curve.len()), (None, 0));
        assert_eq!(plain.latency_us, [110.0, 167.0, 1.0]);
        let more = r#""latency":{"min":1000,"p50":2500,"p99_9":null},"server":{"cpu_cores_used":0.5,
            "cpu_us_per_answer":5.25,"rss_peak_bytes":4096,"voluntary_switches":7,"involuntary_switches":8}"#;
        let text = ARENA.replace(r#""reconnects":3"#, more);
        let report = Report::parse(text.as_bytes()).unwrap();
        assert_eq!(report.curve, [("min", 1.0), ("p50", 2.5)]);
        let side = report.server.unwrap();
        assert_eq!((side.peak_memory, side.switches), (4096, [7, 8]));
        assert!((side.cores - 0.5).abs() < 1e-9 && (side.cpu_us - 5.25).abs() < 1e-9);
    }
}
