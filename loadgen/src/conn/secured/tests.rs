//! With a session that is none: what the connection does knows of no library.

use super::*;
use crate::{args::Args, plan::Plan, tls::Agreed};
use clap::Parser;

/// Adds 1 to each byte. The handshake is over with the first `H`; `F` is a fault, `C` close_notify, `W` wears it out.
#[derive(Debug, Default)]
struct Fake {
    secured: bool,
    closed: bool,
    worn: bool,
    output: Vec<u8>,
}

impl Session for Fake {
    fn receive(
        &mut self,
        ciphertext: &[u8],
        plaintext: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        for byte in ciphertext {
            match byte {
                b'H' => (self.secured, self.output) = (true, b"done".to_vec()),
                b'F' => return Err(Fault::of_kind("forged")),
                b'C' => self.closed = true,
                b'W' => self.worn = true,
                byte => plaintext(&[byte.wrapping_sub(1)]),
            }
        }
        Ok(())
    }

    fn send(&mut self, plaintext: &[u8], ciphertext: &mut Vec<u8>) {
        ciphertext.append(&mut self.output);
        ciphertext.extend(encrypted(plaintext));
    }

    fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    fn agreed(&self) -> Option<Agreed> {
        self.secured.then_some(Agreed {
            version: "fake",
            cipher_suite: "plus one",
            key_exchange: None,
            alpn: None,
            resumed: false,
        })
    }

    fn is_closed_by_peer(&self) -> bool {
        self.closed
    }

    fn is_worn_out(&self) -> bool {
        self.worn
    }

    fn close(&mut self) {
        self.output.extend_from_slice(b"bye");
    }
}

fn encrypted(plaintext: &[u8]) -> Vec<u8> {
    plaintext.iter().map(|byte| byte.wrapping_add(1)).collect()
}

struct Test<'p> {
    conn: Conn,
    record: Record<'p>,
    trouble: Trouble,
}

impl<'p> Test<'p> {
    /// In a handshake that began at 100.
    fn new(plan: &'p Plan) -> Self {
        let mut conn = Conn::new(0, 0, plan);
        conn.open(3, plan, 100);
        conn.phase = Phase::Securing;
        conn.tls = Some(Box::new(Secured {
            session: Box::new(Fake::default()),
            begin: 100,
        }));
        Self {
            conn,
            record: Record::new(plan, 0).unwrap(),
            trouble: Trouble::default(),
        }
    }

    fn receive(&mut self, bytes: &[u8], now: Nanos) {
        self.conn
            .receive(bytes, now, &mut self.record, &mut self.trouble);
    }

    fn ended(&mut self, end: End) {
        self.conn
            .ended(end, 900, &mut self.record, &mut self.trouble);
    }

    fn faults(&self) -> Vec<(&str, u64)> {
        let tally = self.record.tls.as_ref().unwrap();
        let faults = tally.faults.iter();
        faults.map(|(kind, faults)| (*kind, faults.count)).collect()
    }
}

fn plan(url: &str) -> Plan {
    Plan::new(Args::try_parse_from(["loadgen", url, "-k"]).unwrap(), drop).unwrap()
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const PLAIN: &str = "https://127.0.0.1:1/";

#[test]
fn requests_follow_the_handshake() {
    let plan = plan(PLAIN);
    let mut test = Test::new(&plan);
    test.receive(b"H", 350);
    assert_eq!(test.conn.phase, Phase::Active);
    let tally = test.record.tls.as_ref().unwrap();
    assert_eq!((tally.handshakes(false), tally.durations.mean()), (1, 250));
    // What it had to say last goes first.
    assert!(test.conn.has(flag::CONTROL));
    let (mut batch, mut scratch) = (Vec::new(), Vec::new());
    test.conn.take_control(&mut batch);
    test.conn.encrypt_control(&mut batch, &mut scratch);
    assert_eq!((batch.as_slice(), test.conn.to_send), (&b"done"[..], 4));
    // As the worker does before each batch.
    test.conn.flags &= !flag::SENDS_OWN;
    let template = &plan.templates[0];
    test.conn.to_send = template.request_len() as u32;
    test.conn.encrypt(template, &mut batch, &mut scratch);
    assert_eq!(
        batch,
        encrypted(&template.bytes()[..template.request_len()])
    );
    assert_eq!(test.conn.to_send as usize, batch.len());
    assert!(test.conn.has(flag::SENDS_OWN));
    test.conn.in_flight.push(400, 1);
    test.receive(&encrypted(OK), 500);
    assert_eq!((test.record.books.ok, test.conn.end), (1, None));
    assert_eq!(test.record.tally.bytes, OK.len() as u64);
}

#[test]
fn websocket_is_begun_after_the_handshake() {
    let plan = plan("wss://127.0.0.1:1/");
    let mut test = Test::new(&plan);
    test.receive(b"H", 200);
    assert_eq!(test.conn.phase, Phase::Upgrading);
    let (mut batch, mut scratch) = (Vec::new(), Vec::new());
    test.conn.take_control(&mut batch);
    test.conn.encrypt_control(&mut batch, &mut scratch);
    let request = &plan.upgrade.as_ref().unwrap().request;
    assert_eq!(batch, [&b"done"[..], &encrypted(request)].concat());
}

#[test]
fn a_fault_ends_the_connection_after_what_came_before() {
    let plan = plan(PLAIN);
    let mut test = Test::new(&plan);
    test.receive(b"H", 200);
    test.conn.in_flight.push(300, 2);
    test.receive(&[&encrypted(OK), &b"F"[..]].concat(), 400);
    assert_eq!((test.record.books.ok, test.conn.end), (1, Some(End::Tls)));
    assert_eq!(test.faults(), [("forged", 1)]);
    let words = test.conn.last_words(End::Tls, false);
    assert_eq!(words.as_deref(), Some(&b"done"[..]));
}

#[test]
fn ends_in_the_handshake_have_names() {
    let plan = plan(PLAIN);
    for (end, kind) in [
        (End::Closed, Fault::CLOSED),
        (End::Broken(libc::ECONNRESET), Fault::BROKEN),
        (End::Stuck, Fault::SILENT),
    ] {
        let mut test = Test::new(&plan);
        assert!(test.conn.is_stuck_since(200));
        test.ended(end);
        assert_eq!(
            (test.conn.end, test.faults()),
            (Some(End::Tls), vec![(kind, 1)])
        );
    }
}

#[test]
fn only_close_notify_ends_a_body() {
    let plan = plan(PLAIN);
    let body = encrypted(b"HTTP/1.1 200 OK\r\n\r\nall of it");
    for (bytes, ok, unannounced) in [(&b"C"[..], 1, 0), (b"", 0, 1)] {
        let mut test = Test::new(&plan);
        test.receive(b"H", 200);
        test.conn.in_flight.push(300, 1);
        test.receive(&[&body, bytes].concat(), 400);
        if test.conn.end.is_none() {
            test.ended(End::Closed);
        }
        assert_eq!(test.record.books.ok, ok);
        assert_eq!(test.conn.end == Some(End::CutShort), ok == 0);
        assert_eq!(test.record.tls.as_ref().unwrap().unannounced, unannounced);
        let words = test.conn.last_words(End::Closed, true);
        assert_eq!(words.as_deref(), Some(&b"donebye"[..]));
    }
}

#[test]
fn keys_that_are_worn_out_let_the_connection_end() {
    let plan = plan(PLAIN);
    let mut test = Test::new(&plan);
    test.receive(b"H", 200);
    test.conn.in_flight.push(300, 1);
    test.receive(b"W", 350);
    assert!(test.conn.has(flag::LAST_ANSWER));
    test.receive(&encrypted(OK), 400);
    assert_eq!((test.record.books.ok, test.conn.end), (1, None));
}
