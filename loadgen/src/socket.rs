//! The WebSocket side of a connection: the upgrade, then an echo for each message.

use crate::{
    conn::End,
    mismatch::{Difference, Kind, Place},
    record::Record,
    rng::Rng,
    template::{Handshake, Template},
    trouble::Trouble,
};
use std::collections::VecDeque;
use sws_proto::ws::{
    Decoder, Event, Message, Role, encode,
    handshake::{Key, client},
};

/// An echo may be longer than its message by this much before it is not even read to its end.
const EXCESS_MAX: usize = 1 << 20;
/// The longest message that a server may send by itself.
const PUSHED_BYTES_MAX: usize = 64 << 20;
/// The mask of pongs, whose payload is the server's own.
const PONG_MASK: [u8; 4] = [0; 4];

/// How connections become WebSocket connections.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// The opening handshake.
    pub request: Vec<u8>,
    /// What its answer is checked against. All connections of a run have the same one, as those of the arena's
    /// generator have; that one has the same in every run.
    pub key: Key,
    /// Subprotocols that are offered.
    pub protocols: Vec<String>,
    echo: Echo,
    /// Whether messages that answer nothing are what the run is for.
    pub pushes: bool,
    message_bytes_max: u32,
}

/// What has to come back.
#[derive(Debug)]
enum Echo {
    /// Always this payload.
    Fixed(Vec<u8>),
    /// What was sent, which is this long and differs.
    Varying(usize),
}

impl Upgrade {
    /// For connections that carry this message.
    pub(crate) fn new(
        handshake: Handshake,
        message: &Template,
        pushes: bool,
        rng: &mut Rng,
    ) -> Self {
        let mut nonce = [0; 16];
        for part in nonce.chunks_exact_mut(8) {
            part.copy_from_slice(&rng.between(0, u64::MAX).to_le_bytes());
        }
        let key = Key::from_nonce(nonce);
        let mut request = handshake.head;
        client::request_fields(&mut request, &key, &[]);
        request.extend_from_slice(b"\r\n");
        Self {
            request,
            key,
            protocols: handshake.protocols,
            echo: match message.fixed_payload() {
                Some(payload) => Echo::Fixed(payload),
                None => Echo::Varying(message.payload_len()),
            },
            pushes,
            message_bytes_max: u32::try_from(if pushes {
                PUSHED_BYTES_MAX
            } else {
                message.payload_len() + EXCESS_MAX
            })
            .unwrap_or(u32::MAX),
        }
    }
}

/// What a connection knows of the frames on it.
#[derive(Debug)]
pub(crate) struct Socket {
    decoder: Decoder,
    upgraded: bool,
    /// Received and not yet understood, at the end of what came last.
    unread: Vec<u8>,
    /// The handshake or pongs, waiting to be sent.
    control: Vec<u8>,
    /// Payloads of the messages in flight, oldest first, where they differ. All have the same length.
    expected: VecDeque<u8>,
}

/// What some bytes were.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Messages in flight that were answered, rightly or wrongly.
    pub answered: u32,
    /// Why the connection has to end, if it has to.
    pub end: Option<End>,
}

impl Socket {
    /// Of a connection that is not up yet.
    pub(crate) fn new(upgrade: &Upgrade) -> Self {
        Self {
            decoder: Decoder::new(Role::Client, upgrade.message_bytes_max),
            upgraded: false,
            unread: Vec::new(),
            control: Vec::new(),
            expected: VecDeque::new(),
        }
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    /// Has the opening handshake sent.
    pub(crate) fn begin(&mut self, upgrade: &Upgrade) {
        self.control.clone_from(&upgrade.request);
    }

    /// Whether something other than messages waits to be sent.
    pub(crate) fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    /// Moves that over what `out` holds.
    pub(crate) fn take_control(&mut self, out: &mut Vec<u8>) {
        // With its memory: idle connections are many.
        *out = std::mem::take(&mut self.control);
    }

    /// Remembers the payload of a message that is about to be sent.
    pub(crate) fn expect(&mut self, payload: &[u8]) {
        self.expected.extend(payload);
    }

    /// Whether something has come that is not complete.
    pub(crate) fn is_inside_a_message(&self) -> bool {
        !self.unread.is_empty() || self.decoder.held_bytes() > 0
    }

    /// Takes bytes off the connection, on which `owed` messages are in flight.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        owed: u32,
        place: Place,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) -> Heard {
        if self.upgraded && self.unread.is_empty() {
            let (heard, rest) = self.messages(bytes, owed, place, record, trouble);
            self.unread.extend_from_slice(rest);
            return heard;
        }
        let was_upgraded = self.upgraded;
        let mut joined = std::mem::take(&mut self.unread);
        joined.extend_from_slice(bytes);
        let (heard, rest) = self.receive_joined(&joined, owed, place, record, trouble);
        joined.drain(..joined.len() - rest);
        if was_upgraded || rest > 0 {
            self.unread = joined;
        }
        heard
    }

    /// Returns how many bytes are left for later.
    fn receive_joined(
        &mut self,
        joined: &[u8],
        owed: u32,
        place: Place,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) -> (Heard, usize) {
        let mut frames = joined;
        if let (false, Some(upgrade)) = (self.upgraded, record.upgrade) {
            let offered: Vec<&str> = upgrade.protocols.iter().map(String::as_str).collect();
            match client::check_answer(joined, &upgrade.key, &offered) {
                Ok(None) => return (Heard::default(), joined.len()),
                Ok(Some(accepted)) => {
                    self.upgraded = true;
                    trouble.upgrades += 1;
                    frames = joined.get(accepted.length..).unwrap_or_default();
                }
                Err(rejected) => return (Heard::ending(End::Rejected(rejected)), 0),
            }
        }
        let (heard, rest) = self.messages(frames, owed, place, record, trouble);
        (heard, rest.len())
    }

    /// Judges messages and answers pings; returns what is not complete.
    #[inline]
    fn messages<'i>(
        &mut self,
        mut input: &'i [u8],
        owed: u32,
        place: Place,
        record: &mut Record<'_>,
        trouble: &mut Trouble,
    ) -> (Heard, &'i [u8]) {
        let mut heard = Heard::default();
        let Some(upgrade) = record.upgrade else {
            return (heard, input);
        };
        let mut scratch = std::mem::take(&mut record.scratch);
        loop {
            match self.decoder.decode(&mut input, &mut scratch) {
                Ok(Some(Event::Message(_))) if heard.answered == owed && upgrade.pushes => {
                    record.tally.pushed += 1;
                }
                Ok(Some(Event::Message(message))) if heard.answered == owed => {
                    trouble.unsolicited += 1;
                    let what = || {
                        Difference::plain(Kind::Unsolicited, "nothing".into(), message.as_bytes())
                    };
                    trouble.mismatches.add(0, place, what);
                }
                Ok(Some(Event::Message(message))) => {
                    heard.answered += 1;
                    let expected = &mut self.expected;
                    record.echo(judge(message, &upgrade.echo, expected, place, trouble));
                }
                // The payload of a ping always fits a pong.
                Ok(Some(Event::Ping(payload))) => {
                    let _ = encode::pong(&mut self.control, payload, Some(PONG_MASK));
                }
                // Means nothing when nobody asked for it (RFC 6455 §5.5.3).
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(close))) => {
                    let code = close.map(|close| close.code.get());
                    *trouble.close_frames.entry(code).or_default() += 1;
                    heard.end = Some(End::Announced);
                    break;
                }
                Ok(None) => break,
                Err(error) => {
                    let what = || Difference::malformed(error.reason(), input);
                    trouble.mismatches.add(0, place, what);
                    heard.end = Some(End::BadFrame(error));
                    break;
                }
            }
        }
        record.scratch = scratch;
        (heard, input)
    }
}

impl Heard {
    fn ending(end: End) -> Self {
        Self {
            answered: 0,
            end: Some(end),
        }
    }
}

/// Whether a message is the echo that is due; where they differ, of the oldest in `expected`.
#[inline]
fn judge(
    message: Message<'_>,
    echo: &Echo,
    expected: &mut VecDeque<u8>,
    place: Place,
    trouble: &mut Trouble,
) -> bool {
    let payload = message.as_bytes();
    let matches = match echo {
        Echo::Fixed(fixed) if payload == fixed => true,
        Echo::Fixed(fixed) => {
            let what = || Difference::between(Kind::Echo, fixed, payload);
            trouble.mismatches.add(0, place, what);
            false
        }
        Echo::Varying(len) => judge_next(payload, *len, expected, place, trouble),
    };
    let is_text = matches!(message, Message::Text(_));
    if !is_text {
        trouble.wrong_opcode += 1;
        if matches {
            let what =
                || Difference::plain(Kind::Echo, "a text message".into(), b"a binary message");
            trouble.mismatches.add(0, place, what);
        }
    }
    matches && is_text
}

/// Compares with the oldest expected payload, which is taken off the queue.
fn judge_next(
    payload: &[u8],
    len: usize,
    expected: &mut VecDeque<u8>,
    place: Place,
    trouble: &mut Trouble,
) -> bool {
    let len = len.min(expected.len());
    let matches = expected.iter().take(len).eq(payload);
    if !matches {
        let (due, later) = expected.make_contiguous().split_at(len);
        let what = || Difference::between(Kind::Echo, due, payload);
        trouble.mismatches.add(0, place, what);
        let mut later = later.chunks_exact(len.max(1));
        trouble.out_of_order += u64::from(later.any(|one| one == payload));
    }
    expected.drain(..len);
    matches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args::Args, plan::Plan};
    use clap::Parser;

    const PLACE: Place = Place {
        connection: 0,
        now: 0,
    };

    fn plan(message: &str) -> Plan {
        let words = [
            "loadgen",
            "http://127.0.0.1:1/ws",
            "--seed",
            "7",
            "--ws-msg",
            message,
        ];
        Plan::new(Args::try_parse_from(words).unwrap(), drop).unwrap()
    }

    fn accepting(upgrade: &Upgrade) -> Vec<u8> {
        let accept = String::from_utf8(upgrade.key.accept().to_vec()).unwrap();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes()
    }

    fn echo(text: &str) -> Vec<u8> {
        let mut frame = Vec::new();
        encode::message(&mut frame, text, None);
        frame
    }

    /// Whatever segments the bytes come in, the same is heard.
    #[test]
    fn bytes_may_be_cut_anywhere() {
        let plan = plan("hello");
        let upgrade = plan.upgrade.as_ref().unwrap();
        let mut stream = accepting(upgrade);
        stream.extend(echo("hello"));
        encode::ping(&mut stream, b"beat", None).unwrap();
        stream.extend(echo("hallo"));
        stream.extend(echo("hello"));
        for cut in 0..=stream.len() {
            let (mut record, mut trouble) = (Record::new(&plan, 0).unwrap(), Trouble::default());
            let mut socket = Socket::new(upgrade);
            let mut owed = 2;
            for part in [&stream[..cut], &stream[cut..]] {
                let heard = socket.receive(part, owed, PLACE, &mut record, &mut trouble);
                assert!(heard.end.is_none(), "{cut}");
                owed -= heard.answered;
            }
            assert!(
                socket.is_upgraded() && !socket.is_inside_a_message(),
                "{cut}"
            );
            assert_eq!(
                (owed, trouble.upgrades, trouble.unsolicited),
                (0, 1, 1),
                "{cut}"
            );
            assert_eq!((record.books.ok, record.books.wrong_body), (1, 1), "{cut}");
            let mut pong = Vec::new();
            socket.take_control(&mut pong);
            assert_eq!(pong, b"\x8a\x84\0\0\0\0beat", "{cut}");
        }
    }

    #[test]
    fn messages_that_differ_are_matched_in_order() {
        let plan = plan("{SEQ:10}");
        let upgrade = plan.upgrade.as_ref().unwrap();
        let (mut record, mut trouble) = (Record::new(&plan, 0).unwrap(), Trouble::default());
        let mut socket = Socket::new(upgrade);
        socket.receive(&accepting(upgrade), 0, PLACE, &mut record, &mut trouble);
        for text in ["10", "11", "12"] {
            socket.expect(text.as_bytes());
        }
        let answers = [echo("10"), echo("12"), echo("11")].concat();
        let heard = socket.receive(&answers, 3, PLACE, &mut record, &mut trouble);
        assert_eq!(heard.answered, 3);
        assert_eq!((record.books.ok, record.books.wrong_body), (1, 2));
        assert_eq!(trouble.out_of_order, 1);
    }

    #[test]
    fn other_endings_are_told_apart() {
        let plan = plan("hello");
        let upgrade = plan.upgrade.as_ref().unwrap();
        let end = |frames: &[u8]| {
            let (mut record, mut trouble) = (Record::new(&plan, 0).unwrap(), Trouble::default());
            let mut socket = Socket::new(upgrade);
            let stream = [&accepting(upgrade), frames].concat();
            socket
                .receive(&stream, 1, PLACE, &mut record, &mut trouble)
                .end
        };
        assert_eq!(end(b"\x88\x02\x03\xe9"), Some(End::Announced));
        assert!(matches!(
            end(b"\x81\x85\0\0\0\0hello"),
            Some(End::BadFrame(_))
        ));
        assert_eq!(end(b"\x81\x05hel"), None);
    }
}
