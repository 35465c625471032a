//! What a calibration says.

use super::Places;
use crate::{
    calibration::{Ceiling, Entry},
    report::units::{count, latency},
};
use serde_json::json;
use std::{
    io::{self, Write},
    path::Path,
};

/// Above this part of the CPUs, what else runs here is worth a word.
const OTHERS: f64 = 0.1;

pub(super) fn result(
    json: bool,
    entry: &Entry,
    places: &Places,
    stored: Option<&Path>,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let mut value = json!(entry);
        value["schema"] = "loadgen-calibration/1".into();
        value["client_cpus"] = json!(places.client);
        value["sink_cpus"] = json!(places.sink);
        value["stored"] = json!(stored);
        serde_json::to_writer_pretty(&mut out, &value)?;
        return writeln!(out);
    }
    text(&mut out, entry, places)?;
    match stored {
        Some(path) => writeln!(out, "  Stored:     {}", path.display()),
        None => writeln!(out, "  Stored:     nowhere"),
    }
}

fn text(out: &mut impl Write, entry: &Entry, places: &Places) -> io::Result<()> {
    let key = &entry.key;
    writeln!(
        out,
        "loadgen v{} on {}, Linux {}",
        key.version,
        key.host.as_deref().unwrap_or("?"),
        key.kernel.as_deref().unwrap_or("?")
    )?;
    let client = match &places.client {
        Some(cpus) => format!("CPU {}", list(cpus)),
        None => "any CPU".into(),
    };
    let sinks: Vec<usize> = places.sink.iter().copied().flatten().collect();
    let sink = if places.shared() {
        "the same".into()
    } else {
        format!("CPU {}", list(&sinks))
    };
    writeln!(
        out,
        "  Client:     {} on {client}, {}; sink: {} on {sink}",
        plural(key.threads as usize, "thread"),
        plural(entry.connections as usize, "connection"),
        plural(places.sink.len(), "thread")
    )?;
    ceiling(out, "Keep-alive:", &entry.keep_alive)?;
    ceiling(
        out,
        &format!("Pipeline {}:", entry.pipelined.depth),
        &entry.pipelined,
    )?;
    let floor = &entry.floor;
    writeln!(
        out,
        "  Floor:      one request at a time takes p50 {}, p99 {}, at least {}",
        latency(floor.p50_ns),
        latency(floor.p99_ns),
        latency(floor.min_ns)
    )?;
    if places.shared() {
        writeln!(
            out,
            "  Note:       the sink had no CPU of its own, so the ceilings are reckoned from the client's CPU time"
        )?;
    }
    let others = [&entry.keep_alive, &entry.pipelined].map(|ceiling| ceiling.machine.others);
    let most = others.into_iter().flatten().fold(0.0, f64::max);
    if most > OTHERS {
        writeln!(
            out,
            "  Note:       others used {:.0}% of the CPUs meanwhile: measure again when the machine is quiet",
            most * 100.0
        )?;
    }
    Ok(())
}

fn plural(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn ceiling(out: &mut impl Write, name: &str, ceiling: &Ceiling) -> io::Result<()> {
    write!(out, "  {name:<11} {}/s", count(ceiling.ceiling_rps))?;
    if ceiling.extrapolated {
        write!(
            out,
            " reckoned, {}/s measured: the client was busy for {:.0}% of the time, the sink for {:.0}%",
            count(ceiling.rps),
            ceiling.client_busy * 100.0,
            ceiling.sink_busy * 100.0
        )?;
    } else {
        write!(
            out,
            " measured, the client busy for {:.0}% of the time, the sink for {:.0}%",
            ceiling.client_busy * 100.0,
            ceiling.sink_busy * 100.0
        )?;
    }
    writeln!(out, "; {:.2}us CPU per answer", ceiling.cpu_us_per_answer)?;
    let machine = &ceiling.machine;
    write!(
        out,
        "              of {} CPUs the client used {:.0}%, the sink {:.0}%",
        machine.cpus,
        machine.client * 100.0,
        machine.sink * 100.0
    )?;
    match machine.others {
        Some(others) => writeln!(out, ", others {:.0}%", others * 100.0),
        None => writeln!(out),
    }
}

fn list(cpus: &[usize]) -> String {
    let cpus: Vec<String> = cpus.iter().map(ToString::to_string).collect();
    cpus.join(",")
}
