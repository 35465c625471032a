//! A flame graph of a server under a profile: where its CPU time goes.

use super::cpus::Split;
use super::load;
use super::measure::{self, Loading, Setting};
use super::rounds::port;
use super::{Plan, fit};
use crate::cleanup::{Process, TempFolder};
use crate::data;
use crate::entries::Entry;
use crate::error::{Context, Error};
use crate::launch;
use crate::processes;
use crate::profiles::Profile;
use inferno::collapse::Collapse as _;
use inferno::collapse::perf::{Folder, Options as FoldOptions};
use inferno::flamegraph::{self, Options, Palette, color::BasicPalette};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// Samples per second and CPU; no divisor of any timer's frequency.
const FREQUENCY: &str = "499";
/// Bytes of stack that are kept of each sample, to be unwound later: release
/// builds have no frame pointers.
const STACK: &str = "dwarf,8192";
/// Of load before the first sample.
const SETTLE: Duration = Duration::from_millis(500);

/// Which files it became.
#[derive(Debug)]
pub struct Drawn {
    /// The graph.
    pub svg: PathBuf,
    /// The stacks, one a line with the number of its samples.
    pub folded: PathBuf,
}

/// Measures nothing: builds the only entry, runs the only profile against it,
/// samples its stacks and draws them.
///
/// # Errors
/// Without `perf`; more than one entry, profile or connection count; a server
/// that cannot be built or started; no samples.
pub fn run(plan: &Plan<'_>) -> Result<Drawn, Error> {
    let (entry, profile, connections) = only(plan)?;
    perf_answers()?;
    let generator = fit::generator(plan.root)?;
    launch::build(entry, plan.mode)?;
    let cpus = Split::of_this_machine();
    let data = data::folder(plan.data, profile.generation);
    let window = plan.window.unwrap_or(Duration::from_secs(5));
    let setting = Setting {
        entry,
        mode: plan.mode,
        profile,
        connections,
        threads: cpus.client.len().min(connections as usize),
        window: window + 2 * SETTLE,
        warmup: Duration::ZERO,
        port: port(plan)?,
        server_cpus: Some(&cpus.server),
        client_cpus: Some(&cpus.client),
        data: &data,
        generator: &generator,
        ready_within: plan.ready_within,
    };
    let scratch = TempFolder::new("flame")?;
    let mut server = measure::start(&setting)?;
    let Some(process) = server.process() else {
        return Err(Error::environment(
            "--flamegraph: the server's process is not visible from here",
        ));
    };
    println!(
        "{} under {} with {connections} connections, sampled for {}",
        entry.name,
        profile.name,
        load::time(window)
    );
    let loading = Loading::start(&setting, setting.window, None)?;
    std::thread::sleep(SETTLE);
    let sampled = sample(process, window, scratch.path(), &cpus);
    let report = loading.finish(None).report;
    let death = server.death();
    // perf reads the programs to unwind their stacks: a container's are gone with it.
    let text = sampled.and_then(|()| stacks(scratch.path()));
    server.stop();
    let objection = death.or_else(|| match report {
        Ok(report) => report.objection(profile.expects_errors),
        Err(why) => Some(why),
    });
    if let Some(why) = objection {
        println!("the load had errors, the graph shows them as well: {why}");
    }
    draw(
        &text?,
        entry,
        profile,
        connections,
        &plan.root.join("results/flame"),
    )
}

/// What is drawn is one thing.
fn only<'a>(plan: &'a Plan<'_>) -> Result<(&'a Entry, &'static Profile, u32), Error> {
    let ([entry], [profile], [] | [_]) = (&plan.entries[..], &plan.profiles[..], plan.connections)
    else {
        return Err(Error::usage(
            "--flamegraph takes one entry, one profile and at most one number with --conns: ./benchmark.sh sws baseline --flamegraph",
        ));
    };
    if !entry.lists(profile.name) {
        return Err(Error::usage(format!(
            "{} does not list {} in its tests",
            entry.name, profile.name
        )));
    }
    let own = profile.quick_connections;
    let connections = plan.connections.first().copied().unwrap_or(own);
    Ok((entry, profile, connections))
}

fn perf_answers() -> Result<(), Error> {
    let answer = Command::new("perf")
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    match answer {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Error::environment(
            "--flamegraph needs perf, and there is none that answers: install linux-perf (Debian), \
             linux-tools-$(uname -r) (Ubuntu) or perf (Fedora, Arch, Alpine)",
        )),
    }
}

/// Runs perf with its output in `folder/name`, its complaints beside it.
fn perf(
    arguments: &[&str],
    folder: &Path,
    name: &str,
    cpus: Option<&[usize]>,
) -> Result<ExitStatus, Error> {
    let file = |name: &str| {
        let path = folder.join(name);
        File::create(&path).context(|| format!("create {}", path.display()))
    };
    let mut command = Command::new("perf");
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(file(name)?)
        .stderr(file("complaints.txt")?);
    let mut process = Process::spawn(&mut command, cpus).context(|| "start perf".into())?;
    process
        .wait(Duration::MAX)
        .ok_or_else(|| Error::environment("perf does not end"))
}

fn complaint(folder: &Path, doing: &str) -> Error {
    let text = std::fs::read(folder.join("complaints.txt")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    let hint = match paranoid.unwrap_or_default().trim().parse::<i32>() {
        Ok(level) if level > 1 && !rustix::process::geteuid().is_root() => format!(
            "; kernel.perf_event_paranoid is {level}: as root, or after `sudo sysctl kernel.perf_event_paranoid=1`, it can"
        ),
        _ => String::new(),
    };
    Error::environment(format!("perf cannot {doing}: {}{hint}", text.trim()))
}

/// Samples the server's processes, those of today: what it forks later is not
/// among them, but then no server that serves forks.
fn sample(process: u32, window: Duration, folder: &Path, cpus: &Split) -> Result<(), Error> {
    let pids: Vec<String> = processes::tree(process)
        .iter()
        .map(u32::to_string)
        .collect();
    let seconds = format!("{}", window.as_secs_f64());
    let arguments = [
        "record",
        "-F",
        FREQUENCY,
        "--call-graph",
        STACK,
        "-p",
        &pids.join(","),
        "-o",
        "perf.data",
        "--",
        "sleep",
        &seconds,
    ];
    let status = perf(&arguments, folder, "record.txt", Some(&cpus.client))?;
    if status.success() {
        Ok(())
    } else {
        Err(complaint(folder, "sample the server"))
    }
}

/// The samples as text. Inlined functions would take minutes to find.
fn stacks(folder: &Path) -> Result<Vec<u8>, Error> {
    // Without periods each sample counts 1.
    let fields = "comm,pid,tid,time,event,ip,sym,dso";
    let arguments = ["script", "-i", "perf.data", "--no-inline", "-F", fields];
    let status = perf(&arguments, folder, "script.txt", None)?;
    let path = folder.join("script.txt");
    let text = std::fs::read(&path).context(|| format!("read {}", path.display()))?;
    if status.success() && !text.is_empty() {
        Ok(text)
    } else {
        Err(complaint(folder, "show the samples (or there are none)"))
    }
}

fn draw(
    text: &[u8],
    entry: &Entry,
    profile: &Profile,
    connections: u32,
    folder: &Path,
) -> Result<Drawn, Error> {
    let mut folded = Vec::new();
    let mut folder_of_stacks = Folder::from(FoldOptions::default());
    folder_of_stacks
        .collapse(text, &mut folded)
        .context(|| "understand the output of perf".into())?;
    let folded = String::from_utf8_lossy(&folded).into_owned();
    let name = format!("{}-{connections}-{}", profile.name, entry.name);
    let drawn = Drawn {
        svg: folder.join(format!("{name}.svg")),
        folded: folder.join(format!("{name}.folded")),
    };
    std::fs::create_dir_all(folder).context(|| format!("create {}", folder.display()))?;
    std::fs::write(&drawn.folded, &folded)
        .context(|| format!("write {}", drawn.folded.display()))?;
    let mut options = Options::default();
    options.title = format!(
        "{}: {}, {connections} connections",
        entry.name, profile.name
    );
    options.colors = Palette::Basic(BasicPalette::Hot);
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, folded.lines(), &mut svg)
        .context(|| "draw the graph".into())?;
    std::fs::write(&drawn.svg, svg).context(|| format!("write {}", drawn.svg.display()))?;
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::samples::entry;
    use crate::profiles::{Generation, find};

    const SCRIPT: &str = "sws-1 11456 28223.883032:  cpu-clock:ppp: \n\
        \t           e3b37 head::parse+0x157 (/x/sws)\n\
        \t           de992 Http::data+0x222 (/x/sws)\n\n\
        sws-1 11456 28223.893032:  cpu-clock:ppp: \n\
        \t           e3b39 head::parse+0x159 (/x/sws)\n\
        \t           de992 Http::data+0x222 (/x/sws)\n\n";

    #[test]
    fn samples_become_stacks_and_a_graph() {
        let folder = tempfile::tempdir().unwrap();
        let profile = find("baseline", Generation::March2026).unwrap();
        let drawn = draw(
            SCRIPT.as_bytes(),
            &entry("sws"),
            profile,
            512,
            folder.path(),
        )
        .unwrap();
        let folded = std::fs::read_to_string(&drawn.folded).unwrap();
        assert_eq!(folded, "sws-1;Http::data;head::parse 2\n");
        let svg = std::fs::read_to_string(&drawn.svg).unwrap();
        assert!(drawn.svg.ends_with("baseline-512-sws.svg"));
        assert!(svg.contains("<svg") && svg.contains("head::parse (2 samples"));
        assert!(svg.contains("sws: baseline, 512 connections"));
    }

    #[test]
    fn no_samples_are_an_error_and_no_graph() {
        let folder = tempfile::tempdir().unwrap();
        let profile = find("baseline", Generation::March2026).unwrap();
        let error = draw(b"nothing\n", &entry("sws"), profile, 1, folder.path()).unwrap_err();
        assert_eq!(error.exit_code(), 3);
    }
}
