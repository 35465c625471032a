//! What the client is measured against: threads that answer as cheaply as can be. They know the length of a request and
//! count bytes; nothing is parsed, so that as little as possible of what is measured is theirs.

use crate::{
    clock::{self, Nanos},
    error::Failure,
    wire,
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{IntoRawFd, RawFd},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use sws_ring::{BufRing, Cqe, Features, Ring, Token, op, sys};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// Requests that a client may have in flight on a connection: their answers go out in one send, which has to fit an empty
/// send buffer.
pub(super) const DEPTH_MAX: u64 = 256;
/// The kernel reads them while a send is under way, so they are never freed.
static ANSWERS: LazyLock<Vec<u8>> = LazyLock::new(|| ANSWER.repeat(DEPTH_MAX as usize));

/// How late a new connection or the end may be noticed.
const TICK: Duration = Duration::from_millis(5);
/// From one reading of the CPU clock to the next.
const SAMPLE: Nanos = 5_000_000;
const BUFFERS: u16 = 256;
const BUFFER_BYTES: usize = 8192;
const GROUP: u16 = 0;
/// No slot is used twice.
const GENERATION: u32 = 1;

mod kind {
    pub(super) const RECEIVE: u8 = 1;
    pub(super) const SEND: u8 = 2;
}

/// A running sink; it stops when dropped.
#[derive(Debug)]
pub(super) struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    threads: Vec<JoinHandle<Result<Vec<Sample>, Failure>>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    inboxes: Vec<Mutex<Vec<RawFd>>>,
}

/// CPU time of a thread until an instant, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: u64,
    cpu: Duration,
}

impl Sink {
    /// A listener of its own.
    pub(super) fn listen() -> Result<(TcpListener, SocketAddr), Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        listener
            .and_then(|listener| Ok((listener.local_addr()?, listener)))
            .map(|(address, listener)| (listener, address))
            .map_err(|error| Failure::Machine(format!("the sink cannot listen: {error}")))
    }

    /// One thread for each place: a CPU to be bound to, or none. `request_len` is the length of every request.
    pub(super) fn start(
        (listener, address): (TcpListener, SocketAddr),
        places: &[Option<usize>],
        request_len: usize,
    ) -> Result<Self, Failure> {
        let mut sink = Self {
            address,
            shared: Arc::new(Shared {
                stop: AtomicBool::new(false),
                inboxes: places.iter().map(|_| Mutex::default()).collect(),
            }),
            acceptor: None,
            threads: Vec::new(),
        };
        for (number, cpu) in places.iter().copied().enumerate() {
            let shared = sink.shared.clone();
            let body = move || serve(&shared, number, cpu, request_len);
            sink.threads.push(spawn(format!("sink-{number}"), body)?);
        }
        let shared = sink.shared.clone();
        sink.acceptor = Some(spawn("accept".into(), move || deal(&listener, &shared))?);
        Ok(sink)
    }

    /// Stops it, and says how busy each thread was between two times in nanoseconds since 1970.
    pub(super) fn stop(mut self, from: u64, to: u64) -> Result<Vec<f64>, Failure> {
        self.end();
        let threads = std::mem::take(&mut self.threads).into_iter();
        let busy = threads.map(|thread| {
            let bug = || Failure::Machine("the sink ended by a bug of this program".into());
            let samples = thread.join().unwrap_or_else(|_| Err(bug()))?;
            Ok(busy(&samples, from, to))
        });
        busy.collect()
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(acceptor) = self.acceptor.take() {
            // Wakes the accept; when that fails, the thread ends with the process.
            if TcpStream::connect(self.address).is_ok() {
                let _ = acceptor.join();
            }
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    let thread = thread::Builder::new().name(name).spawn(body);
    thread.map_err(|error| Failure::Machine(format!("a thread of the sink cannot start: {error}")))
}

/// Deals connections to the threads in turn, so that all have as many.
fn deal(listener: &TcpListener, shared: &Shared) {
    let mut next = 0;
    while !shared.stop.load(Ordering::Acquire) {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(TICK);
            continue;
        };
        let _ = stream.set_nodelay(true);
        let inbox = &shared.inboxes[next % shared.inboxes.len()];
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.push(stream.into_raw_fd());
        next += 1;
    }
}

/// One thread: its connections by slot; a closed one is below 0.
struct Server {
    ring: Ring,
    buffers: BufRing,
    fds: Vec<RawFd>,
    /// Bytes of a request that has not come whole.
    partial: Vec<usize>,
    request_len: usize,
    fire_and_forget: bool,
}

fn serve(
    shared: &Shared,
    number: usize,
    cpu: Option<usize>,
    request_len: usize,
) -> Result<Vec<Sample>, Failure> {
    let machine = |text: String| Failure::Machine(format!("the sink: {text}"));
    if let Some(cpu) = cpu {
        sys::pin_to_cpu(cpu)
            .map_err(|error| machine(format!("cannot be bound to CPU {cpu}: {error}")))?;
    }
    let features = Features::detect().map_err(|error| machine(error.to_string()))?;
    let ring = Ring::builder().build();
    let ring = ring.map_err(|error| machine(error.to_string()))?;
    let buffers = BufRing::new(&ring, GROUP, BUFFERS, BUFFER_BYTES)
        .map_err(|error| machine(error.to_string()))?;
    let mut server = Server {
        ring,
        buffers,
        fds: Vec::new(),
        partial: Vec::new(),
        request_len,
        fire_and_forget: features.fire_and_forget,
    };
    let mut samples = Vec::new();
    let mut next_sample = 0;
    while !shared.stop.load(Ordering::Acquire) {
        let mut inbox = shared.inboxes[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for fd in inbox.drain(..) {
            server.take(fd);
        }
        drop(inbox);
        let entered = server.ring.enter(1, Some(TICK));
        entered.map_err(|error| machine(format!("io_uring_enter failed: {error}")))?;
        server.turn();
        let now = clock::now();
        if now >= next_sample {
            next_sample = now + SAMPLE;
            samples.push(Sample::new(now));
        }
    }
    samples.push(Sample::new(clock::now()));
    Ok(samples)
}

impl Sample {
    fn new(now: Nanos) -> Self {
        let (user, system) = sys::thread_cpu_time();
        Self {
            at: clock::unix(now),
            cpu: user + system,
        }
    }
}

impl Server {
    fn take(&mut self, fd: RawFd) {
        self.fds.push(fd);
        self.partial.push(0);
        self.receive(self.fds.len() - 1);
    }

    fn receive(&mut self, slot: usize) {
        let token = Token::new(GENERATION, kind::RECEIVE, slot as u32);
        self.ring
            .push(op::recv_multishot(self.fds[slot], GROUP).token(token));
    }

    fn turn(&mut self) {
        while let Some(cqe) = self.ring.next_cqe() {
            let slot = cqe.token.index() as usize;
            match cqe.token.op() {
                kind::RECEIVE => self.received(cqe, slot),
                // Untracked sends complete only when they fail, tracked ones must not fail either.
                _ if self.fire_and_forget || cqe.result <= 0 => self.close(slot),
                _ => {}
            }
        }
        self.buffers.publish();
    }

    fn received(&mut self, cqe: Cqe, slot: usize) {
        if let Some(lease) = cqe.lease() {
            let count = self.buffers.open(&lease).len();
            self.buffers.recycle(lease);
            self.answer(slot, count);
        }
        if cqe.more() {
            return;
        }
        if cqe.result > 0 || cqe.result == -libc::ENOBUFS {
            if self.fds[slot] >= 0 {
                self.receive(slot);
            }
        } else {
            self.close(slot);
        }
    }

    /// Answers the requests that `count` more bytes complete.
    fn answer(&mut self, slot: usize, count: usize) {
        let bytes = self.partial[slot] + count;
        self.partial[slot] = bytes % self.request_len;
        let answers = (bytes / self.request_len).min(DEPTH_MAX as usize);
        if answers == 0 || self.fds[slot] < 0 {
            return;
        }
        let batch = &ANSWERS[..answers * ANSWER.len()];
        let token = Token::new(GENERATION, kind::SEND, slot as u32);
        if self.fire_and_forget {
            wire::send_fire(&mut self.ring, self.fds[slot], batch, token);
        } else {
            wire::send(&mut self.ring, self.fds[slot], batch, token);
        }
    }

    /// The client notices, and the measurement is not valid.
    fn close(&mut self, slot: usize) {
        let fd = std::mem::replace(&mut self.fds[slot], -1);
        if fd >= 0 {
            sys::close(fd);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for slot in 0..self.fds.len() {
            self.close(slot);
        }
    }
}

/// The part of the time between two instants that a thread was on a CPU.
fn busy(samples: &[Sample], from: u64, to: u64) -> f64 {
    let inside = |sample: &&Sample| (from..=to).contains(&sample.at);
    let first = samples.iter().find(inside);
    let last = samples.iter().rfind(inside);
    let (Some(first), Some(last)) = (first, last) else {
        return 0.0;
    };
    let wall = last.at.saturating_sub(first.at) as f64 / 1e9;
    let cpu = last.cpu.saturating_sub(first.cpu).as_secs_f64();
    if wall > 0.0 { cpu / wall } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn only_the_window_counts() {
        let sample = |at, millis| Sample {
            at,
            cpu: Duration::from_millis(millis),
        };
        let second = 1_000_000_000;
        let samples = [
            sample(0, 0),
            sample(second, 900),
            sample(2 * second, 1400),
            sample(3 * second, 1900),
            sample(4 * second, 2900),
        ];
        assert_eq!(busy(&samples, second, 3 * second), 0.5);
        assert_eq!(busy(&samples, 5 * second, 6 * second), 0.0);
        assert_eq!(busy(&[], 0, second), 0.0);
    }

    #[test]
    fn each_request_has_one_answer_however_it_is_cut() {
        let listener = Sink::listen().unwrap();
        let address = listener.1;
        let sink = Sink::start(listener, &[None, None], 10).unwrap();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            let mut answers = vec![0; 3 * ANSWER.len()];
            stream.write_all(&[b'x'; 13]).unwrap();
            stream.read_exact(&mut answers[..ANSWER.len()]).unwrap();
            stream.write_all(&[b'x'; 17]).unwrap();
            stream.read_exact(&mut answers[ANSWER.len()..]).unwrap();
            assert_eq!(answers, ANSWER.repeat(3));
        }
        assert_eq!(sink.stop(0, u64::MAX).unwrap().len(), 2);
    }
}
