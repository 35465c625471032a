//! Properties of all streams, tried on many random ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sws_proto::ws::{Close, CloseCode, Error, Header, Message, Opcode, Role, close, encode, mask};

use crate::driver::{End, Seen, run, run_cut};
use crate::reference::{self, frame_with};

fn role() -> impl Strategy<Value = Role> {
    select(&[Role::Server, Role::Client][..])
}

/// Bytes of which many make a character together, or almost.
fn texty() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&[u8]] = &[
        b"a",
        b"bc",
        b"hello, world",
        b"\xc3\xa9",
        b"\xe2\x82\xac",
        b"\xf0\x9f\x98\x80",
        b"\xc3",
        b"\xe2",
        b"\x82",
        b"\xac",
        b"\xf0\x9f",
        b"\xed",
        b"\xa0",
        b"\xf4",
        b"\x8f",
        b"\x90",
        b"\xff",
        b"",
    ];
    vec(select(PARTS), 0..12).prop_map(|parts| parts.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..40).prop_map(String::from_iter)
}

/// Frames in no sensible order, with what they hold mostly in order.
fn soup(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        20 => select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a][..]),
        1 => Just(0x88_u8),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        8 => texty(),
        2 => any_text().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..300),
        1 => Just(b"\x03\xe8bye".to_vec()),
    ];
    let mask = option::weighted(0.98, any::<[u8; 4]>());
    vec((first, payload, mask), 0..12).prop_map(move |frames| {
        let frames = frames.into_iter().map(|(first, payload, mask)| {
            // Now and then the wrong one about the mask.
            let masked = mask.is_some() == (role == Role::Server);
            frame_with(first, masked.then(|| mask.unwrap_or([9; 4])), &payload)
        });
        frames.collect::<Vec<_>>().concat()
    })
}

/// The same with a few bytes changed, removed or inserted.
fn damaged(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let nasty = prop_oneof![
        select(
            &[
                0x00_u8, 0x01, 0x7d, 0x7e, 0x7f, 0x80, 0xfd, 0xfe, 0xff, 0xc1
            ][..]
        ),
        any::<u8>()
    ];
    let changes = vec((any::<Index>(), 0..3_u8, nasty), 0..3);
    (soup(role), changes).prop_map(|(mut input, changes)| {
        for (place, kind, byte) in changes {
            if input.is_empty() {
                break;
            }
            let at = place.index(input.len());
            match kind {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                _ => drop(input.remove(at)),
            }
        }
        input
    })
}

fn streams() -> impl Strategy<Value = (Role, Vec<u8>)> {
    role().prop_flat_map(|role| {
        let bytes = prop_oneof![
            6 => soup(role),
            4 => damaged(role),
            1 => vec(any::<u8>(), 0..40),
        ];
        (Just(role), bytes)
    })
}

fn message_bytes_max() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(u32::MAX), 1 => 0..60_u32]
}

/// Something to say, and how: the places where a message is cut into fragments, each with the
/// control frames in front of it.
#[derive(Clone, Debug)]
struct Said {
    message: Seen,
    cuts: Vec<(Index, Vec<Seen>)>,
}

fn said() -> impl Strategy<Value = Said> {
    let message = prop_oneof![
        any_text().prop_map(Seen::Text),
        vec(any::<u8>(), 0..200).prop_map(Seen::Binary),
        vec(any::<u8>(), 65530..65540).prop_map(Seen::Binary),
    ];
    let control = vec(any::<u8>(), 0..126);
    let control = (any::<bool>(), control).prop_map(|(ping, payload)| match ping {
        true => Seen::Ping(payload),
        false => Seen::Pong(payload),
    });
    let cuts = vec((any::<Index>(), vec(control, 0..3)), 0..5);
    (message, cuts).prop_map(|(message, cuts)| Said { message, cuts })
}

/// Writes it down with the encoder; returns what has to come back.
fn say(said: &Said, mask: Option<[u8; 4]>, out: &mut Vec<u8>) -> Vec<Seen> {
    let (opcode, bytes, message) = match &said.message {
        Seen::Text(text) => (Opcode::Text, text.as_bytes(), Message::from(&text[..])),
        Seen::Binary(bytes) => (Opcode::Binary, &bytes[..], Message::from(&bytes[..])),
        other => unreachable!("no message: {other:?}"),
    };
    let mut events = Vec::new();
    if said.cuts.is_empty() {
        encode::message(out, message, mask);
    }
    let mut cuts: Vec<_> = said
        .cuts
        .iter()
        .map(|(at, _)| at.index(bytes.len() + 1))
        .collect();
    cuts.sort_unstable();
    let (mut start, mut opcode) = (0, opcode);
    for (cut, (_, controls)) in cuts.iter().zip(&said.cuts) {
        encode::frame(out, false, opcode, &bytes[start..*cut], mask);
        (start, opcode) = (*cut, Opcode::Continuation);
        for control in controls {
            let written = match control {
                Seen::Ping(payload) => encode::ping(out, payload, mask),
                Seen::Pong(payload) => encode::pong(out, payload, mask),
                other => unreachable!("no control frame: {other:?}"),
            };
            assert!(written.is_ok());
            events.push(control.clone());
        }
    }
    if opcode == Opcode::Continuation {
        encode::frame(out, true, opcode, &bytes[start..], mask);
    }
    events.push(said.message.clone());
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cuts_change_nothing(
        (role, input) in streams(),
        cuts in vec(any::<Index>(), 0..12),
        max in message_bytes_max(),
    ) {
        let whole = run([&input[..]], role, max);
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        prop_assert_eq!(&whole, &run_cut(&input, &cuts, role, max));
        prop_assert_eq!(&whole, &run(input.chunks(1), role, max));
    }

    #[test]
    fn streams_are_read_as_a_naive_reader_reads_them(
        (role, input) in streams(),
        max in message_bytes_max(),
    ) {
        prop_assert_eq!(run([&input[..]], role, max), reference::read(&input, role, max));
    }

    #[test]
    fn headers_have_one_form(first: u8, second: u8, rest in vec(any::<u8>(), 12), role in role()) {
        let bytes = [&[first, second], &rest[..]].concat();
        if let Ok(Some((header, size))) = Header::decode(&bytes, role) {
            let (encoded, encoded_size) = header.encode();
            prop_assert_eq!(&encoded[..encoded_size], &bytes[..size]);
        }
    }

    #[test]
    fn masking_twice_changes_nothing(bytes in vec(any::<u8>(), 0..600), key: [u8; 4], cut: Index) {
        let cut = cut.index(bytes.len() + 1);
        let mut out = Vec::new();
        mask::append(&mut out, &bytes, key);
        mask::apply(&mut out[..cut], key);
        mask::apply(&mut out[cut..], mask::rotated(key, cut));
        prop_assert_eq!(out, bytes);
    }

    /// A byte is refused if and only if no text begins like this.
    #[test]
    fn text_is_refused_at_the_byte_that_std_refuses(
        bytes in prop_oneof![texty(), vec(any::<u8>(), 0..8)],
        fragments in vec(1..5_usize, 0..8),
        role in role(),
    ) {
        let valid = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => match error.error_len() {
                None => bytes.len(),
                // Of a sequence that is wrong at its last byte, the bytes before that were right.
                Some(wrong) => {
                    let at = error.valid_up_to();
                    let shows = (1..=bytes.len() - at).find(|len| {
                        let part = std::str::from_utf8(&bytes[at..at + len]);
                        part.is_err_and(|error| error.error_len().is_some())
                    });
                    prop_assert!(shows.is_some_and(|len| len >= wrong));
                    at + shows.unwrap_or_default() - 1
                }
            },
        };
        let mask = (role == Role::Server).then_some([0x12, 0x34, 0x56, 0x78]);
        let mut opcode = 0x01;
        let mut input = Vec::new();
        // Where each payload byte stands in the input.
        let mut places = Vec::new();
        let mut rest = &bytes[..];
        for length in fragments.into_iter().chain([bytes.len()]) {
            let (fragment, others) = rest.split_at(length.min(rest.len()));
            let frame = frame_with(opcode, mask, fragment);
            let start = input.len() + frame.len() - fragment.len();
            places.extend(start..start + fragment.len());
            input.extend(frame);
            (opcode, rest) = (0x00, others);
        }
        let refused = End::Failed(Error::NotUtf8);
        if valid < bytes.len() {
            let found = run(input[..places[valid]].chunks(1), role, u32::MAX);
            prop_assert_ne!(found.end, refused.clone());
            let found = run(input[..=places[valid]].chunks(1), role, u32::MAX);
            prop_assert_eq!(found.end, refused.clone());
        }
        // As if the last frame had been the last one of the message.
        input.extend(frame_with(0x80, mask, b""));
        let found = run([&input[..]], role, u32::MAX);
        match String::from_utf8(bytes) {
            Ok(text) => prop_assert_eq!(found.events, [Seen::Text(text)]),
            Err(_) => prop_assert_eq!(found.end, refused),
        }
    }

    #[test]
    fn close_frames_come_back(
        code in prop_oneof![1000..1016_u16, 2990..5010_u16, any::<u16>()],
        reason in prop_oneof![any_text(), vec(any::<char>(), 60..130).prop_map(String::from_iter)],
        role in role(),
    ) {
        let mask = (role == Role::Server).then_some([1, 2, 3, 4]);
        let mut out = Vec::new();
        let Some(code) = CloseCode::new(code) else {
            let bytes = code.to_be_bytes();
            prop_assert_eq!(close::decode(&bytes), Err(Error::BadCloseCode));
            return Ok(());
        };
        encode::close(&mut out, Some(Close { code, reason: &reason }), mask);
        let found = run([&out[..]], role, 0);
        prop_assert_eq!(found.end, End::Closed);
        let [Seen::Close(Some((seen, cut)))] = &found.events[..] else {
            panic!("{:?}", found.events);
        };
        prop_assert_eq!(*seen, code.get());
        prop_assert!(reason.starts_with(cut));
        let next = reason[cut.len()..].chars().next().map_or(0, char::len_utf8);
        prop_assert!(cut.len() == reason.len() || cut.len() + next > 123);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_said_comes_back(
        all in vec(said(), 0..5),
        masks in vec(any::<[u8; 4]>(), 1..4),
        role in role(),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let (mut input, mut events) = (Vec::new(), Vec::new());
        for (said, mask) in all.iter().zip(masks.iter().cycle()) {
            let mask = (role == Role::Server).then_some(*mask);
            events.extend(say(said, mask, &mut input));
        }
        encode::close(&mut input, None, (role == Role::Server).then_some([0; 4]));
        events.push(Seen::Close(None));
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        let found = run_cut(&input, &cuts, role, 1 << 17);
        prop_assert_eq!(found.events, events);
        prop_assert_eq!(found.end, End::Closed);
    }
}

#[test]
fn no_ping_or_pong_is_longer_than_it_may_be() {
    let mut out = b"before".to_vec();
    assert!(encode::ping(&mut out, &[0; 126], None).is_err());
    assert!(encode::pong(&mut out, &[0; 126], Some([0; 4])).is_err());
    assert_eq!(out, b"before");
    assert!(encode::ping(&mut out, &[0; 125], None).is_ok());
    assert_eq!(out.len(), 6 + 2 + 125);
}
