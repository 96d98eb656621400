//! Owns the question whether memory is flat: samples of resident memory while a phase runs, their
//! slope, and the ratio of the last quarter to the first. Must never sample so often that it shows.

use std::time::Duration;

use super::host::resident_kib;

/// So many samples in a phase, but never more often than `PAUSE_MIN` and never less than
/// `PAUSE_MAX`: in an hour, one every ten seconds.
const SAMPLES: f64 = 360.0;
const PAUSE_MIN: f64 = 0.25;
const PAUSE_MAX: f64 = 10.0;
/// Fewer samples than these say nothing.
const ENOUGH: usize = 8;

/// Resident memory of the host over a phase.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Samples {
    /// Seconds between two samples.
    pub every_s: f64,
    /// The samples, in KiB.
    pub kib: Vec<u64>,
}

impl Samples {
    /// Samples a process for as long as something takes.
    pub(super) async fn during<T>(
        pid: Option<u32>,
        seconds: f64,
        work: impl Future<Output = T>,
    ) -> (Self, T) {
        let every_s = (seconds / SAMPLES).clamp(PAUSE_MIN, PAUSE_MAX);
        let mut samples = Self { every_s, kib: Vec::new() };
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(every_s));
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return (samples, done),
                _ = ticks.tick() => samples.kib.extend(pid.and_then(resident_kib)),
            }
        }
    }

    /// The median of the last quarter divided by that of the first.
    pub fn ratio(&self) -> Option<f64> {
        let quarter = self.kib.len() / 4;
        (self.kib.len() >= ENOUGH).then(|| {
            let first = median(&self.kib[..quarter]);
            let last = median(&self.kib[self.kib.len() - quarter..]);
            last as f64 / (first as f64).max(1.0)
        })
    }

    /// Growth by the line of least squares, in KiB a minute.
    pub fn slope_kib_per_min(&self) -> Option<f64> {
        let count = self.kib.len() as f64;
        let middle = (count - 1.0) / 2.0;
        let mean = self.kib.iter().sum::<u64>() as f64 / count.max(1.0);
        let (mut above, mut below) = (0.0, 0.0);
        for (index, kib) in self.kib.iter().enumerate() {
            let from_middle = index as f64 - middle;
            above += from_middle * (*kib as f64 - mean);
            below += from_middle * from_middle;
        }
        (self.kib.len() >= ENOUGH).then(|| above / below / self.every_s * 60.0)
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_its_quarters() {
        let samples = Samples { every_s: 10.0, kib: (0..360).map(|n| 100_000 + 5 * n).collect() };
        assert!(samples.slope_kib_per_min().is_some_and(|slope| (slope - 30.0).abs() < 1e-6));
        assert!(samples.ratio().is_some_and(|ratio| (ratio - 1.0135).abs() < 1e-3));
        let flat = Samples { every_s: 10.0, kib: vec![100_000; 40] };
        assert_eq!((flat.ratio(), flat.slope_kib_per_min()), (Some(1.0), Some(0.0)));
    }

    #[test]
    fn a_few_samples_say_nothing() {
        let few = Samples { every_s: 10.0, kib: vec![1; 7] };
        assert_eq!((few.ratio(), few.slope_kib_per_min()), (None, None));
    }

    #[tokio::test]
    async fn this_process_is_sampled_while_it_works() {
        let nap = tokio::time::sleep(Duration::from_millis(600));
        let (samples, ()) = Samples::during(Some(std::process::id()), 1.0, nap).await;
        assert!((2..=4).contains(&samples.kib.len()), "{samples:?}");
    }
}
