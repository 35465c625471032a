//! Resource limits that an engine may not raise as far as the arena asks: an
//! engine without CAP_SYS_RESOURCE can go up to its own hard limits only, and
//! `docker run` fails above them.

use std::collections::BTreeSet;

/// A limit that containers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    /// Locked memory, in bytes; rings count since Linux 6.14.
    Memlock,
    /// Open files.
    Nofile,
}

impl Limit {
    pub(super) const ALL: [Self; 2] = [Self::Memlock, Self::Nofile];

    fn name(self) -> &'static str {
        match self {
            Self::Memlock => "memlock",
            Self::Nofile => "nofile",
        }
    }

    /// The row of `/proc/PID/limits`.
    fn row(self) -> &'static str {
        match self {
            Self::Memlock => "Max locked memory",
            Self::Nofile => "Max open files",
        }
    }

    /// How runtimes write it: runc by the number of asm-generic/resource.h,
    /// crun by its constant.
    fn spellings(self) -> [&'static str; 2] {
        match self {
            Self::Memlock => ["rlimit type 8", "RLIMIT_MEMLOCK"],
            Self::Nofile => ["rlimit type 7", "RLIMIT_NOFILE"],
        }
    }
}

/// The limits that a failed `docker run` could not set; none where it failed
/// for another reason.
pub(super) fn refused(stderr: &str) -> Vec<Limit> {
    Limit::ALL
        .into_iter()
        .filter(|limit| {
            limit
                .spellings()
                .iter()
                .any(|spelling| stderr.contains(spelling))
        })
        .collect()
}

/// The hard limit of a process, from the text of its `/proc/PID/limits`;
/// `None` for unlimited and for what is not there.
pub(super) fn hard(text: &str, limit: Limit) -> Option<u64> {
    let row = text.lines().find(|line| line.starts_with(limit.row()))?;
    row[limit.row().len()..]
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// What is known of an engine's limits.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    memlock: Option<u64>,
    nofile: Option<u64>,
    /// Limits that containers have to take as they are.
    given_up: BTreeSet<Limit>,
}

impl Allowed {
    fn most(&mut self, limit: Limit) -> &mut Option<u64> {
        match limit {
            Limit::Memlock => &mut self.memlock,
            Limit::Nofile => &mut self.nofile,
        }
    }

    /// Notes that a limit was refused, with the most that the engine seems to
    /// allow; refused again, or without such a figure, it is no longer set.
    /// Returns what to tell the user.
    pub(super) fn lower(&mut self, limit: Limit, most: Option<u64>) -> String {
        let name = limit.name();
        let unit = match limit {
            Limit::Memlock => "bytes",
            Limit::Nofile => "files",
        };
        match (*self.most(limit), most) {
            (None, Some(most)) => {
                *self.most(limit) = Some(most);
                format!(
                    "warning: the Docker engine may not raise {name} as far as the arena does; \
                     containers get the most that it allows, {most} {unit}"
                )
            }
            _ => {
                self.given_up.insert(limit);
                format!(
                    "warning: the Docker engine may not set {name}; containers get the engine's own limit"
                )
            }
        }
    }

    /// As `docker run` takes them: as much locked memory as there is, and
    /// `nofile` files.
    pub(super) fn arguments(&self, nofile: u64) -> Vec<String> {
        let memlock = self.memlock.map_or_else(
            || "memlock=-1:-1".into(),
            |most| format!("memlock={most}:{most}"),
        );
        let nofile = self.nofile.map_or(nofile, |most| most.min(nofile));
        let nofile = format!("nofile={nofile}:{nofile}");
        [(Limit::Memlock, memlock), (Limit::Nofile, nofile)]
            .into_iter()
            .filter(|(limit, _)| !self.given_up.contains(limit))
            .flat_map(|(_, value)| ["--ulimit".into(), value])
            .collect()
    }

    /// The same engine, asked for no limit at all.
    pub(super) fn untouched() -> Self {
        Self {
            given_up: Limit::ALL.into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_both_runtimes_are_understood() {
        let runc = "docker: Error response from daemon: failed to create shim task: OCI runtime create failed: runc \
                    create failed: unable to start container process: error during container init: error setting \
                    rlimits for ready process: error setting rlimit type 8: operation not permitted: unknown.";
        assert_eq!(refused(runc), [Limit::Memlock]);
        assert_eq!(refused(&runc.replace("type 8", "type 7")), [Limit::Nofile]);
        assert_eq!(
            refused("setrlimit `RLIMIT_MEMLOCK`: Operation not permitted"),
            [Limit::Memlock]
        );
        assert!(refused("docker: port is already allocated").is_empty());
    }

    #[test]
    fn hard_limits_are_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 20000                files     \n\
                    Max locked memory         65536                8388608              bytes     \n";
        assert_eq!(hard(text, Limit::Memlock), Some(8_388_608));
        assert_eq!(hard(text, Limit::Nofile), Some(20_000));
        assert_eq!(
            hard(&text.replace("8388608", "unlimited"), Limit::Memlock),
            None
        );
        assert_eq!(hard("", Limit::Nofile), None);
    }

    #[test]
    fn a_refused_limit_becomes_the_most_and_then_nothing() {
        let mut allowed = Allowed::default();
        assert_eq!(
            allowed.arguments(9),
            ["--ulimit", "memlock=-1:-1", "--ulimit", "nofile=9:9"]
        );
        let warning = allowed.lower(Limit::Memlock, Some(4096));
        assert!(
            warning.contains("memlock") && warning.contains("4096 bytes"),
            "{warning}"
        );
        allowed.lower(Limit::Nofile, Some(5));
        assert_eq!(
            allowed.arguments(9),
            ["--ulimit", "memlock=4096:4096", "--ulimit", "nofile=5:5"]
        );
        let warning = allowed.lower(Limit::Memlock, Some(4096));
        assert!(warning.contains("engine's own limit"), "{warning}");
        assert_eq!(allowed.arguments(3), ["--ulimit", "nofile=3:3"]);
        assert!(Allowed::untouched().arguments(3).is_empty());
    }
}
