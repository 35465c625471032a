//! The command line.

use crate::check::Depth;
use crate::cleanup;
use crate::data::{self, Made};
use crate::entries;
use crate::error::Error;
use crate::launch::Mode;
use crate::profiles::{self, Generation};
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
    /// The server's port.
    #[arg(long, env = "HARNESS_PORT")]
    port: Option<u16>,
    /// Seconds that a server may take to answer its first request.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
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
    let mode = Mode::choose(options.place.docker, options.place.native)?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    println!("validating {} (--seed {seed} replays this run)", entry.name);
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
    Ok(u8::from(tally.failed > 0))
}

/// Short enough to be typed again.
fn fresh_seed() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    (now as u64 ^ u64::from(std::process::id())) % 1_000_000
}
