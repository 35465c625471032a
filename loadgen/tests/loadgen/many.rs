//! A server for many connections: one thread and one epoll, and as many processes of it as a test wants.
//!
//! A process is this test binary again, with one test selected that serves until its input ends.

use crate::server::OK;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, EventData, EventFlags},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    collections::HashMap,
    env, io,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    process::{Child, Command, Stdio},
    thread,
};

/// In which a server process finds its port.
const PORT: &str = "LOADGEN_TEST_PORT";
const BACKLOG: i32 = 4096;

/// A listener that other processes may share the port with.
pub(crate) fn listener(port: u16) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    let any: SocketAddr = ([127, 0, 0, 1], port).into();
    socket.bind(&any.into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    socket.into()
}

/// Answers every request with [`OK`], on all connections of a listener, for as long as the process runs.
pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(0), EventFlags::IN)?;
    let mut streams: HashMap<u64, (TcpStream, Vec<u8>)> = HashMap::new();
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in &events {
            let key = event.data.u64();
            if key == 0 {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    let key = stream.as_raw_fd() as u64;
                    epoll::add(&epoll, &stream, EventData::new_u64(key), EventFlags::IN)?;
                    streams.insert(key, (stream, Vec::new()));
                }
            } else if let Some((stream, unread)) = streams.get_mut(&key)
                && answer(stream, unread).is_err()
            {
                streams.remove(&key);
            }
        }
    }
}

/// Answers the requests that are complete; they have no bodies.
fn answer(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let count = match stream.read(&mut buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        other => other?,
    };
    unread.extend_from_slice(&buffer[..count]);
    while let Some(end) = unread.windows(4).position(|part| part == b"\r\n\r\n") {
        unread.drain(..end + 4);
        stream.write_all(OK)?;
    }
    if unread.is_empty() {
        *unread = Vec::new();
    }
    Ok(())
}

/// Server processes on one port; they stop when this is dropped.
pub(crate) struct Processes {
    port: u16,
    children: Vec<Child>,
}

impl Processes {
    /// Starts them, and waits until all listen.
    pub(crate) fn start(count: usize) -> Self {
        // Takes a port, and no connections.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let children = (0..count).map(|_| {
            let mut child = Command::new(env::current_exe().unwrap())
                .args(["--ignored", "--exact", "--nocapture"])
                .arg("many::serves_in_a_process_of_its_own")
                .env(PORT, port.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let out = child.stdout.as_mut().unwrap();
            let mut said = Vec::new();
            while !said.ends_with(b"listening\n") {
                let mut byte = [0];
                out.read_exact(&mut byte).unwrap();
                said.push(byte[0]);
            }
            child
        });
        Self {
            port,
            children: children.collect(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
#[ignore = "is a server for other tests"]
fn serves_in_a_process_of_its_own() {
    let Some(port) = env::var(PORT).ok().and_then(|port| port.parse().ok()) else {
        return;
    };
    sws_ring::sys::raise_nofile().unwrap();
    let listener = listener(port);
    println!("listening");
    // The test that started this has ended, or was killed, when its end of the pipe is closed.
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    serve(listener).unwrap();
}
