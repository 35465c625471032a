//! Which rates to hold, and which of them is the knee. Knows nothing of how they are held.

/// What became of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// All conditions were kept.
    Kept,
    Missed,
    /// This client was the limit, so the server was not measured.
    Invalid,
    /// Too few answers to tell.
    Unknown,
    /// A signal cut it short.
    Interrupted,
}

impl Word {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed => "missed",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Rates between which the knee is are not told apart when they are nearer than this part.
const NEAR: f64 = 0.01;

/// Equal steps up to the ceiling, then halves of the interval in which the knee must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    pub ceiling: f64,
    pub steps: u32,
    pub halvings: u32,
}

/// Where the knee is, as numbers of the points that were measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Knee {
    /// The highest rate below which nothing was missed; `None` when the lowest was.
    pub kept: Option<usize>,
    /// The lowest beyond it that was not kept, or could not be measured.
    pub missed: Option<usize>,
}

impl Search {
    /// The next rate to hold after these; `None` when there is nothing more to find out.
    pub(super) fn next(&self, points: &[(f64, Word)]) -> Option<f64> {
        let done = points.len() as u32;
        if done < self.steps {
            return Some(self.ceiling * f64::from(done + 1) / f64::from(self.steps));
        }
        if done >= self.steps + self.halvings {
            return None;
        }
        let knee = Knee::of(points);
        let (high, word) = points[knee.missed?];
        if knee.kept.is_none() && word == Word::Invalid {
            // A client that cannot do the least will not do less.
            return None;
        }
        let low = knee.kept.map_or(0.0, |kept| points[kept].0);
        let middle = f64::midpoint(low, high);
        // What could not be told before cannot be told the next time either.
        let known = points
            .iter()
            .any(|point| (point.0 - middle).abs() < middle * NEAR / 10.0);
        (high - low > high * NEAR && !known).then_some(middle)
    }
}

impl Knee {
    /// An invalid step below one that was kept was an accident; above it, it is how far this client could look.
    pub(super) fn of(points: &[(f64, Word)]) -> Self {
        let rate = |number: &usize| points[*number].0;
        let with = |words: &'static [Word]| {
            (0..points.len()).filter(move |number| words.contains(&points[*number].1))
        };
        let by_rate = |a: &usize, b: &usize| rate(a).total_cmp(&rate(b));
        let missed = with(&[Word::Missed]).min_by(by_rate);
        let kept = with(&[Word::Kept])
            .filter(|kept| missed.is_none_or(|missed| rate(kept) < rate(&missed)))
            .max_by(by_rate);
        let beyond = with(&[Word::Missed, Word::Invalid])
            .filter(|number| kept.is_none_or(|kept| rate(number) > rate(&kept)));
        Self {
            kept,
            missed: beyond.min_by(by_rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rates that are held when the server can do `most` and the client `own`.
    fn sweep(search: Search, most: f64, own: f64) -> Vec<(f64, Word)> {
        let mut points = Vec::new();
        while let Some(rate) = search.next(&points) {
            let word = if rate > own {
                Word::Invalid
            } else if rate > most {
                Word::Missed
            } else {
                Word::Kept
            };
            points.push((rate, word));
            assert!(points.len() < 100);
        }
        points
    }

    const SEARCH: Search = Search {
        ceiling: 1000.0,
        steps: 10,
        halvings: 3,
    };

    #[test]
    fn steps_come_first_then_the_interval_of_the_knee_is_halved() {
        let points = sweep(SEARCH, 730.0, 1e9);
        let rates: Vec<f64> = points.iter().map(|point| point.0).collect();
        let steps: Vec<f64> = (1..=10).map(|step| f64::from(step) * 100.0).collect();
        assert_eq!(rates[..10], steps);
        assert_eq!(rates[10..], [750.0, 725.0, 737.5]);
        let knee = Knee::of(&points);
        assert_eq!(points[knee.kept.unwrap()].0, 725.0);
        assert_eq!(points[knee.missed.unwrap()].0, 737.5);
    }

    #[test]
    fn a_server_that_keeps_all_or_nothing() {
        let all = sweep(SEARCH, 1e9, 1e9);
        assert_eq!(all.len(), 10);
        let knee = Knee::of(&all);
        assert_eq!((knee.kept, knee.missed), (Some(9), None));
        let none = sweep(SEARCH, 0.0, 1e9);
        let rates: Vec<f64> = none[10..].iter().map(|point| point.0).collect();
        assert_eq!(rates, [50.0, 25.0, 12.5]);
        assert_eq!(Knee::of(&none).kept, None);
        assert_eq!(Knee::of(&[]), Knee::default());
    }

    #[test]
    fn what_the_client_could_not_do_is_no_knee() {
        let points = sweep(SEARCH, 1e9, 430.0);
        let knee = Knee::of(&points);
        assert_eq!(points[knee.missed.unwrap()].1, Word::Invalid);
        assert_eq!(points[knee.kept.unwrap()].1, Word::Kept);
        assert_eq!(points[knee.kept.unwrap()].0, 425.0);
        assert_eq!(sweep(SEARCH, 1e9, 50.0).len(), 10);
    }

    #[test]
    fn a_rate_above_one_that_was_missed_is_an_accident() {
        let points = [
            (100.0, Word::Kept),
            (200.0, Word::Missed),
            (300.0, Word::Kept),
            (400.0, Word::Missed),
        ];
        let knee = Knee::of(&points);
        assert_eq!((knee.kept, knee.missed), (Some(0), Some(1)));
    }

    #[test]
    fn an_invalid_step_below_one_that_was_kept_is_an_accident() {
        let points = [
            (100.0, Word::Invalid),
            (200.0, Word::Kept),
            (300.0, Word::Invalid),
            (400.0, Word::Missed),
        ];
        let knee = Knee::of(&points);
        assert_eq!((knee.kept, knee.missed), (Some(1), Some(2)));
        assert_eq!(Knee::of(&points[2..]).kept, None);
        assert_eq!(Knee::of(&points[2..]).missed, Some(0));
    }

    #[test]
    fn what_cannot_be_told_is_asked_once() {
        let search = Search { steps: 2, ..SEARCH };
        let mut points = vec![(500.0, Word::Unknown), (1000.0, Word::Missed)];
        assert_eq!(search.next(&points), None);
        points[0].1 = Word::Kept;
        assert_eq!(search.next(&points), Some(750.0));
        points.push((750.0, Word::Unknown));
        assert_eq!(search.next(&points), None);
    }
}
