//! Owns the engine's one source of randomness: a counter over the seed that the driver drew.
//! Must never be seeded twice with the same number by a driver: ids would repeat.

use busbar_charging::ids::Ids;

/// Gives every input its own 128 bits: splitmix64 in counter mode over both halves of the seed.
#[derive(Debug)]
pub(crate) struct IdSource {
    seed: u128,
    count: u64,
}

impl IdSource {
    pub(crate) fn new(seed: u128) -> Self {
        Self { seed, count: 0 }
    }

    /// The ids of the next input.
    pub(crate) fn next(&mut self) -> Ids {
        self.count += 1;
        let high = mix((self.seed >> 64) as u64, self.count);
        let low = mix(self.seed as u64 ^ 0xA5A5_5A5A_C3C3_3C3C, self.count);
        Ids { seed: (u128::from(high) << 64) | u128::from(low) }
    }
}

/// The `count`th output of splitmix64 from `seed` (Steele, Lea, Flood, OOPSLA 2014).
fn mix(seed: u64, count: u64) -> u64 {
    let mut z = seed.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
