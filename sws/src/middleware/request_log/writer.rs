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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::mpsc::{Receiver, Sender, channel},
    };

    /// Reports what is written, and writes only when it is told to and as it is told.
    struct Slow {
        written: Sender<String>,
        go: Receiver<io::Result<()>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.written.send(text).unwrap();
            // Nobody to say so: let it go.
            self.go.recv().unwrap_or(Ok(()))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Slow, Receiver<String>, Sender<io::Result<()>>) {
        let ((written, seen), (say, go)) = (channel(), channel());
        (Slow { written, go }, seen, say)
    }

    #[test]
    fn a_log_that_is_not_used_has_no_thread() {
        let (sink, seen, _say) = slow();
        let writer = Writer::new(sink);
        assert!(!writer.started.is_completed());
        drop(writer);
        assert!(seen.recv().is_err());
    }

    #[test]
    fn lines_are_dropped_rather_than_waited_for_and_that_is_said() {
        let (sink, seen, say) = slow();
        let writer = Writer::with_room(sink, 30);
        writer.line("first");
        assert_eq!(seen.recv().unwrap(), "first\n");
        // The thread writes, and does not come back before it is told to; so these wait, or do not.
        for _ in 0..10 {
            writer.line("123456789");
        }
        say.send(Ok(())).unwrap();
        let batch = seen.recv().unwrap();
        assert_eq!(
            batch,
            "123456789\n123456789\n123456789\nsws: 7 lines of the request log were dropped: it is not read fast enough\n"
        );
        say.send(Ok(())).unwrap();
        writer.line("last");
        assert_eq!(seen.recv().unwrap(), "last\n");
        say.send(Ok(())).unwrap();
    }

    #[test]
    fn what_could_not_be_written_counts_as_dropped() {
        let (sink, seen, say) = slow();
        let writer = Writer::new(sink);
        writer.line("a");
        assert_eq!(seen.recv().unwrap(), "a\n");
        writer.line("b");
        say.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        let batch = seen.recv().unwrap();
        assert!(batch.starts_with("b\nsws: 1 lines "), "{batch}");
        say.send(Ok(())).unwrap();
    }

    #[test]
    fn the_end_waits_for_what_is_left() {
        let (sink, seen, say) = slow();
        let writer = Writer::new(sink);
        writer.line("a");
        assert_eq!(seen.recv().unwrap(), "a\n");
        writer.line("b");
        writer.line("c");
        drop(say);
        drop(writer);
        assert_eq!(seen.try_recv().as_deref(), Ok("b\nc\n"));
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let (sink, seen, say) = slow();
        let writer = Writer::new(sink);
        writer.line("a");
        assert_eq!(seen.recv().unwrap(), "a\n");
        // It hangs if the end waits for the thread, which waits for us.
        drop(writer);
        drop(say);
    }

    #[test]
    fn a_sink_that_panics_ends_the_log_and_nothing_else() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                panic!("on purpose")
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writer = Writer::new(Broken);
        writer.line("a");
        let mut lines = writer.shared.lock();
        while !lines.dead {
            lines = writer.shared.changed.wait(lines).unwrap();
        }
        drop(lines);
        writer.line("b");
        assert!(writer.shared.lock().waiting.is_empty());
    }
}
