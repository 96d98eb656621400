//! Owns what of a frame must never be written down: passwords and credentials (ATTACKS 32).
//! Must never pass a secret because a frame is odd: what cannot be read is not kept.

use std::borrow::Cow;

use serde_json::Value;

const MASK: &str = "***";

/// Keys and variables whose value is a secret (1.6 security extension section 5, 2.x
/// SecurityCtrlr).
const SECRET_NAMES: [&str; 2] = ["authorizationkey", "basicauthpassword"];
/// Where the value of a named key or variable stands.
const VALUE_FIELDS: [&str; 4] = ["value", "attributeValue", "actualValue", "variableAttribute"];

/// A frame's or a payload's text without its secrets: the values of `AuthorizationKey` and
/// `BasicAuthPassword`, every field that is called a password, and the credentials in URLs.
pub fn redact(text: &str) -> Cow<'_, str> {
    if !may_hold_secrets(text) {
        return Cow::Borrowed(text);
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return redact_unreadable(text);
    };
    let (mut clean, mut secrets) = (value, Vec::new());
    walk(&mut clean, &mut secrets);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    // The text stays as it came but for the secrets, where that can be done.
    let mut cut = text.to_owned();
    for (secret, instead) in &secrets {
        let (secret, instead) = (Value::from(secret.as_str()), Value::from(instead.as_str()));
        cut = cut.replace(&secret.to_string(), &instead.to_string());
    }
    let same = serde_json::from_str::<Value>(&cut).is_ok_and(|cut| cut == clean);
    Cow::Owned(if same { cut } else { clean.to_string() })
}

/// A quick look, at every frame: most have nothing of the kind. An escape may hide a letter of a
/// name, and every name of a secret holds one of two words.
fn may_hold_secrets(text: &str) -> bool {
    let begins = |rest: &[u8], word: &[u8]| {
        rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'@' => true,
        b'\\' => bytes.get(at + 1) == Some(&b'u'),
        b'p' | b'P' => begins(&bytes[at..], b"password"),
        b'a' | b'A' => begins(&bytes[at..], b"authorizationkey"),
        _ => false,
    })
}

fn redact_unreadable(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    let named = SECRET_NAMES.iter().any(|name| lower.contains(name));
    if named || lower.contains("password") || text.contains("\\u") {
        return Cow::Owned(format!("(not kept: {} bytes that may hold a secret)", text.len()));
    }
    match without_credentials(text) {
        Some(clean) => Cow::Owned(clean),
        None => Cow::Borrowed(text),
    }
}

/// JSON within a text, as vendors put it into DataTransfer; none where there is nothing to hide.
fn redact_nested(text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    match redact(text) {
        Cow::Owned(clean) => Some(clean),
        Cow::Borrowed(_) => None,
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || name.contains("password")
}

/// True for `{"key": "AuthorizationKey", ...}` and `{"variable": {"name": ...}, ...}`.
fn names_a_secret(object: &serde_json::Map<String, Value>) -> bool {
    let key = object.get("key").or_else(|| object.get("name"));
    let variable = object.get("variable").and_then(|variable| variable.get("name"));
    let names = [key, variable].into_iter().flatten().filter_map(Value::as_str);
    names.into_iter().any(is_secret_name)
}

/// Masks secrets in place, and collects what each was and became.
fn walk(value: &mut Value, secrets: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            if let Some(clean) = redact_nested(text).or_else(|| without_credentials(text)) {
                secrets.push((text.clone(), clean.clone()));
                *text = clean;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, secrets)),
        Value::Object(object) => {
            let named = names_a_secret(object);
            for (field, value) in object.iter_mut() {
                let is_value = named && VALUE_FIELDS.contains(&field.as_str());
                if is_value || is_secret_name(field) {
                    mask(value, secrets);
                } else {
                    walk(value, secrets);
                }
            }
        }
        _ => {}
    }
}

/// Masks every text and number below.
fn mask(value: &mut Value, secrets: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            secrets.push((text.clone(), MASK.into()));
            *text = MASK.into();
        }
        Value::Number(number) => {
            secrets.push((number.to_string(), MASK.into()));
            *value = MASK.into();
        }
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, secrets)),
        Value::Object(object) => object.values_mut().for_each(|value| mask(value, secrets)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// `scheme://user:password@host` without what stands before the host; none where there is none.
fn without_credentials(text: &str) -> Option<String> {
    let (mut clean, mut rest, mut found) = (String::new(), text, false);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(['/', '?', '#', ' ', '"']).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(host) => {
                found = true;
                clean.push_str(MASK);
                rest = &after[host..];
            }
            None => rest = after,
        }
    }
    clean.push_str(rest);
    found.then_some(clean)
}

#[cfg(test)]
mod tests;
