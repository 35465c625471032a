//! Random numbers for placeholders: cheap, seedable, one stream for each connection.

/// An xorshift64* generator.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of one connection in one run. Neighbouring numbers give unrelated streams.
    pub(crate) fn new(seed: u64, connection: u64) -> Self {
        let mixed = splitmix(splitmix(seed).wrapping_add(connection));
        // The state 0 would stay 0.
        Self(mixed.max(1))
    }

    /// A number from `min` to `max`, both included.
    pub(crate) fn between(&mut self, min: u64, max: u64) -> u64 {
        debug_assert!(min <= max);
        let range = u128::from(max - min) + 1;
        let scaled = u128::from(self.bits()).wrapping_mul(range) >> 64;
        min + u64::try_from(scaled).unwrap_or_default()
    }

    /// A number from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn numbers_stay_in_range_and_reach_both_ends() {
        let mut rng = Rng::new(7, 0);
        let drawn: Vec<u64> = (0..1000).map(|_| rng.between(3, 9)).collect();
        assert!(drawn.iter().all(|n| (3..=9).contains(n)));
        assert!(drawn.contains(&3) && drawn.contains(&9));
        assert_eq!(rng.between(5, 5), 5);
        rng.between(0, u64::MAX);
    }

    #[test]
    fn a_seed_repeats_its_stream_and_connections_differ() {
        let draw = |seed, connection| {
            let mut rng = Rng::new(seed, connection);
            (0..8).map(|_| rng.between(0, 1 << 40)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }
}
