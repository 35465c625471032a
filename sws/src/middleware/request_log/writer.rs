//! Lines on their way to where writing may block.

use std::{
    fmt,
    io::Write,
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Bytes of lines that may wait.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long the end of a log may take that nobody reads.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes lines without ever waiting; a thread of its own, which the first line starts, writes them.
pub(super) struct Writer {
    shared: Arc<Shared>,
    started: Once,
    /// Taken by the thread.
    sink: Mutex<Option<Box<dyn Write + Send>>>,
    bytes_max: usize,
}

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    /// Lines that found no room or could not be written, since the last time that was said.
    dropped: u64,
    /// No more lines will come.
    ended: bool,
    /// The thread is over, or never was: nobody writes any more.
    dead: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    pub(super) fn new(sink: impl Write + Send + 'static) -> Self {
        Self::with_room(sink, WAITING_BYTES_MAX)
    }

    pub(super) fn with_room(sink: impl Write + Send + 'static, bytes_max: usize) -> Self {
        Self {
            shared: Arc::default(),
            started: Once::new(),
            sink: Mutex::new(Some(Box::new(sink))),
            bytes_max,
        }
    }

    /// Hands over a line, which has no line end yet.
    pub(super) fn line(&self, line: &str) {
        self.started.call_once(|| self.start());
        let mut lines = self.shared.lock();
        if lines.dead || lines.waiting.len() + line.len() >= self.bytes_max {
            lines.dropped += 1;
            return;
        }
        let was_empty = lines.waiting.is_empty();
        lines.waiting.extend_from_slice(line.as_bytes());
        lines.waiting.push(b'\n');
        drop(lines);
        if was_empty {
            self.shared.changed.notify_all();
        }
    }

    fn start(&self) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sink) = sink.take() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("sws-log".to_owned());
        let end = End(Arc::clone(&self.shared));
        let run = move || {
            write(&shared, sink);
            drop(end);
        };
        if let Err(error) = thread.spawn(run) {
            eprintln!("sws: no thread for the request log, so there is none: {error}");
        }
    }
}

/// Says that nobody writes any more, also when writing has panicked.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut lines = self.0.lock();
        lines.dead = true;
        lines.waiting = Vec::new();
        self.0.changed.notify_all();
    }
}

fn write(shared: &Shared, mut sink: Box<dyn Write + Send>) {
    let mut batch = Vec::new();
    loop {
        let dropped = {
            let mut lines = shared.lock();
            while lines.waiting.is_empty() && !lines.ended {
                lines = shared
                    .changed
                    .wait(lines)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if lines.waiting.is_empty() && lines.dropped == 0 {
                return;
            }
            batch.clear();
            mem::swap(&mut batch, &mut lines.waiting);
            mem::take(&mut lines.dropped)
        };
        let count = batch.iter().filter(|byte| **byte == b'\n').count() as u64;
        if dropped > 0 {
            let text = format!(
                "sws: {dropped} lines of the request log were dropped: it is not read fast enough\n"
            );
            batch.extend_from_slice(text.as_bytes());
        }
        if sink.write_all(&batch).and_then(|()| sink.flush()).is_err() {
            let mut lines = shared.lock();
            if lines.ended {
                return;
            }
            lines.dropped += dropped + count;
        }
    }
}

impl Drop for Writer {
    /// What waits is written, unless that takes too long.
    fn drop(&mut self) {
        let deadline = Instant::now() + END_TIMEOUT;
        let mut lines = self.shared.lock();
        lines.ended = true;
        self.shared.changed.notify_all();
        if !self.started.is_completed() {
            return;
        }
        while !lines.dead {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
