//! What the WebSocket decoder allocates. One test, because it counts all of the process's memory.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use sws_proto::ws::{Decoder, Event, Opcode, Role, encode};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1 << 20;
const PIECE: usize = 16 << 10;

/// Bytes allocated and not freed since the region began.
fn held(region: &Region<'_, System>) -> isize {
    let change = region.change();
    change.bytes_allocated as isize - change.bytes_deallocated as isize
}

#[test]
fn memory_is_held_for_what_has_arrived_and_only_once() {
    echo_of_whole_frames_allocates_nothing();
    announcements_reserve_nothing();
    for opcode in [Opcode::Text, Opcode::Binary] {
        long_messages_are_held_once(opcode);
    }
}

fn echo_of_whole_frames_allocates_nothing() {
    let mask = Some([1, 2, 3, 4]);
    let mut input = Vec::new();
    for _ in 0..100 {
        encode::message(&mut input, "hello", mask);
        assert!(encode::ping(&mut input, b"ping", mask).is_ok());
    }
    let mut decoder = Decoder::new(Role::Server, 1 << 20);
    let mut scratch = Vec::with_capacity(256);
    let mut out = Vec::with_capacity(MIB);
    let region = Region::new(GLOBAL);
    let mut rest = &input[..];
    let mut messages = 0;
    while let Ok(Some(event)) = decoder.decode(&mut rest, &mut scratch) {
        match event {
            Event::Message(message) => encode::message(&mut out, message, None),
            Event::Ping(payload) => assert!(encode::pong(&mut out, payload, None).is_ok()),
            other => unreachable!("{other:?}"),
        }
        messages += 1;
    }
    let change = region.change();
    assert_eq!(messages, 200);
    assert_eq!(change.allocations + change.reallocations, 0);
}

fn announcements_reserve_nothing() {
    for header in [
        &b"\x82\x7f\0\0\0\0\x7f\xff\xff\xffabc"[..],
        b"\x02\x7f\0\0\0\0\x7f\xff\xff\xffabc",
        b"\x81\x7f\0\0\0\0\x7f\xff\xff\xffabc",
    ] {
        let mut decoder = Decoder::new(Role::Client, u32::MAX);
        let region = Region::new(GLOBAL);
        let mut input = header;
        assert_eq!(decoder.decode(&mut input, &mut Vec::new()), Ok(None));
        assert_eq!(decoder.held_bytes(), 3);
        assert!(held(&region) < 256, "{}", held(&region));
    }
}

fn long_messages_are_held_once(opcode: Opcode) {
    let payload = vec![b'x'; MIB];
    let mut input = Vec::new();
    encode::frame(&mut input, true, opcode, &payload, Some([1, 2, 3, 4]));
    let mut decoder = Decoder::new(Role::Server, MIB as u32);
    let mut scratch = Vec::with_capacity(PIECE + 16);
    let region = Region::new(GLOBAL);
    let mut messages = 0;
    for piece in input.chunks(PIECE) {
        let mut rest = piece;
        while let Ok(Some(event)) = decoder.decode(&mut rest, &mut scratch) {
            assert!(matches!(event, Event::Message(message) if message.as_bytes() == payload));
            messages += 1;
        }
        assert!(rest.is_empty());
        assert!(held(&region) < (MIB + 256) as isize, "{}", held(&region));
    }
    assert_eq!(messages, 1);
    assert_eq!(decoder.held_bytes(), 0);
    assert_eq!(held(&region), 0, "kept after the message");
}
