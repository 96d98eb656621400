//! The golden cases of `tests/golden`, priced natively: the fast loop. The compiled component is
//! tried on the same cases by the host's tests, with the host's own cut.

mod case;

use crate::OcpiPricing;
use busbar_sdk::{Configuration, Error, Line, Pricing};

use case::{Case, Expected};

#[test]
fn every_case_comes_out_as_expected() {
    let cases = case::all();
    assert!(cases.len() > 100, "only {} cases were found", cases.len());
    let wrong: Vec<_> = cases.iter().filter_map(|case| difference(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_line_is_what_a_host_accepts() {
    for case in case::all() {
        let Ok(lines) = priced(&case) else { continue };
        for line in lines {
            let product = i128::from(line.quantity) * i128::from(line.unit_price);
            let per = i128::from(line.unit.per_unit_price());
            let off = (product - i128::from(line.amount) * per).abs();
            assert!(off <= per, "{}: {line:?}", case.id);
            assert!(line.quantity >= 0 && line.start <= line.end, "{}: {line:?}", case.id);
            assert!(case.session.start <= line.start && line.end <= case.session.end);
        }
    }
}

#[test]
fn cuts_that_the_tariff_did_not_ask_for_change_nothing() {
    // Two kinds are not cut where their tariff asks for it, so that one more cut is a change: CDRs
    // of partners, and periods over a change of the clock.
    let is_cut = |case: &Case| !case.id.starts_with("real-") && !case.id.starts_with("dst-");
    for case in case::all().into_iter().filter(is_cut) {
        let once = priced(&case);
        let cut = Case { session: case::cut_in_half(&case.session), ..case };
        match (once, priced(&cut)) {
            (Ok(once), Ok(cut_lines)) => assert_eq!(once, cut_lines, "{}", cut.id),
            (once, cut_lines) => assert_eq!(once.is_ok(), cut_lines.is_ok(), "{}", cut.id),
        }
    }
}

fn priced(case: &Case) -> Result<Vec<Line>, Error> {
    let currency = case.currency.clone();
    let config = Configuration { text: case.tariff.clone(), currency };
    let prepared = OcpiPricing::prepare(&config)?;
    OcpiPricing::price(&prepared.compiled, &case.session)
}

fn difference(case: &Case) -> Result<(), String> {
    let id = &case.id;
    let lines = match (priced(case), &case.expected) {
        (Err(Error::NotApplicable(_)), Expected::NotApplicable) => return Ok(()),
        (Err(error), _) => return Err(format!("{id}: {error:?}")),
        (Ok(lines), Expected::NotApplicable) => return Err(format!("{id}: {lines:?}")),
        (Ok(lines), Expected::Totals { .. }) => lines,
    };
    let Expected::Totals { excl, incl, tolerance } = case.expected else { return Ok(()) };
    let sign = if case.is_credit { -1 } else { 1 };
    let totals = case::totals(&lines);
    for (name, expected, total) in [("excl", excl, totals.0), ("incl", incl, totals.1)] {
        let Some(expected) = expected else { continue };
        let total = total * sign;
        if total.abs_diff(expected) > tolerance {
            return Err(format!("{id}: {name} {total}, expected {expected}: {lines:?}"));
        }
    }
    Ok(())
}
