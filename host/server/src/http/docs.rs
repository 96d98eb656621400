//! Owns the page at `/api/docs`: the OpenAPI document for people, made on the server, without a
//! script and without anything from elsewhere. Must never say what the document does not.

use std::fmt::Write;

use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::api;
use super::problem::Kind;
use super::status_page::{escape, page};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// `GET /api/docs`.
pub async fn show() -> Response {
    let document = serde_json::to_value(api::openapi()).unwrap_or_default();
    let mut main = String::new();
    introduction(&mut main, &document);
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or("");
        let about = text(&tag["description"]);
        let _ = write!(main, "<h2 id=\"{0}\">{0}</h2><p>{about}</p>", escape(name));
        operations(&mut main, &document, name);
    }
    problems(&mut main);
    schemas(&mut main, &document);
    Html(page("Busbar API", &main)).into_response()
}

fn introduction(main: &mut String, document: &Value) {
    let info = &document["info"];
    let _ = write!(
        main,
        "<h1>{} API</h1><p>{}</p><p>As a file: <a href=\"/api/v1/openapi.json\">openapi.json</a>.\
         </p><pre>TOKEN=$(cat busbar-data/admin.token)\n\
         curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/api/v1/stations</pre>",
        text(&info["title"]),
        text(&info["description"]),
    );
}

fn operations(main: &mut String, document: &Value, tag: &str) {
    let paths = document["paths"].as_object();
    for (path, item) in paths.into_iter().flatten() {
        for method in METHODS {
            let operation = &item[method];
            let tags = operation["tags"].as_array().into_iter().flatten();
            if tags.filter_map(Value::as_str).any(|name| name == tag) {
                section(main, path, method, operation);
            }
        }
    }
}

fn section(main: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        main,
        "<section><h3><span class=\"method\">{}</span><code>{}</code></h3><p>{} {}</p>",
        method.to_uppercase(),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    );
    let parameters: Vec<&Value> =
        operation["parameters"].as_array().into_iter().flatten().collect();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !parameters.is_empty() || !body.is_null() {
        main.push_str("<table><tbody>");
        for parameter in parameters {
            row(main, &parameter["in"], &parameter["name"], &parameter["schema"], parameter);
        }
        if !body.is_null() {
            row(main, &Value::from("body"), &Value::from(""), body, &operation["requestBody"]);
        }
        main.push_str("</tbody></table>");
    }
    let mut answers = Vec::new();
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let schema = answer["content"].as_object().and_then(|content| content.values().next());
        let schema = schema.map(|content| kind(&content["schema"])).unwrap_or_default();
        answers.push(format!("<code>{}</code> {schema}", escape(status)));
    }
    let _ = write!(main, "<p>{}</p></section>", answers.join(" · "));
}

fn row(main: &mut String, place: &Value, name: &Value, schema: &Value, about: &Value) {
    let _ = write!(
        main,
        "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
        text(place),
        text(name),
        kind(schema),
        text(&about["description"]),
    );
}

/// A schema in a word or two, with a link to the ones that have a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(list) = schema[choice].as_array() {
            let kinds = list.iter().filter(|one| one["type"] != "null").map(kind);
            return kinds.collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().filter_map(Value::as_str).map(escape);
        return values.collect::<Vec<_>>().join(" | ");
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => "any".into(),
    };
    match (&*name, &schema["items"]) {
        ("array", items) => format!("list of {}", kind(items)),
        (name, _) => escape(name),
    }
}

fn problems(main: &mut String) {
    main.push_str("<h2 id=\"problems\">Problems</h2><table><tbody>");
    for kind in Kind::ALL {
        let _ = write!(
            main,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
            kind.status().as_u16(),
            escape(&kind.urn()),
            escape(kind.title()),
        );
    }
    main.push_str("</tbody></table>");
}

fn schemas(main: &mut String, document: &Value) {
    main.push_str("<h2 id=\"schemas\">Schemas</h2>");
    let schemas = document["components"]["schemas"].as_object();
    for (name, schema) in schemas.into_iter().flatten() {
        let _ = write!(
            main,
            "<section id=\"schema-{0}\"><h3><code>{0}</code></h3><p>{1}</p>",
            escape(name),
            text(&schema["description"]),
        );
        match schema["properties"].as_object() {
            Some(properties) => {
                main.push_str("<table><tbody>");
                for (name, schema) in properties {
                    let _ = write!(
                        main,
                        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                        escape(name),
                        kind(schema),
                        text(&schema["description"]),
                    );
                }
                main.push_str("</tbody></table>");
            }
            None => {
                let _ = write!(main, "<p>{}</p>", kind(schema));
            }
        }
        main.push_str("</section>");
    }
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or(""))
}
