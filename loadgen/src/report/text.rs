//! The text report. Its first lines have the shape and order that the arena's scripts look for; they take the
//! first match of each pattern, so nothing before those lines may contain `Latency`, `requests in`,
//! `responses`, `2xx=`, `Bandwidth:` or `Reconnects: `.

use super::{
    mismatches, stuck,
    units::{bandwidth, bytes, count, latency, per},
};
use crate::{
    duration,
    histogram::Latencies,
    hold::Hold,
    plan::Plan,
    run::Outcome,
    template::Template,
    verdict::{Law, Verdict},
};
use std::io::{self, Write};

/// The arena's runs have about twenty; the counts of many more are for programs, which read the JSON.
const TEMPLATES_SHOWN: usize = 256;

/// What is going to be done, before it is.
pub(crate) fn banner(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    let target = &plan.target;
    writeln!(out, "loadgen v{}", env!("CARGO_PKG_VERSION"))?;
    writeln!(
        out,
        "  Target:    {}{} ({})",
        target.authority, target.path, target.address
    )?;
    writeln!(out, "  Threads:   {}", plan.threads)?;
    let each = per(plan.connections.into(), plan.threads.into());
    writeln!(out, "  Conns:     {} ({each:.0}/thread)", plan.connections)?;
    writeln!(out, "  Pipeline:  {}", plan.depth)?;
    if plan.upgrade.is_some() {
        let bytes: usize = plan.templates.iter().map(Template::payload_len).sum();
        match plan.hold {
            Some(Hold::Push) => writeln!(out, "  Mode:      WebSocket, messages by the server")?,
            Some(Hold::ConnectOnly) => writeln!(out, "  Mode:      WebSocket, no messages")?,
            _ => writeln!(
                out,
                "  Mode:      WebSocket, echo of text messages of {bytes} bytes"
            )?,
        }
    }
    if let Some(hold) = plan.hold {
        writeln!(out, "  Hold:      {}", hold.name())?;
    }
    super::tls::banner(out, plan)?;
    if plan.has_quota() {
        writeln!(out, "  Req/conn:  {}", plan.quota)?;
    } else {
        writeln!(out, "  Req/conn:  unlimited (keep-alive)")?;
    }
    if plan.templates.len() > 1 {
        let rotate = plan.rotation.rotate.name();
        writeln!(out, "  Templates: {} ({rotate})", plan.templates.len())?;
    }
    if plan.upgrade.is_none() {
        writeln!(out, "  Expected:  {}", plan.expect_status)?;
    }
    match plan.requests {
        None => writeln!(out, "  Duration:  {}", duration::display(plan.duration))?,
        Some(requests) => writeln!(
            out,
            "  Requests:  {requests}, at most {}",
            duration::display(plan.duration)
        )?,
    }
    if let Some(open) = &plan.open {
        writeln!(
            out,
            "  Model:     open loop, {} {}/s, {}",
            open.rate.model(),
            open.rate,
            open.arrival
        )?;
    }
    if let Some(highest) = &plan.highest {
        writeln!(
            out,
            "  Highest:   {}/s in a closed loop of {}, of which the rate is {}%",
            count(highest.rps),
            duration::display(highest.time),
            highest.part * 100.0
        )?;
    }
    writeln!(out, "  Seed:      {}", plan.seed)?;
    out.flush()
}

/// The result.
pub(crate) fn result(
    out: &mut impl Write,
    plan: &Plan,
    outcome: &Outcome,
    verdict: &Verdict,
) -> io::Result<()> {
    arena_lines(out, plan, outcome)?;
    if plan.template_latency && plan.templates.len() > 1 {
        template_latencies(out, plan, outcome)?;
    }
    writeln!(out)?;
    offered(out, plan, outcome, verdict)?;
    held(out, plan, outcome)?;
    super::tls::lines(out, outcome)?;
    own_lines(out, outcome)?;
    let service = outcome
        .tally
        .open
        .as_ref()
        .map(|_| &outcome.tally.latencies);
    super::spectrum::text(out, &plan.percentiles, outcome.tally.headline(), service)?;
    super::machines::lines(out, outcome)?;
    checked(out, plan, outcome)?;
    judgement(out, verdict)?;
    mismatches::text(out, plan, outcome)?;
    stuck::text(out, plan, outcome)?;
    out.flush()
}

fn arena_lines(out: &mut impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    let tally = &outcome.tally;
    let seconds = outcome.elapsed.as_secs_f64();
    let answers = outcome.ledger.window.answered();
    writeln!(
        out,
        "\n  Thread Stats   Avg      p50      p90      p99    p99.9"
    )?;
    writeln!(out, "    Latency   {}", spectrum(tally.headline()))?;
    if tally.open.is_some() {
        writeln!(out, "    Service   {}", spectrum(&tally.latencies))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "  {} requests in {seconds:.2}s, {answers} responses",
        outcome.ledger.window.sent
    )?;
    writeln!(
        out,
        "  Throughput: {} req/s",
        count(per(answers as f64, seconds))
    )?;
    writeln!(
        out,
        "  Bandwidth:  {}",
        bandwidth(per(tally.bytes as f64, seconds))
    )?;
    let class = |hundreds| tally.class(hundreds);
    write!(
        out,
        "  Status codes: 2xx={}, 3xx={}, 4xx={}, 5xx={}",
        class(2),
        class(3),
        class(4),
        class(5)
    )?;
    match tally.other_classes() {
        0 => writeln!(out)?,
        other => writeln!(out, ", other={other}")?,
    }
    let samples = tally.latencies.count();
    let part = per(samples as f64 * 100.0, answers as f64);
    writeln!(
        out,
        "  Latency samples: {samples} / {answers} responses ({part:.1}%)"
    )?;
    writeln!(out, "  Reconnects: {}", tally.reconnects)?;
    if plan.upgrade.is_some() {
        writeln!(out, "  WS upgrades: {}", outcome.trouble.upgrades)?;
        writeln!(out, "  WS frames:   {answers}")?;
    }
    if (2..=TEMPLATES_SHOWN).contains(&plan.templates.len()) {
        let list = |number: fn(&crate::record::TemplateTally) -> u64| {
            let numbers = tally
                .templates
                .iter()
                .map(|template| number(template).to_string());
            numbers.collect::<Vec<_>>().join(",")
        };
        writeln!(out, "  Per-template: {}", list(|template| template.answers))?;
        writeln!(
            out,
            "  Per-template-ok: {}",
            list(|template| template.ok_2xx)
        )?;
    }
    Ok(())
}

/// Mean and four quantiles, in the columns of the arena's line.
fn spectrum(latencies: &Latencies) -> String {
    let quantiles = [0.5, 0.9, 0.99, 0.999].map(|part| latencies.quantile(part));
    let values = std::iter::once(latencies.mean()).chain(quantiles);
    let columns = values.map(|value| format!("{:>6}", latency(value)));
    columns.collect::<Vec<_>>().join("   ")
}

fn template_latencies(out: &mut impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    writeln!(out, "\n  Per-template latency:")?;
    writeln!(
        out,
        "     Tpl    Avg      p50      p90      p99    p99.9   Name"
    )?;
    let templates = plan.templates.iter().zip(&outcome.tally.templates);
    for (number, (template, tally)) in templates.enumerate() {
        if let Some(latencies) = tally
            .latencies
            .as_ref()
            .filter(|latencies| latencies.count() > 0)
        {
            writeln!(
                out,
                "    #{number:<3} {}   {}",
                spectrum(latencies),
                template.name
            )?;
        }
    }
    Ok(())
}

/// How the schedule of an open loop was kept.
fn offered(
    out: &mut impl Write,
    plan: &Plan,
    outcome: &Outcome,
    verdict: &Verdict,
) -> io::Result<()> {
    let (Some(open), Some(tally), Some(schedule)) =
        (&plan.open, &outcome.tally.open, &verdict.schedule)
    else {
        return Ok(());
    };
    writeln!(
        out,
        "  Offered:  {}/s, achieved {:.1}%, {}, shed {}, waited for a connection {}",
        count(schedule.offered),
        schedule.achieved * 100.0,
        open.arrival,
        tally.shed,
        tally.waited
    )?;
    writeln!(
        out,
        "  Schedule: this client was late by p50 {}, p99 {}, worst {}",
        latency(tally.lag.quantile(0.5)),
        latency(tally.lag.quantile(0.99)),
        latency(tally.lag.max())
    )
}

/// What became of connections that were to be held.
fn held(out: &mut impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    let Some(hold) = plan.hold else {
        return Ok(());
    };
    let (tally, connections) = (&outcome.hold, plan.connections);
    write!(
        out,
        "  Held:     {} of {connections} connections at the begin, {} at the end, with {} of memory each",
        tally.up_at_start,
        tally.up_at_end,
        bytes(outcome.memory.per_connection(connections.into()))
    )?;
    match hold {
        Hold::Push => writeln!(
            out,
            "\n  Pushed:   {} messages, {}/s",
            outcome.tally.pushed,
            count(per(
                outcome.tally.pushed as f64,
                outcome.elapsed.as_secs_f64()
            ))
        )?,
        _ if plan.sends() => writeln!(out, ", {} of them used", tally.touched)?,
        _ => writeln!(out)?,
    }
    for named in &outcome.trouble.dropped.first {
        write!(out, "  Dropped:  connection {}", named.connection)?;
        if let Some(address) = named.address {
            write!(out, " from {address}")?;
        }
        writeln!(
            out,
            ": {} by the server after {} without a byte",
            named.how,
            latency(named.idle_ns)
        )?;
    }
    Ok(())
}

fn own_lines(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let (latencies, window) = (outcome.tally.headline(), &outcome.ledger.window);
    let far = match latencies.supported_quantile(0.9999) {
        Some(value) => latency(value),
        None => "n/a".into(),
    };
    let deviation = latency(latencies.stdev() as u64);
    writeln!(
        out,
        "  Tail:     p99.99 {far}, max {}, stdev {deviation} ({})",
        latency(latencies.max()),
        match outcome.tally.open {
            Some(_) => "response time: from when a request was due",
            None => "service time: from the send; a closed loop hides waiting",
        }
    )?;
    let client = &outcome.client;
    let seconds = (client.user + client.system).as_secs_f64();
    writeln!(
        out,
        "  Client:   {:.2}us CPU per answer, {seconds:.2}s in all ({:.2}s user), busiest thread {:.0}%, CPUs {:.0}%",
        per(seconds * 1e6, window.answered() as f64),
        client.user.as_secs_f64(),
        client.busiest * 100.0,
        client.cpus_busy * 100.0
    )?;
    let ledger = &outcome.ledger;
    writeln!(
        out,
        "  Books:    {} in flight + {} sent = {} ok + {} bad + {} lost + {} in flight",
        ledger.in_flight_at_start,
        window.sent,
        window.ok,
        window.bad(),
        window.never_answered(),
        ledger.in_flight_at_end
    )?;
    let (trouble, total) = (&outcome.trouble, ledger.total());
    let read = trouble.read_errors();
    if trouble.connects_failed() + read + trouble.stuck > 0 {
        writeln!(
            out,
            "  Errors:   connect {}, read {read}, timeout {}",
            trouble.connects_failed(),
            total.timed_out
        )?;
    }
    if ledger.unfinished > 0 {
        writeln!(
            out,
            "  Unanswered when the run was over: {}",
            ledger.unfinished
        )?;
    }
    Ok(())
}

/// What comparing bodies covered, and what it cost.
fn checked(out: &mut impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    if plan.checks.bodies.is_empty() {
        return Ok(());
    }
    let checked = &outcome.tally.checked;
    let busy = (outcome.client.user + outcome.client.system).as_nanos() as f64;
    writeln!(
        out,
        "  Bodies:   {} compared ({}; {} in the whole run), {} bytes, at about {:.2}us each: {:.1}% of the client's CPU",
        checked.bodies,
        plan.checks.validate,
        outcome.trouble.checked.bodies,
        checked.bytes,
        per(checked.nanos() as f64 / 1e3, checked.bodies as f64),
        per(checked.nanos() as f64 * 100.0, busy),
    )
}

/// What the verdict rests on, in brackets.
fn facts(verdict: &Verdict) -> String {
    let law = verdict.law.and_then(Law::judged);
    let steady = match verdict.steady {
        Some(true) => "steady",
        Some(false) => "drifting",
        None => "",
    };
    let facts = [
        law.map_or_else(String::new, |ratio| format!("Little {ratio:.3}")),
        steady.into(),
        if verdict.balanced {
            "books balance"
        } else {
            ""
        }
        .into(),
    ];
    let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    if facts.is_empty() {
        String::new()
    } else {
        format!(" ({})", facts.join(", "))
    }
}

fn judgement(out: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    if let Some((limits, part)) = &verdict.limits {
        writeln!(
            out,
            "  Ceiling:  this client can do {}/s here, of which {:.0}% were reached; its floor is {}",
            count(limits.ceiling_rps),
            part * 100.0,
            latency(limits.floor_ns)
        )?;
    }
    let limit = match verdict.bound() {
        "unknown" => String::new(),
        bound => format!("{}-BOUND, ", bound.to_uppercase()),
    };
    let facts = facts(verdict);
    if verdict.valid {
        writeln!(out, "  Verdict:  {limit}valid{facts}")?;
    } else {
        writeln!(out, "  Verdict:  INVALID{facts}")?;
        for problem in &verdict.problems {
            writeln!(out, "    - {problem}")?;
        }
    }
    for note in verdict.notes() {
        writeln!(out, "  Note:     {note}")?;
    }
    if verdict.client_bound() {
        writeln!(
            out,
            "  Note:     the client was at its limit, so the server may be faster than this shows"
        )?;
    }
    for doubt in &verdict.doubts {
        writeln!(out, "  Strict:   {doubt}")?;
    }
    for gate in &verdict.gates {
        writeln!(out, "  Gate:     {gate}")?;
    }
    Ok(())
}
