//! `plugins`: what may price. A component is checked, compiled and kept before the core hears of
//! it. Must never let the core hear of bytes that are not kept.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busbar_charging::input::Request;
use busbar_charging::row;
use busbar_charging::subject::{Subject, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PATIENCE, listed};
use crate::http::App;
use crate::http::body::{Json, Query};
use crate::http::guard::Caller;
use crate::http::page::{Listing, Page, PageQuery};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;
use crate::plugins::{installed, is_allowed};

/// The largest upload: a component of about 24 MiB.
const LARGEST: usize = 32 << 20;

/// A plugin that is installed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plugin {
    name: String,
    version: String,
    /// Its world: `pricing`.
    world: String,
    /// SHA-256 of its bytes.
    hash: String,
    installed_at: Time,
}

/// A plugin to install.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginUpload {
    /// The text of its `plugin.toml`.
    manifest: String,
    /// The bytes of its `plugin.wasm`, in base64.
    component: String,
}

/// What was installed.
#[derive(Debug, Serialize, ToSchema)]
pub struct PluginDone {
    name: String,
    version: String,
    world: String,
    /// SHA-256 of its bytes.
    hash: String,
}

/// Lists plugins by name.
#[utoipa::path(
    get, path = "/api/v1/plugins", tag = "tariffs", params(PageQuery),
    responses((status = 200, body = Page<Plugin>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Plugin>>, Problem> {
    let listing = Listing::new(Table::Plugin, "", false, query.limit, query.cursor.as_deref())?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| listed::<row::Plugin>(key, row).map(Plugin::from))
    });
    Ok(axum::Json(page.await?))
}

/// Installs a plugin, or another version of it. Tariffs keep the bytes that they were made with.
#[utoipa::path(
    post, path = "/api/v1/plugins", tag = "tariffs", request_body = PluginUpload,
    responses((status = 201, body = PluginDone), (status = 422, body = ProblemDetails)),
)]
pub async fn install(
    State(app): State<Arc<App>>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(upload): Json<PluginUpload, LARGEST>,
) -> Result<(StatusCode, axum::Json<PluginDone>), Problem> {
    let component = STANDARD.decode(&upload.component).map_err(|_| {
        let detail = "this is not base64";
        Kind::InvalidBody.because(format!("/component: {detail}")).at("/component", detail)
    })?;
    is_allowed(&component, app.allow_unsigned).map_err(|why| Kind::InvalidPlugin.because(why))?;
    let manifest = upload.manifest;
    let kept = app.node.with_plugins(move |plugins| plugins.keep(&manifest, &component)).await?;
    let kept = kept.map_err(|why| Kind::InvalidPlugin.because(why))?;
    let request = Request::InstallPlugin(Box::new(installed(kept.clone(), actor.clone())));
    app.node.ask(Subject::Network, actor, request, PATIENCE).await?;
    let done = PluginDone {
        name: kept.name,
        version: kept.version,
        world: kept.world,
        hash: kept.hash.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(done)))
}

impl From<row::Plugin> for Plugin {
    fn from(row::Plugin { installed }: row::Plugin) -> Self {
        Self {
            name: installed.name.into(),
            version: installed.version.into(),
            world: installed.world.into(),
            hash: installed.hash.to_string(),
            installed_at: Time(installed.at),
        }
    }
}
