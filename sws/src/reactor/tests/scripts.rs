//! Random scripts: what clients say, what they expect, and how unkind the kernel is.

use crate::{
    Config,
    engine::sim::{
        Kernel, Random,
        answers::{Body, Expected, pattern},
        client::{Ends, Late, MOST_PAUSES, Script},
    },
};
use std::{io::Write, time::Duration};

/// A graceful stop that nobody is too slow for.
pub(super) const PATIENT: Duration = Duration::from_secs(3600);

/// What a script is about, besides the usual unkindness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// Nobody is late.
    Busy,
    /// Some are late, and are cut off in time.
    Late,
    /// The clock jumps by hours.
    Jumps,
    /// The server is stopped meanwhile.
    Stop,
}

pub(super) fn theme(random: &mut Random) -> Theme {
    match random.below(10) {
        0..5 => Theme::Busy,
        5..7 => Theme::Late,
        7 => Theme::Jumps,
        _ => Theme::Stop,
    }
}

pub(super) fn config(random: &mut Random) -> Config {
    let seconds = |random: &mut Random| Duration::from_millis(20_000 + random.next() % 20_000);
    Config {
        output_high_water_bytes: random.pick(&[4096, 20_000, 256 * 1024]),
        buffer_cache_bytes_max: random.pick(&[0, 10_000, 8 << 20]),
        idle_timeout: seconds(random),
        head_timeout: seconds(random),
        body_timeout: seconds(random),
        write_timeout: seconds(random),
        handler_timeout: random.pick(&[None, Some(Duration::from_secs(25))]),
        half_close: random.one_in(2),
        websocket_ping_interval: None,
        stall_warning: None,
        shutdown_timeout: random.pick(&[Duration::from_millis(300), PATIENT, PATIENT]),
        ..Config::default()
    }
}

pub(super) fn kernel(random: &mut Random, theme: Theme, says_max: usize) -> Kernel {
    let immediate = random.one_in(3);
    Kernel {
        immediate,
        can_send_batch: immediate || !random.one_in(4),
        arrivals: random.pick(&[1, 2, 10]),
        buffers: random.pick(&[1, 2, 8, 64]),
        buffer_bytes: random.pick(&[16, 512, 4096, 16_384]).max(says_max / 100),
        lazy: random.pick(&[1, 1, 2, 5]),
        short: random.pick(&[0, 2, 10]),
        ends: random.pick(&[0, 4, 30]),
        no_descriptors: random.pick(&[0, 0, 5]),
        stale: random.pick(&[0, 3, 20]),
        jumps: if theme == Theme::Jumps {
            2 + random.below(20)
        } else {
            0
        },
        no_watches: if immediate {
            random.pick(&[0, 0, 20])
        } else {
            0
        },
        hand_over_fails: random.pick(&[1, 2, 0]),
        stops_at: if theme == Theme::Stop {
            random.below(60) as u32
        } else {
            u32::MAX
        },
    }
}

pub(super) fn client(random: &mut Random, theme: Theme, config: &Config, id: usize) -> Script {
    let mut talk = Talk::new(id);
    let longest = random.pick(&[1, 4, 4, 12]);
    for _ in 0..random.below(longest + 1) {
        talk.request(random);
    }
    if random.one_in(100) {
        talk.flood(random);
    }
    let late = match theme {
        Theme::Late if random.one_in(2) => Some(talk.late(random, config)),
        _ => None,
    };
    if late.is_none() && random.one_in(3) {
        talk.last(random);
    }
    let mut ends = random.pick(&[
        Ends::AfterRequests,
        Ends::AfterAnswers,
        Ends::AfterAnswers,
        Ends::AfterAnswers,
        Ends::Leaves,
    ]);
    if talk.waits && !config.half_close && ends == Ends::AfterRequests {
        // Who has sent FIN while a handler works has gone.
        ends = Ends::AfterAnswers;
    }
    if talk.ends_by_server || late.is_some() {
        ends = random.pick(&[Ends::AfterServer, Ends::AfterServer, Ends::Never]);
    }
    let bytes = talk.says.len() + talk.answers;
    Script {
        waits: late != Some(Late::Reading) && random.one_in(3),
        requests: talk.requests,
        pauses: late.map_or(0, |_| random.below(MOST_PAUSES as usize) as u32),
        resets_after: (late.is_none() && random.one_in(8)).then(|| random.below(bytes + 300)),
        // What is large is not cut into thousands of pieces.
        window: random
            .pick(&[100, 3000, 70_000, 400_000])
            .max(talk.answers / 50),
        handed: random.one_in(10),
        says: talk.says,
        expected: talk.expected,
        ends,
        late,
    }
}

struct Talk {
    id: usize,
    says: Vec<u8>,
    requests: Vec<usize>,
    expected: Vec<Expected>,
    /// Bytes of answers, about.
    answers: usize,
    /// The server closes by itself.
    ends_by_server: bool,
    /// Some handler waits.
    waits: bool,
}

impl Talk {
    fn new(id: usize) -> Self {
        Self {
            id: id * 1000,
            says: Vec::new(),
            requests: Vec::new(),
            expected: Vec::new(),
            answers: 0,
            ends_by_server: false,
            waits: false,
        }
    }

    fn expect(&mut self, status: u16, body: Option<Body>, head_only: bool) {
        self.requests.push(self.says.len());
        self.answers += 150;
        if let (Some(Body::Pattern { len, .. }), false) = (&body, head_only) {
            self.answers += len;
        }
        self.expected.push(Expected {
            status,
            body,
            head_only,
        });
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        self.says.write_fmt(text).unwrap();
    }

    fn get(&mut self, method: &str, len: usize, fields: &str) {
        self.get_from(method, "b", len, fields);
    }

    fn get_from(&mut self, method: &str, path: &str, len: usize, fields: &str) {
        let id = self.id;
        self.say(format_args!(
            "{method} /{path}/{id}/{len} HTTP/1.1\r\nHost: t\r\n{fields}\r\n"
        ));
        self.expect(200, Some(Body::Pattern { id, len }), method == "HEAD");
    }

    fn request(&mut self, random: &mut Random) {
        self.id += 1;
        let (id, len) = (self.id, size(random));
        match random.below(19) {
            0..4 => self.get("GET", len, ""),
            4 => self.get(
                "GET",
                len,
                &format!("X-Pad: {}\r\n", "p".repeat(len.min(3000))),
            ),
            5 => self.get("HEAD", len, ""),
            6 => {
                self.say(format_args!("GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n"));
                self.expect(404, None, false);
            }
            7 | 8 => {
                self.post(random, "/echo", &pattern(id, len));
                self.expect(200, Some(Body::Pattern { id, len }), false);
            }
            9 | 10 => {
                let len = len * (1 + 3 * random.below(2));
                self.post(random, "/length", &pattern(id, len));
                self.expect(200, Some(Body::Text(len.to_string())), false);
            }
            11 => {
                self.post(random, "/nothing", &pattern(id, len));
                self.expect(404, None, false);
            }
            12..16 => {
                self.waits = true;
                let path = random.pick(&["later", "wait", "pieces"]);
                let method = random.pick(&["GET", "GET", "HEAD"]);
                self.get_from(method, path, len, "");
            }
            16 => {
                self.waits = true;
                self.say(format_args!("GET /rejects HTTP/1.1\r\nHost: t\r\n\r\n"));
                self.expect(403, None, false);
            }
            17 => {
                self.waits = true;
                self.say(format_args!("GET /drops HTTP/1.1\r\nHost: t\r\n\r\n"));
                self.expect(500, None, false);
            }
            _ => {
                self.waits = true;
                self.post(random, "/slow", &pattern(id, len));
                self.expect(200, Some(Body::Text(len.to_string())), false);
            }
        }
    }

    /// Many small requests, whose answers together are more than may wait to be sent.
    fn flood(&mut self, random: &mut Random) {
        for _ in 0..800 {
            self.id += 1;
            self.get("GET", random.below(200), "");
        }
    }

    fn post(&mut self, random: &mut Random, path: &str, body: &[u8]) {
        self.say(format_args!("POST {path} HTTP/1.1\r\nHost: t\r\n"));
        if random.one_in(2) {
            self.say(format_args!("Content-Length: {}\r\n\r\n", body.len()));
            self.says.extend_from_slice(body);
            return;
        }
        self.say(format_args!("Transfer-Encoding: chunked\r\n\r\n"));
        let mut rest = body;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(1 + random.below(rest.len()));
            self.say(format_args!("{:x}\r\n", chunk.len()));
            self.says.extend_from_slice(chunk);
            self.say(format_args!("\r\n"));
            rest = after;
        }
        self.say(format_args!("0\r\n\r\n"));
    }

    /// A request after which the server closes, and something that is not heard any more.
    fn last(&mut self, random: &mut Random) {
        self.id += 1;
        self.ends_by_server = true;
        let what = random.below(4);
        if what < 2 {
            let len = size(random);
            let path = random.pick(&["b", "b", "later", "wait", "pieces"]);
            self.waits |= path != "b";
            self.get_from("GET", path, len, "Connection: close\r\n");
        } else if what == 2 {
            self.websocket(random);
        } else {
            self.say(format_args!("NO REQUEST\r\n\r\n"));
            self.expect(400, None, false);
        }
        let more = random.pick(&[0, 10, 5000]);
        self.says.resize(self.says.len() + more, b'm');
    }

    /// A WebSocket: echoes, then the end.
    fn websocket(&mut self, random: &mut Random) {
        self.say(format_args!(
            "GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ));
        let mut echoes = Vec::new();
        for _ in 0..random.below(6) {
            self.id += 1;
            let payload = pattern(self.id, size(random));
            self.frame(0x82, &payload);
            frame_head(&mut echoes, 0x82, payload.len(), 0);
            echoes.extend_from_slice(&payload);
        }
        let normal = [0x03, 0xe8];
        self.frame(0x88, &normal);
        frame_head(&mut echoes, 0x88, normal.len(), 0);
        echoes.extend_from_slice(&normal);
        self.answers += echoes.len();
        self.expect(101, Some(Body::Raw(echoes)), false);
    }

    /// A masked frame.
    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mask = [7, 0xa5, self.id as u8, 0x3c];
        frame_head(&mut self.says, opcode, payload.len(), 0x80);
        self.says.extend_from_slice(&mask);
        let masked = payload.iter().zip(mask.iter().cycle());
        self.says.extend(masked.map(|(byte, mask)| byte ^ mask));
    }

    /// Something that does not go on.
    fn late(&mut self, random: &mut Random, config: &Config) -> Late {
        self.id += 1;
        let start = self.says.len();
        match random.below(5) {
            0 => Late::Request,
            1 => {
                let len = size(random);
                self.get("GET", len, "");
                let cut = self.says.len() - 1 - random.below(self.says.len() - start - 1);
                self.cut(cut);
                Late::Head(start)
            }
            2 => {
                let path = random.pick(&["/echo", "/length"]);
                let len = size(random);
                self.say(format_args!("POST {path} HTTP/1.1\r\nHost: t\r\n"));
                self.say(format_args!("Content-Length: {}\r\n\r\n", len + 1));
                let body = self.says.len();
                self.says.resize(body + len, b'b');
                self.expect(408, None, false);
                Late::Body(body)
            }
            3 if config.handler_timeout.is_some() => {
                self.say(format_args!("GET /never HTTP/1.1\r\nHost: t\r\n\r\n"));
                self.expect(503, None, false);
                Late::Answer
            }
            _ => {
                // More than the window holds, whatever it is.
                for _ in 0..3 {
                    self.get("GET", 300_000, "");
                }
                Late::Reading
            }
        }
    }

    fn cut(&mut self, len: usize) {
        self.says.truncate(len);
        self.requests.pop();
        self.expected.pop();
        self.expect(408, None, false);
    }
}

/// The first bytes of a frame (RFC 6455, 5.2).
fn frame_head(out: &mut Vec<u8>, opcode: u8, len: usize, masked: u8) {
    out.push(opcode);
    match len {
        0..126 => out.push(masked | len as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Mostly small, sometimes around what buffers and batches hold.
fn size(random: &mut Random) -> usize {
    match random.below(40) {
        0..20 => random.below(100),
        20..34 => random.below(2000),
        34..38 => {
            let edge = 1usize << (9 + random.below(8));
            (edge + random.below(300)).saturating_sub(200)
        }
        38 => random.below(70_000),
        _ => random.below(300_000),
    }
}
