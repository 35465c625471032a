//! The command line and the environment.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::Parser;
use sws::{Config, EngineKind};

use crate::{
    gzip::Gzip,
    units::{Bytes, Span},
};

/// Where data is looked for when nothing is said: the mount of a container,
/// then the folder of generated data in a checkout.
const DATA_DIRS: [&str; 2] = ["/data", "data/2026-04"];

const EXAMPLES: &str = "\
Examples:
  sws                                          port 8080, one reactor per CPU, data from /data
  sws --port 9000 --data-dir data/2026-03      another port, generated data of this checkout
  taskset -c 0-3 sws                           four reactors, on CPUs 0 to 3
  SWS_ENGINE=epoll sws                         where io_uring is forbidden
  docker run --security-opt seccomp=unconfined --ulimit memlock=-1:-1 ...
                                               what io_uring needs in a container

Every option has an environment variable, named beside it; the option wins.

Files of the data directory, each optional:
  dataset.json         /json, /json/{count}
  dataset-large.json   /compression
  benchmark.db         /db

Exit codes:
  0  stopped by SIGTERM or SIGINT, after answering what was under way
  1  could not start or had to stop: the port is taken, io_uring is forbidden, ...
  2  the command line or the environment is wrong";

/// HttpArena entry on sws, the single-worker server: one thread, one io_uring
/// and one event loop per CPU, sharing nothing but the port.
#[derive(Clone, Debug, Parser)]
#[command(name = "sws", version, after_help = EXAMPLES)]
pub struct Args {
    /// Port to listen on; 0 lets the kernel choose one
    #[arg(short, long, env = "PORT", value_name = "PORT", default_value_t = 8080)]
    pub port: u16,

    /// Address to listen on
    #[arg(
        long,
        env = "SWS_HOST",
        value_name = "ADDRESS",
        default_value = "0.0.0.0"
    )]
    pub host: IpAddr,

    /// Number of reactors [default: CPUs in the affinity mask]
    #[arg(short, long, env = "SWS_REACTORS", value_name = "N")]
    pub reactors: Option<NonZeroUsize>,

    /// How bytes are moved: auto, io_uring or epoll; auto falls back to epoll
    /// where io_uring is not to be had
    #[arg(short, long, env = "SWS_ENGINE", value_name = "ENGINE", default_value_t = EngineKind::Auto)]
    pub engine: EngineKind,

    /// Directory of the data files [default: /data, or data/2026-04 where that is missing]
    #[arg(short, long, env = "DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Compression level of gzip answers, 1 (fastest) to 9 (smallest)
    /// [default: 2, and 1 for /compression]
    #[arg(long, env = "SWS_GZIP_LEVEL", value_name = "LEVEL",
          value_parser = clap::value_parser!(u8).range(*Gzip::LEVELS.start() as i64..=*Gzip::LEVELS.end() as i64))]
    pub gzip_level: Option<u8>,

    /// Let the scheduler move reactors between CPUs
    #[arg(long, env = "SWS_NO_PIN", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_pin: bool,

    /// Serve GET /debug/counters: what the reactors have counted, as JSON
    #[arg(long, env = "SWS_DEBUG_COUNTERS", value_parser = clap::builder::BoolishValueParser::new())]
    pub debug_counters: bool,

    /// Limits on what a client may ask of the server.
    #[command(flatten)]
    pub limits: Limits,
}

/// Limits on what a client may ask of the server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Connections of one reactor; more wait to be accepted
    #[arg(long, env = "SWS_CONNECTIONS_MAX", value_name = "N", default_value_t = Config::default().connections_max)]
    connections_max: u32,

    /// Connections that may wait to be accepted
    #[arg(long, env = "SWS_BACKLOG", value_name = "N", default_value_t = Config::default().backlog)]
    backlog: u32,

    /// Size of a request line and its header fields; more is answered 431
    #[arg(long, env = "SWS_HEAD_MAX", value_name = "SIZE", default_value_t = size(Config::default().head_bytes_max))]
    head_max: Bytes,

    /// Header fields of a request; more is answered 431
    #[arg(long, env = "SWS_HEADERS_MAX", value_name = "N", default_value_t = Config::default().headers_max)]
    headers_max: usize,

    /// Size of a request target; more is answered 414
    #[arg(long, env = "SWS_TARGET_MAX", value_name = "SIZE", default_value_t = size(Config::default().target_bytes_max))]
    target_max: Bytes,

    /// Size of an upload; more is answered 413
    #[arg(long, env = "SWS_BODY_MAX", value_name = "SIZE", default_value_t = Bytes(Config::default().body_bytes_max))]
    body_max: Bytes,

    /// Size of any other body, which is held in memory; more is answered 413
    #[arg(long, env = "SWS_BODY_BUFFERED_MAX", value_name = "SIZE", default_value_t = size(Config::default().body_buffered_bytes_max))]
    body_buffered_max: Bytes,

    /// How long a connection may stay without a request
    #[arg(long, env = "SWS_IDLE_TIMEOUT", value_name = "TIME", default_value_t = Span(Config::default().idle_timeout))]
    idle_timeout: Span,

    /// How long a request's line and header fields may take to arrive
    #[arg(long, env = "SWS_HEAD_TIMEOUT", value_name = "TIME", default_value_t = Span(Config::default().head_timeout))]
    head_timeout: Span,

    /// How long a body may make no progress
    #[arg(long, env = "SWS_BODY_TIMEOUT", value_name = "TIME", default_value_t = Span(Config::default().body_timeout))]
    body_timeout: Span,

    /// How long a client may take nothing of its answer
    #[arg(long, env = "SWS_WRITE_TIMEOUT", value_name = "TIME", default_value_t = Span(Config::default().write_timeout))]
    write_timeout: Span,

    /// How long a stop may wait for answers under way
    #[arg(long, env = "SWS_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value_t = Span(Config::default().shutdown_timeout))]
    shutdown_timeout: Span,
}

impl Args {
    /// What the library is started with.
    pub fn config(&self) -> Config {
        let limits = &self.limits;
        Config {
            host: self.host,
            port: self.port,
            reactors: self.reactors,
            engine: self.engine,
            pin_reactors: !self.no_pin,
            connections_max: limits.connections_max,
            backlog: limits.backlog,
            head_bytes_max: limits.head_max.to_usize(),
            headers_max: limits.headers_max,
            target_bytes_max: limits.target_max.to_usize(),
            body_bytes_max: limits.body_max.0,
            body_buffered_bytes_max: limits.body_buffered_max.to_usize(),
            idle_timeout: limits.idle_timeout.0,
            head_timeout: limits.head_timeout.0,
            body_timeout: limits.body_timeout.0,
            write_timeout: limits.write_timeout.0,
            shutdown_timeout: limits.shutdown_timeout.0,
            ..Config::default()
        }
    }

    /// The directory that was asked for, or the first usual one that exists.
    pub fn data_dir(&self) -> PathBuf {
        if let Some(dir) = &self.data_dir {
            return dir.clone();
        }
        let [fallback, ..] = DATA_DIRS;
        let found = DATA_DIRS.into_iter().find(|dir| Path::new(dir).is_dir());
        PathBuf::from(found.unwrap_or(fallback))
    }
}

fn size(bytes: usize) -> Bytes {
    Bytes(bytes as u64)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["sws"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn limits_reach_the_configuration() {
        let line = "--port 0 --host 127.0.0.1 -r 3 -e epoll --no-pin --connections-max 7 --backlog 8 \
            --head-max 4KiB --headers-max 9 --target-max 300 --body-max 2MiB --body-buffered-max 1KiB \
            --idle-timeout 1s --head-timeout 2s --body-timeout 3s --write-timeout 400ms \
            --shutdown-timeout 1m";
        let config = parse(&line.split_whitespace().collect::<Vec<_>>())
            .unwrap()
            .config();
        assert_eq!(
            (config.port, config.host.to_string().as_str()),
            (0, "127.0.0.1")
        );
        assert_eq!(config.reactors.map(NonZeroUsize::get), Some(3));
        assert_eq!(
            (config.engine, config.pin_reactors),
            (EngineKind::Epoll, false)
        );
        assert_eq!((config.connections_max, config.backlog), (7, 8));
        assert_eq!((config.head_bytes_max, config.headers_max), (4096, 9));
        assert_eq!(
            (config.target_bytes_max, config.body_bytes_max),
            (300, 2 << 20)
        );
        assert_eq!(config.body_buffered_bytes_max, 1024);
        let times = [
            config.idle_timeout,
            config.head_timeout,
            config.body_timeout,
            config.write_timeout,
            config.shutdown_timeout,
        ];
        assert_eq!(
            times.map(|time| time.as_millis()),
            [1000, 2000, 3000, 400, 60_000]
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in [
            &["--port", "70000"][..],
            &["--reactors", "0"],
            &["--engine", "kqueue"],
            &["--gzip-level", "0"],
            &["--gzip-level", "10"],
            &["--head-max", "much"],
            &["--idle-timeout", "soon"],
            &["--unknown"],
            &["stray"],
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }
}
