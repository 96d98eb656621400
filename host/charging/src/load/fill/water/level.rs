//! Owns the search for the level at which a sum of ramps reaches a value. Ramps whose ends lie
//! outside of what is still searched are added up and left out, so that the search costs little
//! more than one look at each. Must never depend on the order in which ramps were added by more
//! than floating point loses.

/// A level is found when so little is missing, in what the ramps are counted in; or, of large
/// values, this part of them.
const EXACT: f64 = 1e-2;
const EXACT_PART: f64 = 1e-13;

/// Nothing before `start`, then `rate` for each level, until it has risen for `span` levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    pub(super) start: f64,
    pub(super) span: f64,
    pub(super) rate: f64,
}

/// A sum of ramps, and memory for its search.
#[derive(Debug, Default)]
pub(super) struct Ramps {
    /// Those that start or end within what is searched.
    ramps: Vec<Ramp>,
    low: f64,
    high: f64,
    /// What the others add up to at `low`, and how fast that rises.
    value: f64,
    rate: f64,
    /// The same of those that start or end within.
    risen: f64,
    rising: f64,
    /// How many ramps were looked at.
    #[cfg(test)]
    looks: usize,
}

impl Ramps {
    pub(super) fn reserve(&mut self, ramps: usize) {
        self.ramps.clear();
        self.ramps.reserve(ramps);
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.ramps.capacity()
    }

    /// Begins anew, to be searched between two levels.
    pub(super) fn begin(&mut self, low: f64, high: f64) {
        self.ramps.clear();
        (self.low, self.high) = (low, high);
        (self.value, self.rate) = (0.0, 0.0);
        (self.risen, self.rising) = (0.0, 0.0);
    }

    /// Adds a ramp that ends above the lower of the two levels.
    pub(super) fn add(&mut self, ramp: Ramp) {
        if ramp.start > self.low {
            if ramp.start < self.high {
                self.ramps.push(ramp);
            }
            return;
        }
        let risen = ramp.rate * (self.low - ramp.start);
        if ramp.start + ramp.span >= self.high {
            self.value += risen;
            self.rate += ramp.rate;
        } else {
            self.risen += risen;
            self.rising += ramp.rate;
            self.ramps.push(ramp);
        }
    }

    /// The level at which the ramps add up to `wanted`: one of the two between which it is searched
    /// where they do nowhere. Uses the ramps up.
    pub(super) fn reach(&mut self, wanted: f64) -> f64 {
        let exact = EXACT.max(wanted.abs() * EXACT_PART);
        let missing = wanted - self.value - self.risen;
        if missing <= exact {
            return self.low;
        }
        let mut guess = self.low + missing / (self.rate + self.rising);
        let mut may_guess = true;
        while let Some(between) = self.a_start_or_end() {
            let is_guess = may_guess && guess > self.low && guess < self.high;
            let level = if is_guess { guess } else { between };
            // By slopes alone the search could go back and forth.
            may_guess = !is_guess;
            let (risen, rising) = self.at(level);
            let others = self.value + self.rate * (level - self.low);
            let missing = wanted - others - risen;
            if missing.abs() <= exact {
                return level;
            }
            guess = level + missing / (self.rate + rising);
            if missing > 0.0 {
                (self.low, self.value) = (level, others);
            } else {
                self.high = level;
            }
            self.leave_out();
        }
        if self.rate <= 0.0 {
            return self.low;
        }
        let level = self.low + (wanted - self.value) / self.rate;
        level.max(self.low).min(self.high)
    }

    /// What the ramps that are searched add up to at a level, and how fast that rises.
    fn at(&mut self, level: f64) -> (f64, f64) {
        #[cfg(test)]
        (self.looks += self.ramps.len());
        let (mut value, mut rate) = (0.0, 0.0);
        for ramp in &self.ramps {
            let risen = level - ramp.start;
            value += ramp.rate * risen.max(0.0).min(ramp.span);
            rate += if risen >= 0.0 && risen < ramp.span { ramp.rate } else { 0.0 };
        }
        (value, rate)
    }

    /// Leaves out the ramps that neither start nor end within what is searched. Without branches:
    /// which way each goes cannot be foreseen.
    fn leave_out(&mut self) {
        let (low, high) = (self.low, self.high);
        let mut kept = 0;
        for place in 0..self.ramps.len() {
            let ramp = self.ramps[place];
            let end = ramp.start + ramp.span;
            let is_over = end <= low;
            let is_all_along = !is_over & (ramp.start <= low) & (end >= high);
            let risen = if is_over { ramp.span } else { low - ramp.start };
            self.value += if is_over | is_all_along { ramp.rate * risen } else { 0.0 };
            self.rate += if is_all_along { ramp.rate } else { 0.0 };
            self.ramps[kept] = ramp;
            kept += usize::from(!(is_over | is_all_along | (ramp.start >= high)));
        }
        self.ramps.truncate(kept);
    }

    /// A level within what is searched at which a ramp starts or ends, near the middle of them.
    fn a_start_or_end(&self) -> Option<f64> {
        let last = self.ramps.len().checked_sub(1)?;
        let within = |level: f64| level > self.low && level < self.high;
        let of = |place: usize| {
            let Ramp { start, span, .. } = self.ramps[place];
            if within(start) { start } else { start + span }
        };
        let (one, two, three) = (of(0), of(last / 2), of(last));
        let middle = one.min(two).max(one.max(two).min(three));
        within(middle).then_some(middle)
    }
}

#[cfg(test)]
mod tests;
