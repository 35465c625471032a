//! A connection layer without a connection: feeds pieces of input to the decoder as a server or
//! client would, and writes down everything it learned.

use sws_proto::ws::{Decoder, Error, Event, Message, Role};

/// Everything that one stream of bytes amounted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) events: Vec<Seen>,
    pub(crate) end: End,
}

/// An event that outlives the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Code and reason; `None` for a close frame without payload.
    Close(Option<(u16, String)>),
}

/// Where the stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// More bytes were wanted. So many lay undecoded, and so many of a message were held.
    Open {
        rest: usize,
        held: usize,
    },
    Closed,
    Failed(Error),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(Message::Text(text)) => Self::Text(text.to_owned()),
            Event::Message(Message::Binary(bytes)) => Self::Binary(bytes.to_owned()),
            Event::Ping(payload) => Self::Ping(payload.to_owned()),
            Event::Pong(payload) => Self::Pong(payload.to_owned()),
            Event::Close(close) => {
                Self::Close(close.map(|close| (close.code.get(), close.reason.to_owned())))
            }
        }
    }
}

/// Runs a stream through, one piece after the other.
pub(crate) fn run<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    role: Role,
    message_bytes_max: u32,
) -> Transcript {
    let mut decoder = Decoder::new(role, message_bytes_max);
    let mut events = Vec::new();
    // Content that another connection may have left there.
    let mut scratch = b"left over \xff".to_vec();
    let mut buffer: Vec<u8> = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut input = &buffer[..];
        loop {
            let before = input.len();
            match decoder.decode(&mut input, &mut scratch) {
                Ok(Some(event)) => {
                    let is_close = matches!(event, Event::Close(_));
                    events.push(event.into());
                    assert!(
                        input.len() < before || before == 0,
                        "an event out of nothing"
                    );
                    assert_eq!(decoder.is_finished(), is_close);
                    assert!(!is_close || decoder.held_bytes() == 0);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_silent(&mut decoder, error.close_code().get());
                    let end = End::Failed(error);
                    return Transcript { events, end };
                }
            }
        }
        assert!(input.len() <= Decoder::REST_BYTES_MAX);
        assert!(decoder.held_bytes() <= message_bytes_max as usize);
        let consumed = buffer.len() - input.len();
        buffer.drain(..consumed);
    }
    let end = if decoder.is_finished() {
        assert_silent(&mut decoder, 1000);
        End::Closed
    } else {
        End::Open {
            rest: buffer.len(),
            held: decoder.held_bytes(),
        }
    };
    Transcript { events, end }
}

/// Nothing may come after the end (RFC 6455 §1.4 and §7.1.7), and nothing may be kept.
fn assert_silent(decoder: &mut Decoder, code: u16) {
    assert!(matches!(code, 1000 | 1002 | 1007 | 1009));
    assert!(decoder.is_finished());
    assert_eq!(decoder.held_bytes(), 0);
    let mut scratch = Vec::new();
    for mut input in [&b"\x81\x81\0\0\0\0x\x81\x01x"[..], b"\xff", b""] {
        assert_eq!(decoder.decode(&mut input, &mut scratch), Ok(None));
        assert!(input.is_empty());
    }
}

/// Cuts `input` at `cuts` (any order, repetitions allowed) and runs the pieces through.
pub(crate) fn run_cut(
    input: &[u8],
    cuts: &[usize],
    role: Role,
    message_bytes_max: u32,
) -> Transcript {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(input.len())).collect();
    cuts.sort_unstable();
    cuts.push(input.len());
    let mut start = 0;
    let pieces = cuts.iter().map(|cut| {
        let piece = &input[start..*cut];
        start = *cut;
        piece
    });
    run(pieces, role, message_bytes_max)
}
