//! One run: threads, borders, and the sum of what the threads bring home.

use crate::{
    attend::Attendant,
    books::Ledger,
    clock::{self, Nanos},
    control::Control,
    error::Failure,
    hold::{self, Memory},
    live::{Board, Display, Live},
    plan::{Plan, Warmup},
    raw_log,
    record::Tally,
    signals::{Signals, Stop},
    slots::Slots,
    start_at, tls,
    trouble::Trouble,
    watch::{Watch, Watched},
    windows::{self, Row},
    worker::{Worker, WorkerReport},
};
use std::{thread, time::Duration};
use sws_ring::{Features, sys};

/// How long before it is due a border is announced to the threads.
const NOTICE: Duration = Duration::from_millis(2);
/// The same for a begin that is known long before: whatever holds this thread up should not move it.
const ANNOUNCE: Duration = Duration::from_millis(90);
/// The same for the begin of a schedule: longer than a thread ever sleeps.
const SCHEDULE_NOTICE: Duration = Duration::from_millis(30);
/// How long the schedule of an open loop waits for connections.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How often the main thread looks whether the connections are up.
const GLANCE: Duration = Duration::from_millis(5);
/// How often it looks whether a thread has failed.
const LOOK: Duration = Duration::from_millis(100);

/// What was measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Length of the window.
    pub elapsed: Duration,
    /// Time before it.
    pub warmup: Duration,
    pub ledger: Ledger,
    /// The window.
    pub tally: Tally,
    /// The window in parts.
    pub windows: Vec<Row>,
    /// When the window began, in nanoseconds since 1970.
    pub start_unix: u64,
    /// The whole run.
    pub trouble: Trouble,
    /// The same, with TLS.
    pub tls: Option<Box<tls::Tally>>,
    pub client: Client,
    /// The window.
    pub slots: Slots,
    pub hold: hold::Tally,
    pub memory: Memory,
    /// Connections that were up at least once.
    pub connected: usize,
    /// Connections that owed an answer and had been silent for long when the run was over.
    pub silent: usize,
    /// Completions that the kernel had no memory for; the state of some connection is unknown then.
    pub dropped: u64,
    /// Turns of the threads that found the kernel's list of completions without room in use, which costs time.
    pub overflows: u64,
    /// The signal that ended the run early.
    pub stop: Option<Stop>,
    /// The machine and the server over the window.
    pub watched: Watched,
}

/// What the run cost this machine, over the window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Client {
    pub user: Duration,
    pub system: Duration,
    /// Busy part of the busiest thread, 0 to 1.
    pub busiest: f64,
    /// Part of the CPUs that the threads may use, 0 to 1: many threads can keep few CPUs busy while each of
    /// them seems idle.
    pub cpus_busy: f64,
}

/// Runs the plan.
pub(crate) fn run(
    plan: &Plan,
    signals: &Signals,
    log: Option<&raw_log::Writing>,
) -> Result<Outcome, Failure> {
    let features = Features::detect().map_err(|error| Failure::Machine(error.to_string()))?;
    let fire_and_forget = features.fire_and_forget && !plan.tracked_sends;
    let memory_before = Memory::now();
    let board = (plan.display != Display::Nothing).then(|| Board::new(plan.threads));
    let control = Control::new(board);
    let watch = Watch::new(plan.server.clone(), plan.interval);
    let live = match control.board() {
        Some(board) => Live::new(plan, board)?,
        None => None,
    };
    let mut attendant = Attendant::new(signals, watch, live);
    let early = plan.start_at.and_then(|at| {
        let lead = start_at::lead(plan.warmup, plan.opening());
        let begin = start_at::instant(at).saturating_sub(clock::nanos(lead));
        wait_until(begin, &control, &mut attendant)
    });
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut failure = None;
        for number in 0..plan.threads {
            let control = &control;
            let tap = log.map(raw_log::Writing::tap);
            let body = move || {
                let report = work(plan, control, number, fire_and_forget, tap);
                if report.is_err() {
                    control.fail();
                }
                report
            };
            match thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn_scoped(scope, body)
            {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    failure = Some(Failure::Machine(format!(
                        "thread {number} could not be started: {error}"
                    )));
                    control.fail();
                    break;
                }
            }
        }
        let borders = steer(plan, &control, attendant, early);
        let mut reports = Vec::with_capacity(threads.len());
        for thread in threads {
            match thread.join() {
                Ok(Ok(report)) => reports.push(report),
                Ok(Err(error)) => failure = Some(error),
                Err(_) => {
                    failure = Some(Failure::Machine(
                        "a thread ended by a bug of this program".into(),
                    ));
                }
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None => {
                let mut outcome = sum(plan, borders, reports)?;
                outcome.memory.before = memory_before;
                Ok(outcome)
            }
        }
    })
}

fn work(
    plan: &Plan,
    control: &Control,
    number: u32,
    fire_and_forget: bool,
    tap: Option<raw_log::Tap>,
) -> Result<WorkerReport, Failure> {
    if let Some(cpus) = &plan.cpus
        && let Some(cpu) = cpus.0.get(number as usize % cpus.0.len().max(1))
    {
        sys::pin_to_cpu(*cpu).map_err(|error| {
            Failure::Machine(format!("--cpus: cannot pin a thread to CPU {cpu}: {error}"))
        })?;
    }
    Worker::new(plan, control, number, fire_and_forget)?.run(tap)
}

/// The instants that divided the run.
struct Borders {
    begin: Nanos,
    start: Nanos,
    end: Nanos,
    /// Memory of this process at the end.
    memory: u64,
    stop: Option<Stop>,
    watched: Watched,
}

/// Sets the borders of the run while it goes on.
fn steer(
    plan: &Plan,
    control: &Control,
    mut attendant: Attendant<'_>,
    early: Option<Stop>,
) -> Borders {
    let signals = &mut attendant;
    let begin = clock::now();
    let (mut stop, mut start) = match &plan.open {
        None => {
            let stop = early.or_else(|| warm_up(plan, control, signals, begin));
            let earliest = clock::now() + clock::nanos(NOTICE);
            let start = match plan.start_at {
                Some(at) if stop.is_none() => start_at::instant(at).max(earliest),
                _ => earliest,
            };
            control.set_start(start);
            (stop, start)
        }
        Some(open) => {
            let stop = early.or_else(|| connect(plan, control, signals, begin));
            let earliest = clock::now() + clock::nanos(SCHEDULE_NOTICE + open.warmup);
            let start = match plan.start_at {
                Some(at) if stop.is_none() => start_at::instant(at).max(earliest),
                _ => earliest,
            };
            control.set_schedule(start - clock::nanos(open.warmup), start);
            (stop, start)
        }
    };
    signals.announce(start);
    let mut end = start + clock::nanos(plan.duration);
    if stop.is_none() {
        // It may become earlier, but whatever holds this thread up must not make it later.
        control.set_end(end, end + clock::nanos(plan.drain));
        let notice = end.saturating_sub(clock::nanos(NOTICE));
        stop = match plan.requests {
            None => wait_until(notice, control, signals),
            Some(_) => wait_until_done(notice, plan, control, signals),
        };
    }
    let done = control.all_done(plan.threads).filter(|_| stop.is_none());
    if let Some(at) = done {
        end = at.clamp(start, end);
    }
    let notice = clock::now() + clock::nanos(NOTICE);
    if stop.is_some() && notice < start {
        // The window of an open loop was announced before its warm-up.
        start = notice;
        control.set_start(start);
    }
    if stop.is_some() || control.has_failed() {
        end = notice.clamp(start, end.max(start));
        control.set_end(end, end);
    } else {
        control.set_end(end, end + clock::nanos(plan.drain));
    }
    let elapsed = Duration::from_nanos(end - start);
    Borders {
        begin,
        start,
        end,
        memory: Memory::now(),
        stop,
        watched: attendant.finish(end, elapsed, done.is_some()),
    }
}

/// Waits until every connection is up, so that nothing is due before there is something to send it on.
fn connect(
    plan: &Plan,
    control: &Control,
    signals: &mut Attendant<'_>,
    begin: Nanos,
) -> Option<Stop> {
    let patience = match (plan.hold, plan.warmup) {
        (Some(_), Warmup::UntilConnected { max, .. }) => max,
        _ => CONNECT_PATIENCE,
    };
    let latest = begin + clock::nanos(patience + plan.opening());
    wait_until_connected(latest, plan, control, signals)
}

fn wait_until_connected(
    latest: Nanos,
    plan: &Plan,
    control: &Control,
    signals: &mut Attendant<'_>,
) -> Option<Stop> {
    let mut stop = None;
    while stop.is_none()
        && control.workers_connected() < plan.threads
        && !control.has_failed()
        && clock::now() < latest
    {
        stop = signals.wait(GLANCE);
    }
    stop
}

fn warm_up(
    plan: &Plan,
    control: &Control,
    signals: &mut Attendant<'_>,
    begin: Nanos,
) -> Option<Stop> {
    if let Some(at) = plan.start_at {
        let notice = start_at::instant(at).saturating_sub(clock::nanos(ANNOUNCE));
        return wait_until(notice, control, signals);
    }
    match plan.warmup {
        Warmup::Fixed(time) => wait_until(begin + clock::nanos(time), control, signals),
        Warmup::UntilConnected { min, max } => {
            let latest = begin + clock::nanos(max + plan.opening());
            wait_until(begin + clock::nanos(min), control, signals)
                .or_else(|| wait_until_connected(latest, plan, control, signals))
        }
    }
}

/// The same, or until every thread has done what it had to.
fn wait_until_done(
    at: Nanos,
    plan: &Plan,
    control: &Control,
    signals: &mut Attendant<'_>,
) -> Option<Stop> {
    while clock::now() < at && !control.has_failed() && control.all_done(plan.threads).is_none() {
        if let Some(stop) = signals.wait(GLANCE) {
            return Some(stop);
        }
    }
    None
}

/// Waits until `at`, a signal, or the failure of a thread.
fn wait_until(at: Nanos, control: &Control, signals: &mut Attendant<'_>) -> Option<Stop> {
    loop {
        let left = Duration::from_nanos(at.saturating_sub(clock::now()));
        if left.is_zero() || control.has_failed() {
            return None;
        }
        if let Some(stop) = signals.wait(left.min(LOOK)) {
            return Some(stop);
        }
    }
}

fn sum(plan: &Plan, borders: Borders, reports: Vec<WorkerReport>) -> Result<Outcome, Failure> {
    let mut outcome = Outcome {
        elapsed: Duration::from_nanos(borders.end - borders.start),
        warmup: Duration::from_nanos(borders.start - borders.begin),
        ledger: Ledger::default(),
        tally: Tally::new(plan)?,
        windows: Vec::new(),
        start_unix: clock::unix(borders.start),
        trouble: Trouble::default(),
        tls: None,
        client: Client::default(),
        slots: Slots::default(),
        hold: hold::Tally::default(),
        memory: Memory {
            before: 0,
            with_connections: borders.memory,
        },
        connected: 0,
        silent: 0,
        dropped: 0,
        overflows: 0,
        stop: borders.stop,
        watched: borders.watched,
    };
    let mut windows = Vec::new();
    for report in reports {
        windows.extend(report.windows);
        outcome.ledger += report.ledger;
        outcome.tally.merge(&report.tally);
        outcome.trouble += &report.trouble;
        outcome.hold += report.hold;
        match (&mut outcome.tls, report.tls) {
            (Some(sum), Some(more)) => sum.merge(&more),
            (sum, more) => *sum = more,
        }
        outcome.slots += report.slots;
        outcome.connected += report.connected;
        outcome.silent += report.silent;
        outcome.dropped += u64::from(report.dropped);
        outcome.overflows += report.overflows;
        outcome.client.user += report.cpu.user;
        outcome.client.system += report.cpu.system;
        outcome.client.busiest = outcome.client.busiest.max(report.cpu.busy());
    }
    outcome.trouble.mismatches.settle(borders.start);
    outcome.trouble.stuck_first.settle(borders.start);
    outcome.windows = windows::rows(windows, outcome.elapsed, plan.interval)?;
    let cpus = plan
        .cpus
        .as_ref()
        .map_or_else(|| sys::allowed_cpus().len(), |cpus| cpus.0.len());
    let available = outcome.elapsed.as_secs_f64() * cpus.min(plan.threads as usize) as f64;
    if available > 0.0 {
        let used = outcome.client.user + outcome.client.system;
        outcome.client.cpus_busy = used.as_secs_f64() / available;
    }
    Ok(outcome)
}
