//! Owns the accounts of a run: the stations' names and passwords, made from the seed, and their
//! registration through the operator's API. Must never reach past that API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::Options;
use super::api::Client;
use super::pool::Account;
use super::scenario::Scenario;
use super::script::token_of;
use super::tariffs::CHANGING;
use crate::rng::Rng;

/// Requests at once.
const AT_ONCE: usize = 24;

/// Names and passwords of a run's stations.
pub(super) fn accounts(options: &Options) -> Vec<Account> {
    let scenario = &options.scenario;
    let account = |index: usize| {
        let identity = format!("{}{index:06}", options.prefix);
        let mut rng = Rng::part(options.seed, &identity);
        let password = format!("{:016x}{:08x}", rng.next_u64(), rng.next_u64() >> 32);
        let version = scenario.version(index).subprotocol().to_owned();
        Account { identity, version, password: options.api.is_some().then_some(password) }
    };
    (0..scenario.most()).map(account).collect()
}

/// Registers stations, and a token for each where they will charge; the first of them charge by
/// the changing tariff.
pub(super) async fn register(
    (address, token): &(String, String),
    accounts: &[Account],
    scenario: &Scenario,
) -> Result<(), String> {
    let mut requests: Vec<(String, Value)> = Vec::with_capacity(accounts.len() * 2);
    for (index, account) in accounts.iter().enumerate() {
        let path = format!("/api/v1/stations/{}", account.identity);
        let tariff = (index < scenario.charging()).then_some(CHANGING);
        requests.push((path, json!({ "password": account.password, "tariff_id": tariff })));
        if scenario.charges() {
            let path = format!("/api/v1/tokens/{}", token_of(&account.identity));
            requests.push((path, json!({ "status": "accepted" })));
        }
    }
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let mut client = Client::new(address, Some(token));
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        tasks.spawn(async move {
            while let Some((path, body)) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let response = client.request("PUT", path, Some(body)).await;
                response.map_err(|error| format!("{path}: {error}"))?.good(path)?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    Ok(())
}
