//! Owns the chance of a simulation: one small generator, the same on every machine. Must never
//! take anything from the outside but its seed.

/// A SplitMix64 generator. Two of the same seed give the same sequence for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for a part of the simulation, so that one part that draws more does
    /// not change what another draws.
    pub fn part(seed: u64, name: &str) -> Self {
        let mut mixed = Self(seed);
        for byte in name.bytes() {
            mixed.0 = mixed.next_u64() ^ u64::from(byte);
        }
        mixed
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0. Its bias is below 2^-32 for every use here.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = to.saturating_sub(from).max(0) as u64;
        from.saturating_add(self.below(width.saturating_add(1)) as i64)
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, permille: u16) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// One of them; none of an empty slice.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// A waiting time of a Poisson process with this mean, at least 1 ms. By inversion on a table
    /// of integers, so that no floating point differs between machines.
    pub fn waiting_ms(&mut self, mean_ms: i64) -> i64 {
        // -ln(u) for u in 2^-k halves: count leading zeros (each worth ln 2), then a line between
        // the halves. Exact enough for arrivals, and it is the same everywhere.
        let bits = self.next_u64() | 1;
        let halves = i64::from(bits.leading_zeros());
        let rest = ((bits << bits.leading_zeros()) >> 33) as i64 & 0x3FFF_FFFF;
        let milli = halves * 693 + (693 * (0x4000_0000 - rest)) / 0x4000_0000;
        (mean_ms.saturating_mul(milli) / 1000).max(1)
    }
}
