//! Owns who holds when several do. Must never leave a gap where one holds, nor an overlap.

use std::collections::{BTreeMap, BTreeSet};

use busbar_charging::units::Timestamp;

/// Something that holds for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<R, T> {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// The smallest holds.
    pub(super) rank: R,
    pub(super) value: T,
}

/// What holds when, in order of time and without an overlap. Of equal ranks the first one holds.
pub(super) fn resolve<R: Ord + Copy, T: Copy + PartialEq>(
    spans: Vec<Span<R, T>>,
) -> Vec<(Timestamp, Timestamp, T)> {
    let mut ends: BTreeMap<Timestamp, Vec<(bool, usize)>> = BTreeMap::new();
    for (index, span) in spans.iter().enumerate().filter(|(_, span)| span.from < span.until) {
        ends.entry(span.from).or_default().push((true, index));
        ends.entry(span.until).or_default().push((false, index));
    }
    let mut active = BTreeSet::new();
    let mut resolved: Vec<(Timestamp, Timestamp, T)> = Vec::new();
    let mut open: Option<(Timestamp, T)> = None;
    for (at, changes) in ends {
        for (begins, index) in changes {
            let Some(span) = spans.get(index) else { continue };
            if begins {
                active.insert((span.rank, index));
            } else {
                active.remove(&(span.rank, index));
            }
        }
        let first = active.first().and_then(|(_, index)| spans.get(*index));
        let holds = first.map(|span| span.value);
        if open.map(|(_, value)| value) == holds {
            continue;
        }
        resolved.extend(open.map(|(from, value)| (from, at, value)));
        open = holds.map(|value| (at, value));
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_rank_holds_and_nothing_overlaps() {
        let span = |(from, until, rank, value): (i64, i64, u8, char)| Span {
            from: Timestamp(from),
            until: Timestamp(until),
            rank,
            value,
        };
        for (spans, expected) in [
            (vec![], ""),
            (vec![(0, 10, 5, 'a')], "0a10"),
            (vec![(0, 10, 5, 'a'), (2, 4, 1, 'b')], "0a2 2b4 4a10"),
            (vec![(0, 10, 1, 'a'), (2, 4, 5, 'b')], "0a10"),
            (vec![(0, 4, 1, 'a'), (2, 10, 5, 'b')], "0a4 4b10"),
            (vec![(0, 4, 1, 'a'), (4, 8, 5, 'a')], "0a8"),
            (vec![(0, 4, 1, 'a'), (6, 8, 5, 'a')], "0a4 6a8"),
            (vec![(0, 8, 1, 'a'), (0, 8, 1, 'b')], "0a8"),
            (vec![(8, 8, 1, 'a'), (9, 3, 1, 'b')], ""),
        ] {
            let shown: Vec<_> = resolve(spans.iter().copied().map(span).collect())
                .iter()
                .map(|(from, until, value)| format!("{}{value}{}", from.0, until.0))
                .collect();
            assert_eq!(shown.join(" "), expected, "{spans:?}");
        }
    }
}
