//! The measured time in parts of 100 ms: what each thread counts in them, and their sums for a report.
//!
//! Nothing is done for a request: the latencies (response times, where a rate was asked for) of the window under way are recorded as always, and at the end of
//! the turn that leaves the window they are put away and added to those of the whole.

use crate::{
    books::Books,
    clock::{NEVER, Nanos},
    error::Failure,
    histogram::{Latencies, Packed},
    record::Record,
};
use std::time::Duration;

/// Width of the windows that are recorded.
pub(crate) const WIDTH: Duration = Duration::from_millis(100);
const WIDTH_NANOS: Nanos = 100_000_000;

/// What is counted in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: u64,
    ok: u64,
    bad: u64,
    never_answered: u64,
    bytes: u64,
}

/// One window of one thread.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Number since the begin of the measured time.
    number: u64,
    counts: Counts,
    latencies: Packed,
}

/// The windows of one thread.
#[derive(Debug)]
pub(crate) struct Windows {
    start: Nanos,
    number: u64,
    /// When the window under way is over.
    due: Nanos,
    /// What had been counted when it began.
    before: Counts,
    whole: Option<Latencies>,
    list: Vec<Window>,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            start: 0,
            number: 0,
            due: NEVER,
            before: Counts::default(),
            whole: None,
            list: Vec::new(),
        }
    }
}

impl Windows {
    /// The first window begins at `start`; `record` has nothing in it.
    pub(crate) fn begin(&mut self, start: Nanos) {
        self.start = start;
        self.due = start.saturating_add(WIDTH_NANOS);
    }

    /// When to call [`turn`](Self::turn) next.
    #[inline]
    pub(crate) fn due(&self) -> Nanos {
        self.due
    }

    /// Closes the window under way; the one that `now` is in begins.
    #[cold]
    pub(crate) fn turn(&mut self, now: Nanos, record: &mut Record<'_>) {
        self.close(
            &record.books,
            record.tally.bytes,
            record.tally.headline_mut(),
        );
        self.number = now.saturating_sub(self.start) / WIDTH_NANOS;
        self.due = self.start + (self.number + 1) * WIDTH_NANOS;
    }

    /// Closes the last window. `latencies` are then those of the whole.
    pub(crate) fn finish(&mut self, books: &Books, bytes: u64, latencies: &mut Latencies) {
        self.close(books, bytes, latencies);
        self.due = NEVER;
        if let Some(whole) = self.whole.take() {
            *latencies = whole;
        }
    }

    fn close(&mut self, books: &Books, bytes: u64, latencies: &mut Latencies) {
        let counts = Counts {
            sent: books.sent,
            ok: books.ok,
            bad: books.bad(),
            never_answered: books.never_answered(),
            bytes,
        };
        self.list.push(Window {
            number: self.number,
            counts: counts.minus(self.before),
            latencies: latencies.put_away(),
        });
        self.before = counts;
        match &mut self.whole {
            Some(whole) => whole.merge(latencies),
            None => self.whole = Some(latencies.clone()),
        }
        latencies.clear();
    }

    /// Latencies of the window that was closed last.
    pub(crate) fn last_latencies(&self) -> Option<&Packed> {
        self.list.last().map(|window| &window.latencies)
    }

    /// All windows.
    pub(crate) fn into_list(self) -> Vec<Window> {
        self.list
    }
}

impl Counts {
    fn minus(self, earlier: Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            ok: self.ok - earlier.ok,
            bad: self.bad - earlier.bad,
            never_answered: self.never_answered - earlier.never_answered,
            bytes: self.bytes - earlier.bytes,
        }
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.bad += other.bad;
        self.never_answered += other.never_answered;
        self.bytes += other.bytes;
    }
}

/// A window of all threads, as reports have it. Times are nanoseconds since the begin of the measured time.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Row {
    /// The end of the window.
    pub t_ns: u64,
    pub len_ns: u64,
    pub sent: u64,
    pub ok: u64,
    pub bad: u64,
    pub lost: u64,
    pub bytes: u64,
    pub mean: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
    pub hdr: String,
}

/// Adds up the windows of all threads to rows of `interval` (a multiple of [`WIDTH`]), without a gap over `elapsed`: a
/// row in which nothing happened says so. The last one may be shorter.
pub(crate) fn rows(
    mut windows: Vec<Window>,
    elapsed: Duration,
    interval: Duration,
) -> Result<Vec<Row>, Failure> {
    let (elapsed, interval) = (crate::clock::nanos(elapsed), crate::clock::nanos(interval));
    let per_row = (interval / WIDTH_NANOS).max(1);
    let count = elapsed.div_ceil(interval).max(1);
    windows.sort_by_key(|window| window.number);
    let mut latencies = Latencies::new()?;
    let mut rows = Vec::new();
    let mut rest = windows.as_slice();
    for row in 0..count {
        let last = row + 1 == count;
        // A batch that is seen a moment after the end belongs to the last row.
        let mine = rest.partition_point(|window| last || window.number / per_row <= row);
        let (these, later) = rest.split_at(mine);
        rest = later;
        latencies.clear();
        let mut counts = Counts::default();
        for window in these {
            counts.add(window.counts);
            latencies.add(&window.latencies).map_err(Failure::Machine)?;
        }
        let end = ((row + 1) * interval).min(elapsed);
        rows.push(Row::new(end, end - row * interval, counts, &latencies));
    }
    Ok(rows)
}

impl Row {
    /// The same part of another worker's window.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), String> {
        let mut latencies = Latencies::from_base64(&self.hdr, self.mean)?;
        latencies.merge(&Latencies::from_base64(&other.hdr, other.mean)?);
        let mut counts = self.counts();
        counts.add(other.counts());
        let len_ns = self.len_ns.max(other.len_ns);
        *self = Self::new(self.t_ns.max(other.t_ns), len_ns, counts, &latencies);
        Ok(())
    }

    fn counts(&self) -> Counts {
        Counts {
            sent: self.sent,
            ok: self.ok,
            bad: self.bad,
            never_answered: self.lost,
            bytes: self.bytes,
        }
    }

    fn new(t_ns: u64, len_ns: u64, counts: Counts, latencies: &Latencies) -> Self {
        Self {
            t_ns,
            len_ns,
            sent: counts.sent,
            ok: counts.ok,
            bad: counts.bad,
            lost: counts.never_answered,
            bytes: counts.bytes,
            mean: latencies.mean(),
            p50: latencies.quantile(0.5),
            p90: latencies.quantile(0.9),
            p99: latencies.quantile(0.99),
            max: latencies.max(),
            hdr: latencies.to_base64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that answers `ok` requests of `latency` in the windows that `at` (ms since the start) names.
    fn thread(answers: &[(u64, u64, u64)], end: u64) -> (Vec<Window>, Latencies) {
        let ms = 1_000_000;
        let start = 7 * ms;
        let (mut windows, mut latencies) = (Windows::default(), Latencies::new().unwrap());
        let mut books = Books::default();
        windows.begin(start);
        for (at, ok, latency) in answers {
            let now = start + at * ms;
            if now >= windows.due() {
                windows.close(&books, books.ok * 10, &mut latencies);
                windows.number = (now - start) / WIDTH_NANOS;
                windows.due = start + (windows.number + 1) * WIDTH_NANOS;
            }
            books.ok += ok;
            books.sent += ok;
            latencies.record(*latency, *ok);
        }
        assert!(windows.due() >= start + end * ms);
        windows.finish(&books, books.ok * 10, &mut latencies);
        (windows.into_list(), latencies)
    }

    #[test]
    fn rows_add_up_to_the_whole_and_have_no_gap() {
        let (mut windows, mut whole) = thread(&[(0, 5, 1000), (99, 1, 1000), (250, 2, 9000)], 300);
        let (more, other) = thread(&[(120, 4, 2000), (999, 3, 5000)], 1000);
        windows.extend(more);
        whole.merge(&other);
        let ms = Duration::from_millis;
        let rows = rows(windows, ms(950), ms(100)).unwrap();
        let ok: Vec<u64> = rows.iter().map(|row| row.ok).collect();
        assert_eq!(ok, [6, 4, 2, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(rows[9].t_ns, 950_000_000);
        assert_eq!(rows[9].len_ns, 50_000_000);
        assert_eq!(rows.iter().map(|row| row.bytes).sum::<u64>(), 150);
        let mut sum = Latencies::new().unwrap();
        for row in &rows {
            sum.merge(&Latencies::from_base64(&row.hdr, row.mean).unwrap());
        }
        assert_eq!(sum.histogram(), whole.histogram());
        assert_eq!((sum.count(), whole.count()), (15, 15));
    }

    #[test]
    fn wider_rows_take_several_windows() {
        let (windows, _) = thread(&[(0, 1, 1000), (450, 2, 9000), (550, 4, 9000)], 600);
        let ms = Duration::from_millis;
        let rows = rows(windows, ms(1000), ms(500)).unwrap();
        let ok: Vec<(u64, u64)> = rows.iter().map(|row| (row.t_ns, row.ok)).collect();
        assert_eq!(ok, [(500_000_000, 3), (1_000_000_000, 4)]);
    }
}
