//! containers' `policy.json`.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md>

use super::json_text::{self, Value};
use crate::config::{Fault, Policy, Requirement, Sourced};

/// Reads the rules for registries. What is not known is an error: it may be a rule that forbids.
pub(super) fn parse(name: &str, text: &str) -> Result<Policy, Fault> {
    let root = json_text::read(name, text)?;
    let members = root.members()?;
    if let Some((_, unknown)) = members.iter().find(|(key, _)| !["default", "transports"].contains(&key.as_str())) {
        return Err(unknown.fault("nothing has this name"));
    }
    let default = members.get("default").ok_or_else(|| root.fault("the key default is missing"))?;
    let mut policy = Policy::new(requirement(default)?);
    let transports = members.get("transports").map(Value::members).transpose()?.unwrap_or_default();
    if let Some(docker) = transports.get("docker") {
        for (scope, value) in docker.members()? {
            policy.scopes.insert(scope, requirement(&value)?);
        }
    }
    Ok(policy)
}

/// Reads a list of requirements, all of which must be met.
fn requirement(value: &Value<'_>) -> Result<Sourced<Requirement>, Fault> {
    let list = value.list()?;
    if list.is_empty() {
        return Err(value.fault("the list is empty: it says neither yes nor no"));
    }
    let mut whole = Sourced::new(Requirement::Nothing, value.origin());
    for item in list {
        let members = item.members()?;
        let kind = members.get("type").ok_or_else(|| item.fault("the key type is missing"))?;
        let requirement = match kind.string()?.as_str() {
            "insecureAcceptAnything" => Requirement::Nothing,
            "reject" => Requirement::Reject,
            signed @ ("signedBy" | "signedBaseLayer" | "sigstoreSigned") => Requirement::Signature(signed.to_owned()),
            _ => return Err(kind.fault("this type of requirement is not known")),
        };
        let rank = |requirement: &Requirement| match requirement {
            Requirement::Nothing => 0,
            Requirement::Signature(_) => 1,
            Requirement::Reject => 2,
        };
        if rank(&requirement) > rank(&whole.value) {
            whole = Sourced::new(requirement, item.origin());
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_a_list_decides() {
        let text = r#"{
  "default": [{"type": "reject"}],
  "transports": {
    "docker": {
      "": [{"type": "insecureAcceptAnything"}],
      "r.example": [
        {"type": "insecureAcceptAnything"},
        {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}
      ],
      "s.example": [{"type": "sigstoreSigned"}, {"type": "reject"}]
    },
    "oci": {"": [{"type": "reject"}]}
  }
}"#;
        let policy = parse("policy.json", text).unwrap();
        assert_eq!(policy.default.value, Requirement::Reject);
        assert_eq!(policy.default.origin.to_string(), "policy.json:2");
        let told: Vec<String> = policy
            .scopes
            .iter()
            .map(|(scope, sourced)| format!("{scope:?} {:?} {}", sourced.value, sourced.origin))
            .collect();
        assert_eq!(
            told,
            [
                "\"\" Nothing policy.json:5",
                "\"r.example\" Signature(\"signedBy\") policy.json:8",
                "\"s.example\" Reject policy.json:10"
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_key() {
        for (text, expected) in [
            ("", "policy.json, line 1, column 0: this is not JSON"),
            ("{}", "policy.json, line 1: the key default is missing"),
            ("{\"default\": []}", "key default: the list is empty"),
            ("{\"default\": [{}]}", "key default.0: the key type is missing"),
            ("{\"default\":\n[{\"type\": \"trust\"}]}", "line 2, key default.0.type: this type of requirement"),
            ("{\"default\": [{\"type\": \"reject\"}], \"transport\": {}}", "key transport: nothing has this name"),
            (
                "{\"default\": [{\"type\": \"reject\"}], \"transports\": {\"docker\": {\"a\": {}}}}",
                "key transports.docker.a: expected a list",
            ),
        ] {
            let fault = parse("policy.json", text).unwrap_err().to_string();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }
}
