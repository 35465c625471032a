//! The command line, checked and looked up: everything that a run needs to know.

mod lists;
mod requests;

use crate::{
    args::{Args, Close, Cpus, Percentile, Reconnect},
    checks::Checks,
    error::Failure,
    highest::Highest,
    hold::Hold,
    live::Display,
    rate::{Arrival, Rate, Schedule},
    rotation::Rotation,
    socket::Upgrade,
    sources::Sources,
    split::Share,
    status::Expected,
    target::{Address, Target},
    template::Template,
    tls,
    watch::Server,
};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::{Duration, SystemTime},
};
use sws_ring::sys::{self, SocketAddress};

/// Descriptors beside the connections: standard streams, rings, and room for what is being closed.
pub(crate) const SPARE_DESCRIPTORS: u64 = 64;

/// Requests per second: more than a thread can send, and few enough to be counted as they fall due.
const RATE_OF_A_THREAD_MAX: f64 = 1e7;
const WARMUP_MIN: Duration = Duration::from_millis(100);
/// How long connections that are to be held may take to come up, beside what --connect-rate takes.
const HOLD_PATIENCE: Duration = Duration::from_secs(15);

/// One run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub target: Target,
    /// With https and wss.
    pub tls: Option<tls::Client>,
    pub address: SocketAddress,
    /// Where connections come from, in turn; none leaves it to the kernel.
    pub sources: Vec<SocketAddress>,
    /// At least one; with `upgrade` the one message.
    pub templates: Vec<Template>,
    pub rotation: Rotation,
    /// How connections become WebSocket connections, when they have to.
    pub upgrade: Option<Upgrade>,
    /// Of this process.
    pub connections: u32,
    /// The number of its first one, in a run of several processes.
    first_connection: u32,
    pub share: Option<Share>,
    /// When to begin to measure.
    pub start_at: Option<SystemTime>,
    /// At most `connections`.
    pub threads: u32,
    pub duration: Duration,
    /// Requests of this process in the window, when they are limited.
    pub requests: Option<u64>,
    /// Whether nothing is sent before the window.
    pub holds: bool,
    /// What connections are held for, when they are not kept busy.
    pub hold: Option<Hold>,
    /// Shortest and longest pause of a connection before its next request.
    pub think: Option<(Duration, Duration)>,
    pub close: Close,
    pub reconnect: Reconnect,
    /// Time from one connect of this process to the next.
    pub connect_gap: Option<Duration>,
    pub connect_timeout: Duration,
    /// In an open loop; else a connection's next request follows its last answer.
    pub open: Option<Open>,
    /// What the rate is a part of, when it was measured for that.
    pub highest: Option<Highest>,
    pub warmup: Warmup,
    pub drain: Duration,
    pub depth: u32,
    /// Requests on a connection; `u64::MAX` is no limit.
    pub quota: u64,
    pub expect_status: Expected,
    /// Beside the status.
    pub checks: Checks,
    pub timeout: Duration,
    pub cpus: Option<Cpus>,
    pub seed: u64,
    pub receive_buffer: usize,
    /// Never send without tracking.
    pub tracked_sends: bool,
    /// Send buffer of each socket, where the system is not to decide.
    pub send_buffer: Option<u32>,
    /// Width of the parts of the window that are reported.
    pub interval: Duration,
    /// Where it runs on this machine and is watched.
    pub server: Option<Server>,
    /// Percentiles to report beside the usual ones.
    pub percentiles: Vec<Percentile>,
    /// What is shown while it goes on.
    pub display: Display,
    pub json: bool,
    pub template_latency: bool,
}

/// An open loop: requests are due at certain times, whether or not there is a connection to send them on.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub rate: Rate,
    pub arrival: Arrival,
    /// A request that waited longer for a connection is not sent.
    pub deadline: Option<Duration>,
    /// Before the window, at the rate that it begins with. It begins when all connections are up.
    pub warmup: Duration,
}

/// How the time before the window ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warmup {
    /// After this time.
    Fixed(Duration),
    /// When every connection is up, but not before `min` and not after `max`.
    UntilConnected { min: Duration, max: Duration },
}

impl Plan {
    /// Reads files, resolves the target and checks limits. `note` is called for what is worth knowing but no
    /// error.
    pub(crate) fn new(args: Args, mut note: impl FnMut(String)) -> Result<Self, Failure> {
        let (share, connections) = part(&args)?;
        let seed = args.seed.unwrap_or_else(draw_seed);
        let requests::Requests {
            target,
            templates,
            rotation,
            upgrade,
        } = requests::Requests::new(&args, share, seed)?;
        let tls = tls(&args, &target)?;
        let threads = args.threads.min(connections);
        if threads < args.threads {
            note(format!(
                "-t {} is more than -c {connections}: using {threads} threads",
                args.threads
            ));
        }
        // When the limit cannot be read, opening sockets will show what it is.
        if let Ok(limit) = sys::raise_nofile() {
            check_descriptors(connections, threads, limit.soft)?;
        }
        let open = open(&args)?;
        let hold = Hold::new(&args)?;
        let checks = Checks::new(&args.checks, &templates, &mut note)?;
        let warmup = warmup(args.warmup, args.duration, hold);
        let connect_gap = args
            .connect_rate
            .map(|rate| Duration::from_secs(share.of.into()) / rate);
        let opening = connect_gap.map_or(Duration::ZERO, |gap| gap * connections);
        let start_at = args
            .start_at
            .map(|at| at.resolve(warmup, opening, SystemTime::now()))
            .transpose()?;
        Ok(Self {
            address: target.address.for_kernel()?,
            sources: sources(args.source_ip.as_ref(), &target)?,
            target,
            tls,
            templates,
            rotation,
            upgrade,
            connections,
            first_connection: share.before(args.connections.into()) as u32,
            share: args.worker,
            start_at,
            threads,
            duration: args.duration,
            requests: args.requests.map(|total| share.part(total)),
            holds: args.requests.is_some() && args.warmup.is_none(),
            hold,
            think: args.think,
            close: args.close,
            reconnect: args.reconnect,
            connect_gap,
            connect_timeout: args.connect_timeout.unwrap_or(args.timeout),
            open,
            highest: None,
            warmup,
            drain: args.drain,
            depth: args.pipeline,
            quota: match args.requests_per_connection {
                0 => u64::MAX,
                quota => quota,
            },
            expect_status: args.expect_status,
            checks,
            timeout: args.timeout,
            cpus: args.cpus,
            seed,
            receive_buffer: args.recv_buf as usize,
            tracked_sends: args.tracked_sends,
            send_buffer: args.send_buf,
            interval: args.output.interval,
            server: Server::find(&args.server).map_err(Failure::Usage)?,
            percentiles: args.spectrum.percentiles(),
            display: args.live.display().map_err(Failure::Usage)?,
            json: args.json,
            template_latency: args.per_tpl_latency,
        })
    }

    /// The connections of one thread: how many, and the global number of its first.
    pub(crate) fn share(&self, thread: u32) -> (u32, u32) {
        let (each, extra) = (
            self.connections / self.threads,
            self.connections % self.threads,
        );
        (
            each + u32::from(thread < extra),
            self.first_connection + thread * each + thread.min(extra),
        )
    }

    /// When the requests of one thread are due, in an open loop. Its parts are those of all processes.
    pub(crate) fn schedule(&self, thread: u32) -> Option<Schedule> {
        let open = self.open.as_ref()?;
        let Share { index, of } = self.thread_share(thread);
        Some(Schedule::new(
            &open.rate,
            open.arrival,
            (open.warmup, self.duration),
            (index, of),
            self.seed,
        ))
    }

    /// What part of all threads of all processes one thread is.
    pub(crate) fn thread_share(&self, thread: u32) -> Share {
        let share = self.share.unwrap_or(Share::WHOLE);
        Share {
            index: thread * share.of + share.index,
            of: self.threads * share.of,
        }
    }

    /// The requests of one thread, when they are limited.
    pub(crate) fn requests_of(&self, thread: u32) -> Option<u64> {
        let (index, of) = (thread, self.threads);
        Some(Share { index, of }.part(self.requests?))
    }

    /// How long it takes at least until all connections are opened.
    pub(crate) fn opening(&self) -> Duration {
        self.connect_gap
            .map_or(Duration::ZERO, |gap| gap * self.connections)
    }

    /// Whether requests are sent at all.
    pub(crate) fn sends(&self) -> bool {
        self.hold.is_none() || self.open.is_some()
    }

    /// Whether more has to be known of a request in flight than when its batch was sent.
    pub(crate) fn tells_apart(&self) -> bool {
        self.open.is_some() || self.rotation.is_per_request()
    }

    /// Whether connections are closed after a number of requests.
    pub(crate) fn has_quota(&self) -> bool {
        self.quota != u64::MAX
    }
}

/// Which worker this is, and how many connections are its own.
fn part(args: &Args) -> Result<(Share, u32), Failure> {
    let share = args.worker.unwrap_or(Share::WHOLE);
    match share.part(args.connections.into()) {
        0 => Err(Failure::Usage(format!(
            "--worker {share}: -c {} leaves no connection for it",
            args.connections
        ))),
        connections => Ok((share, connections as u32)),
    }
}

fn tls(args: &Args, target: &Target) -> Result<Option<tls::Client>, Failure> {
    if target.secure {
        return tls::Client::new(&args.tls, &target.host).map(Some);
    }
    match args.tls.given() {
        None => Ok(None),
        Some(flag) => Err(Failure::Usage(format!(
            "{flag}: nothing is encrypted; write the URL with https or wss"
        ))),
    }
}

fn sources(asked: Option<&Sources>, target: &Target) -> Result<Vec<SocketAddress>, Failure> {
    let (Some(sources), Address::Ip(address)) = (asked, &target.address) else {
        return Ok(Vec::new());
    };
    match sources.misfit(address.ip()) {
        None => Ok(sources.addresses()),
        Some(misfit) => Err(Failure::Usage(format!(
            "--source-ip: {misfit} cannot reach {}, which is of another family",
            address.ip()
        ))),
    }
}

fn open(args: &Args) -> Result<Option<Open>, Failure> {
    let Some(rate) = args.rate().map_err(Failure::Usage)? else {
        return match args.deadline {
            Some(_) => Err(Failure::Usage(
                "--deadline: only requests of --rate can be late; give a rate, or use --timeout"
                    .into(),
            )),
            None => Ok(None),
        };
    };
    let alone = [
        (args.worker.is_some(), "--worker"),
        (args.start_at.is_some(), "--start-at"),
        (args.hold.idle, "--idle"),
    ];
    if let Rate::Part(_) = rate
        && let Some((_, flag)) = alone.into_iter().find(|(given, _)| *given)
    {
        return Err(Failure::Usage(format!(
            "--rate {rate}: the highest rate is only measured by a run of its own, not with {flag}; give a number"
        )));
    }
    let threads = args.threads.min(args.connections);
    if rate.peak() > RATE_OF_A_THREAD_MAX * f64::from(threads) {
        return Err(Failure::Usage(format!(
            "--rate {rate}: no machine sends as much with -t {threads}; a thread may be asked for up to {}M/s",
            RATE_OF_A_THREAD_MAX / 1e6
        )));
    }
    Ok(Some(Open {
        rate,
        arrival: args.arrival,
        deadline: args.deadline,
        // A limited number of requests begins with the window.
        warmup: match args.requests {
            Some(_) => args.warmup.unwrap_or_default(),
            None => args.warmup.unwrap_or(WARMUP_MIN),
        },
    }))
}

fn warmup(asked: Option<Duration>, duration: Duration, hold: Option<Hold>) -> Warmup {
    let min = WARMUP_MIN;
    match (asked, hold) {
        (Some(fixed), _) => Warmup::Fixed(fixed),
        // There is nothing to measure before they are up.
        (None, Some(_)) => Warmup::UntilConnected {
            min,
            max: HOLD_PATIENCE,
        },
        (None, None) => Warmup::UntilConnected {
            min,
            max: (duration / 10).max(min),
        },
    }
}

fn check_descriptors(connections: u32, threads: u32, limit: u64) -> Result<(), Failure> {
    let needed = u64::from(connections) + u64::from(threads) + SPARE_DESCRIPTORS;
    if needed <= limit {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "-c {connections} needs {needed} open files, but the limit is {limit}; raise it with `ulimit -n {needed}`"
    )))
}

/// A seed that differs from run to run; the standard library's hash keys are drawn from the system.
fn draw_seed() -> u64 {
    // Small enough to be typed again.
    RandomState::new().build_hasher().finish() >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io::Write;

    fn plan(line: &str) -> Result<(Plan, Vec<String>), Failure> {
        let words = std::iter::once("loadgen").chain(line.split_whitespace());
        let mut notes = Vec::new();
        let plan = Plan::new(Args::try_parse_from(words).unwrap(), |note| {
            notes.push(note);
        })?;
        Ok((plan, notes))
    }

    fn refusal(line: &str) -> String {
        plan(line).unwrap_err().to_string()
    }

    #[test]
    fn more_threads_than_connections_are_reduced_with_a_note() {
        let (plan, notes) = plan("http://127.0.0.1:1 -c 32 -t 64").unwrap();
        assert_eq!(plan.threads, 32);
        assert!(notes[0].contains("-t 64") && notes[0].contains("-c 32"));
    }

    #[test]
    fn shares_cover_every_connection_once() {
        let (plan, _) = plan("http://127.0.0.1:1 -c 10 -t 4").unwrap();
        let shares: Vec<_> = (0..4).map(|thread| plan.share(thread)).collect();
        assert_eq!(shares, [(3, 0), (3, 3), (2, 6), (2, 8)]);
    }

    #[test]
    fn workers_share_the_connections() {
        let shares: Vec<_> = (0..3)
            .flat_map(|worker| {
                let line = format!("http://127.0.0.1:1 -c 11 -t 2 --worker {worker}/3");
                let (plan, _) = plan(&line).unwrap();
                [plan.share(0), plan.share(1)]
            })
            .collect();
        assert_eq!(shares, [(2, 0), (2, 2), (2, 4), (2, 6), (2, 8), (1, 10)]);
        assert!(refusal("http://127.0.0.1:1 -c 2 --worker 2/3").contains("--worker 2/3"));
    }

    #[test]
    fn missing_things_are_named() {
        assert!(refusal("").contains("no target"));
        assert!(refusal("http://127.0.0.1 --raw /no/such/file.raw").contains("/no/such/file.raw"));
        assert!(
            refusal("http://127.0.0.1 --ws-msg {SEQ:x}").contains("--ws-msg has a bad placeholder")
        );
        assert!(refusal("http://127.0.0.1 --expect-body @/no/such/body").contains("/no/such/body"));
        let too_many = check_descriptors(5000, 2, 4096).unwrap_err().to_string();
        assert!(too_many.contains("-c 5000") && too_many.contains("ulimit -n 5066"));
        assert!(check_descriptors(4000, 2, 4096).is_ok());
    }

    #[test]
    fn templates_may_name_the_target_and_may_repeat() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:4321\r\n\r\n")
            .unwrap();
        let path = file.path().display();
        let (plan, _) = plan(&format!("--raw {path},{path}")).unwrap();
        assert_eq!(plan.templates.len(), 2);
        assert_eq!(plan.target.address.to_string(), "127.0.0.1:4321");
    }

    #[test]
    fn warm_up_is_bounded_by_the_duration() {
        let bounds = |seconds| warmup(None, Duration::from_secs(seconds), None);
        let min = Duration::from_millis(100);
        assert_eq!(bounds(1), Warmup::UntilConnected { min, max: min });
        let max = Duration::from_millis(500);
        assert_eq!(bounds(5), Warmup::UntilConnected { min, max });
    }
}
