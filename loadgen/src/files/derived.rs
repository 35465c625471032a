//! Files that are made from results: of the run that just ended, or of files that are read again.

use super::{Pending, RunFile, csv, hgrm, hlog, markdown};
use crate::{error::Failure, html};
use std::path::PathBuf;

/// Which of them to write.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Derived {
    /// Write the percentile table that HdrHistogram's plotter reads, in milliseconds
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,

    /// Write an HdrHistogram log: one histogram for each interval, in nanoseconds
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,

    /// Write one JSON object a line for each interval
    #[arg(long, value_name = "FILE")]
    timeseries: Option<PathBuf>,

    /// Write a short summary in Markdown, as for a comment in CI
    #[arg(long, value_name = "FILE")]
    md: Option<PathBuf>,

    /// Write a header and a row of comma-separated values
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Write a report as one HTML file with charts
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Files that can be written.
#[derive(Debug)]
pub(crate) struct DerivedFiles {
    hgrm: Option<Pending>,
    hlog: Option<Pending>,
    timeseries: Option<Pending>,
    md: Option<Pending>,
    csv: Option<Pending>,
    html: Option<Pending>,
}

impl DerivedFiles {
    /// Makes sure that all of them can be written.
    pub(crate) fn new(options: &Derived) -> Result<Self, Failure> {
        Ok(Self {
            hgrm: Pending::maybe(options.hgrm.as_ref())?,
            hlog: Pending::maybe(options.hlog.as_ref())?,
            timeseries: Pending::maybe(options.timeseries.as_ref())?,
            md: Pending::maybe(options.md.as_ref())?,
            csv: Pending::maybe(options.csv.as_ref())?,
            html: Pending::maybe(options.html.as_ref())?,
        })
    }

    /// Writes them.
    pub(crate) fn write(self, run: &RunFile) -> Result<(), Failure> {
        if let Some(file) = self.hgrm {
            let latencies = run.headline()?;
            file.write(|out| hgrm::write(out, &latencies))?;
        }
        if let Some(file) = self.hlog {
            let (start, rows) = (run.span()?.0, run.windows()?);
            file.write(|out| hlog::write(out, start, &rows))?;
        }
        if let Some(file) = self.timeseries {
            let rows = run.windows()?;
            file.write(|out| {
                for row in &rows {
                    serde_json::to_writer(&mut *out, row)?;
                    writeln!(out)?;
                }
                Ok(())
            })?;
        }
        let runs = std::slice::from_ref(run);
        if let Some(file) = self.md {
            file.write(|out| markdown::write(out, runs))?;
        }
        if let Some(file) = self.csv {
            file.write(|out| csv::write(out, runs))?;
        }
        if let Some(file) = self.html {
            let page = html::page(runs)?;
            file.write(|out| out.write_all(page.as_bytes()))?;
        }
        Ok(())
    }
}
