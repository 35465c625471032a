//! A server that takes a planned time for each answer, or stalls, and writes down what it took.
//!
//! One thread does everything, so while it stalls nothing is answered. It does not trust `sleep`, which wakes up 50 us late and
//! more (`prctl(2)`, PR_SET_TIMERSLACK; then the scheduler): where times have to be exact it spins.

use crate::server::OK;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
    },
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use sws_ring::sys::{allowed_cpus, pin_to_cpu};

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Take {
    /// Answers it after this time.
    Time(Duration),
    /// Does nothing at all for this time, then answers it.
    Stall(Duration),
}

/// What it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// From when a request was read to just before its answer was written, and when that was; in the order of the answers.
    pub(crate) answers: Vec<(Duration, Instant)>,
    /// Begin and end.
    pub(crate) stalls: Vec<(Instant, Instant)>,
}

/// A running server; it stops when dropped.
pub(crate) struct Timed {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    done: Arc<Mutex<Done>>,
    thread: Option<JoinHandle<()>>,
}

/// How it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Sleep,
    Spin,
}

impl Timed {
    /// `plan` says what to do with the n-th request.
    pub(crate) fn start(wait: Wait, plan: impl Fn(usize) -> Take + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut serving = Serving {
            plan: Box::new(plan),
            wait,
            streams: HashMap::new(),
            due: BinaryHeap::new(),
            done: Arc::clone(&done),
            count: 0,
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            if wait == Wait::Spin {
                // Whoever the scheduler puts on the same CPU waits for a tick; the client has to be elsewhere.
                pin_to_cpu(allowed_cpus()[0]).unwrap();
            }
            serving.serve(&listener, &stopped).unwrap();
        });
        Self {
            address,
            stop,
            done,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Until now.
    pub(crate) fn done(&self) -> Done {
        self.done.lock().unwrap().clone()
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

struct Serving {
    plan: Box<dyn Fn(usize) -> Take + Send>,
    wait: Wait,
    streams: HashMap<u64, (TcpStream, Vec<u8>)>,
    /// When which connection is to be answered, and when the request was read.
    due: BinaryHeap<Reverse<(Instant, Instant, u64)>>,
    done: Arc<Mutex<Done>>,
    count: usize,
}

impl Serving {
    fn serve(&mut self, listener: &TcpListener, stop: &AtomicBool) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, listener, EventData::new_u64(0), EventFlags::IN)?;
        let mut events = Vec::with_capacity(256);
        while !stop.load(Ordering::Relaxed) {
            events.clear();
            let timeout = self.timeout();
            epoll::wait(&epoll, spare_capacity(&mut events), timeout.as_ref())?;
            for event in &events {
                let key = event.data.u64();
                if key > 0 {
                    self.read(key);
                    continue;
                }
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let key = stream.as_raw_fd() as u64;
                    epoll::add(&epoll, &stream, EventData::new_u64(key), EventFlags::IN)?;
                    self.streams.insert(key, (stream, Vec::new()));
                }
            }
            self.answer();
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Timespec> {
        let next = match (self.wait, self.due.peek()) {
            (Wait::Spin, _) => Duration::ZERO,
            (Wait::Sleep, None) => return None,
            (Wait::Sleep, Some(Reverse((due, ..)))) => {
                due.saturating_duration_since(Instant::now())
            }
        };
        Some(next.try_into().unwrap())
    }

    /// Takes the requests that have come on a connection; they have no bodies.
    fn read(&mut self, key: u64) {
        let Some((stream, unread)) = self.streams.get_mut(&key) else {
            return;
        };
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => unread.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => drop(self.streams.remove(&key)),
        }
        while let Some((_, unread)) = self.streams.get_mut(&key)
            && let Some(end) = unread.windows(4).position(|part| part == b"\r\n\r\n")
        {
            unread.drain(..end + 4);
            let now = Instant::now();
            let due = match (self.plan)(self.count) {
                Take::Time(time) => now + time,
                Take::Stall(time) => {
                    self.stall(now, now + time);
                    now
                }
            };
            self.count += 1;
            self.due.push(Reverse((due, now, key)));
        }
    }

    fn stall(&self, begin: Instant, end: Instant) {
        while Instant::now() < end {
            if self.wait == Wait::Sleep {
                thread::sleep(end.saturating_duration_since(Instant::now()));
            }
        }
        self.done
            .lock()
            .unwrap()
            .stalls
            .push((begin, Instant::now()));
    }

    /// Answers what is due.
    fn answer(&mut self) {
        while let Some(Reverse((due, read, key))) = self.due.peek().copied()
            && due <= Instant::now()
        {
            self.due.pop();
            let Some((stream, _)) = self.streams.get_mut(&key) else {
                continue;
            };
            let now = Instant::now();
            self.done.lock().unwrap().answers.push((now - read, now));
            // A client that goes away is no failure of the test.
            let _ = stream.write_all(OK);
        }
    }
}
