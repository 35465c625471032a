//! The lines of the text report about the machine and the server.

use super::units::{bytes, count, per};
use crate::{
    run::Outcome,
    watch::{Network, ServerUse},
};
use std::io::{self, Write};

/// Names of programs in the text; more are counted.
const PROGRAMS_MAX: usize = 4;

pub(super) fn lines(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let (host, network) = (&outcome.watched.host, &outcome.watched.network);
    writeln!(
        out,
        "  Host:     {}, steal {}, waiting for a CPU {}, for memory {}",
        events(network),
        percent(host.steal),
        percent(host.psi_cpu_some),
        percent(host.psi_memory_some)
    )?;
    let Some(server) = &outcome.watched.server else {
        return Ok(());
    };
    let seconds = outcome.elapsed.as_secs_f64();
    let answers = outcome.ledger.window.answered() as f64;
    writeln!(
        out,
        "  Server:   {:.2} of {} CPUs used ({}), busiest thread {}, {:.2}us CPU per answer{}",
        server.cpu_cores_used,
        server.cpus_allowed,
        percent(server.cpu_saturation),
        percent(server.busiest_thread),
        per(server.cpu.as_secs_f64() * 1e6, answers),
        match server.user {
            Some(user) => format!(" ({:.2}us user)", per(user.as_secs_f64() * 1e6, answers)),
            None => String::new(),
        }
    )?;
    writeln!(
        out,
        "            {} of {}, {} threads, {} (peak {}), context switches {} voluntary, {} involuntary per second",
        plural(server.processes, "process", "processes"),
        programs(server),
        server.threads,
        bytes(server.rss_bytes),
        bytes(server.rss_peak_bytes),
        count(per(server.voluntary_switches as f64, seconds)),
        count(per(server.involuntary_switches as f64, seconds)),
    )?;
    confined(out, server)?;
    for note in &server.notes {
        writeln!(out, "  Note:     {note}")?;
    }
    Ok(())
}

fn programs(server: &ServerUse) -> String {
    let first = server.programs.iter().take(PROGRAMS_MAX);
    let mut text = first.map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = server.programs.len().checked_sub(PROGRAMS_MAX) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// What is true of a container and its kind only.
fn confined(out: &mut impl Write, server: &ServerUse) -> io::Result<()> {
    let mut parts = Vec::new();
    if let Some(throttled @ 1..) = server.throttled_us {
        parts.push(format!("throttled for {:.1}ms", throttled as f64 / 1e3));
    }
    if server.psi_cpu_some.is_some() {
        parts.push(format!(
            "waiting for a CPU {}",
            percent(server.psi_cpu_some)
        ));
    }
    if !server.shares_network {
        parts.push(events(&server.network));
    }
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(out, "            {}", parts.join(", "))
}

fn events(network: &Network) -> String {
    let shown = |count: Option<u64>| count.map_or_else(|| "n/a".into(), |count| count.to_string());
    format!(
        "listen overflows {}, retransmits {}, softnet drops {}",
        shown(network.listen_overflows),
        shown(network.retransmits),
        shown(network.softnet_drops)
    )
}

fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "n/a".into(), |part| format!("{:.1}%", part * 100.0))
}

fn plural(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}
