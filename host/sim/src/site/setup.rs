//! Owns what an operator would type for a run: the site with its tree, stations, their cards, and
//! which station is where. Must never take another way than the API.

use serde_json::{Value, json};

use super::plan::Plan;
use super::scenario::Scenario;
use crate::load::api::Client;

/// Requests at once.
const AT_ONCE: usize = 8;

/// Sets a site up.
///
/// # Errors
/// What the API says no to.
pub(super) async fn install(
    api: &(String, String),
    plan: &Plan,
    scenario: &Scenario,
) -> Result<(), String> {
    let site = format!("/api/v1/sites/{}", plan.site);
    put(api, vec![(site, plan.site(scenario))]).await?;
    let mut stations = Vec::new();
    let mut homes = Vec::new();
    for place in &plan.places {
        let path = format!("/api/v1/stations/{}", place.identity);
        homes.push((format!("{path}/site"), json!({ "site_id": plan.site })));
        stations.push((path, json!({ "password": place.password })));
        let token = format!("/api/v1/tokens/{}", place.token());
        stations.push((token, json!({ "status": "accepted" })));
    }
    put(api, stations).await?;
    put(api, homes).await
}

async fn put(api: &(String, String), requests: Vec<(String, Value)>) -> Result<(), String> {
    let (address, token) = api;
    let each = requests.len().div_ceil(AT_ONCE).max(1);
    let mut tasks = tokio::task::JoinSet::new();
    for part in requests.chunks(each) {
        let mut client = Client::new(address, Some(token));
        let part = part.to_vec();
        tasks.spawn(async move {
            for (path, body) in part {
                let response = client.request("PUT", &path, Some(&body)).await;
                response.map_err(|error| format!("{path}: {error}"))?.good(&path)?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| error.to_string())??;
    }
    Ok(())
}
