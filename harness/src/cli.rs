//! The command line.

use crate::bench;
use crate::check::Depth;
use crate::cleanup;
use crate::data::{self, Made};
use crate::entries::{self, Entry};
use crate::error::Error;
use crate::export;
use crate::launch::Mode;
use crate::pages;
use crate::profiles::{self, Generation, Profile, TABLE};
use crate::validate;
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Validates and measures arena entries.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The repository's root.
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate data/ unless it is complete.
    Data,
    /// List entries and profiles.
    List,
    /// Check an entry's answers.
    Validate(Validate),
    /// Measure entries against each other.
    Benchmark(Benchmark),
    /// Print the saved results as a table in Markdown.
    Table,
    /// Write results/index.html from the saved results.
    Page {
        /// Another file.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Put the saved results between the marks of README.md.
    Readme {
        /// Another file.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Write sws as a self-contained entry into a checkout of HttpArena.
    ExportArena(export::Options),
}

/// Where entries run, shared by both commands.
#[derive(Debug, Args)]
struct Place {
    /// Build images and run containers.
    #[arg(long, conflicts_with = "native")]
    docker: bool,
    /// Run processes of this machine. The default is Docker where an engine
    /// answers, else native.
    #[arg(long)]
    native: bool,
    /// Run containers under this seccomp profile, in place of what the arena
    /// gives them (scripts/seccomp/sws.json is one).
    #[arg(long, value_name = "FILE", conflicts_with = "native")]
    seccomp: Option<PathBuf>,
    /// The server's port.
    #[arg(long, env = "HARNESS_PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Seconds that a server may take to answer its first request.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    ready_within: u64,
    /// Only this generation of the arena: 2026-03 or 2026-04.
    #[arg(long, value_parser = generation, value_name = "GENERATION")]
    generation: Option<Generation>,
}

fn generation(text: &str) -> Result<Generation, String> {
    Generation::named(text).ok_or_else(|| "there are: 2026-03, 2026-04".into())
}

#[derive(Debug, Args)]
struct Validate {
    /// The entry: a name, or the path of a folder with meta.json and run.sh.
    name: String,
    /// Only these profiles of those that the entry lists.
    profiles: Vec<String>,
    /// Replays the random values of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// Fewer repetitions.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Benchmark {
    /// Entries and profiles in any order; the first entry is the base of all
    /// ratios. Default: every entry that is enabled, sws first, on every
    /// profile of 2026-03.
    words: Vec<String>,
    /// At most three minutes: short runs, one connection count per profile.
    #[arg(long)]
    quick: bool,
    /// The arena's way, whatever the machine: its durations, connection counts,
    /// threads and pinning, best of 3 runs, entries one after the other; also
    /// writes results/site/data. --rounds, --duration and --conns change it.
    /// Without it everything is scaled to this machine.
    #[arg(long, conflicts_with_all = ["quick", "time"])]
    arena: bool,
    /// Tune this host as HttpArena's scripts do (backlogs, socket buffers, ports,
    /// MTU of lo, governor, page cache) and put everything back at the end, also
    /// after Ctrl-C. Needs root.
    #[arg(long)]
    tune_host: bool,
    /// Measure nothing and draw where the CPU time of one entry goes under one
    /// profile: a flame graph in results/flame. Needs perf; --duration is how
    /// long it samples (5).
    #[arg(long, conflicts_with_all = ["quick", "time", "rounds", "arena", "tune_host"])]
    flamegraph: bool,
    /// Minutes for validation and measurements; building comes on top. Decides
    /// rounds, measured time and connection counts. [default: 14, quick 3]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=1440))]
    time: Option<u32>,
    /// Alternating rounds. [default: what the time allows, at least 3, quick 2]
    #[arg(long, conflicts_with = "time", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Measured seconds per run, such as 5 or 5s. [default: what the time allows]
    #[arg(long, value_parser = whole_seconds)]
    duration: Option<u32>,
    /// Connection counts, separated by commas. [default: what fits the machine]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    conns: Vec<u32>,
    #[command(flatten)]
    place: Place,
}

/// The arena's generator knows whole seconds only.
fn whole_seconds(text: &str) -> Result<u32, String> {
    text.strip_suffix('s')
        .unwrap_or(text)
        .parse()
        .ok()
        .filter(|seconds| (1..=3600).contains(seconds))
        .ok_or_else(|| "whole seconds from 1 to 3600, such as 5 or 5s".into())
}

/// Runs the command; the result is the exit code.
///
/// # Errors
/// Wrong usage, and everything that keeps the command from doing its work.
pub fn run(cli: &Cli) -> Result<u8, Error> {
    cleanup::install()?;
    raise_open_files();
    let root = cli.root.canonicalize().map_err(|error| {
        Error::usage(format!(
            "there is no folder {}: {error}",
            cli.root.display()
        ))
    })?;
    match &cli.command {
        Command::Data => make_data(&root).map(|_| 0),
        Command::List => list(&root).map(|()| 0),
        Command::Validate(options) => run_validate(&root, options),
        Command::Benchmark(options) => run_benchmark(&root, options),
        Command::Table => pages::print_table(&root).map(|()| 0),
        Command::Page { file } => {
            let file = file.clone().unwrap_or_else(|| pages::page_path(&root));
            pages::write_page(&root, &file)?;
            println!("wrote {}", file.display());
            Ok(0)
        }
        Command::Readme { file } => {
            let file = file.clone().unwrap_or_else(|| root.join("README.md"));
            pages::update_readme(&root, &file).map(|()| 0)
        }
        Command::ExportArena(options) => export::run(&root, options).map(|()| 0),
    }
}

/// Servers and generators inherit it.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Failing leaves the limit as it is; the connection counts follow from it.
    let _ = setrlimit(Resource::Nofile, raised);
}

fn make_data(root: &Path) -> Result<PathBuf, Error> {
    let folder = root.join("data");
    let start = Instant::now();
    if !data::is_complete(&folder) {
        println!("generating {} ...", folder.display());
    }
    if data::generate(&folder)? == Made::Generated {
        println!("generated in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(folder)
}

fn list(root: &Path) -> Result<(), Error> {
    println!("entries:");
    for entry in entries::all(root)? {
        println!("  {:<14} {}", entry.name, entry.meta.tests.join(" "));
    }
    println!("profiles:");
    for name in profiles::names() {
        let generations: Vec<_> = profiles::rows(name)
            .map(|row| row.generation.name())
            .collect();
        println!("  {name:<14} {}", generations.join(" "));
    }
    Ok(())
}

fn run_validate(root: &Path, options: &Validate) -> Result<u8, Error> {
    let entry = entries::named(root, &options.name)?;
    validate::known(&options.profiles)?;
    let mode = Mode::choose(options.place.docker, options.place.native)?
        .confined(options.place.seccomp.as_deref())?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    println!("validating {} (--seed {seed} replays this run)", entry.name);
    for remark in entry.remarks() {
        println!("note: {remark}");
    }
    let data = make_data(root)?;
    let tally = validate::build_and_run(&validate::Plan {
        entry: &entry,
        mode: &mode,
        profiles: &options.profiles,
        generation: options.place.generation,
        data: &data,
        depth: if options.quick {
            Depth::Quick
        } else {
            Depth::Full
        },
        seed,
        port: options.place.port,
        ready_within: Duration::from_secs(options.place.ready_within),
        terse: false,
    })?;
    println!("{}", tally.summary());
    if tally.passed + tally.failed == 0 {
        let why = match entry.meta.tests.as_slice() {
            [] => ": its meta.json lists no tests",
            _ => "",
        };
        return Err(Error::usage(format!(
            "nothing about {} was checked{why}",
            entry.name
        )));
    }
    Ok(u8::from(tally.failed > 0))
}

/// What the words of a benchmark's command line mean.
fn sort_words(root: &Path, words: &[String]) -> Result<(Vec<Entry>, Vec<String>), Error> {
    let mut found = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for word in words {
        if profiles::rows(word).next().is_some() {
            if !names.contains(word) {
                names.push(word.clone());
            }
            continue;
        }
        match entries::named(root, word) {
            Ok(entry) if found.iter().any(|other: &Entry| other.name == entry.name) => {
                return Err(Error::usage(format!(
                    "two entries are called {}: results are told apart by the names of folders",
                    entry.name
                )));
            }
            Ok(entry) => found.push(entry),
            Err(error) if error.exit_code() == 2 => {
                return Err(Error::usage(format!(
                    "{error}; profiles: {}",
                    profiles::names().join(", ")
                )));
            }
            Err(error) => return Err(error),
        }
    }
    if found.is_empty() {
        found = entries::all(root)?;
        found.retain(|entry| entry.meta.enabled);
    }
    if found.is_empty() {
        return Err(Error::usage("there is no entry to measure"));
    }
    Ok((found, names))
}

/// The rows to measure: of the wanted generation, or of the oldest that has
/// the profile. Without names, all of one generation.
fn rows(names: &[String], only: Option<Generation>) -> Result<Vec<&'static Profile>, Error> {
    if names.is_empty() {
        let generation = only.unwrap_or(Generation::March2026);
        return Ok(TABLE
            .iter()
            .filter(|row| row.generation == generation)
            .collect());
    }
    names
        .iter()
        .map(|name| {
            profiles::rows(name)
                .find(|row| only.is_none_or(|only| only == row.generation))
                .ok_or_else(|| {
                    let wanted = only.map_or("any generation", Generation::name);
                    Error::usage(format!("{name} is not part of {wanted}"))
                })
        })
        .collect()
}

fn run_benchmark(root: &Path, options: &Benchmark) -> Result<u8, Error> {
    let (entries, names) = sort_words(root, &options.words)?;
    let mut profiles = rows(&names, options.place.generation)?;
    if names.is_empty() {
        profiles.retain(|row| entries.iter().any(|entry| entry.lists(row.name)));
    }
    let mode = Mode::choose(options.place.docker, options.place.native)?
        .confined(options.place.seccomp.as_deref())?;
    let data = make_data(root)?;
    let mut connections = options.conns.clone();
    connections.sort_unstable();
    connections.dedup();
    let plan = bench::Plan {
        root,
        entries,
        profiles,
        all_profiles: names.is_empty(),
        mode: &mode,
        rounds: options.rounds,
        window: options
            .duration
            .map(|seconds| Duration::from_secs(u64::from(seconds))),
        budget: Duration::from_secs(60)
            * options.time.unwrap_or(if options.quick { 3 } else { 14 }),
        connections: &connections,
        quick: options.quick,
        tune_host: options.tune_host,
        arena: options.arena,
        data: &data,
        port: options.place.port,
        ready_within: Duration::from_secs(options.place.ready_within),
        seed: fresh_seed(),
    };
    if options.flamegraph {
        let drawn = bench::flame::run(&plan)?;
        println!("stacks: {}", drawn.folded.display());
        println!("graph:  {}", drawn.svg.display());
        return Ok(0);
    }
    let outcome = bench::run(&plan)?;
    if outcome.passed > 0 {
        let page = pages::page_path(root);
        pages::write_page(root, &page)?;
        println!("charts: {}", page.display());
    }
    println!("{} passed, {} failed", outcome.passed, outcome.failed);
    // When every entry was skipped, nothing was measured.
    Ok(if outcome.broken || outcome.passed + outcome.failed == 0 {
        3
    } else {
        u8::from(outcome.failed > 0)
    })
}

/// Short enough to be typed again.
fn fresh_seed() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    (now as u64 ^ u64::from(std::process::id())) % 1_000_000
}
