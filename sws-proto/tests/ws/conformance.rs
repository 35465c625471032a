//! Runs the table: every row whole, byte by byte, and in two pieces cut anywhere.

use std::collections::BTreeSet;

use sws_proto::ws::{Error, Role};

use crate::cases;
use crate::driver::{End, run, run_cut};
use crate::table::Case;

/// Inputs up to this length are cut at every place, longer ones near their ends and in steps.
const CUT_EVERYWHERE: usize = 1500;

fn check(case: &Case) {
    let Case {
        section,
        name,
        role,
        message_bytes_max: max,
        input,
        expected,
    } = case;
    let label = format!("§{section} {name} ({role:?})");
    assert_eq!(run([&input[..]], *role, *max), *expected, "{label}, whole");
    assert_eq!(
        run(input.chunks(1), *role, *max),
        *expected,
        "{label}, byte by byte"
    );
    for cut in cuts(input.len()) {
        let found = run_cut(input, &[cut], *role, *max);
        assert_eq!(found, *expected, "{label}, cut at {cut}");
    }
}

fn cuts(length: usize) -> Vec<usize> {
    let all = 0..=length;
    if length <= CUT_EVERYWHERE {
        return all.collect();
    }
    let near = |cut: &usize| *cut < 32 || length - cut < 32 || cut.is_multiple_of(4099);
    all.filter(near).collect()
}

fn check_all(cases: Vec<Case>) {
    assert!(!cases.is_empty());
    for case in &cases {
        check(case);
    }
}

#[test]
fn base_framing() {
    check_all(cases::framing::cases());
}

#[test]
fn fragmentation() {
    check_all(cases::fragments::cases());
}

#[test]
fn control_frames() {
    check_all(cases::control::cases());
}

#[test]
fn closing() {
    check_all(cases::closing::cases());
}

#[test]
fn text_is_utf8() {
    check_all(cases::utf8::cases());
}

#[test]
fn limits() {
    check_all(cases::limits::cases());
}

/// Rows that differ in their role only count once.
#[test]
fn the_table_has_more_than_two_hundred_rows() {
    let all = cases::all();
    let rows: BTreeSet<_> = all.iter().map(|case| (case.section, &case.name)).collect();
    assert!(rows.len() >= 200, "{} rows: {rows:#?}", rows.len());
    for role in [Role::Server, Role::Client] {
        let mut seen = BTreeSet::new();
        for case in all.iter().filter(|case| case.role == role) {
            assert!(seen.insert((case.section, &case.name)), "twice: {case:?}");
        }
    }
}

/// Every error has the code that the RFC gives it, and is in the table.
#[test]
fn errors_and_their_codes() {
    let codes = [
        (Error::ReservedBits, 1002),
        (Error::ReservedOpcode, 1002),
        (Error::NotMasked, 1002),
        (Error::Masked, 1002),
        (Error::LengthNotMinimal, 1002),
        (Error::LengthOverflow, 1002),
        (Error::ControlTooLong, 1002),
        (Error::ControlFragmented, 1002),
        (Error::UnexpectedContinuation, 1002),
        (Error::InterruptedMessage, 1002),
        (Error::BadClosePayload, 1002),
        (Error::BadCloseCode, 1002),
        (Error::NotUtf8, 1007),
        (Error::MessageTooLarge, 1009),
    ];
    let all = cases::all();
    for (error, code) in codes {
        assert_eq!(error.close_code().get(), code, "{error}");
        let end = End::Failed(error);
        assert!(all.iter().any(|case| case.expected.end == end), "{error}");
    }
}
