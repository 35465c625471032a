//! What makes CPUs unequal, or not ours.

use super::Finding;
use crate::{
    files::ranges,
    machine::{
        cpu::{self, Times},
        line,
        pressure::Pressure,
    },
    start_at::ClockState,
};
use std::{collections::BTreeSet, fs, thread, time::Duration};
use sws_ring::sys;

const CPU: &str = "/sys/devices/system/cpu";
/// How long steal is looked for.
const LOOK: Duration = Duration::from_millis(300);
/// Parts of the time.
const STEAL_WARN: f64 = 0.01;
const STEAL_BAD: f64 = 0.1;
/// Of the CPUs; percent of the time for pressure.
const LOAD_WARN: f64 = 0.25;
const PRESSURE_WARN: f64 = 10.0;

pub(super) fn check() -> Vec<Finding> {
    let allowed = sys::allowed_cpus();
    let before = Times::read();
    thread::sleep(LOOK);
    let steal_part = before
        .zip(Times::read())
        .and_then(|(before, after)| Some(after.since(before)?.1));
    let read = |path: &str| fs::read_to_string(path).ok();
    let online = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    vec![
        Finding::ok("CPUs", format!("{} ({})", allowed.len(), ranges(&allowed))),
        governor(&governors(&allowed)),
        turbo(
            line(format!("{CPU}/intel_pstate/no_turbo")).as_deref(),
            line(format!("{CPU}/cpufreq/boost")).as_deref(),
        ),
        mitigations(&vulnerabilities()),
        smt(&allowed, &siblings(&allowed)),
        steal(steal_part),
        load(
            read("/proc/loadavg").and_then(|text| cpu::load(&text)),
            read("/proc/pressure/cpu").and_then(|text| Some(Pressure::parse(&text)?.average)),
            online,
        ),
        clock(ClockState::read()),
    ]
}

fn governors(allowed: &[usize]) -> BTreeSet<String> {
    let governors = allowed
        .iter()
        .filter_map(|cpu| line(format!("{CPU}/cpu{cpu}/cpufreq/scaling_governor")));
    governors.collect()
}

fn governor(found: &BTreeSet<String>) -> Finding {
    const NAME: &str = "governor";
    let names: Vec<&str> = found.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => Finding::unknown(NAME),
        ["performance"] => Finding::ok(NAME, "performance"),
        names => Finding::warn(
            NAME,
            format!(
                "{}: the CPUs slow down when there is little to do",
                names.join(", ")
            ),
            "sudo cpupower frequency-set -g performance",
        ),
    }
}

fn turbo(no_turbo: Option<&str>, boost: Option<&str>) -> Finding {
    const NAME: &str = "turbo";
    let hot = "on: how fast the CPUs are depends on their heat and on how many are busy";
    match (no_turbo, boost) {
        (Some("1"), _) | (None, Some("0")) => Finding::ok(NAME, "off"),
        (Some(_), _) => Finding::warn(
            NAME,
            hot,
            format!("echo 1 | sudo tee {CPU}/intel_pstate/no_turbo"),
        ),
        (None, Some(_)) => {
            Finding::warn(NAME, hot, format!("echo 0 | sudo tee {CPU}/cpufreq/boost"))
        }
        (None, None) => Finding::unknown(NAME),
    }
}

fn vulnerabilities() -> Vec<(String, String)> {
    let files = fs::read_dir(format!("{CPU}/vulnerabilities")).into_iter();
    let files = files.flatten().flatten();
    let mut all: Vec<_> = files
        .filter_map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            Some((name, line(file.path())?))
        })
        .collect();
    all.sort();
    all
}

/// No judgement: they cost system calls dear, and only machines with the same ones can be compared.
fn mitigations(found: &[(String, String)]) -> Finding {
    const NAME: &str = "mitigations";
    if found.is_empty() {
        return Finding::unknown(NAME);
    }
    let list = |prefix: &str| {
        let names = found
            .iter()
            .filter(|(_, state)| state.starts_with(prefix))
            .map(|(name, _)| name.as_str());
        match names.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "none".into(),
            names => names,
        }
    };
    Finding::ok(
        NAME,
        format!(
            "on for {}; vulnerable to {}; they make system calls slower, so compare only with the same",
            list("Mitigation"),
            list("Vulnerable")
        ),
    )
}

fn siblings(allowed: &[usize]) -> Vec<Vec<usize>> {
    let all = allowed.iter().map(|number| {
        line(format!("{CPU}/cpu{number}/topology/thread_siblings_list"))
            .and_then(|text| cpu::list(&text))
            .unwrap_or_else(|| vec![*number])
    });
    all.collect()
}

fn smt(allowed: &[usize], siblings: &[Vec<usize>]) -> Finding {
    const NAME: &str = "SMT";
    let cores = cpu::one_of_each_core(allowed, siblings);
    if cores.len() == allowed.len() {
        return Finding::ok(NAME, "no two of the CPUs share a core");
    }
    Finding::warn(
        NAME,
        format!(
            "{} CPUs on {} cores: two threads on one core slow each other down",
            allowed.len(),
            cores.len()
        ),
        format!("loadgen --cpus {} … (one of each core)", ranges(&cores)),
    )
}

fn steal(part: Option<f64>) -> Finding {
    const NAME: &str = "steal";
    let Some(part) = part else {
        return Finding::unknown(NAME);
    };
    let text = format!("{:.1}% of the time", part * 100.0);
    let fix = "use a machine, or CPUs, of its own: other guests take time from this one";
    match part {
        STEAL_BAD.. => Finding::bad(NAME, text, fix),
        STEAL_WARN.. => Finding::warn(NAME, text, fix),
        _ => Finding::ok(NAME, text),
    }
}

fn load(average: Option<f64>, pressure: Option<f64>, cpus: usize) -> Finding {
    const NAME: &str = "load";
    let Some(average) = average else {
        return Finding::unknown(NAME);
    };
    let mut text = format!("{average:.2} on {cpus} CPUs over a minute");
    if let Some(pressure) = pressure {
        text.push_str(&format!(
            ", somebody waited for a CPU {pressure:.0}% of the last 10 s"
        ));
    }
    let waits = pressure.is_some_and(|pressure| pressure > PRESSURE_WARN);
    if average > LOAD_WARN * cpus as f64 || waits {
        Finding::warn(NAME, text, "ps -eo pcpu,comm --sort=-pcpu | head")
    } else {
        Finding::ok(NAME, text)
    }
}

fn clock(state: ClockState) -> Finding {
    const NAME: &str = "clock";
    let text = |word: &str| format!("{word}, error at most {} us", state.error_max_us);
    if state.demand().is_ok() {
        return Finding::ok(NAME, text("synchronised"));
    }
    let word = if state.synchronised {
        "synchronised"
    } else {
        "not synchronised"
    };
    Finding::warn(
        NAME,
        format!("{}; only --start-at depends on it", text(word)),
        "sudo systemctl enable --now chronyd (or systemd-timesyncd)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::Level;

    #[test]
    fn frequencies() {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert_eq!(governor(&set(&["performance"])).level, Level::Ok);
        assert_eq!(
            governor(&set(&["performance", "powersave"])).level,
            Level::Warn
        );
        assert_eq!(governor(&set(&[])).level, Level::Unknown);
        assert_eq!(turbo(Some("1"), None).level, Level::Ok);
        assert!(
            turbo(Some("0"), Some("1"))
                .fix
                .unwrap()
                .contains("no_turbo")
        );
        assert!(turbo(None, Some("1")).fix.unwrap().contains("boost"));
        assert_eq!(turbo(None, Some("0")).level, Level::Ok);
        assert_eq!(turbo(None, None).level, Level::Unknown);
    }

    #[test]
    fn mitigations_are_told_apart() {
        let found = [
            ("a", "Mitigation: x"),
            ("b", "Not affected"),
            ("c", "Vulnerable: y"),
        ];
        let found = found.map(|(name, state)| (name.to_owned(), state.to_owned()));
        let text = mitigations(&found).text;
        assert!(
            text.contains("on for a;") && text.contains("vulnerable to c;"),
            "{text}"
        );
        assert_eq!(mitigations(&[]).level, Level::Unknown);
    }

    #[test]
    fn cores_that_are_shared_are_named() {
        let pairs = [vec![0, 2], vec![1, 3], vec![0, 2], vec![1, 3]];
        let finding = smt(&[0, 1, 2, 3], &pairs);
        assert_eq!(finding.level, Level::Warn);
        assert!(finding.fix.unwrap().contains("--cpus 0-1"));
        assert_eq!(smt(&[0, 1], &pairs[..2]).level, Level::Ok);
    }

    #[test]
    fn others_that_use_the_cpus() {
        assert_eq!(steal(Some(0.005)).level, Level::Ok);
        assert_eq!(steal(Some(0.05)).level, Level::Warn);
        assert_eq!(steal(Some(0.5)).level, Level::Bad);
        assert_eq!(steal(None).level, Level::Unknown);
        assert_eq!(load(Some(0.3), Some(1.0), 2).level, Level::Ok);
        assert_eq!(load(Some(1.3), None, 2).level, Level::Warn);
        assert_eq!(load(Some(0.1), Some(30.0), 2).level, Level::Warn);
        assert_eq!(load(None, Some(30.0), 2).level, Level::Unknown);
    }

    #[test]
    fn a_clock_that_is_not_set_is_worth_a_word() {
        let state = |synchronised| ClockState {
            synchronised,
            error_max_us: 500,
        };
        assert_eq!(clock(state(true)).level, Level::Ok);
        assert_eq!(clock(state(false)).level, Level::Warn);
    }
}
