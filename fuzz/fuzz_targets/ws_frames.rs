//! The frames of one connection: what they say, and where they are refused, does not depend on how
//! the bytes are cut; and what they say can be said again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_fuzz::{Derived, pieces};
use sws_proto::ws::{Close, CloseCode, Decoder, Error, Event, Message, Role, encode};

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(CloseCode, String)>),
}

/// What was said, and how it ended: bytes left over and held, and the error.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    events: Vec<Seen>,
    left: (usize, usize),
    error: Option<Error>,
}

fn read(pieces: &[&[u8]], role: Role, message_bytes_max: u32) -> Outcome {
    let mut decoder = Decoder::new(role, message_bytes_max);
    let (mut buffer, mut scratch) = (Vec::new(), Vec::new());
    let mut events = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut input = &buffer[..];
        loop {
            let event = match decoder.decode(&mut input, &mut scratch) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                // How much of the input was taken before does depend on the cuts.
                Err(error) => {
                    assert!(decoder.is_finished() && decoder.held_bytes() == 0);
                    return Outcome {
                        events,
                        left: (0, 0),
                        error: Some(error),
                    };
                }
            };
            if let Event::Message(message) = event {
                assert!(message.as_bytes().len() <= message_bytes_max as usize);
            }
            events.push(match event {
                Event::Message(Message::Text(text)) => Seen::Text(text.to_owned()),
                Event::Message(Message::Binary(bytes)) => Seen::Binary(bytes.to_owned()),
                Event::Ping(payload) => Seen::Ping(payload.to_owned()),
                Event::Pong(payload) => Seen::Pong(payload.to_owned()),
                Event::Close(close) => {
                    Seen::Close(close.map(|close| (close.code, close.reason.to_owned())))
                }
            });
        }
        let rest = input.len();
        assert!(rest <= Decoder::REST_BYTES_MAX);
        buffer.drain(..buffer.len() - rest);
    }
    Outcome {
        events,
        left: (buffer.len(), decoder.held_bytes()),
        error: None,
    }
}

/// The same events in frames of the other end.
fn say(events: &[Seen], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        match event {
            Seen::Text(text) => encode::message(&mut out, &text[..], mask),
            Seen::Binary(bytes) => encode::message(&mut out, &bytes[..], mask),
            Seen::Ping(payload) => encode::ping(&mut out, payload, mask).unwrap(),
            Seen::Pong(payload) => encode::pong(&mut out, payload, mask).unwrap(),
            Seen::Close(close) => {
                let close = close.as_ref().map(|(code, reason)| Close {
                    code: *code,
                    reason,
                });
                encode::close(&mut out, close, mask);
            }
        }
    }
    out
}

fuzz_target!(|input: &[u8]| {
    let mut derived = Derived::from(input);
    let message_bytes_max = match derived.below(4) {
        0 => derived.below(64) as u32,
        _ => u32::MAX,
    };
    let cuts = derived.cuts(input.len());
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    for (role, other, mask) in [
        (Role::Client, Role::Server, Some([0x12, 0x34, 0x56, 0x78])),
        (Role::Server, Role::Client, None),
    ] {
        let whole = read(&[input], role, message_bytes_max);
        let single = read(&bytes, role, message_bytes_max);
        assert_eq!(whole, single, "byte by byte");
        let cut = read(&pieces(input, &cuts), role, message_bytes_max);
        assert_eq!(whole, cut, "cut at {cuts:?}");
        let again = read(&[&say(&whole.events, mask)], other, message_bytes_max);
        assert_eq!(whole.events, again.events, "said again");
        assert_eq!(again.error, None);
    }
});
