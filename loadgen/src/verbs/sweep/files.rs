//! The files of a sweep.

use super::{page, result::Sweep};
use crate::{
    error::Failure,
    files::{Options, Pending},
};
use serde_json::Value;
use std::io::{self, Write};

pub(super) struct Files {
    json: Option<Pending>,
    csv: Option<Pending>,
    html: Option<Pending>,
}

const COLUMNS: [&str; 12] = [
    "share",
    "rate",
    "offered_rps",
    "achieved_ratio",
    "rps",
    "p50_ns",
    "p99_ns",
    "p99_9_ns",
    "max_ns",
    "errors",
    "client_busy",
    "verdict",
];

impl Files {
    /// Makes sure that all of them can be written.
    pub(super) fn new(options: &Options) -> Result<Self, Failure> {
        Ok(Self {
            json: Pending::maybe(options.output.as_ref())?,
            csv: Pending::maybe(options.derived.csv.as_ref())?,
            html: Pending::maybe(options.derived.html.as_ref())?,
        })
    }

    pub(super) fn write(self, sweep: &Sweep, value: &Value) -> Result<(), Failure> {
        if let Some(file) = self.json {
            file.write(|out| {
                serde_json::to_writer_pretty(&mut *out, value)?;
                writeln!(out)
            })?;
        }
        if let Some(file) = self.csv {
            file.write(|out| csv(out, value))?;
        }
        if let Some(file) = self.html {
            let page = page::page(sweep);
            file.write(|out| out.write_all(page.as_bytes()))?;
        }
        Ok(())
    }
}

/// A header, then a row for each step by its rate (RFC 4180). No field of these needs quotes.
fn csv(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for step in value["steps"].as_array().into_iter().flatten() {
        let fields = COLUMNS.map(|name| match &step[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}
