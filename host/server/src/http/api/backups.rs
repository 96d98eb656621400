//! `backups`: copies the running host into a folder of its data folder. Where a backup stands is
//! the host's choice, so that nobody writes elsewhere over the API. Must never take a path from a
//! client.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::backup;
use crate::http::App;
use crate::http::problem::{Kind, Problem, ProblemDetails};

/// A backup that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Backup {
    /// The folder, on the host's machine.
    folder: String,
    /// Facts in it.
    facts: u64,
    /// The newest block of the log in it.
    last_block: u64,
}

/// Makes a backup while the host runs: store, plugins, configuration and keys.
#[utoipa::path(
    post, path = "/api/v1/backups", tag = "host",
    responses((status = 201, body = Backup), (status = 503, body = ProblemDetails)),
)]
pub async fn make(
    State(app): State<Arc<App>>,
) -> Result<(StatusCode, axum::Json<Backup>), Problem> {
    let Some((copy, data, config)) = app.backup.clone() else {
        return Err(Kind::Unavailable.because("this host was started without a store to back up"));
    };
    let name = crate::clock::now().to_string().replace(':', "-");
    let made = tokio::task::spawn_blocking(move || {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a backup failed");
            Kind::Internal.because("the backup failed: see the log")
        };
        let folder = backup::make_folder(&data, &name).map_err(|error| failed(&error))?;
        let files = backup::files(&data, config.as_deref()).map_err(|error| failed(&error))?;
        let manifest = copy(&folder, &files).map_err(|error| failed(&error))?;
        backup::keep_private(&folder).map_err(|error| failed(&error))?;
        let (facts, last_block) = (manifest.facts, manifest.last_block);
        Ok(Backup { folder: folder.display().to_string(), facts, last_block })
    });
    let made: Result<Backup, Problem> =
        made.await.map_err(|_| Kind::Internal.because("the backup failed: see the log"))?;
    Ok((StatusCode::CREATED, axum::Json(made?)))
}
