//! The open loop's plan: how many requests are due by when, whoever answers them.

use crate::{clock::Nanos, rng::Rng};
use std::{fmt, time::Duration};

/// Faster than any machine; keeps the arithmetic far from its limits.
const RATE_MAX: f64 = 1e9;
/// More than all that a server can do is asked for to see how it fails.
const PART_MAX: f64 = 10.0;
const NANOS_PER_SECOND: f64 = 1e9;
/// Numbers up to this are exact in a float.
const EXACT: u64 = 1 << 53;

/// Requests per second, over the whole run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rate {
    Constant(f64),
    /// From the first to the second, evenly over the window.
    Ramp(f64, f64),
    /// Each for an equal part of the window.
    Steps(Vec<f64>),
    /// This part of the highest rate, 0 to 1; a constant one when that is known.
    Part(f64),
}

/// How requests that are due follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Evenly spaced.
    Uniform,
    /// With exponential gaps, as from many users who know nothing of each other.
    Poisson,
    /// So many at once, evenly spaced.
    Burst(u32),
}

impl Arrival {
    /// Reads `uniform`, `poisson` or `burst:N`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "poisson" => Ok(Self::Poisson),
            _ => text
                .strip_prefix("burst:")
                .and_then(|count| count.parse().ok())
                .filter(|count| *count > 0)
                .map(Self::Burst)
                .ok_or_else(|| format!("`{text}` is none of uniform, poisson and burst:N")),
        }
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Poisson => f.write_str("poisson"),
            Self::Burst(count) => write!(f, "burst:{count}"),
        }
    }
}

/// Whether a text can only be a rate, and no file, where either may stand.
pub(crate) fn is_rate(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || ".:,%/skKmM".contains(c))
}

impl Rate {
    /// Reads `20k`, `1k:50k` or `1k,5k,10k`, where `/s` may follow each number, or `50%`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(percent) = text.strip_suffix('%') {
            let part = number(percent).map(|percent| percent / 100.0);
            return part
                .filter(|part| *part > 0.0 && *part <= PART_MAX)
                .map(Self::Part)
                .ok_or_else(|| {
                    format!("`{text}` is no part of the highest rate; write it like 50%")
                });
        }
        let error = || {
            format!("`{text}` is no rate; write it like 20k, 1k:50k (a ramp) or 1k,5k,10k (steps)")
        };
        let rates = |separator: char| {
            let parts = text.split(separator);
            parts
                .map(|part| number(part).ok_or_else(error))
                .collect::<Result<Vec<f64>, String>>()
        };
        let rate = if text.contains(':') {
            match rates(':')?.as_slice() {
                [from, to] => Self::Ramp(*from, *to),
                _ => return Err(error()),
            }
        } else {
            match rates(',')?.as_slice() {
                [one] => Self::Constant(*one),
                many => Self::Steps(many.to_vec()),
            }
        };
        match rate.mean() {
            mean if mean > 0.0 => Ok(rate),
            _ => Err("must be more than 0".into()),
        }
    }

    /// What reports call this model.
    pub(crate) fn model(&self) -> &'static str {
        match self {
            Self::Constant(_) | Self::Part(_) => "rate",
            Self::Ramp(..) => "ramp",
            Self::Steps(_) => "steps",
        }
    }

    /// Over the whole window.
    pub(crate) fn mean(&self) -> f64 {
        match self {
            Self::Constant(rate) | Self::Part(rate) => *rate,
            Self::Ramp(from, to) => f64::midpoint(*from, *to),
            Self::Steps(rates) => rates.iter().sum::<f64>() / rates.len().max(1) as f64,
        }
    }

    /// The highest that is asked for at any time.
    pub(crate) fn peak(&self) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Ramp(from, to) => from.max(*to),
            Self::Steps(rates) => rates.iter().copied().fold(0.0, f64::max),
            Self::Part(_) => 0.0,
        }
    }

    /// The warm-up, which has the rate that the window begins with, and the window.
    fn legs(&self, warmup: Duration, window: Duration) -> Vec<Leg> {
        let (warmup, window) = (warmup.as_secs_f64(), window.as_secs_f64());
        let parts: Vec<(f64, f64, f64)> = match self {
            Self::Constant(rate) | Self::Part(rate) => vec![(*rate, *rate, window)],
            Self::Ramp(from, to) => vec![(*from, *to, window)],
            Self::Steps(rates) => {
                let each = window / rates.len().max(1) as f64;
                rates.iter().map(|rate| (*rate, *rate, each)).collect()
            }
        };
        let first = parts.first().map_or(0.0, |part| part.0);
        let (mut count, mut start) = (0.0, 0.0);
        let parts = std::iter::once((first, first, warmup)).chain(parts);
        parts
            .map(|(from, to, length)| {
                let leg = Leg {
                    count,
                    total: f64::midpoint(from, to) * length,
                    start,
                    length,
                    from,
                    to,
                };
                count += leg.total;
                start += length;
                leg
            })
            .collect()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(rate) => write!(f, "{rate}"),
            Self::Part(part) => write!(f, "{}%", part * 100.0),
            Self::Ramp(from, to) => write!(f, "{from}:{to}"),
            Self::Steps(rates) => {
                let rates: Vec<String> = rates.iter().map(f64::to_string).collect();
                f.write_str(&rates.join(","))
            }
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.strip_suffix("/s").unwrap_or(text);
    let (digits, scale) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = plain.then(|| digits.parse::<f64>().ok())?? * scale;
    (value <= RATE_MAX).then_some(value)
}

/// A part of the run in which the rate is constant or changes evenly. Times in seconds.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// Requests due before it.
    count: f64,
    /// Requests due in it.
    total: f64,
    start: f64,
    length: f64,
    from: f64,
    to: f64,
}

impl Leg {
    /// When that many requests of the whole run are due. Written so that it has no cancellation, and holds
    /// for a constant rate as well.
    fn time_of(&self, position: f64) -> f64 {
        let count = position - self.count;
        let slope = (self.to - self.from) / self.length;
        let root = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        let time = 2.0 * count / (self.from + root);
        self.start + time.min(self.length)
    }
}

/// When the requests of one of several equal parts of the load are due. The even parts interleave: together
/// they are one even schedule, or share each of its bursts. Parts with exponential gaps need nothing for that.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    legs: Vec<Leg>,
    leg: usize,
    /// Of the next request, counted in requests of all parts together.
    position: f64,
    parts: f64,
    arrival: Arrival,
    rng: Rng,
}

impl Schedule {
    /// Part number `part` of `parts`.
    pub(crate) fn new(
        rate: &Rate,
        arrival: Arrival,
        (warmup, window): (Duration, Duration),
        (part, parts): (u32, u32),
        seed: u64,
    ) -> Self {
        let mut schedule = Self {
            legs: rate.legs(warmup, window),
            leg: 0,
            // The middle of the gap, so that no border of the run falls on a request.
            position: f64::from(part) + 0.5,
            parts: f64::from(parts),
            arrival,
            // Away from the streams of the connections.
            rng: Rng::new(seed, u64::MAX - 1 - u64::from(part)),
        };
        if arrival == Arrival::Poisson {
            schedule.position = 0.0;
            schedule.step();
        }
        schedule
    }

    fn step(&mut self) {
        self.position += match self.arrival {
            Arrival::Uniform | Arrival::Burst(_) => self.parts,
            Arrival::Poisson => {
                let uniform = self.rng.between(1, EXACT) as f64 / EXACT as f64;
                -uniform.ln() * self.parts
            }
        };
    }

    /// Where in the schedule the next request is: that of the middle one, when it is one of a burst.
    fn place(&self) -> f64 {
        match self.arrival {
            Arrival::Uniform | Arrival::Poisson => self.position,
            Arrival::Burst(count) => {
                let count = f64::from(count);
                ((self.position / count).floor() + 0.5) * count
            }
        }
    }

    /// When the next request is due, after the begin of the warm-up; `None` when there is none left.
    pub(crate) fn next(&mut self) -> Option<Nanos> {
        loop {
            let leg = self.legs.get(self.leg)?;
            let place = self.place();
            if place < leg.count + leg.total {
                let at = leg.time_of(place);
                self.step();
                return Some((at * NANOS_PER_SECOND) as Nanos);
            }
            self.leg += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: &str, arrival: Arrival, part: (u32, u32)) -> Vec<Nanos> {
        let rate = Rate::parse(rate).unwrap();
        let times = (Duration::from_millis(500), Duration::from_secs(2));
        let mut schedule = Schedule::new(&rate, arrival, times, part, 7);
        std::iter::from_fn(|| schedule.next()).collect()
    }

    fn in_window(dues: &[Nanos], from_ms: u64, to_ms: u64) -> usize {
        let range = (500 + from_ms) * 1_000_000..(500 + to_ms) * 1_000_000;
        dues.iter().filter(|due| range.contains(*due)).count()
    }

    #[test]
    fn rates_are_read() {
        assert_eq!(Rate::parse("20k"), Ok(Rate::Constant(20e3)));
        assert_eq!(Rate::parse("1.5k/s"), Ok(Rate::Constant(1500.0)));
        assert_eq!(Rate::parse("0:2M"), Ok(Rate::Ramp(0.0, 2e6)));
        assert_eq!(
            Rate::parse("1k,5k,10"),
            Ok(Rate::Steps(vec![1e3, 5e3, 10.0]))
        );
        for bad in [
            "", "k", "0", "-5", "1:2:3", "1,,2", "1e5", "inf", "5 k", "2000m", "é",
        ] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Rate::parse("50%"), Ok(Rate::Part(0.5)));
        assert_eq!(Rate::parse("120%"), Ok(Rate::Part(1.2)));
        for bad in ["%", "0%", "-5%", "1001%", "10%,20%", "10%:50%", "5%k"] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_told_from_a_file() {
        for rate in ["1000", "20k", "1k:50k", "1k", "50%", "10k/s"] {
            assert!(is_rate(rate), "{rate}");
        }
        for file in ["get.raw", "./1000", "/1000", "k", "5xx", ""] {
            assert!(!is_rate(file), "{file}");
        }
    }

    #[test]
    fn even_parts_interleave_to_one_even_schedule() {
        let one = schedule("1000", Arrival::Uniform, (0, 1));
        let mut three: Vec<Nanos> = (0..3)
            .flat_map(|part| schedule("1000", Arrival::Uniform, (part, 3)))
            .collect();
        three.sort_unstable();
        assert_eq!(one, three);
        assert_eq!(one.len(), 2500);
        assert_eq!(in_window(&one, 0, 2000), 2000);
        assert!(
            one.windows(2)
                .all(|pair| pair[1].abs_diff(pair[0] + 1_000_000) <= 1)
        );
    }

    #[test]
    fn bursts_have_the_rate_and_are_shared() {
        let one = schedule("1000", Arrival::Burst(50), (0, 1));
        let mut three: Vec<Nanos> = (0..3)
            .flat_map(|part| schedule("1000", Arrival::Burst(50), (part, 3)))
            .collect();
        three.sort_unstable();
        assert_eq!(one, three);
        assert_eq!(in_window(&one, 0, 2000), 2000);
        let mut distinct = one.clone();
        distinct.dedup();
        assert_eq!(distinct.len(), one.len() / 50);
        assert!(
            distinct
                .windows(2)
                .all(|pair| pair[1].abs_diff(pair[0] + 50_000_000) <= 1)
        );
        assert_eq!(Arrival::parse("burst:50"), Ok(Arrival::Burst(50)));
        for bad in ["burst", "burst:", "burst:0", "burst:-1", "Uniform"] {
            assert!(Arrival::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ramp_rises_evenly_and_steps_are_held() {
        let ramp = schedule("0:1000", Arrival::Uniform, (0, 1));
        assert_eq!(in_window(&ramp, 0, 2000), 1000);
        assert_eq!(in_window(&ramp, 0, 1000), 250);
        let falling = schedule("1000:0", Arrival::Uniform, (0, 1));
        assert_eq!(in_window(&falling, 0, 1000), 750);
        let steps = schedule("100,400,0,200", Arrival::Uniform, (0, 1));
        let counts = [0, 500, 1000, 1500].map(|from| in_window(&steps, from, from + 500));
        assert_eq!(counts, [50, 200, 0, 100]);
    }

    #[test]
    fn exponential_gaps_have_the_rate_and_its_spread_and_repeat() {
        let dues = schedule("10k", Arrival::Poisson, (0, 1));
        assert_eq!(dues, schedule("10k", Arrival::Poisson, (0, 1)));
        assert_ne!(dues, schedule("10k", Arrival::Poisson, (1, 2)));
        let gaps: Vec<f64> = dues
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 100_000.0 - 1.0).abs() < 0.05, "{mean}");
        // An exponential spread is as wide as its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{variance}");
    }
}
