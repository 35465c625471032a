//! What the numbers of a run are worth.

mod bound;
mod hold;
mod law;

use self::bound::Evidence;
pub(crate) use self::law::Law;

use crate::{
    calibration::Limits,
    duration::display,
    errno,
    error::exit,
    files::{Options, RunFile},
    gates::Passage,
    plan::Plan,
    report::{
        self,
        units::{count, per},
    },
    run::Outcome,
    schedule::Held,
    worker::SILENCE,
};

/// When the rate of this client, as a part of its highest one.
const NEAR_CEILING: f64 = 0.8;

/// A judgement over a whole run: every answer is checked, also those of warm-up and drain.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Nothing happened that makes the numbers doubtful.
    pub valid: bool,
    /// Every request is accounted for.
    pub balanced: bool,
    /// What is known of who set the limit.
    evidence: Evidence,
    /// In a closed loop.
    pub law: Option<Law>,
    /// What to say when that does not hold.
    law_is_broken: Option<String>,
    /// Whether the rate neither rose nor fell; `None` where that was not meant or cannot be told.
    pub steady: Option<bool>,
    /// In an open loop.
    pub schedule: Option<Held>,
    /// What this client can do at most, where that is known, and the part of its rate that was reached.
    pub limits: Option<(Limits, f64)>,
    /// What is worth knowing beside the problems and what the schedule has to say.
    pub notes: Vec<String>,
    /// What happened, one sentence each.
    pub problems: Vec<String>,
    /// What makes right answers doubtful numbers; only looked for with --strict.
    pub doubts: Vec<String>,
    pub gates: Vec<Passage>,
    pub exit_code: u8,
}

impl Verdict {
    /// Judges a run.
    pub(crate) fn of(plan: &Plan, outcome: &Outcome) -> Self {
        let schedule = Held::of(plan, outcome);
        let balanced = outcome.ledger.balances()
            && outcome
                .tally
                .open
                .as_ref()
                .is_none_or(|open| outcome.ledger.schedule_balances(open.due, open.shed));
        let mut problems = Vec::new();
        answers(plan, outcome, &mut problems);
        upgrades(outcome, &mut problems);
        echoes(outcome, &mut problems);
        report::tls::problems(outcome, &mut problems);
        connections(plan, outcome, &mut problems);
        hold::drops(outcome, &mut problems);
        if !balanced {
            problems.push("the books do not balance: this is a bug of this program".into());
        }
        if outcome.dropped > 0 {
            problems.push(format!(
                "the kernel dropped {} completions for want of memory",
                outcome.dropped
            ));
        }
        let nothing = hold::nothing(plan, outcome);
        if let Some(nothing) = nothing {
            problems.insert(0, nothing.into());
        }
        let nothing_came = nothing.is_some()
            && outcome.trouble.malformed_total() == 0
            && outcome.trouble.bad_frames_total() == 0
            && outcome.trouble.rejected_total() == 0
            && outcome.trouble.unsolicited == 0
            && outcome.trouble.dropped.total() == 0
            && outcome.ledger.total().cut_short == 0;
        let exit_code = match outcome.stop {
            Some(stop) => exit::SIGNAL_BASE + stop.number(),
            None if nothing_came => exit::NO_ANSWER,
            None if !problems.is_empty() => exit::BAD_ANSWERS,
            None => exit::OK,
        };
        let evidence = Evidence::of(plan, outcome, schedule.as_ref());
        let law = Law::of(plan, outcome);
        let complaint = law.and_then(|law| law.complaint(plan));
        // Numbers of a schedule that this program itself did not hold say nothing about the server.
        let client_failed = schedule.as_ref().is_some_and(|schedule| {
            !schedule.held && (schedule.client_late || evidence.client_bound())
        });
        Self {
            valid: problems.is_empty() && !client_failed && complaint.is_none(),
            balanced,
            evidence,
            law,
            steady: steady(plan, outcome),
            schedule,
            limits: None,
            notes: complaint.iter().cloned().collect(),
            law_is_broken: complaint,
            problems,
            doubts: Vec::new(),
            gates: Vec::new(),
            exit_code,
        }
    }

    /// Judges what the user demands of the numbers.
    pub(crate) fn pass_gates(&mut self, run: &RunFile, options: &Options) {
        self.gates = options.gates.iter().map(|gate| gate.judge(run)).collect();
        let answered = matches!(self.exit_code, exit::OK | exit::BAD_ANSWERS);
        if answered && self.gates.iter().any(|gate| !gate.pass) {
            self.exit_code = exit::GATE;
        }
        if !options.strict {
            return;
        }
        if self.client_bound() {
            self.doubts.push("the client was at its limit".into());
        }
        if let Some(schedule) = &self.schedule
            && (!schedule.held || schedule.client_late)
        {
            self.doubts.extend(schedule.notes.iter().cloned());
        }
        self.doubts.extend(self.law_is_broken.iter().cloned());
        if self.steady == Some(false) {
            self.doubts
                .push("the rate drifted over the window, by 5 % or more".into());
        }
        if self.exit_code == exit::OK && !self.doubts.is_empty() {
            self.exit_code = exit::INVALID;
        }
    }
}

impl Verdict {
    /// Who set the limit, as far as that can be told.
    pub(crate) fn bound(&self) -> &'static str {
        self.evidence.bound()
    }

    /// The client itself was at its limit. No reason to doubt the counts, but one to doubt the rate.
    pub(crate) fn client_bound(&self) -> bool {
        self.evidence.client_bound()
    }

    /// What is worth knowing beside the problems.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &String> {
        let schedule = self.schedule.iter();
        schedule
            .flat_map(|schedule| &schedule.notes)
            .chain(&self.notes)
    }

    /// Says so when the rate comes near to what this client can do at most.
    pub(crate) fn compare(&mut self, outcome: &Outcome, limits: Option<&Limits>) {
        let Some(limits) = limits else { return };
        let answers = outcome.ledger.window.answered() as f64;
        let part = per(answers, outcome.elapsed.as_secs_f64() * limits.ceiling_rps);
        self.limits = Some((*limits, part));
        self.evidence.ceiling = Some(part);
        if part > NEAR_CEILING {
            self.notes.push(format!(
                "the rate is {:.0}% of the {}/s that this client can do at most (loadgen calibrate), so the client may be \
                 the limit",
                part * 100.0,
                count(limits.ceiling_rps)
            ));
        }
    }
}

/// Whether the rate neither rose nor fell, where it was not meant to.
fn steady(plan: &Plan, outcome: &Outcome) -> Option<bool> {
    let is_even = plan
        .open
        .as_ref()
        .is_none_or(|open| open.rate.model() == "rate");
    crate::steady::steady(&outcome.windows).filter(|_| is_even && plan.hold.is_none())
}

fn answers(plan: &Plan, outcome: &Outcome, problems: &mut Vec<String>) {
    let total = outcome.ledger.total();
    let trouble = &outcome.trouble;
    let mut some = |count: u64, text: String| {
        if count > 0 {
            problems.push(text);
        }
    };
    some(
        total.wrong_status,
        format!(
            "{} answers had a status {}",
            total.wrong_status,
            plan.expect_status.opposite()
        ),
    );
    some(
        total.wrong_header,
        format!(
            "{} answers lacked a header field that was expected, or had another value in it",
            total.wrong_header
        ),
    );
    some(
        total.wrong_body,
        format!(
            "{} answers had another body than expected",
            total.wrong_body
        ),
    );
    some(
        trouble.unsolicited,
        format!(
            "{} unsolicited answers, which no request had asked for",
            trouble.unsolicited
        ),
    );
    let kinds: Vec<String> = trouble
        .malformed_kinds()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    some(
        trouble.malformed_total(),
        format!(
            "{} malformed answers ({})",
            trouble.malformed_total(),
            kinds.join(", ")
        ),
    );
    some(
        total.cut_short,
        format!(
            "{} answers were cut short by the end of their connection",
            total.cut_short
        ),
    );
    some(
        total.lost,
        format!("{} requests were lost with their connection", total.lost),
    );
    some(
        trouble.stuck,
        format!(
            "{} connections were stuck for {} ({} requests timed out)",
            trouble.stuck,
            display(plan.timeout),
            total.timed_out
        ),
    );
}

/// "kind count" for each.
fn listed<'k>(kinds: impl IntoIterator<Item = (&'k str, &'k u64)>) -> String {
    let kinds = kinds
        .into_iter()
        .map(|(kind, count)| format!("{kind} {count}"));
    kinds.collect::<Vec<_>>().join(", ")
}

fn upgrades(outcome: &Outcome, problems: &mut Vec<String>) {
    let trouble = &outcome.trouble;
    if !trouble.rejected.is_empty() {
        let kinds = trouble
            .rejected
            .iter()
            .map(|(kind, count)| (kind.as_str(), count));
        problems.push(format!(
            "{} upgrades to WebSocket failed ({})",
            trouble.rejected_total(),
            listed(kinds)
        ));
    }
    if trouble.upgrades_cut > 0 {
        problems.push(format!(
            "{} connections ended before their upgrade was answered",
            trouble.upgrades_cut
        ));
    }
}

fn echoes(outcome: &Outcome, problems: &mut Vec<String>) {
    let trouble = &outcome.trouble;
    if trouble.wrong_opcode > 0 {
        problems.push(format!(
            "{} text messages were echoed as binary ones",
            trouble.wrong_opcode
        ));
    }
    if trouble.out_of_order > 0 {
        problems.push(format!("{} echoes were out of order", trouble.out_of_order));
    }
    if !trouble.bad_frames.is_empty() {
        let kinds = trouble
            .bad_frames
            .iter()
            .map(|(kind, count)| (*kind, count));
        problems.push(format!(
            "{} frames that no server may send ({})",
            trouble.bad_frames_total(),
            listed(kinds)
        ));
    }
    // Those that cost nothing are no problem.
    if trouble.closed_early > 0 && !trouble.close_frames.is_empty() {
        let kinds = trouble.close_frames.iter();
        let kinds = kinds.map(|(code, count)| format!("{} {count}", close_name(*code)));
        problems.push(format!(
            "the server sent close frames ({})",
            kinds.collect::<Vec<_>>().join(", ")
        ));
    }
}

/// What reports call a close frame.
pub(crate) fn close_name(code: Option<u16>) -> String {
    code.map_or_else(|| "without a code".into(), |code| format!("code {code}"))
}

fn connections(plan: &Plan, outcome: &Outcome, problems: &mut Vec<String>) {
    let shed = outcome.tally.open.as_ref().map_or(0, |open| open.shed);
    let sent = outcome.ledger.window.sent;
    if let (Some(requests), None) = (plan.requests, outcome.stop)
        && sent + shed < requests
    {
        problems.push(format!(
            "only {sent} of {requests} requests were sent within {}",
            display(plan.duration)
        ));
    }
    if outcome.silent > 0 {
        problems.push(format!(
            "{} connections were stuck when the run was over: silent for more than {}",
            outcome.silent,
            display(SILENCE)
        ));
    }
    for (errno, count) in &outcome.trouble.connect {
        problems.push(format!(
            "{count} connects to {} failed: {}",
            plan.target.address,
            errno::text(*errno)
        ));
    }
    let connections = plan.connections as usize;
    if outcome.connected < connections {
        problems.push(format!(
            "{} of {connections} connections were never up",
            connections - outcome.connected
        ));
    }
}
