//! The log that HdrHistogram's tools read: one histogram for each interval.

use crate::{histogram::Latencies, windows::Row};
use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError},
};
use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

/// The log's column of maxima is in milliseconds, its histograms are in nanoseconds.
const MAX_DIVISOR: f64 = 1e6;

/// Writes the log of a window that began `start_unix` nanoseconds after 1970.
pub(crate) fn write(out: &mut dyn Write, start_unix: u64, rows: &[Row]) -> io::Result<()> {
    let start = UNIX_EPOCH + Duration::from_nanos(start_unix);
    let mut out = out;
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(concat!(
            "loadgen ",
            env!("CARGO_PKG_VERSION"),
            ", values in ns"
        ))
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(MAX_DIVISOR)
        .begin_log_with(&mut out, &mut serializer)?;
    for row in rows {
        let latencies = Latencies::from_base64(&row.hdr, row.mean).map_err(io::Error::other)?;
        let begin = Duration::from_nanos(row.t_ns - row.len_ns.min(row.t_ns));
        log.write_histogram(
            latencies.histogram(),
            begin,
            Duration::from_nanos(row.len_ns),
            None,
        )
        .map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })?;
    }
    Ok(())
}
