//! Owns a histogram of microseconds: buckets that grow with what they count, so that a value is
//! known within 1/32, in little memory. Must never keep single values.

use serde::{Deserialize, Serialize};

const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;

/// Counts of microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    counts: std::collections::BTreeMap<u32, u64>,
    count: u64,
    sum_us: u64,
    max_us: u64,
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, us: u64) {
        *self.counts.entry(bucket(us)).or_default() += 1;
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value.
    pub fn max_us(&self) -> u64 {
        self.max_us
    }

    /// The value that so many of a thousand do not exceed; 0 without values.
    pub fn permille_us(&self, permille: u64) -> u64 {
        let rank = (self.count * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return top(*bucket).min(self.max_us);
            }
        }
        0
    }
}

fn bucket(us: u64) -> u32 {
    if us < SUB {
        return us as u32;
    }
    let shift = us.ilog2() - SUB_BITS;
    (shift + 1) * SUB as u32 + ((us >> shift) - SUB) as u32
}

/// The largest value of a bucket.
fn top(bucket: u32) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < SUB {
        return bucket;
    }
    let shift = bucket / SUB - 1;
    ((SUB + bucket % SUB + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_a_thirtysecond_of_its_bucket() {
        for us in (0..5_000).chain((5_000..50_000_000).step_by(7_919)) {
            let top = top(bucket(us));
            assert!(top >= us && top - us <= us / 32, "{us} in a bucket up to {top}");
        }
    }

    #[test]
    fn ranks_are_those_of_the_sorted_values() {
        let mut histogram = Histogram::default();
        for us in 1..=1000 {
            histogram.record(us);
        }
        assert!((500..=516).contains(&histogram.permille_us(500)));
        assert!((990..=1000).contains(&histogram.permille_us(990)));
        assert_eq!(histogram.permille_us(1000), 1000);
        assert_eq!(Histogram::default().permille_us(500), 0);
    }

    #[test]
    fn two_halves_are_the_whole() {
        let (mut all, mut odd, mut even) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for us in 0..1000 {
            all.record(us);
            if us % 2 == 0 { even.record(us) } else { odd.record(us) }
        }
        even.add(&odd);
        assert_eq!(all, even);
    }
}
