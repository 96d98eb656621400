//! Amounts and taxes.

use crate::{Error, Line, Session, Tax};

fn session() -> Session {
    Session { start: 10, end: 20, periods: vec![], complete: true, attributes: vec![] }
}

#[test]
fn an_amount_is_quantity_times_price() {
    let line = Line::energy(20_450_000, 250_000, &session()).unwrap();
    assert_eq!((line.amount, line.start, line.end), (5_112_500, 10, 20));
    assert_eq!(Line::flat(500_000, &session()).unwrap().amount, 500_000);
    let too_large = Line::energy(u64::MAX, 1, &session());
    assert!(matches!(too_large, Err(Error::InvalidSession(_))));
}

#[test]
fn taxes_go_on_top_or_are_inside() {
    let tax = |name: &str, rate, amount| Tax { name: name.into(), rate, amount };
    let rates = [("GST", 50_000), ("QST", 99_750)];
    let line = Line::flat(1_000_000, &session()).unwrap();
    let on_top = line.clone().plus_taxes(&rates).unwrap();
    assert_eq!(on_top.taxes, [tax("GST", 50_000, 50_000), tax("QST", 99_750, 99_750)]);
    assert!(!on_top.tax_included);
    let line = Line::flat(1_149_750, &session()).unwrap();
    let inside = line.with_taxes_inside(&rates).unwrap();
    assert_eq!(inside.taxes, on_top.taxes);
    assert!(inside.tax_included);
}
