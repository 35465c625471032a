//! Limits that a run must keep: `--fail-if 'p99>5ms'`.

use crate::{
    files::RunFile,
    report::units::{self, per},
};
use serde::Serialize;
use std::{fmt, str::FromStr};

const METRICS: &str = "p50 to p99.99, min, mean, max, rps, achieved, errors, reconnects, client-cpu, server-cpu, server-rss";
/// Answers beyond a quantile, as for those of reports.
const BEYOND_MIN: f64 = 10.0;
const KIB: f64 = 1024.0;

/// A condition under which a run fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gate {
    metric: Metric,
    compare: Compare,
    /// In the unit of the metric: nanoseconds, parts of 1, or a plain number.
    limit: f64,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Quantile(f64),
    Min,
    Mean,
    Max,
    Rate,
    /// Part of the offered rate.
    Achieved,
    /// Requests of the whole run without an acceptable answer.
    Errors,
    ErrorPart,
    Reconnects,
    /// CPU time per answer.
    ClientCpu,
    ServerCpu,
    /// The most memory that was seen.
    ServerMemory,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What became of a gate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Passage {
    pub expr: String,
    /// In the unit of the metric: nanoseconds, parts of 1, or a plain number; null when the run does not tell.
    pub value: Option<f64>,
    pub pass: bool,
    /// The value, or why there is none.
    pub shown: String,
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or_else(|| {
            format!("`{text}` is no condition; write it like p99>5ms or errors>0.1%")
        })?;
        let (name, rest) = text.split_at(at);
        let (compare, limit) = if let Some(limit) = rest.strip_prefix(">=") {
            (Compare::AtLeast, limit)
        } else if let Some(limit) = rest.strip_prefix("<=") {
            (Compare::AtMost, limit)
        } else if let Some(limit) = rest.strip_prefix('>') {
            (Compare::Above, limit)
        } else {
            (Compare::Below, &rest[1..])
        };
        let (name, limit) = (name.trim(), limit.trim());
        let metric = Metric::parse(name, limit.ends_with('%'))
            .ok_or_else(|| format!("`{name}` is no metric; there are {METRICS}"))?;
        let limit = metric.limit(limit).ok_or_else(|| {
            format!(
                "`{limit}` is no limit for {name}; write {}",
                metric.example()
            )
        })?;
        Ok(Self {
            metric,
            compare,
            limit,
            text: text.trim().into(),
        })
    }
}

impl Metric {
    fn parse(name: &str, percent: bool) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "mean" => Self::Mean,
            "max" => Self::Max,
            "rps" => Self::Rate,
            "achieved" => Self::Achieved,
            "errors" if percent => Self::ErrorPart,
            "errors" => Self::Errors,
            "reconnects" => Self::Reconnects,
            "client-cpu" => Self::ClientCpu,
            "server-cpu" => Self::ServerCpu,
            "server-rss" => Self::ServerMemory,
            _ => {
                let digits = name.strip_prefix('p')?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let percent: f64 = digits.parse().ok().filter(|_| plain)?;
                (percent > 0.0 && percent < 100.0).then_some(Self::Quantile(percent / 100.0))?
            }
        })
    }

    fn limit(self, text: &str) -> Option<f64> {
        let number = |text: &str| -> Option<f64> {
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            text.parse().ok().filter(|_| plain)
        };
        let scaled = |suffixes: &[(&str, f64)]| {
            suffixes.iter().find_map(|(suffix, scale)| {
                let text = text.strip_suffix(suffix)?;
                Some(number(text)? * scale)
            })
        };
        match self {
            Self::Achieved | Self::ErrorPart => scaled(&[("%", 0.01)]),
            Self::Errors | Self::Reconnects => number(text),
            Self::Rate => scaled(&[("k", 1e3), ("K", 1e3), ("m", 1e6), ("M", 1e6), ("", 1.0)]),
            Self::ServerMemory => scaled(&[
                ("KiB", KIB),
                ("MiB", KIB * KIB),
                ("GiB", KIB * KIB * KIB),
                ("KB", 1e3),
                ("MB", 1e6),
                ("GB", 1e9),
            ]),
            _ => scaled(&[("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)]),
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Achieved => "99%",
            Self::Errors | Self::ErrorPart => "10 or 0.1%",
            Self::Reconnects => "10",
            Self::Rate => "50000 or 50k",
            Self::ServerMemory => "200MiB or 1.5GB",
            _ => "500us, 5ms or 1s",
        }
    }

    /// The value in a run, or why there is none.
    fn of(self, run: &RunFile) -> Result<f64, String> {
        let number = |pointer: &str| {
            run.number(pointer)
                .ok_or_else(|| "this run did not measure it".to_owned())
        };
        let answered = run.count("/latency/count").unwrap_or(0);
        let timed = |pointer: &str| match answered {
            0 => Err("nothing was answered".into()),
            _ => number(pointer),
        };
        match self {
            Self::Quantile(part) => {
                let latencies = run.headline().map_err(|error| error.to_string())?;
                let needed = BEYOND_MIN / (1.0 - part);
                // 10 / (1 - 0.99) is a little more than 1000.
                if (latencies.count() as f64) < needed * (1.0 - 1e-9) {
                    return Err(format!(
                        "it takes {needed:.0} answers to tell, and there were {}",
                        latencies.count()
                    ));
                }
                Ok(latencies.quantile(part) as f64)
            }
            Self::Min => timed("/latency/min"),
            Self::Mean => timed("/latency/mean"),
            Self::Max => timed("/latency/max"),
            Self::Rate => number("/rps"),
            Self::Achieved => number("/load/achieved_ratio"),
            Self::Errors => Ok(errors(run)),
            Self::ErrorPart => {
                let ok = number("/counts/whole_run/ok")?;
                let bad = errors(run);
                if ok + bad > 0.0 {
                    Ok(per(bad, ok + bad))
                } else {
                    Err("no request has ended".into())
                }
            }
            Self::Reconnects => number("/reconnects"),
            Self::ClientCpu => timed("/client/cpu_us_per_answer").map(|micros| micros * 1e3),
            Self::ServerCpu => timed("/server/cpu_us_per_answer").map(|micros| micros * 1e3),
            Self::ServerMemory => number("/server/rss_peak_bytes"),
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Rate => units::count(value),
            Self::Errors | Self::Reconnects => format!("{value}"),
            Self::Achieved | Self::ErrorPart => format!("{:.2}%", value * 100.0),
            Self::ServerMemory => units::bytes(value as u64),
            _ => units::latency(value as u64),
        }
    }
}

/// Requests that got no acceptable answer, and connections that could not be made.
fn errors(run: &RunFile) -> f64 {
    let pointers = [
        "/counts/whole_run/bad",
        "/counts/whole_run/lost",
        "/errors/connect",
    ];
    let numbers = pointers.iter().filter_map(|pointer| run.number(pointer));
    numbers.sum()
}

impl Gate {
    /// A value that is not known does not pass: nobody has shown that the limit is kept.
    pub(crate) fn judge(&self, run: &RunFile) -> Passage {
        let (value, fails, shown) = match self.metric.of(run) {
            Ok(value) => {
                let fails = match self.compare {
                    Compare::Above => value > self.limit,
                    Compare::AtLeast => value >= self.limit,
                    Compare::Below => value < self.limit,
                    Compare::AtMost => value <= self.limit,
                };
                (Some(value), fails, self.metric.show(value))
            }
            Err(why) => (None, true, why),
        };
        Passage {
            expr: self.text.clone(),
            value,
            pass: !fails,
            shown,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.pass { "kept" } else { "BREACHED" };
        write!(f, "{}: {word} ({})", self.expr, self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Latencies;
    use serde_json::json;

    fn run() -> RunFile {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(micros * 1000, 1);
        }
        RunFile {
            path: "run".into(),
            value: json!({
                "rps": 2000.0, "reconnects": 3, "errors": { "connect": 2 },
                "counts": { "whole_run": { "ok": 996, "bad": 1, "lost": 1 } },
                "client": { "cpu_us_per_answer": 7.5 },
                "server": { "rss_peak_bytes": 50_000_000 },
                "latency": {
                    "count": 1000, "min": 1000, "mean": 500_500, "max": 1_000_000, "response": null,
                    "service": { "hdr": latencies.to_base64(), "mean": 500_500 },
                },
            }),
        }
    }

    #[test]
    fn conditions_hold_or_do_not() {
        let run = run();
        for (text, pass) in [
            ("p99>1ms", true),
            ("p99>980us", false),
            ("p99 >= 2ms", true),
            ("p50<400us", true),
            ("p50<600us", false),
            ("max>1ms", true),
            ("max>=1ms", false),
            ("min<1us", true),
            ("mean>0.5ms", false),
            ("rps<2k", true),
            ("rps<=2000", false),
            ("rps<0.0021M", false),
            ("errors>4", true),
            ("errors>3", false),
            ("errors>0.5%", true),
            ("errors>0.3%", false),
            ("reconnects>0", false),
            ("client-cpu>8us", true),
            ("client-cpu>7us", false),
            ("server-rss>50MB", true),
            ("server-rss>47MiB", false),
        ] {
            let gate: Gate = text.parse().unwrap();
            let passage = gate.judge(&run);
            assert_eq!(passage.pass, pass, "{passage}");
            assert!(passage.value.is_some());
        }
    }

    #[test]
    fn what_is_not_known_does_not_pass() {
        for (text, why) in [
            ("p99.9>1s", "10000 answers"),
            ("server-cpu>1s", "did not measure"),
            ("achieved<99%", "did not measure"),
        ] {
            let passage = text.parse::<Gate>().unwrap().judge(&run());
            assert!(!passage.pass && passage.value.is_none(), "{passage}");
            assert!(passage.to_string().contains(why), "{passage}");
        }
        // 1000 answers are just enough for this one.
        assert!("p99>1s".parse::<Gate>().unwrap().judge(&run()).pass);
    }

    #[test]
    fn nonsense_is_explained() {
        for (text, part) in [
            ("p99=5ms", "p99>5ms"),
            ("q99>5ms", "p50 to p99.99"),
            ("p100>5ms", "is no metric"),
            ("p-1>5ms", "is no metric"),
            ("p99>5", "500us, 5ms or 1s"),
            ("p99>x", "500us"),
            ("p99>", "500us"),
            ("errors>-1", "10 or 0.1%"),
            ("achieved<0.99", "99%"),
            ("rps<inf", "50k"),
            ("server-rss>50", "200MiB"),
            ("server-rss>50us", "200MiB"),
        ] {
            let error = text.parse::<Gate>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
