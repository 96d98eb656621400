//! Owns the page at `/`: where the node stands, honest and small, without a script. Until the
//! console exists it is the whole of it. Who comes from elsewhere sees that the node runs and no
//! more: there is no log-in for pages yet. Must never tell a stranger more than that.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Table};
use busbar_engine::store::Range;

use super::guard::{host_of, is_loopback_name};
use super::{App, Listener};
use crate::http::units::{Time, to_decimal};
use crate::node::Status;

/// CDRs that the page shows.
const CDRS: usize = 10;

/// `GET /`.
pub async fn show(
    State(app): State<Arc<App>>,
    Extension(listener): Extension<Arc<Listener>>,
    request: Request,
) -> Response {
    let near = listener.bind.ip().is_loopback() && is_loopback_name(&host_of(&request));
    let status = app.node.status();
    let mut main = String::new();
    let (word, class) = word_of(&status);
    let name = escape(&app.site.name);
    let _ = write!(main, "<h1>{name}</h1><p class=\"{class}\">{word}</p>");
    if near {
        counts(&mut main, &status);
        bills(&mut main, &app).await;
        next_steps(&mut main, &app);
    } else {
        main.push_str(
            "<p>Counts are shown to who asks on this machine. The API needs a token.</p>",
        );
    }
    main.push_str(
        "<nav><a href=\"/api/docs\">API</a> <a href=\"/api/v1/openapi.json\">OpenAPI</a> \
         <a href=\"/metrics\">Metrics</a> <a href=\"/readyz\">Readiness</a></nav>",
    );
    Html(page(&app.site.name, &main)).into_response()
}

/// `GET /style.css`.
pub async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, include_str!("style.css")).into_response()
}

/// A page of ours around a body that is HTML already.
pub(super) fn page(title: &str, main: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><link rel=\"stylesheet\" href=\"/style.css\"></head>\
         <body><main>{main}</main></body></html>",
        escape(title)
    )
}

/// Text as HTML: nothing in it can become markup or leave an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn word_of(status: &Status) -> (String, &'static str) {
    match status {
        Status { draining: true, .. } => ("It is stopping.".into(), "bad"),
        Status { trouble: Some(trouble), .. } => {
            (format!("There is trouble: {}", escape(trouble)), "bad")
        }
        Status { running: false, .. } => ("It is starting.".into(), "bad"),
        Status { low_space: true, .. } => {
            ("The disk is nearly full: no new sessions start.".into(), "bad")
        }
        _ => ("It runs.".into(), "good"),
    }
}

fn counts(main: &mut String, status: &Status) {
    main.push_str("<dl>");
    for (name, count) in [
        ("Stations known", status.stations),
        ("Stations connected", status.connected),
        ("Sessions that run", status.open_sessions),
        ("Sessions held for you", status.held_sessions),
    ] {
        let _ = write!(main, "<div><dt>{name}</dt><dd>{count}</dd></div>");
    }
    main.push_str("</dl>");
}

async fn bills(main: &mut String, app: &App) {
    let prefix = Key { table: Table::Cdr, path: String::new() };
    let range = Range { prefix, after: None, reverse: true, limit: CDRS };
    let rows = app.node.read(move |reader| reader.page(&range)).await;
    main.push_str("<h2>Last bills</h2>");
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            let _ = write!(main, "<p class=\"bad\">{}</p>", escape(&error.to_string()));
            return;
        }
    };
    let cdrs: Vec<_> = rows.iter().filter_map(|(_, row)| row::Cdr::from_row(row).ok()).collect();
    if cdrs.is_empty() {
        main.push_str("<p>None yet. A bill is sealed when a session ends and has settled.</p>");
        return;
    }
    main.push_str(
        "<table><thead><tr><th>Sealed</th><th>Station</th><th>Energy</th><th>To pay</th>\
         <th>CDR</th></tr></thead><tbody>",
    );
    for row::Cdr { sealed } in cdrs {
        let sealed_at = Time(sealed.at).0.to_string();
        let _ = write!(
            main,
            "<tr><td><time datetime=\"{at}\">{at}</time></td><td>{station}</td>\
             <td>{energy} Wh</td><td>{pay}</td><td><code>{cdr}</code></td></tr>",
            at = escape(&sealed_at),
            station = escape(sealed.station.as_str()),
            energy = to_decimal(sealed.energy.0, 3),
            pay = escape(&sealed.totals.payable.to_string()),
            cdr = sealed.cdr,
        );
    }
    main.push_str("</tbody></table>");
}

fn next_steps(main: &mut String, app: &App) {
    let _ = write!(
        main,
        "<h2>Next</h2><p>Stations connect to <code>{}</code>. The token for the API is in \
         <code>admin.token</code> in the data folder. <code>busbar cdr verify --all</code> prices \
         every bill again.</p>",
        escape(&app.site.ocpp)
    );
}
