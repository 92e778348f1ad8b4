//! The document in which registries and token servers say what is wrong.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::text::sanitise;

/// More errors than this say nothing more.
const MAX_ERRORS: usize = 16;

/// Longer texts are cut: they are for people, and come from a server.
const MAX_TEXT: usize = 512;

/// One error in a server's own words, fit to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiError {
    /// The code, such as `MANIFEST_UNKNOWN`; empty if there is none.
    pub code: String,
    /// What it says to people; empty if it says nothing.
    pub message: String,
    /// What else there is, as compact text.
    pub detail: Option<String>,
}

impl ApiError {
    /// Says whether it has this code.
    pub fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message),
            (code, "") => f.write_str(code),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

/// Reads an error document, of whatever shape; what is none holds no errors.
///
/// Known are the distribution specification's `errors`, `OAuth2`'s `error` and
/// `error_description`, and the `details` of Docker Hub's token server.
pub fn parse(body: &[u8]) -> Vec<ApiError> {
    parse_cleaned(body, &str::to_owned)
}

/// Reads an error document as [`parse`] does, and cleans each text before it is cut.
pub(crate) fn parse_cleaned(body: &[u8], clean: &dyn Fn(&str) -> String) -> Vec<ApiError> {
    let words = |value: &Value| words(value, clean);
    let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    if let Some(Value::Array(errors)) = document.get("errors") {
        return errors.iter().take(MAX_ERRORS).filter_map(|error| entry(error, &words)).collect();
    }
    let code = document.get("error").or_else(|| document.get("code")).map(words).unwrap_or_default();
    let message = ["error_description", "message", "details", "detail"]
        .iter()
        .find_map(|key| document.get(*key))
        .map(words)
        .unwrap_or_default();
    if code.is_empty() && message.is_empty() { Vec::new() } else { vec![ApiError { code, message, detail: None }] }
}

fn entry(value: &Value, words: &dyn Fn(&Value) -> String) -> Option<ApiError> {
    let code = value.get("code").map(words).unwrap_or_default();
    let message = value.get("message").map(words).unwrap_or_default();
    let detail = value.get("detail").filter(|detail| !detail.is_null()).map(words).filter(|text| !text.is_empty());
    (!code.is_empty() || !message.is_empty() || detail.is_some()).then_some(ApiError { code, message, detail })
}

fn words(value: &Value, clean: &dyn Fn(&str) -> String) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    clean(&sanitise(&text)).chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_registries_and_token_servers_say() {
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
                vec!["MANIFEST_UNKNOWN: manifest unknown"],
            ),
            (r#"{"errors":[{"code":"DENIED"},{"message":"no"},{}, 7]}"#, vec!["DENIED", "no"]),
            (r#"{"errors":[{"code":404,"message":null}]}"#, vec!["404"]),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#, vec!["invalid_grant: expired"]),
            (r#"{"details":"incorrect username or password"}"#, vec!["incorrect username or password"]),
            (r#"{"errors":[{"message":"\u001b[2Jgone\nreally"}]}"#, vec!["[2Jgone really"]),
            ("<html>", vec![]),
            ("[]", vec![]),
            ("", vec![]),
        ] {
            let found: Vec<String> = parse(body.as_bytes()).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{body}");
        }
    }

    #[test]
    fn a_flood_is_cut() {
        let entry = format!(r#"{{"message":"{}"}}"#, "x".repeat(10_000));
        let body = format!(r#"{{"errors":[{}]}}"#, vec![entry; 100].join(","));
        let errors = parse(body.as_bytes());
        assert_eq!(errors.len(), MAX_ERRORS);
        assert_eq!(errors[0].message.len(), MAX_TEXT);
    }

    proptest! {
        #[test]
        fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&body);
        }

        #[test]
        fn what_is_read_is_plain_and_short(
            key in "errors|error|code|message|details",
            text in r#""(\PC|\\n|\\u001b|\\u202e){0,700}"|null|7|\{"a":"\\u009b"\}"#,
        ) {
            let body = format!(r#"{{"{key}":[{{"code":{text},"message":{text},"detail":{text}}}],"error":{text},"code":{text}}}"#);
            for error in parse(body.as_bytes()) {
                for part in [Some(&error.code), Some(&error.message), error.detail.as_ref()].into_iter().flatten() {
                    prop_assert!(crate::spec::text::is_plain(part), "{:?}", part);
                    prop_assert!(part.chars().count() <= MAX_TEXT);
                }
            }
        }
    }
}
