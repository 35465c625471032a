//! The load generator: its command line and its JSON.

use crate::error::Error;
use crate::profiles::{Load, Profile};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One run of the generator.
#[derive(Debug)]
pub struct Run<'a> {
    /// What is sent.
    pub profile: &'a Profile,
    /// Concurrent connections.
    pub connections: u32,
    /// Threads of the generator.
    pub threads: usize,
    /// Whole seconds: the arena's generator reads anything else as seconds too.
    pub seconds: u32,
    /// The server's port.
    pub port: u16,
    /// The folder of templates.
    pub requests: &'a Path,
}

impl Run<'_> {
    /// The arguments in the arena's shape, and `--json`.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut url = format!("http://127.0.0.1:{}", self.port);
        let mut list: Vec<OsString> = Vec::new();
        match self.profile.load {
            Load::Url(path) => {
                url += path;
                list.push(url.into());
            }
            Load::WebSocket(path) => {
                url += path;
                list.extend([url.into(), "--ws".into()]);
            }
            Load::Raw(stems) => {
                list.push(url.into());
                list.push("--raw".into());
                let mut files = OsString::new();
                for (index, path) in self.templates(stems).iter().enumerate() {
                    if index > 0 {
                        files.push(",");
                    }
                    files.push(path);
                }
                list.push(files);
            }
        }
        let pairs = [
            ("-c", self.connections.to_string()),
            ("-t", self.threads.to_string()),
            ("-d", format!("{}s", self.seconds)),
            ("-p", self.profile.pipeline.to_string()),
        ];
        for (flag, value) in pairs {
            list.extend([flag.into(), value.into()]);
        }
        if self.profile.requests_per_connection > 0 {
            let requests = self.profile.requests_per_connection.to_string();
            list.extend(["-r".into(), requests.into()]);
        }
        list.push("--json".into());
        list
    }

    fn templates(&self, stems: &[&str]) -> Vec<PathBuf> {
        stems
            .iter()
            .map(|stem| self.requests.join(format!("{stem}.raw")))
            .collect()
    }
}

/// The mean size of a profile's templates in bytes; `None` without templates.
///
/// # Errors
/// When a template file is missing.
pub fn template_size(profile: &Profile, requests: &Path) -> Result<Option<f64>, Error> {
    let Load::Raw(stems) = profile.load else {
        return Ok(None);
    };
    let mut total = 0;
    for stem in stems {
        let path = requests.join(format!("{stem}.raw"));
        let found = std::fs::metadata(&path).map_err(|error| {
            Error::environment(format!(
                "template file {} is missing ({error}); remove the data folder to have it generated again",
                path.display()
            ))
        })?;
        total += found.len();
    }
    Ok(Some(total as f64 / stems.len() as f64))
}

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
    /// 99th percentile in microseconds.
    pub latency_p99_us: f64,
    /// Received bytes per second.
    pub bytes_per_second: f64,
    /// Connections opened after the first ones.
    pub reconnects: u64,
    /// 2xx answers by template, in template order.
    pub per_template_ok: Vec<u64>,
    /// The generator's own CPU time per answer in microseconds.
    pub cpu_us: Option<f64>,
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
            latency_p99_us: needed("/latency_us/p99")?,
            bytes_per_second: number("/bandwidth_bps").unwrap_or(0.0),
            reconnects: count("/reconnects"),
            per_template_ok: list("/per_template")
                .unwrap_or_default()
                .iter()
                .map(|row| row.get("2xx").and_then(Value::as_u64).unwrap_or(0))
                .collect(),
            cpu_us: number("/client/cpu_us_per_answer"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{Generation, find};

    fn run(name: &str) -> Vec<String> {
        let profile = find(name, Generation::March2026).unwrap();
        let run = Run {
            profile,
            connections: 32,
            threads: 2,
            seconds: 5,
            port: 8080,
            requests: Path::new("/r"),
        };
        run.arguments()
            .into_iter()
            .map(|text| text.into_string().unwrap())
            .collect()
    }

    #[test]
    fn arguments_have_the_arenas_shape() {
        assert_eq!(
            run("pipelined").join(" "),
            "http://127.0.0.1:8080/pipeline -c 32 -t 2 -d 5s -p 16 --json"
        );
        assert_eq!(
            run("limited-conn").join(" "),
            "http://127.0.0.1:8080 --raw /r/get.raw,/r/post_cl.raw,/r/post_chunked.raw \
             -c 32 -t 2 -d 5s -p 1 -r 10 --json"
        );
        assert_eq!(
            run("echo-ws").join(" "),
            "http://127.0.0.1:8080/ws --ws -c 32 -t 2 -d 5s -p 16 --json"
        );
    }

    #[test]
    fn template_sizes_are_averaged_and_a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let profile = find("limited-conn", Generation::March2026).unwrap();
        for (name, size) in [
            ("get.raw", 10),
            ("post_cl.raw", 20),
            ("post_chunked.raw", 60),
        ] {
            let error = template_size(profile, folder.path()).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            std::fs::write(folder.path().join(name), vec![0; size]).unwrap();
        }
        assert_eq!(template_size(profile, folder.path()).unwrap(), Some(30.0));
        let url = find("pipelined", Generation::March2026).unwrap();
        assert_eq!(template_size(url, folder.path()).unwrap(), None);
    }

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
}
