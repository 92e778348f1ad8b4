//! docker's `daemon.json`.
//!
//! <https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file>

use ipnet::IpNet;

use super::json_text;
use super::site_url::{self, ApiPath};
use crate::config::{Daemon, Fault, Insecure, Sourced};

/// Reads what a file says of registries.
pub(super) fn parse(name: &str, text: &str) -> Result<Daemon, Fault> {
    let mut daemon = Daemon::default();
    // docker takes an empty file for one that says nothing.
    if text.trim().is_empty() {
        return Ok(daemon);
    }
    let members = json_text::read(name, text)?.members()?;
    if let Some(mirrors) = members.get("registry-mirrors") {
        for mirror in mirrors.list()? {
            let server = site_url::read(&mirror.string()?, ApiPath::Completed).map_err(|what| mirror.fault(what))?;
            daemon.mirrors.push(Sourced::new(server, mirror.origin()));
        }
    }
    if let Some(insecure) = members.get("insecure-registries") {
        for value in insecure.list()? {
            let text = value.string()?;
            let bare = text.trim_start_matches("http://").trim_start_matches("https://");
            let insecure = match bare.parse::<IpNet>() {
                Ok(net) => Insecure::Net(net),
                Err(_) => Insecure::Registry(
                    bare.parse().map_err(|_| value.fault("expected HOST[:PORT] or a network such as 10.0.0.0/8"))?,
                ),
            };
            daemon.insecure.push(Sourced::new(insecure, value.origin()));
        }
    }
    Ok(daemon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mirrors_and_insecure_registries_and_nothing_else() {
        let text = r#"{
  "debug": true,
  "registry-mirrors": [
    "https://mirror.example",
    "http://10.0.0.1:5000/"
  ],
  "insecure-registries": ["r.example:5000", "10.0.0.0/8"]
}"#;
        let daemon = parse("daemon.json", text).unwrap();
        let mirrors: Vec<String> = daemon
            .mirrors
            .iter()
            .map(|mirror| format!("{:?} {} {}", mirror.value.scheme, mirror.value.registry, mirror.origin))
            .collect();
        assert_eq!(mirrors, ["Https mirror.example daemon.json:4", "Http 10.0.0.1:5000 daemon.json:5"]);
        let insecure: Vec<&Insecure> = daemon.insecure.iter().map(|insecure| &insecure.value).collect();
        assert_eq!(
            insecure,
            [&Insecure::Registry("r.example:5000".parse().unwrap()), &Insecure::Net("10.0.0.0/8".parse().unwrap())]
        );
        assert_eq!(parse("daemon.json", " \n").unwrap(), Daemon::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_key() {
        for (text, expected) in [
            ("{", "daemon.json, line 1, column 1: this is not JSON"),
            ("[]", "daemon.json, line 1: expected an object"),
            ("{\n\"registry-mirrors\": {}}", "daemon.json, line 2, key registry-mirrors: expected a list"),
            ("{\"registry-mirrors\": [\n1]}", "daemon.json, line 2, key registry-mirrors.0: expected a text"),
            ("{\"registry-mirrors\": [\"ftp://x\"]}", "key registry-mirrors.0: expected a URL of http or https"),
            ("{\"insecure-registries\": [\"a b\"]}", "key insecure-registries.0: expected HOST[:PORT] or a network"),
        ] {
            let fault = parse("daemon.json", text).unwrap_err().to_string();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }
}
