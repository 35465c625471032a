//! CPUs: how busy they are, and which of them share a core.

/// Time of all CPUs together since the start of the system, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub busy: u64,
    pub idle: u64,
    /// Wanted, but the hypervisor gave it to others.
    pub steal: u64,
}

impl Times {
    /// Reads the first line of /proc/stat.
    pub(crate) fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find(|line| line.starts_with("cpu "))?;
        let fields: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().ok())
            .collect::<Option<_>>()?;
        let [user, nice, system, idle, iowait, irq, softirq, rest @ ..] = fields.as_slice() else {
            return None;
        };
        // What guests use is in `user` already.
        Some(Self {
            busy: user + nice + system + irq + softirq,
            idle: idle + iowait,
            steal: rest.first().copied().unwrap_or(0),
        })
    }

    /// Parts of all time since an earlier reading that were busy and stolen; `None` when no tick has passed.
    pub(crate) fn since(self, earlier: Self) -> Option<(f64, f64)> {
        let busy = self.busy.saturating_sub(earlier.busy);
        let steal = self.steal.saturating_sub(earlier.steal);
        let all = busy + steal + self.idle.saturating_sub(earlier.idle);
        (all > 0).then(|| (busy as f64 / all as f64, steal as f64 / all as f64))
    }

    /// Now.
    pub(crate) fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }
}

/// The first of /proc/loadavg: threads that ran or wanted to, over a minute.
pub(crate) fn load(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

/// A list of CPUs as the kernel writes it, like 0-3,8.
pub(crate) fn list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// One CPU of each core: the lowest of those that are allowed. `siblings` are the threads of each of them's core.
pub(crate) fn one_of_each_core(allowed: &[usize], siblings: &[Vec<usize>]) -> Vec<usize> {
    let lowest = allowed.iter().zip(siblings).filter(|(cpu, siblings)| {
        siblings
            .iter()
            .all(|other| other >= *cpu || !allowed.contains(other))
    });
    lowest.map(|(cpu, _)| *cpu).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_summed_by_kind() {
        let stat = "cpu  10 1 5 100 20 2 3 4 9 0\ncpu0 1 2 3 4\nintr 5\n";
        let before = Times::parse(stat).unwrap();
        assert_eq!(
            before,
            Times {
                busy: 21,
                idle: 120,
                steal: 4
            }
        );
        let after = Times {
            busy: 51,
            idle: 160,
            steal: 34,
        };
        assert_eq!(after.since(before), Some((0.3, 0.3)));
        assert_eq!(before.since(before), None);
        // Kernels before 2.6.11 have no steal.
        assert_eq!(Times::parse("cpu 1 0 0 1 0 0 0").unwrap().steal, 0);
        for bad in ["", "cpu0 1 2 3 4 5 6 7", "cpu 1 2", "cpu a b c d e f g"] {
            assert_eq!(Times::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn averages() {
        assert_eq!(load("3.94 2.03 1.58 3/131 6854\n"), Some(3.94));
        assert_eq!(load(""), None);
    }

    #[test]
    fn cores() {
        assert_eq!(list("0-2,8\n"), Some(vec![0, 1, 2, 8]));
        assert_eq!(list(""), None);
        assert_eq!(list("0-x"), None);
        let pairs: Vec<Vec<usize>> = [0, 1, 0, 1].iter().map(|low| vec![*low, low + 2]).collect();
        assert_eq!(one_of_each_core(&[0, 1, 2, 3], &pairs), [0, 1]);
        // The other half of the core is not ours.
        assert_eq!(one_of_each_core(&[2, 3], &pairs[2..]), [2, 3]);
    }
}
