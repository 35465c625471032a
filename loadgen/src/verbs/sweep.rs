//! How much load a server takes before its answers are late: held steps of an open loop up to what it does in a closed one,
//! then a closer look where it gives way.

mod files;
mod page;
mod print;
mod refuse;
mod result;
mod search;
mod step;

use crate::{
    args, duration,
    error::Failure,
    files::{RunFile, Session},
    gates::Gate,
    highest,
    plan::Plan,
    rate::Rate,
    report,
    run::{self, Outcome},
    signals::Signals,
    verdict::Verdict,
};
use clap::{ArgMatches, Command, builder::RangedU64ValueParser};
use files::Files;
use print::Table;
use result::Sweep;
use search::Search;
use std::time::Duration;
use step::Step;

const AFTER_HELP: &str = "\
The ceiling is what the server answers in a closed loop. A step is kept when every answer was as expected, 99% of what was
offered was answered, and all conditions of --slo hold. The knee is the highest rate that was kept below the lowest that was
not. A step in which this client was the limit is invalid and says nothing about the server; it is never the knee.

Exit status:
  0    done, the knee is known, or no rate up to the ceiling was missed
  1    the answers were not as expected even for the ceiling
  2    the command line, a template file or the target is wrong; nothing was sent
  3    even the lowest step was missed
  4    no step can be judged (the client was the limit, or --step-duration is too short for --slo), or --strict and the
       client was the limit where the knee would be
  5    nothing was answered, or nothing could be connected
  6    this machine refused what the run needs (io_uring, memory, threads)
  130  interrupted (SIGINT), 143 terminated (SIGTERM); what was measured until then is printed";

/// Find the rate up to which a server keeps what it promises: the ceiling in a closed loop, then held steps of it in an open
/// loop, then a closer look between the last step that was kept and the first that was not
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[group(id = "sweep")]
pub(crate) struct Args {
    /// How long each step is held, and the closed loop before
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    step_duration: Duration,

    /// What has to hold, like 'p99<10ms'; may be given several times. As for --fail-if there are p50 to p99.99, min, mean,
    /// max, rps, achieved, errors, reconnects, client-cpu and server-cpu
    #[arg(long, value_name = "CONDITION")]
    slo: Vec<Gate>,

    /// Equal steps up to the ceiling
    #[arg(long, value_name = "N", default_value = "10", value_parser = RangedU64ValueParser::<u32>::new().range(1..=100))]
    steps: u32,

    /// How often the interval in which the knee must be is halved
    #[arg(long, value_name = "N", default_value = "4", value_parser = RangedU64ValueParser::<u32>::new().range(0..=20))]
    halvings: u32,

    #[command(flatten)]
    run: args::Args,
}

/// The command without what is refused.
pub(super) fn command(command: Command) -> Command {
    refuse::hide(command)
}

/// What is needed to hold a rate and to judge it.
struct Bench<'a> {
    plan: Plan,
    session: Session,
    signals: Signals,
    slos: &'a [Gate],
}

/// Does it. `command` and `matches` are those of this verb.
pub(crate) fn sweep(args: Args, command: &Command, matches: &ArgMatches) -> Result<u8, Failure> {
    refuse::others(&args.run, matches)?;
    let mut run = args.run;
    run.duration = args.step_duration;
    // So that the plan is one of an open loop; the rate is that of each step.
    run.rate = Some(Rate::Part(1.0));
    let (options, json) = (run.output.clone(), run.json);
    let plan = Plan::new(run, |note| eprintln!("loadgen: note: {note}"))?;
    let files = Files::new(&options)?;
    let mut bench = Bench {
        session: Session::new(command, matches, &options, &plan),
        signals: Signals::hold(),
        slos: &args.slo,
        plan,
    };
    let table = Table::new(json);
    table
        .begin(&bench.plan, &bench.session)
        .map_err(Failure::Output)?;
    let (outcome, verdict, ceiling) = bench.ceiling(args.step_duration)?;
    let mut sweep = Sweep {
        ceiling: highest::rate_of(&outcome),
        ceiling_run: ceiling,
        client_bound: verdict.client_bound(),
        problems: verdict.problems,
        slos: args.slo.iter().map(ToString::to_string).collect(),
        steps: Vec::new(),
        stop: outcome.stop,
    };
    table.ceiling(&sweep).map_err(Failure::Output)?;
    let search = Search {
        ceiling: sweep.ceiling,
        steps: args.steps,
        halvings: args.halvings,
    };
    while sweep.ceiling > 0.0
        && sweep.stop.is_none()
        && let Some(rate) = search.next(&sweep.points())
    {
        let (step, outcome) = bench.hold(highest::part_of(rate, 1.0))?;
        table.row(&sweep, &step).map_err(Failure::Output)?;
        sweep.stop = outcome.stop;
        sweep.steps.push(step);
    }
    let exit_code = match verdict.exit_code {
        failed if sweep.ceiling <= 0.0 => failed,
        _ => sweep.exit_code(options.strict),
    };
    let value = sweep.value(&bench.plan, &bench.session, exit_code);
    let value = value.map_err(|error| Failure::Output(error.into()))?;
    let printed = table.end(&sweep, &value);
    // The files are written even if nobody reads the table.
    files.write(&sweep, &value)?;
    printed.map_err(Failure::Output)?;
    Ok(exit_code)
}

impl Bench<'_> {
    /// The closed loop.
    fn ceiling(&mut self, time: Duration) -> Result<(Outcome, Verdict, RunFile), Failure> {
        let open = self.plan.open.take();
        let outcome = highest::measure(&mut self.plan, time, &self.signals)?;
        let (verdict, run) = self.judge(&outcome)?;
        self.plan.open = open;
        Ok((outcome, verdict, run))
    }

    /// A rate, held.
    fn hold(&mut self, rate: f64) -> Result<(Step, Outcome), Failure> {
        if let Some(open) = &mut self.plan.open {
            open.rate = Rate::Constant(rate);
        }
        let outcome = run::run(&self.plan, &self.signals, None)?;
        let (verdict, run) = self.judge(&outcome)?;
        let step = Step::new(rate, run, &outcome, &verdict, self.slos);
        Ok((step, outcome))
    }

    fn judge(&self, outcome: &Outcome) -> Result<(Verdict, RunFile), Failure> {
        let mut verdict = Verdict::of(&self.plan, outcome);
        verdict.compare(outcome, self.session.limits.as_ref());
        let run = report::json::run(&self.session, &self.plan, outcome, &verdict);
        Ok((verdict, run.map_err(Failure::Output)?))
    }
}
