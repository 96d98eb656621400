//! Owns the comparison of what stations were acknowledged with what the host tells afterwards.
//! Must never take the host's word for what was charged.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::station::Told;
use crate::support::{Api, until};

/// Waits until every charge has its bill, and holds them against what was charged. Says how much
/// there was.
pub(super) fn hold(api: &Api, told: &[Told]) -> String {
    let (mut charges, mut messages, mut commands, mut energy) = (0, 0, 0, 0);
    for told in told {
        one_bill_each(api, told);
        charges += told.charges.len();
        messages += told.messages;
        energy += told.charges.values().map(|charge| charge.wh).sum::<i64>();
        commands += told.commands.len();
        for (data, times) in &told.commands {
            assert_eq!(*times, 1, "{}: the command {data:?} went more than once", told.station);
        }
    }
    format!(
        "{messages} acknowledged messages, {charges} charges of {energy} Wh with one CDR each, \
         {commands} commands came, each once"
    )
}

fn one_bill_each(api: &Api, told: &Told) {
    let station = &told.station;
    let cdrs = until("a CDR of every charge", || {
        let cdrs = api.all(&format!("/api/v1/cdrs?station={station}"));
        let sessions = api.all(&format!("/api/v1/sessions?station={station}"));
        let held = sessions.iter().find(|session| session["state"] == "held");
        assert_eq!(held, None, "nothing was odd");
        (cdrs.len() >= told.charges.len()).then_some(cdrs)
    });
    let mut billed: BTreeMap<String, i64> = BTreeMap::new();
    for cdr in &cdrs {
        let id = cdr["transaction_id"].as_str().unwrap().to_owned();
        assert_eq!(billed.insert(id, wh(&cdr["energy_wh"])), None, "two CDRs: {cdr}");
    }
    let charged: BTreeMap<_, _> =
        told.charges.iter().map(|(id, charge)| (id.clone(), charge.wh)).collect();
    assert_eq!(billed, charged, "{station}: what is billed is what was charged");
    let transactions = api.all(&format!("/api/v1/transactions?station={station}"));
    let known = transactions.iter().map(|transaction| {
        let messages = transaction["message_count"].as_u64().unwrap();
        (transaction["id"].as_str().unwrap().to_owned(), messages)
    });
    let known: BTreeMap<_, _> = known.collect();
    let acknowledged = told.charges.iter().map(|(id, charge)| (id.clone(), charge.messages));
    assert_eq!(known, acknowledged.collect(), "{station}: every acknowledged message is there");
    let sessions = api.all(&format!("/api/v1/sessions?station={station}"));
    let of: BTreeMap<_, _> = sessions
        .iter()
        .map(|session| (session["transaction_id"].as_str().unwrap(), session))
        .collect();
    assert_eq!((of.len(), sessions.len()), (told.charges.len(), told.charges.len()), "{station}");
    if let Some(last) = cdrs.last() {
        let id = last["id"].as_str().unwrap();
        assert_eq!(api.get(&format!("/api/v1/cdrs/{id}/verify"))["verified"], true);
    }
}

/// Whole Wh.
fn wh(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no whole number of Wh"))
}

/// Files beside sled's log: values that were too large for it.
pub(super) fn large_files(folder: &Path) -> usize {
    let sled = folder.join("data/store/sled");
    assert!(sled.join("db").is_file(), "{} is not where sled keeps its log", sled.display());
    std::fs::read_dir(sled.join("blobs")).map_or(0, Iterator::count)
}
