//! Flags that say what is written where. They do not change what is measured.

use super::Derived;
use crate::{duration, gates::Gate, raw_log, windows::WIDTH};
use std::{path::PathBuf, time::Duration};

const LABEL_BYTES_MAX: usize = 256;

/// Output beside the report on standard output.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Write the result as JSON to this file (as loadgen/schema/loadgen-1.json describes it), also when the run is
    /// interrupted. The file appears when it is complete
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub derived: Derived,

    #[command(flatten)]
    pub raw_log: raw_log::Flag,

    /// Width of the intervals that are reported, a multiple of 100ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,

    /// A label for the result files, like server=mine; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,

    /// Fail, with exit status 3, under this condition, like 'p99>5ms'; may be given several times. There are p50 to
    /// p99.99, min, mean, max, rps, achieved, errors (a number, or a percentage of all requests), reconnects, client-cpu
    /// and server-cpu (per answer), server-rss (like 200MiB). What the run is too short to tell fails as well
    #[arg(long = "fail-if", value_name = "CONDITION")]
    pub gates: Vec<Gate>,

    /// Fail, with exit status 4, when the numbers are doubtful although every answer was right: the client was at its
    /// limit, the rate drifted, or the clock of --start-at is not synchronised to 1ms
    #[arg(long)]
    pub strict: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse_positive(text)?;
    if interval.as_nanos().is_multiple_of(WIDTH.as_nanos()) {
        Ok(interval)
    } else {
        Err("it is no multiple of 100ms".into())
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && text.len() <= LABEL_BYTES_MAX => {
            Ok((key.into(), value.into()))
        }
        Some(_) if text.len() > LABEL_BYTES_MAX => {
            Err(format!("it is longer than {LABEL_BYTES_MAX} bytes"))
        }
        _ => Err("write it as KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_intervals() {
        assert_eq!(label("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(label("a=").unwrap(), ("a".into(), String::new()));
        assert!(label("=b").is_err() && label("ab").is_err());
        assert!(label(&format!("a={}", "x".repeat(300))).is_err());
        assert_eq!(interval("500ms").unwrap(), Duration::from_millis(500));
        assert!(interval("150ms").is_err() && interval("0").is_err());
    }
}
