//! The command line, before anything in it is looked up or opened.

mod checks;
mod hold;
mod live;
pub(crate) mod number;
mod requests;
pub(crate) mod route;
mod server;
mod spectrum;
pub(crate) mod tls;

pub(crate) use self::{checks::Checks, live::Live, server::Server, spectrum::Percentile};

use crate::{
    duration, files,
    rate::{self, Arrival, Rate},
    sources::Sources,
    split::Share,
    start_at::StartAt,
    status::Expected,
};
use clap::Parser;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use hold::WsMode;

/// Above this depth the answers of one connection queue behind each other for longer than anything measures.
const PIPELINE_MAX: u64 = 1024;
const CONNECTIONS_MAX: u64 = 1 << 20;
const THREADS_MAX: u64 = 1024;
const RECEIVE_BUFFER_RANGE: std::ops::RangeInclusive<u64> = 512..=1 << 20;

/// What the arena's generator sends.
pub(crate) const ARENA_MESSAGE: &str = "hello";

pub(crate) use requests::Requests;

const AFTER_HELP: &str = "\
Durations: 5s, 500ms, 2m, 1h, 1m30s; a bare number is seconds.

Templates (--raw): each file is one request, sent byte for byte but for its placeholders. Connection k starts with
template k mod n and keeps it, and every reconnect moves on to the next one; --rotate has it otherwise.

Placeholders, in templates, URLs, bodies and messages; each request has its own values:
  {RAND:min:max}    a random number, padded with zeros to the digits of max
  {RANDJ:min:max}   the same without padding, as JSON wants it
  {ZIPF:min:max:s}  padded, and the k-th number is drawn with a weight of 1/k^s
  {SEQ:start}       a counter as wide as start that all connections share
  {UUID} {HEX:n}    a random version 4 UUID, n random hexadecimal digits
  {NOW}             milliseconds since 1970
  {NAME.column}     of a row of --feed NAME
  {CONN} {WORKER}   the number of the connection in the whole run, that of --worker
Content-Length is adjusted only with --fix-length, or where values of different length are in the body.

Exit status:
  0    done, every answer was as expected
  1    some answer was not: wrong status class, header field or body, malformed, unsolicited, cut short, lost or timed out;
       or an upgrade was answered with something else
  2    the command line, a template file or the target is wrong; nothing was sent
  3    a gate (--fail-if) was not met
  4    the run would not mean anything: --start-at is over, or --strict and the verdict is against it
  5    nothing was answered, or nothing could be connected
  6    this machine refused what the run needs (io_uring, memory, threads)
  130  interrupted (SIGINT), 143 terminated (SIGTERM); what was measured until then is printed";

/// HTTP/1.1 and WebSocket load generator on io_uring.
///
/// Keeps a fixed number of connections busy (closed loop), or sends at a fixed rate whether answers come or not
/// (open loop, --rate). Checks every answer, and counts only what was answered inside the measured window.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = AFTER_HELP, args_override_self = true, mut_args(number::may_be_negative))]
pub(crate) struct Args {
    /// Where to send to, as http://HOST:PORT/PATH; https, ws and wss are known as well. With --raw the path is not used, and without a URL the
    /// Host header of the first template names the target
    pub url: Option<String>,

    /// Request templates, comma-separated files; a file named twice counts as two templates, and one like a.raw@3 has
    /// three turns where others have one. A value that is
    /// nothing but a rate is taken as --rate: write ./1000 for a file of that name
    #[arg(short = 'R', long = "raw", value_name = "FILES", value_delimiter = ',', conflicts_with_all = ["ws", "ws_msg"])]
    pub raw: Vec<PathBuf>,

    /// WebSocket: upgrade each connection, send text messages, and expect each to be echoed. The other options
    /// mean messages where they say requests
    #[arg(long)]
    pub ws: bool,

    /// The message, by default hello; implies --ws. Placeholders as in templates make messages differ, so that an echo which
    /// comes out of order is noticed
    #[arg(long, value_name = "TEXT")]
    pub ws_msg: Option<String>,

    /// Connections, spread over the threads
    #[arg(short, long, value_name = "N", default_value = "100",
        value_parser = number::whole::<u32>(1..=CONNECTIONS_MAX))]
    pub connections: u32,

    /// Threads; reduced to the number of connections when there are fewer of those
    #[arg(short, long, value_name = "N", default_value = "1",
        value_parser = number::whole::<u32>(1..=THREADS_MAX))]
    pub threads: u32,

    /// How long to measure
    #[arg(short, long, value_name = "TIME", default_value = "10s",
        value_parser = duration::parse_positive)]
    pub duration: Duration,

    /// Stop when this many requests were sent and answered, or after the duration, whichever is first. Without -w
    /// nothing is sent before, so these are all
    #[arg(short = 'n', long, value_name = "N", value_parser = number::whole::<u64>(1..))]
    pub requests: Option<u64>,

    /// Pause of a connection between its last answer and its next request; T..T2 draws one each time
    #[arg(long, value_name = "T[..T2]", conflicts_with = "rate", value_parser = duration::parse_range)]
    pub think: Option<(Duration, Duration)>,

    /// Open loop: requests are due at this rate, in all and per second, whether the server answers or not. 20k;
    /// a ramp over the window 1k:50k; equal steps 1k,5k,10k; 50% of the highest rate, which is measured before for 2s in a
    /// closed loop. What is due goes to a free connection, or waits for
    /// one. The response time counts from when a request was due, the service time from when it was sent
    #[arg(short = 'q', long, value_name = "RATE", value_parser = Rate::parse)]
    pub rate: Option<Rate>,

    /// How the requests of --rate follow each other: uniform (evenly), poisson (with exponential gaps, as from many users
    /// who know nothing of each other), burst:N (N at once)
    #[arg(long, value_name = "KIND", default_value = "uniform", value_parser = Arrival::parse)]
    pub arrival: Arrival,

    #[command(flatten)]
    pub hold: hold::Hold,

    /// With --rate: drop requests that have waited longer than this for a free connection, and count them
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    pub deadline: Option<Duration>,

    /// Requests in flight on each connection
    #[arg(short, long, value_name = "N", default_value = "1",
        value_parser = number::whole::<u32>(1..=PIPELINE_MAX))]
    pub pipeline: u32,

    /// Requests on a connection before it is closed (see --close) and opened again; 0 is no limit
    #[arg(short, long, value_name = "N", default_value = "0", value_parser = number::whole::<u64>(..))]
    pub requests_per_connection: u64,

    /// How connections are closed after -r requests. rst leaves nothing behind; fin is what browsers do, and leaves a
    /// port in TIME_WAIT for a minute on this side
    #[arg(long, value_name = "HOW", value_enum, default_value = "rst")]
    pub close: Close,

    /// When a connection that ended is opened again. auto: at once if it had been of use, else after a pause that
    /// grows from 10ms to 1s
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub reconnect: Reconnect,

    /// Connections opened per second, over all threads; by default as fast as they can be
    #[arg(long, value_name = "N", value_parser = number::whole::<u32>(1..))]
    pub connect_rate: Option<u32>,

    /// A connection that is not up after this long has failed. By default what --timeout says
    #[arg(long, value_name = "TIME", value_parser = duration::parse_positive)]
    pub connect_timeout: Option<Duration>,

    /// Connect to this unix socket; the URL then only says what the requests are
    #[arg(long, value_name = "PATH", conflicts_with = "source_ip")]
    pub unix: Option<PathBuf>,

    /// Connect from these addresses in turn: lists, 10.0.0.0/28, 10.0.0.10-17. Each has the ports of
    /// net.ipv4.ip_local_port_range, so more of them allow for more connections
    #[arg(long, value_name = "LIST", value_parser = Sources::parse)]
    pub source_ip: Option<Sources>,

    /// Expected status. 200 stands for its class, 2xx; =200 is exact, and so are the codes of a list like 200,304 or
    /// 2xx,304; any is any. Another one makes the exit status 1
    #[arg(short = 's', long = "expect-status", alias = "status", value_name = "STATUS",
        default_value = "200", conflicts_with_all = ["ws", "ws_msg"])]
    pub expect_status: Expected,

    #[command(flatten)]
    pub checks: Checks,

    /// A connection that owes an answer and neither sends nor receives a byte for this long is counted as
    /// stuck and opened again. 10s is longer than any pause of a working server under the arena's loads and
    /// shorter than their longest run
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse_positive)]
    pub timeout: Duration,

    /// Time before the measured window. Default: until all connections are up, at least 100ms, at most
    /// 100ms or a tenth of the duration, whichever is longer
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse)]
    pub warmup: Option<Duration>,

    /// How long to wait after the window for answers that are still out
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    pub drain: Duration,

    /// Be one of several processes that share the run: 0/4 is the first of four, auto/4 takes the number from
    /// JOB_COMPLETION_INDEX, NOMAD_ALLOC_INDEX or SLURM_PROCID. Connections are split; give all workers the same arguments
    /// otherwise, and put their -o files together with `loadgen merge`
    #[arg(long, value_name = "I/N")]
    pub worker: Option<Share>,

    /// Begin to measure at this time: 2026-11-21T01:00:00Z, or next:60s for the next full minute. Connections are opened
    /// before. When it is too late, nothing is sent and the exit status is 4
    #[arg(long, value_name = "TIME")]
    pub start_at: Option<StartAt>,

    /// Pin the threads to these CPUs in turn, like 8-15 or 1,3,5
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    pub cpus: Option<Cpus>,

    /// Seed of the random placeholders; by default a new one is drawn and printed
    #[arg(long, value_name = "N", value_parser = number::whole::<u64>(..))]
    pub seed: Option<u64>,

    /// Bytes per receive buffer
    #[arg(long, value_name = "BYTES", default_value = "4096",
        value_parser = number::whole::<u32>(RECEIVE_BUFFER_RANGE))]
    pub recv_buf: u32,

    /// Track every send to its completion. Slower; by default that is done only where the kernel fails the
    /// self-test of untracked ones
    #[arg(long)]
    pub tracked_sends: bool,

    /// Bytes that may wait in each socket to be sent; by default the system decides
    #[arg(long, value_name = "BYTES",
        value_parser = number::whole::<u32>(1024..=1 << 30))]
    pub send_buf: Option<u32>,

    /// Print one JSON object instead of text
    #[arg(short, long)]
    pub json: bool,

    /// A histogram for each template
    #[arg(long)]
    pub per_tpl_latency: bool,

    /// Stop the clock of an answer when its completion arrives, before it is parsed. This is always so; the
    /// flag is accepted for command lines that ask for it
    #[arg(long)]
    pub cqe_latency: bool,

    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub request: Requests,

    #[command(flatten)]
    pub names: route::Names,

    #[command(flatten)]
    pub tls: tls::TlsOptions,

    #[command(flatten)]
    pub output: files::Options,

    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub spectrum: spectrum::Spectrum,
}

/// How a connection is closed that has carried what it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Close {
    Fin,
    Rst,
}

/// What follows the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reconnect {
    Auto,
    /// At once, whatever happened
    Now,
    /// After a pause, whatever happened
    Backoff,
    Never,
}

impl Args {
    /// The rate, when the run is an open loop, from wherever it was given.
    pub(crate) fn rate(&self) -> Result<Option<Rate>, String> {
        let given: Vec<&str> = self.raw.iter().filter_map(|value| as_rate(value)).collect();
        match (&self.rate, given.is_empty()) {
            (rate, true) => Ok(rate.clone()),
            (None, false) => Rate::parse(&given.join(",")).map(Some),
            (Some(_), false) => Err(format!(
                "-R {}: that is a rate, and --rate gives another; write ./{} for a file",
                given.join(","),
                given.first().unwrap_or(&"")
            )),
        }
    }

    /// The files of templates.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.raw.iter().filter(|value| as_rate(value).is_none())
    }

    /// The first flag that was given although it means nothing to WebSocket.
    pub(crate) fn only_for_http(&self) -> Option<&'static str> {
        let raw = self.files().next().is_some().then_some("--raw");
        raw.or_else(|| self.request.only_for_http())
            .or_else(|| self.checks.given())
    }

    /// The message to be echoed, when the run is one of WebSocket.
    pub(crate) fn message(&self) -> Option<&str> {
        match &self.ws_msg {
            None => (self.ws || self.hold.ws_mode.is_some()).then_some(ARENA_MESSAGE),
            given => given.as_deref(),
        }
    }
}

/// The value of `-R`, when it is a rate and no file.
fn as_rate(value: &Path) -> Option<&str> {
    value.to_str().filter(|text| rate::is_rate(text))
}

/// CPU numbers, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cpus(pub Vec<usize>);

/// Reads them.
pub(crate) fn parse_cpus(text: &str) -> Result<Cpus, String> {
    let error = || format!("`{text}` is no list of CPUs; write it like 0-3,8,10-11");
    let number = |text: &str| -> Result<usize, String> {
        text.parse()
            .ok()
            .filter(|cpu| *cpu < 4096)
            .ok_or_else(error)
    };
    let mut cpus = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(error());
                }
                cpus.extend(first..=last);
            }
            None => cpus.push(number(part)?),
        }
    }
    Ok(Cpus(cpus))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Args, String> {
        let words = std::iter::once("loadgen").chain(line.split_whitespace());
        Args::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_arena_s_command_lines_are_understood() {
        let args = parse(
            "http://localhost:8080 --raw /a/get.raw,/a/get.raw,/b.raw -c 32 -t 64 -d 5s -p 1 -r 10",
        );
        let args = args.unwrap();
        assert_eq!(args.raw.len(), 3);
        assert_eq!((args.connections, args.threads, args.pipeline), (32, 64, 1));
        assert_eq!(args.requests_per_connection, 10);
        assert_eq!(args.duration, Duration::from_secs(5));
        let args = parse("http://localhost:8080/pipeline -c 512 -t 64 -d 5s -p 16").unwrap();
        assert_eq!((args.pipeline, args.requests_per_connection), (16, 0));
    }

    #[test]
    fn rates_may_stand_where_other_tools_have_them() {
        for line in [
            "http://h -R 1k,5k",
            "http://h -q 1k,5k",
            "http://h --rate 1k,5k",
            "-R x.raw -R 1k,5k",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.rate(), Ok(Some(Rate::Steps(vec![1e3, 5e3]))), "{line}");
            assert_eq!(
                args.files().count(),
                usize::from(line.contains(".raw")),
                "{line}"
            );
        }
        assert_eq!(parse("-R ./1000").unwrap().rate(), Ok(None));
        assert!(
            parse("-R 100 -q 5")
                .unwrap()
                .rate()
                .unwrap_err()
                .contains("./100")
        );
    }

    #[test]
    fn messages_are_hello_unless_others_are_given() {
        let message = |line: &str| parse(line).unwrap().message().map(str::to_owned);
        assert_eq!(message("http://h"), None);
        assert_eq!(
            message("http://h/ws --ws -c 2 -t 64 -d 5s -p 16").as_deref(),
            Some("hello")
        );
        assert_eq!(message("http://h --ws-msg bye").as_deref(), Some("bye"));
        assert_eq!(message("http://h --ws-msg=").as_deref(), Some(""));
    }

    #[test]
    fn bad_values_name_their_flag() {
        for (line, flag) in [
            ("http://h -c 0", "--connections"),
            ("http://h -c -5", "--connections"),
            ("http://h -t 0", "--threads"),
            ("http://h -p 0", "--pipeline"),
            ("http://h -p 5000", "--pipeline"),
            ("http://h -d 0s", "--duration"),
            ("http://h -d 5x", "--duration"),
            ("http://h -s 20", "--expect-status"),
            ("http://h -s 200,", "--expect-status"),
            ("http://h -r x", "--requests-per-connection"),
            ("http://h --recv-buf 100", "--recv-buf"),
            ("http://h --timeout 0", "--timeout"),
            ("http://h --cpus 3-1", "--cpus"),
            ("http://h --source-ip x", "--source-ip"),
            ("http://h --source-ip ::1 --unix /x", "--unix"),
            ("http://h -n 0", "--requests"),
            ("http://h --think 5s..1s", "--think"),
            ("http://h --think 5s --rate 5", "--think"),
            ("http://h --close x", "--close"),
            ("http://h --connect-rate 0", "--connect-rate"),
            ("http://h --rate fast", "--rate"),
            ("http://h --rate 0", "--rate"),
            ("http://h --arrival x", "--arrival"),
            ("http://h --deadline 0", "--deadline"),
            ("http://h --tui -b 1", "--buckets"),
            ("http://h --tui --quiet", "--quiet"),
            ("http://h --frobnicate", "--frobnicate"),
            ("http://h http://i", "http://i"),
            ("http://h --ws --raw x", "--raw"),
            ("http://h --ws -s 101", "--expect-status"),
            ("http://h --ws-msg x --expect-body x", "--expect-body"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(flag), "{line}: {error}");
        }
    }

    #[test]
    fn cpu_lists_may_have_ranges() {
        assert_eq!(parse_cpus("0-2,5").unwrap(), Cpus(vec![0, 1, 2, 5]));
        assert!(parse_cpus("").is_err());
        assert!(parse_cpus("1-").is_err());
    }
}
