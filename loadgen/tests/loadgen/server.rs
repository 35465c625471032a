//! A server that does exactly what a test says: one thread and one call of a closure for each connection.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The usual answer: 200 and the body `ok`.
pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A running server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// One accepted connection.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Runs `script` for each connection; the connection closes when it returns.
    pub(crate) fn start(
        script: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// The same on a listener of the test's choice.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let server = Self {
            address: listener.local_addr().unwrap(),
            stop: Arc::default(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let script = Arc::new(script);
        let (stop, connections, requests) = (
            server.stop.clone(),
            server.connections.clone(),
            server.requests.clone(),
        );
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let _ = stream.set_nodelay(true);
                connections.fetch_add(1, Ordering::Relaxed);
                let mut connection = Connection {
                    stream,
                    unread: Vec::new(),
                    requests: requests.clone(),
                };
                let script = script.clone();
                thread::spawn(move || {
                    // A client that goes away is no failure of the test.
                    let _ = script(&mut connection);
                });
            }
        });
        server
    }

    /// The same, with a receive buffer so small that clients cannot send much ahead.
    pub(crate) fn with_small_window(
        script: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        sws_ring::sys::set_receive_buffer(listener.as_raw_fd(), 4096).unwrap();
        Self::on(listener, script)
    }

    /// Answers every request with the same bytes.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |connection| {
            loop {
                connection.request()?;
                connection.write(&answer)?;
            }
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests read so far, in the order in which they were complete.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the accept.
        let _ = TcpStream::connect(self.address);
    }
}

impl Connection {
    /// Reads one request: head, and a body of Content-Length or chunks.
    pub(crate) fn request(&mut self) -> io::Result<Vec<u8>> {
        let head_len = loop {
            match find(&self.unread, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.read()?,
            }
        };
        let head = String::from_utf8_lossy(&self.unread[..head_len]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| {
            line.strip_prefix("content-length:")?
                .trim()
                .parse::<usize>()
                .ok()
        });
        let end = if head.contains("transfer-encoding: chunked") {
            loop {
                match find(&self.unread[head_len..], b"0\r\n\r\n") {
                    Some(at) => break head_len + at + 5,
                    None => self.read()?,
                }
            }
        } else {
            head_len + length.unwrap_or(0)
        };
        while self.unread.len() < end {
            self.read()?;
        }
        let request: Vec<u8> = self.unread.drain(..end).collect();
        self.requests.lock().unwrap().push(request.clone());
        Ok(request)
    }

    /// Reads what is there; an end of the connection is an error.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Writes in pieces that arrive one by one.
    pub(crate) fn write_pieces(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        for piece in pieces {
            self.write(piece)?;
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Reads one masked WebSocket frame: its first byte and its payload.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let bytes = self.raw_frame()?;
        let extended = match bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let (mask, payload) = bytes[2 + extended..].split_at(4);
        let payload = payload.iter().zip(mask.iter().cycle());
        Ok((bytes[0], payload.map(|(byte, mask)| byte ^ mask).collect()))
    }

    /// The same as it was on the wire.
    pub(crate) fn raw_frame(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(length) = masked_frame_len(&self.unread)
                && length <= self.unread.len()
            {
                return Ok(self.unread.drain(..length).collect());
            }
            self.read()?;
        }
    }

    /// Whether nothing is at hand that was not asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }

    /// The connection itself; nothing must have been read ahead.
    pub(crate) fn stream(&self) -> &TcpStream {
        assert!(self.unread.is_empty());
        &self.stream
    }

    /// Waits until the client ends the connection, in order or not.
    pub(crate) fn wait_for_end(&mut self) -> io::Result<()> {
        loop {
            self.read()?;
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

fn masked_frame_len(bytes: &[u8]) -> Option<usize> {
    assert!(
        bytes.len() < 2 || bytes[1] & 0x80 != 0,
        "a frame without a mask"
    );
    let (head, length) = match bytes.get(1)? & 0x7f {
        126 => (
            4,
            u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(),
        ),
        127 => (
            10,
            u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
        ),
        short => (2, short.into()),
    };
    Some(head + 4 + length)
}
