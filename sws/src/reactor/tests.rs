//! The reactor and HTTP against a kernel that is as unkind as it may be.

use super::{Core, Os, Reactor};
use crate::{
    Answered, BodySink, Config, Request, Response,
    connection::{
        ConnId, ConnRef, Protocol,
        http::{Alone, Http, HttpConn},
    },
    engine::sim::{Random, Sim, World},
    peers::Peers,
    router::Router,
};
use std::{cell::RefCell, io::Write, rc::Rc, sync::Arc};

struct Length(usize);

impl BodySink<()> for Length {
    fn chunk(&mut self, _: &mut (), bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn end(self: Box<Self>, _: &mut (), response: Response<'_>) -> Answered {
        response.text(self.0.to_string())
    }
}

fn http(config: &Config) -> (Http<()>, Alone) {
    let piece = |_: &mut (), request: &Request<'_>, response: Response<'_>| {
        let len: usize = request.param("n").unwrap().parse().unwrap();
        let body: Vec<u8> = (0..len).map(|at| (at * 7 / 5) as u8).collect();
        response.body("x/y", body)
    };
    let echo = |_: &mut (), request: &Request<'_>, response: Response<'_>| {
        response.body("x/y", request.body())
    };
    let length = |_: &mut (), _: &Request<'_>| Length(0);
    let router = Router::new()
        .get("/b/{n}", piece)
        .post("/echo", echo)
        .post_stream("/length", length);
    Http::alone(config, router, ())
}

fn requests(random: &mut Random) -> Vec<u8> {
    let mut says = Vec::new();
    for _ in 0..1 + random.below(25) {
        let most = 1 << random.below(19);
        let size = random.below(most);
        let (path, size) = match random.below(6) {
            0..3 => {
                write!(says, "GET /b/{size} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
                continue;
            }
            3 => ("/echo", size / 8),
            4 => ("/length", size * 2),
            _ => ("/nothing", size / 4),
        };
        write!(says, "POST {path} HTTP/1.1\r\nHost: t\r\n").unwrap();
        if random.one_in(2) {
            write!(says, "Content-Length: {size}\r\n\r\n").unwrap();
            says.resize(says.len() + size, b'y');
        } else {
            says.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for _ in 0..3 {
                write!(
                    says,
                    "{:x}\r\n{}\r\n",
                    size / 3 + 1,
                    "z".repeat(size / 3 + 1)
                )
                .unwrap();
            }
            says.extend_from_slice(b"0\r\n\r\n");
        }
    }
    if random.one_in(3) {
        says.extend_from_slice(b"GET /b/9 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\nmore");
    }
    says
}

/// The same answers, made in one piece.
fn answers(says: &[u8]) -> Vec<u8> {
    let config = Config {
        output_high_water_bytes: usize::MAX,
        ..Config::default()
    };
    let (mut out, mut conn) = (Vec::new(), HttpConn::default());
    let (mut http, _alone) = http(&config);
    let at = ConnRef {
        id: ConnId::new(0, 1),
        fd: -1,
        unsent: 0,
    };
    let _ = http.data(at, &mut conn, says, 0, &mut out);
    drop(http);
    out
}

/// Without what the clock says.
fn timeless(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let dates: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(b"\r\nDate: "))
        .collect();
    for at in dates {
        let end = bytes.len().min(at + 8 + 29);
        bytes[at + 8..end].fill(b'.');
    }
    bytes
}

fn run(seed: u64) {
    println!("seed {seed}");
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let config = Config {
        output_high_water_bytes: [4096, 20_000, 256 * 1024][random.below(3)],
        ..Config::default()
    };
    let peers = Arc::new(Peers::new(1).unwrap());
    let world = Rc::new(RefCell::new(World::new(seed, Arc::clone(&peers))));
    let mut expected = Vec::new();
    for _ in 0..1 + random.below(12) {
        let says = requests(&mut random);
        let answers = answers(&says);
        let waits = (!random.one_in(3)).then_some(answers.len());
        let resets_after = match random.below(4) {
            0 => 1 + random.below(answers.len() + 1000),
            _ => usize::MAX,
        };
        world.borrow_mut().add(says, waits, resets_after);
        expected.push(timeless(&answers));
    }
    let slots = 1 + random.below(14) as u32;
    let (http, _alone) = http(&config);
    let core = Core::new(&config, http, Arc::clone(&peers), 0, slots, Os);
    Reactor::new(Sim(Rc::clone(&world)), core).run().unwrap();
    let world = world.borrow();
    for (index, (client, expected)) in world.clients.iter().zip(&expected).enumerate() {
        let heard = timeless(&client.heard);
        let resets = client.resets_after < usize::MAX;
        assert!(expected.starts_with(&heard), "client {index} heard wrong");
        assert!(
            resets || heard.len() == expected.len(),
            "client {index} heard {} of {} bytes",
            heard.len(),
            expected.len()
        );
        assert!(client.over);
    }
    let counters = peers.counters();
    assert_eq!(counters.accepted, world.clients.len() as u64);
    assert_eq!(counters.accepted, counters.closed);
    assert_eq!(
        (counters.slots_open, counters.connections_buffering),
        (0, 0)
    );
    assert_eq!((counters.stale_completions, counters.timeouts), (0, 0));
}

#[test]
fn nothing_is_lost_whatever_the_kernel_does() {
    (1..=60).for_each(run);
}
