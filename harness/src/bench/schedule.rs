//! How long and how often to measure, so that all of it fits the time.

use std::time::Duration;

/// Starting, connecting, draining and stopping, for each run.
const OVERHEAD: Duration = Duration::from_millis(500);

/// What is known before the first run.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// Time for everything but building.
    pub budget: Duration,
    /// Of it, what validation has used.
    pub spent: Duration,
    /// Runs in one round with every connection count that fits the machine.
    pub runs_all: usize,
    /// Runs in one round with one connection count per profile.
    pub runs_one: usize,
    /// Short runs.
    pub quick: bool,
    /// Rounds that were asked for; the time decides when `None`.
    pub rounds: Option<u32>,
    /// Measured time per run that was asked for.
    pub window: Option<Duration>,
    /// The generator knows whole seconds only.
    pub whole_seconds: bool,
}

impl Task {
    /// Rounds that can decide something.
    fn enough(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Every connection count that fits the machine, or one per profile.
    pub all_counts: bool,
    /// Measured time per run.
    pub window: Duration,
    /// Load before it.
    pub warmup: Duration,
    /// As many rounds are made whatever the time.
    pub at_least: u32,
    /// And as many if the time allows.
    pub at_most: u32,
    /// What one round is expected to take.
    pub round: Duration,
}

impl Schedule {
    /// The most thorough way that leaves time for enough rounds; the shortest
    /// if there is none.
    pub fn choose(task: &Task) -> Self {
        let left = task.budget.saturating_sub(task.spent);
        let ways = Self::ways(task);
        let enough = |way: &&Self| way.round * task.enough() <= left;
        let shortest = Self::way(task, false, Duration::from_secs(1));
        ways.iter()
            .find(enough)
            .or_else(|| ways.last())
            .copied()
            .unwrap_or(shortest)
    }

    /// Whether there is time for enough rounds.
    pub fn fits(&self, task: &Task) -> bool {
        self.round * task.enough() <= task.budget.saturating_sub(task.spent)
    }

    /// From the most thorough to the shortest.
    fn ways(task: &Task) -> Vec<Self> {
        let windows: &[u64] = match (task.quick, task.whole_seconds) {
            (false, false) => &[5000, 2000, 1000, 500],
            (false, true) => &[5000, 2000, 1000],
            (true, false) => &[1000, 500, 300],
            (true, true) => &[1000],
        };
        let windows = match task.window {
            Some(window) => vec![window],
            None => windows.iter().copied().map(Duration::from_millis).collect(),
        };
        let counts: &[bool] = if task.quick { &[false] } else { &[true, false] };
        let mut ways = Vec::new();
        for all_counts in counts {
            for window in &windows {
                // More connection counts are worth more than longer runs, down
                // to a second.
                let shortest = *all_counts && *window < Duration::from_secs(1);
                if !shortest || task.window.is_some() {
                    ways.push(Self::way(task, *all_counts, *window));
                }
            }
        }
        ways
    }

    fn way(task: &Task, all_counts: bool, window: Duration) -> Self {
        let quarter = (window / 2).clamp(Duration::from_millis(250), Duration::from_secs(1));
        let warmup = match (task.whole_seconds, task.quick) {
            (false, _) => quarter,
            (true, false) => Duration::from_secs(1),
            (true, true) => Duration::ZERO,
        };
        let runs = if all_counts {
            task.runs_all
        } else {
            task.runs_one
        };
        let (at_least, at_most) = match (task.rounds, task.quick) {
            (Some(rounds), _) => (rounds, rounds),
            (None, true) => (2, 5),
            (None, false) => (3, 10),
        };
        Self {
            all_counts,
            window,
            warmup,
            at_least,
            at_most,
            round: (window + warmup + OVERHEAD) * u32::try_from(runs).unwrap_or(u32::MAX),
        }
    }

    /// Rounds that are expected to fit.
    pub fn rounds(&self, left: Duration) -> u32 {
        let fitting = left.as_secs_f64() / self.round.as_secs_f64().max(0.001);
        (fitting as u32).clamp(self.at_least, self.at_most)
    }

    /// Whether to make another round, after `done` of them; the last one took
    /// `last`.
    pub fn goes_on(&self, done: u32, last: Duration, left: Duration) -> bool {
        done < self.at_least || (done < self.at_most && last <= left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn task(runs_all: usize, runs_one: usize) -> Task {
        Task {
            budget: 15 * MINUTE,
            spent: Duration::from_secs(30),
            runs_all,
            runs_one,
            quick: false,
            rounds: None,
            window: None,
            whole_seconds: false,
        }
    }

    #[test]
    fn few_runs_are_long_and_many_are_short() {
        let few = Schedule::choose(&task(6, 2));
        assert_eq!((few.all_counts, few.window.as_secs()), (true, 5));
        let some = Schedule::choose(&task(70, 27));
        assert_eq!((some.all_counts, some.window.as_secs()), (true, 1));
        let many = Schedule::choose(&task(200, 72));
        assert_eq!(
            (many.all_counts, many.window.as_millis()),
            (false, 1000),
            "{many:?}"
        );
        let most = Schedule::choose(&task(2000, 720));
        assert_eq!((most.all_counts, most.window.as_millis()), (false, 500));
        assert_eq!(most.rounds(14 * MINUTE), 3);
        assert!(many.fits(&task(200, 72)) && !most.fits(&task(2000, 720)));
    }

    #[test]
    fn what_is_chosen_fits_where_anything_does() {
        for runs in [1, 5, 20, 50, 90] {
            for quick in [false, true] {
                let mut task = task(runs * 3, runs);
                task.quick = quick;
                if quick {
                    task.budget = 3 * MINUTE;
                }
                let left = task.budget - task.spent;
                let chosen = Schedule::choose(&task);
                let rounds = chosen.rounds(left);
                let fits = chosen.round * rounds <= left;
                assert!(fits || (quick && runs >= 50), "{runs} {quick} {chosen:?}");
            }
        }
    }

    #[test]
    fn what_was_asked_for_is_kept() {
        let mut task = task(200, 72);
        task.rounds = Some(7);
        task.window = Some(Duration::from_secs(9));
        let chosen = Schedule::choose(&task);
        assert_eq!((chosen.at_least, chosen.at_most), (7, 7));
        assert_eq!(chosen.window.as_secs(), 9);
        assert!(chosen.goes_on(6, MINUTE, Duration::ZERO));
        assert!(!chosen.goes_on(7, MINUTE, MINUTE * 9));
    }

    #[test]
    fn the_arenas_generator_gets_whole_seconds() {
        for (quick, runs) in [(true, 300), (false, 3000)] {
            let mut task = task(runs, runs);
            (task.quick, task.whole_seconds) = (quick, true);
            let chosen = Schedule::choose(&task);
            assert_eq!(chosen.window.subsec_millis(), 0);
            assert_eq!(chosen.warmup.subsec_millis(), 0);
        }
    }

    #[test]
    fn rounds_end_with_the_time() {
        let chosen = Schedule::choose(&task(6, 2));
        assert!(chosen.goes_on(2, MINUTE, Duration::ZERO));
        assert!(chosen.goes_on(3, MINUTE, MINUTE));
        assert!(!chosen.goes_on(3, MINUTE, MINUTE / 2));
        assert!(!chosen.goes_on(10, MINUTE, MINUTE * 9));
    }
}
