//! What this client can do at most: closed loops against a sink that costs as little as a server can.

mod print;
mod sink;

use crate::{
    args::{self, Cpus, number},
    calibration::{self, Ceiling, Entry, Floor, Key, Machine},
    clock, duration,
    error::{Failure, exit, tell},
    files::Host,
    machine::cpu::Times,
    plan::Plan,
    report::{json::rounded, units::per},
    run::{self, Outcome},
    signals::{Signals, Stop},
    verdict::Verdict,
};
use clap::Parser;
use sink::Sink;
use std::time::Duration;
use sws_ring::sys;

/// From this part of the time on a client that is busy is at its limit.
const BUSY: f64 = 0.9;
/// More connections than this are opened at [`CONNECT_RATE`], so that none has to try twice.
const AT_ONCE: u32 = 100;
const CONNECT_RATE: u32 = 10_000;

/// Measure what this client can do here at most: answers per second in a closed loop, with one request in flight on each
/// connection and pipelined, and the latency of one request at a time, all against a sink in the same process over
/// loopback. Later runs with the same --cpus and -t are compared with it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Pin the client's threads to these CPUs in turn, like 8-15 or 1,3,5; the sink takes others. By default the first
    /// CPUs are the client's and the next ones the sink's, where there are enough
    #[arg(long, value_name = "LIST", value_parser = args::parse_cpus)]
    cpus: Option<Cpus>,

    /// Threads of the client
    #[arg(short, long, value_name = "N", default_value = "1",
        value_parser = number::whole::<u32>(1..=1024))]
    threads: u32,

    /// Connections, spread over the threads
    #[arg(short, long, value_name = "N", default_value = "64",
        value_parser = number::whole::<u32>(1..=16384))]
    connections: u32,

    /// Requests in flight on each connection when pipelined
    #[arg(short, long, value_name = "N", default_value = "16",
        value_parser = number::whole::<u32>(2..=sink::DEPTH_MAX))]
    pipeline: u32,

    /// How long each of the three measurements takes
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = duration::parse_positive)]
    duration: Duration,

    /// Print one JSON object instead of text
    #[arg(short, long)]
    json: bool,
}

/// Who runs where.
#[derive(Debug, PartialEq)]
struct Places {
    /// The client's CPUs, when it is to be bound.
    client: Option<Vec<usize>>,
    /// A CPU for each thread of the sink, when there is one that the client has not.
    sink: Vec<Option<usize>>,
}

/// A measurement, or what interrupted it.
type Measured = Result<(Ceiling, Floor), Stop>;

/// Does it.
pub(crate) fn calibrate(args: &Args) -> Result<u8, Failure> {
    if args.connections < args.threads {
        return Err(Failure::Usage(format!(
            "-t {} is more than -c {}: each thread needs a connection",
            args.threads, args.connections
        )));
    }
    let path = calibration::path();
    let file = path.as_deref().map(calibration::prepare).transpose()?;
    let signals = Signals::hold();
    let allowed = sys::allowed_cpus();
    let places = Places::new(&allowed, args.cpus.as_ref(), args.threads);
    let bench = Bench {
        args,
        places: &places,
        signals: &signals,
        cpus: allowed.len(),
    };
    let all = bench.all()?;
    let (keep_alive, pipelined, floor) = match all {
        Ok(measured) => measured,
        Err(stop) => {
            tell("interrupted; nothing was stored");
            return Ok(exit::SIGNAL_BASE + stop.number());
        }
    };
    let entry = Entry {
        key: Key::new(&Host::read(args.cpus.as_ref()), args.threads),
        measured_unix_ns: clock::unix(clock::now()),
        connections: args.connections,
        keep_alive,
        pipelined,
        floor,
    };
    if let Some((path, file)) = path.as_ref().zip(file) {
        calibration::store(path, file, entry.clone())?;
    } else {
        tell("note: neither XDG_CACHE_HOME nor HOME says where to keep it; it was not stored");
    }
    print::result(args.json, &entry, &places, path.as_deref()).map_err(Failure::Output)?;
    Ok(exit::OK)
}

impl Places {
    fn new(allowed: &[usize], asked: Option<&Cpus>, threads: u32) -> Self {
        let threads = threads as usize;
        let client = match asked {
            Some(cpus) => Some(cpus.0.clone()),
            None if threads < allowed.len() => Some(allowed[..threads].to_vec()),
            None => None,
        };
        let taken = client.as_deref().unwrap_or(allowed);
        let free = allowed.iter().filter(|cpu| !taken.contains(cpu));
        let mut sink: Vec<_> = free.copied().map(Some).take(threads).collect();
        if sink.is_empty() {
            sink = vec![None; threads.min(allowed.len()).max(1)];
        }
        Self { client, sink }
    }

    /// Whether the sink has no CPU of its own.
    fn shared(&self) -> bool {
        self.sink.contains(&None)
    }
}

struct Bench<'a> {
    args: &'a Args,
    places: &'a Places,
    signals: &'a Signals,
    cpus: usize,
}

impl Bench<'_> {
    fn all(&self) -> Result<Result<(Ceiling, Ceiling, Floor), Stop>, Failure> {
        let Args {
            connections,
            threads,
            pipeline,
            ..
        } = *self.args;
        let keep_alive = match self.measure(connections, threads, 1)? {
            Ok((ceiling, _)) => ceiling,
            Err(stop) => return Ok(Err(stop)),
        };
        let pipelined = match self.measure(connections, threads, pipeline)? {
            Ok((ceiling, _)) => ceiling,
            Err(stop) => return Ok(Err(stop)),
        };
        let measured = self.measure(1, 1, 1)?;
        Ok(measured.map(|(_, floor)| (keep_alive, pipelined, floor)))
    }

    fn measure(&self, connections: u32, threads: u32, depth: u32) -> Result<Measured, Failure> {
        let listener = Sink::listen()?;
        let plan = self.plan(
            &format!("http://{}/", listener.1),
            connections,
            threads,
            depth,
        )?;
        let request_len = plan.templates[0].request_len();
        let sink = Sink::start(listener, &self.places.sink, request_len)?;
        let before = Times::read();
        let outcome = run::run(&plan, self.signals, None)?;
        let after = Times::read();
        let end = outcome.start_unix + clock::nanos(outcome.elapsed);
        let sinks = sink.stop(outcome.start_unix, end)?;
        if let Some(stop) = outcome.stop {
            return Ok(Err(stop));
        }
        let problems = Verdict::of(&plan, &outcome).problems;
        if !problems.is_empty() {
            return Err(Failure::Machine(format!(
                "the sink was not answered for: {}",
                problems.join("; ")
            )));
        }
        let busy = before.zip(after);
        let busy = busy.and_then(|(before, after)| Some(after.since(before)?.0));
        let latencies = &outcome.tally.latencies;
        let floor = Floor {
            min_ns: latencies.min(),
            p50_ns: latencies.quantile(0.5),
            p99_ns: latencies.quantile(0.99),
        };
        Ok(Ok((
            ceiling(&plan, &outcome, &sinks, self.cpus, busy),
            floor,
        )))
    }

    /// As the command line of such a run says it.
    fn plan(&self, url: &str, connections: u32, threads: u32, depth: u32) -> Result<Plan, Failure> {
        let mut words: Vec<String> = ["loadgen", url].map(String::from).into();
        let mut flag = |name: &str, value: String| words.extend([name.into(), value]);
        flag("-c", connections.to_string());
        flag("-t", threads.to_string());
        flag("-p", depth.to_string());
        flag("-d", format!("{}ms", self.args.duration.as_millis().max(1)));
        if let Some(cpus) = &self.places.client {
            let cpus: Vec<String> = cpus.iter().map(ToString::to_string).collect();
            flag("--cpus", cpus.join(","));
        }
        if connections > AT_ONCE {
            flag("--connect-rate", CONNECT_RATE.to_string());
        }
        let args =
            args::Args::try_parse_from(words).map_err(|error| Failure::Usage(error.to_string()))?;
        Plan::new(args, |note| tell(format_args!("note: {note}")))
    }
}

/// `sinks` is how busy each thread of the sink was, `busy` how busy all CPUs were with everything.
fn ceiling(
    plan: &Plan,
    outcome: &Outcome,
    sinks: &[f64],
    cpus: usize,
    busy: Option<f64>,
) -> Ceiling {
    let seconds = outcome.elapsed.as_secs_f64();
    let answers = outcome.ledger.window.answered() as f64;
    let cpu = (outcome.client.user + outcome.client.system).as_secs_f64();
    let rps = per(answers, seconds);
    let client_busy = per(cpu, seconds * f64::from(plan.threads)).min(1.0);
    let extrapolated = client_busy < BUSY;
    let most = if extrapolated {
        per(rps, client_busy)
    } else {
        rps
    };
    let (client, sink) = (
        per(cpu, seconds * cpus as f64),
        sinks.iter().sum::<f64>() / cpus as f64,
    );
    let part = |value: f64| rounded(value, 1e3);
    Ceiling {
        depth: plan.depth,
        rps: rounded(rps, 1e2),
        ceiling_rps: rounded(most, 1e2),
        extrapolated,
        cpu_us_per_answer: rounded(per(cpu * 1e6, answers), 1e4),
        client_busy: part(client_busy),
        sink_busy: part(sinks.iter().copied().fold(0.0, f64::max)),
        machine: Machine {
            cpus,
            client: part(client),
            sink: part(sink),
            others: busy.map(|busy| part((busy - client - sink).max(0.0))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sink_keeps_off_the_client_s_cpus() {
        let places = |allowed: &[usize], asked: Option<&[usize]>, threads| {
            let asked = asked.map(|cpus| Cpus(cpus.to_vec()));
            Places::new(allowed, asked.as_ref(), threads)
        };
        let two = places(&[0, 1], None, 1);
        assert_eq!((two.client, two.sink), (Some(vec![0]), vec![Some(1)]));
        let many = places(&[0, 1, 2, 3, 4], None, 3);
        assert_eq!(
            (many.client, many.sink),
            (Some(vec![0, 1, 2]), vec![Some(3), Some(4)])
        );
        let one = places(&[5], None, 1);
        assert!(one.shared());
        assert_eq!((one.client, one.sink), (None, vec![None]));
        let asked = places(&[0, 1, 2], Some(&[2]), 2);
        assert_eq!(
            (asked.client, asked.sink),
            (Some(vec![2]), vec![Some(0), Some(1)])
        );
        assert!(places(&[0, 1], Some(&[0, 1]), 2).shared());
    }
}
