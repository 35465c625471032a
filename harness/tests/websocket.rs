//! The checks of `/ws` against a server that is right, and against the same
//! server being wrong in one way each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use support::{Entry, Run};

#[test]
fn a_right_server_passes_everything_in_both_generations() {
    let run = Entry::fake(None, &["echo-ws"]).validate(&[]);
    run.expect_code(0);
    for generation in ["2026-03", "2026-04"] {
        for check in [
            "text",
            "binary",
            "five-in-a-row",
            "plain-get",
            "arena-session",
            "library",
        ] {
            let line = format!("PASS {generation}/echo-ws/{check}\n");
            assert!(run.stdout.contains(&line), "{line}{}", run.stdout);
        }
    }
    assert!(
        run.last_line().ends_with(" passed, 0 failed"),
        "{}",
        run.last_line()
    );
}

/// Validates in the newer generation; the checks are the same in both.
#[track_caller]
fn wrong(fault: &str) -> Run {
    let run = Entry::fake(Some(fault), &["echo-ws"]).validate(&["--generation", "2026-04"]);
    run.expect_code(1);
    run
}

#[track_caller]
fn expect(fault: &str, check: &str, says: &str) -> Run {
    let run = wrong(fault);
    run.expect_fault(&format!("2026-04/echo-ws/{check}"), says);
    run
}

/// Faults that show as silence, which each check waits for: all at once.
#[test]
fn what_is_left_out() {
    let silence = "no complete answer came";
    let last_of_five = "echo 5 of 5 is missing";
    let cases = [
        (
            "ws-loses-early-frames",
            "upgrade-with-frames",
            "frames that came with the upgrade request: no complete answer came",
        ),
        ("ws-drops-fifth", "five-in-a-row", last_of_five),
        ("ws-drops-fifth", "arena-session", last_of_five),
        (
            "ws-eight-per-read",
            "sixteen-in-one-write",
            "echo 9 of 16 is missing",
        ),
        ("ws-eight-per-read", "deep", "deep: echo"),
        // What the rest of a frame looks like by itself is up to the mask: silence, a wrong echo or an error.
        (
            "ws-forgets-split",
            "cut-anywhere",
            "in two segments, cut after byte",
        ),
        ("ws-forgets-split", "byte-by-byte", ", byte by byte"),
        (
            "ws-no-pong",
            "ping",
            "a ping with 4 bytes: no complete answer came",
        ),
        ("ws-no-pong", "ping-between-messages", silence),
        (
            "ws-accepts-reserved",
            "invalid-frames",
            "a frame with the first reserved bit brings no close frame",
        ),
        (
            "ws-stays-open",
            "close-echo",
            "the connection goes on after both sides have closed",
        ),
    ];
    let runs: Vec<_> = cases
        .chunk_by(|one, other| one.0 == other.0)
        .map(|group| {
            (
                group,
                std::thread::spawn({
                    let fault = group[0].0;
                    move || wrong(fault)
                }),
            )
        })
        .collect();
    for (group, run) in runs {
        let run = run.join().unwrap();
        for (_, check, says) in group {
            run.expect_fault(&format!("2026-04/echo-ws/{check}"), says);
        }
    }
}

#[test]
fn a_wrong_accept_key() {
    let run = expect(
        "ws-wrong-accept",
        "upgrade",
        "Sec-WebSocket-Accept is wrong",
    );
    run.expect_fault("2026-04/echo-ws/library", "tungstenite");
}

#[test]
fn an_extension_that_nobody_offered() {
    expect(
        "ws-extension",
        "upgrade",
        "sec-websocket-extensions that nobody offered",
    );
}

#[test]
fn tokens_in_one_spelling_only() {
    let says = "the upgrade is answered with 426 instead of 101";
    expect("ws-case-sensitive", "upgrade-spelling", says);
}

#[test]
fn a_plain_get_that_succeeds() {
    let run = expect(
        "ws-plain-get-ok",
        "plain-get",
        "a plain GET of /ws is answered with 200",
    );
    run.expect_fault(
        "2026-04/echo-ws/refused-upgrades",
        "without a key is answered with 200",
    );
}

#[test]
fn upgrades_that_have_to_be_refused() {
    let says = "an upgrade without a version is answered with 101";
    expect("ws-upgrades-anything", "refused-upgrades", says);
}

#[test]
fn a_server_for_one_connection() {
    expect(
        "ws-one-connection",
        "text",
        "the upgrade is answered with 426 instead of 101",
    );
}

#[test]
fn text_echoed_as_binary() {
    let says = "a text message is answered with a binary frame";
    let run = expect("ws-text-as-binary", "text", says);
    assert!(
        run.stdout.contains("PASS 2026-04/echo-ws/binary\n"),
        "{}",
        run.stdout
    );
    run.expect_fault("2026-04/echo-ws/five-in-a-row", "echo 1 of 5 is no text");
}

#[test]
fn echoes_in_reverse() {
    let says = "the echoes are out of order: 5 came where 1 is due";
    expect("ws-reverses", "five-in-a-row", says);
}

#[test]
fn two_echoes_for_one_message() {
    let run = expect(
        "ws-echoes-twice",
        "one-echo-per-message",
        "an unsolicited echo",
    );
    run.expect_fault("2026-04/echo-ws/five-in-a-row", "message 1 is echoed twice");
}

#[test]
fn messages_of_other_connections() {
    let says = "with many connections: echo 1 of 4 is no message that was sent";
    expect("ws-cross-talk", "own-messages-only", says);
}

#[test]
fn messages_cut_at_64_kib() {
    let says = "a text message of 65536 bytes is echoed wrongly";
    expect("ws-cuts-long", "lengths", says);
}

#[test]
fn lengths_that_are_longer_than_they_need_to_be() {
    let says = "the length of a frame is written longer than it has to be";
    expect("ws-long-lengths", "text", says);
}

#[test]
fn masked_answers() {
    expect("ws-masks", "text", "the server masks its frames");
}

#[test]
fn fragments_that_are_dropped() {
    let says = "a fragmented text message is echoed wrongly";
    expect("ws-drops-fragments", "fragmented", says);
}

#[test]
fn pongs_without_the_payload() {
    let says = "a pong does not carry the payload of its ping";
    let run = expect("ws-empty-pong", "ping", says);
    run.expect_fault("2026-04/echo-ws/ping-between-fragments", says);
}

#[test]
fn pongs_taken_for_messages() {
    let says = "a pong that nobody asked for is answered";
    expect("ws-answers-pong", "pong-unasked", says);
}

#[test]
fn an_unmasked_frame_that_is_accepted() {
    let says = "an unmasked text frame is answered with a text frame instead of a close";
    expect("ws-accepts-unmasked", "unmasked", says);
}

#[test]
fn text_that_is_none() {
    let says = "a text message with the byte ff is answered with a text frame instead of a close";
    expect("ws-accepts-bad-text", "invalid-text", says);
}

#[test]
fn close_codes() {
    let says = "an unmasked text frame is closed with 1000 instead of 1002";
    let run = expect("ws-closes-with-1000", "unmasked", says);
    run.expect_fault(
        "2026-04/echo-ws/invalid-text",
        "closed with 1000 instead of 1007",
    );
    let says = "a close frame 1000 is closed without a code instead of 1000";
    expect("ws-close-without-code", "close-echo", says);
    let says = "a close frame of one byte is closed without a code instead of 1002";
    expect("ws-accepts-bad-close", "invalid-close", says);
}

#[test]
fn a_close_that_is_not_answered() {
    let says = "a close frame 1000 brings no close frame: the server closed the connection";
    let run = expect("ws-no-close", "close-echo", says);
    let says = "a close within a fragmented message brings no close frame";
    run.expect_fault("2026-04/echo-ws/close-between-fragments", says);
    run.expect_fault("2026-04/echo-ws/library", "tungstenite");
}

#[test]
fn a_close_that_swallows_messages() {
    let says = "the server closes with code 1000 where an echo is due";
    expect("ws-close-overtakes", "close-after-echoes", says);
}

#[test]
fn a_handshake_in_two_segments() {
    let says = "the upgrade is answered with 400 instead of 101";
    let fault = "drops-split-head";
    expect(fault, "upgrade-in-pieces", says);
}

#[test]
fn an_upgrade_as_the_first_request_only() {
    let says = "the upgrade is answered with 426 instead of 101";
    expect("ws-first-request-only", "upgrade-after-requests", says);
}

#[test]
fn a_server_for_text_only() {
    let says = "the server closes with code 1003 where an echo is due";
    expect("ws-text-only", "binary", says);
}

#[test]
fn characters_in_two_fragments() {
    let says = "the server closes with code 1007 where an echo is due";
    let run = expect("ws-checks-fragments-alone", "valid-text", says);
    run.expect_fault("2026-04/echo-ws/fragmented", says);
}

#[test]
fn a_server_that_dies_of_half_a_frame() {
    let run = expect("ws-dies-mid-frame", "abandoned-connections", "connection");
    let says = "| fake-entry: this frame will never be complete";
    assert!(run.stdout.contains(says), "{}", run.stdout);
}
