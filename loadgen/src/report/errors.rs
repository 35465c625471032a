//! Errors by what was being done when they came, and by kind.

use crate::{errno, run::Outcome, verdict::close_name};
use std::collections::BTreeMap;

/// Counts by phase and kind. Every phase is there, also if nothing went wrong in it.
pub(crate) type ByPhase = BTreeMap<&'static str, BTreeMap<String, u64>>;

/// Those of a run. `answer` counts answers, the others connections.
pub(crate) fn by_phase(outcome: &Outcome) -> ByPhase {
    let trouble = &outcome.trouble;
    let errnos = |errors: &BTreeMap<i32, u64>| -> BTreeMap<String, u64> {
        let named = errors
            .iter()
            .map(|(number, count)| (errno::name(*number), *count));
        named.collect()
    };
    let mut upgrade = trouble.rejected.clone();
    add(
        &mut upgrade,
        "ended before the answer",
        trouble.upgrades_cut,
    );
    let mut receive = errnos(&trouble.receive);
    add(&mut receive, "closed early", trouble.closed_early);
    add(&mut receive, "stuck", trouble.stuck);
    add(&mut receive, "stuck at the end", outcome.silent as u64);
    let faults = outcome.tls.iter().flat_map(|tally| &tally.faults);
    let tls = faults.map(|(kind, faults)| ((*kind).to_owned(), faults.count));
    BTreeMap::from([
        ("connect", errnos(&trouble.connect)),
        ("tls", tls.collect()),
        ("upgrade", upgrade),
        ("send", errnos(&trouble.send)),
        ("receive", receive),
        ("answer", answers(outcome)),
    ])
}

fn answers(outcome: &Outcome) -> BTreeMap<String, u64> {
    let (trouble, total) = (&outcome.trouble, outcome.ledger.total());
    let mut kinds = BTreeMap::new();
    for (kind, count) in [
        ("wrong status", total.wrong_status),
        ("wrong header field", total.wrong_header),
        ("wrong body", total.wrong_body),
        ("cut short", total.cut_short),
        ("unsolicited", trouble.unsolicited),
        ("echo of another kind", trouble.wrong_opcode),
        ("echo out of order", trouble.out_of_order),
    ] {
        add(&mut kinds, kind, count);
    }
    for (kind, count) in trouble.malformed_kinds() {
        add(&mut kinds, kind.reason(), count);
    }
    for (kind, count) in &trouble.bad_frames {
        add(&mut kinds, kind, *count);
    }
    if trouble.closed_early > 0 {
        for (code, count) in &trouble.close_frames {
            add(
                &mut kinds,
                &format!("close frame {}", close_name(*code)),
                *count,
            );
        }
    }
    kinds
}

fn add(kinds: &mut BTreeMap<String, u64>, kind: &str, count: u64) {
    if count > 0 {
        *kinds.entry(kind.into()).or_default() += count;
    }
}
