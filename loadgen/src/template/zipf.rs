//! Numbers of which small ones are frequent: rank k is drawn with a weight of 1 / k^s.

use crate::rng::Rng;

/// Above this, a rank is no exact floating-point number.
const RANKS_MAX: u64 = 1 << 53;
const EXPONENT_MAX: f64 = 100.0;

/// Draws by rejection-inversion (Hörmann and Derflinger 1996): no table, and hardly ever a second try, whatever the
/// number of ranks.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    ranks: u64,
    exponent: f64,
    /// The area below the hat from the first rank, less its own weight, and up to the last.
    areas: (f64, f64),
    /// A point this close below its rank needs no look at the weights.
    near: f64,
}

impl Zipf {
    /// Over ranks from 1. `None` if there are none, or more than can be told apart, or if the exponent is negative or
    /// above 100.
    pub(crate) fn new(ranks: u64, exponent: f64) -> Option<Self> {
        if !(1..=RANKS_MAX).contains(&ranks) || !(0.0..=EXPONENT_MAX).contains(&exponent) {
            return None;
        }
        let mut zipf = Self {
            ranks,
            exponent,
            areas: (0.0, 0.0),
            near: 0.0,
        };
        zipf.areas = (zipf.area(1.5) - 1.0, zipf.area(ranks as f64 + 0.5));
        zipf.near = 2.0 - zipf.point(zipf.area(2.5) - zipf.weight(2.0));
        Some(zipf)
    }

    /// A rank.
    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        let (first, last) = self.areas;
        loop {
            let area = last + rng.unit() * (first - last);
            let point = self.point(area);
            let rank = (point.round() as u64).clamp(1, self.ranks);
            let at = rank as f64;
            if at - point <= self.near || area >= self.area(at + 0.5) - self.weight(at) {
                return rank;
            }
        }
    }

    fn weight(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the weight from 1 to x, which is ln x where the exponent is 1.
    fn area(&self, x: f64) -> f64 {
        let log = x.ln();
        let power = (1.0 - self.exponent) * log;
        if power.abs() > 1e-8 {
            power.exp_m1() / power * log
        } else {
            log * (1.0 + power / 2.0)
        }
    }

    /// Where the integral reaches `area`.
    fn point(&self, area: f64) -> f64 {
        // Rounding may lead out of the range of the logarithm.
        let power = (area * (1.0 - self.exponent)).max(-1.0);
        if power.abs() > 1e-8 {
            (power.ln_1p() / power * area).exp()
        } else {
            (area * (1.0 - power / 2.0)).exp()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed is fixed, so nothing here depends on luck.
    #[test]
    fn ranks_come_as_often_as_their_weight_says() {
        const DRAWS: u32 = 100_000;
        for exponent in [0.0, 0.5, 1.0, 1.3, 3.0] {
            for ranks in [1u32, 2, 5, 40] {
                let zipf = Zipf::new(ranks.into(), exponent).unwrap();
                let mut rng = Rng::new(1, 2);
                let mut counts = vec![0u32; ranks as usize + 1];
                for _ in 0..DRAWS {
                    counts[zipf.draw(&mut rng) as usize] += 1;
                }
                let weight = |rank: u32| f64::from(rank).powf(-exponent);
                let all: f64 = (1..=ranks).map(weight).sum();
                for rank in 1..=ranks {
                    let expected = weight(rank) / all * f64::from(DRAWS);
                    let seen = f64::from(counts[rank as usize]);
                    // Five standard deviations.
                    let tolerance = 5.0 * expected.sqrt() + 5.0;
                    assert!(
                        (seen - expected).abs() < tolerance,
                        "{exponent} {ranks} {rank}: {seen} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn any_number_of_ranks_will_do() {
        let mut rng = Rng::new(1, 1);
        for ranks in [1 << 20, 1 << 40, RANKS_MAX] {
            let zipf = Zipf::new(ranks, 1.0).unwrap();
            assert!((0..1000).all(|_| (1..=ranks).contains(&zipf.draw(&mut rng))));
        }
        let steep = Zipf::new(1000, EXPONENT_MAX).unwrap();
        assert!((0..1000).all(|_| steep.draw(&mut rng) == 1));
        for (ranks, exponent) in [(0, 1.0), (RANKS_MAX + 1, 1.0), (5, -0.1), (5, f64::NAN)] {
            assert!(Zipf::new(ranks, exponent).is_none());
        }
    }
}
