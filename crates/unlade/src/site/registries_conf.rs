//! containers' `registries.conf` and its drop-ins.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md>

use std::collections::BTreeMap;

use super::toml_text::{Table, read};
use crate::config::{Capabilities, Fault, MirrorRule, RegistriesConf, Rule, Sourced};
use crate::spec::reference::short_name;

/// Reads one file and adds what it says to what those before it said: a later rule replaces that of the same prefix.
pub(super) fn add(conf: &mut RegistriesConf, name: &str, text: &str) -> Result<(), Fault> {
    read(name, text, |root| {
        refuse_version_1(&root)?;
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        for table in root.tables("registry", "registry")? {
            let rule = rule(&table)?;
            if let Some(other) = rules.get(&rule.prefix) {
                agree(&table, other, &rule)?;
            }
            rules.insert(rule.prefix.clone(), rule);
        }
        let search = root.strings("unqualified-search-registries")?;
        let aliases = aliases(&root)?;
        conf.rules.retain(|rule| !rules.contains_key(&rule.prefix));
        conf.rules.extend(rules.into_values());
        if search.is_some() {
            conf.short_names.search = search;
        }
        for (name, alias) in aliases {
            // An empty one takes an earlier one back.
            if alias.value.is_empty() {
                conf.short_names.aliases.remove(&name);
            } else {
                conf.short_names.aliases.insert(name, alias);
            }
        }
        Ok(())
    })
}

fn refuse_version_1(root: &Table<'_>) -> Result<(), Fault> {
    if root.has("registries") {
        let text = "this is version 1 of registries.conf, which is not read: write [[registry]] tables of version 2";
        return Err(root.fault_of("registries", text));
    }
    Ok(())
}

/// Two tables of one prefix in a file must say the same, as podman wants it.
fn agree(table: &Table<'_>, one: &Rule, other: &Rule) -> Result<(), Fault> {
    let conflict =
        |key: &str| Err(table.fault_of(key, &format!("{} has said something else of {}", one.origin, one.prefix)));
    if one.is_insecure() != other.is_insecure() {
        return conflict("insecure");
    }
    if one.blocks().is_some() != other.blocks().is_some() {
        return conflict("blocked");
    }
    Ok(())
}

fn rule(table: &Table<'_>) -> Result<Rule, Fault> {
    let location = place(table, "location")?;
    let prefix = place(table, "prefix")?;
    let name = match (&prefix, &location) {
        (Some(prefix), None) if !prefix.starts_with("*.") => {
            return Err(table.fault_of("prefix", "a location is missing: only a prefix of *.DOMAIN needs none"));
        }
        (Some(prefix), _) => prefix.clone(),
        (None, Some(location)) => location.clone(),
        (None, None) => return Err(table.fault("location and prefix are missing")),
    };
    let path = name.split_once('/').map_or("", |(_, path)| path);
    if path.contains([':', '@']) {
        return Err(table.fault_of("prefix", "a rule for one tag or digest alone is not supported"));
    }
    if name.strip_prefix("*.").unwrap_or(&name).contains('*') {
        return Err(table.fault_of("prefix", "a wildcard stands at the beginning alone: *.DOMAIN"));
    }
    if table.has("pull-from-mirror") {
        return Err(table.fault_of("pull-from-mirror", "this belongs into a [[registry.mirror]]"));
    }
    let mut rule = Rule::new(name, table.origin());
    rule.location = location;
    rule.insecure = table.bool("insecure")?;
    rule.blocked = table.bool("blocked")?;
    let by_digest = table.bool("mirror-by-digest-only")?.is_some_and(|only| only.value);
    for mirror in table.tables("mirror", "registry.mirror")? {
        rule.mirrors.push(self::mirror(&mirror, by_digest)?);
    }
    Ok(rule)
}

fn mirror(table: &Table<'_>, by_digest: bool) -> Result<MirrorRule, Fault> {
    let location = place(table, "location")?.ok_or_else(|| table.fault("a location is missing"))?;
    let from = table.string("pull-from-mirror")?;
    let capabilities = match from.as_ref().map(|from| from.value.as_str()) {
        Some(from) if by_digest && !from.is_empty() => {
            return Err(table.fault_of("pull-from-mirror", "mirror-by-digest-only of the registry contradicts it"));
        }
        None | Some("") if by_digest => Capabilities::DIGESTS,
        None | Some("" | "all") => Capabilities::ALL,
        Some("digest-only") => Capabilities::DIGESTS,
        Some("tag-only") => Capabilities::TAGS,
        Some(_) => return Err(table.fault_of("pull-from-mirror", "expected all, digest-only or tag-only")),
    };
    let insecure = table.bool("insecure")?.is_some_and(|insecure| insecure.value);
    Ok(MirrorRule::new(location, insecure, capabilities, table.origin()))
}

/// Reads `HOST[:PORT][/PATH]`.
fn place(table: &Table<'_>, key: &str) -> Result<Option<String>, Fault> {
    let Some(Sourced { value, .. }) = table.string(key)? else {
        return Ok(None);
    };
    let value = value.trim_end_matches('/');
    if value.is_empty() {
        return Ok(None);
    }
    if value.contains("://") {
        return Err(table.fault_of(key, "expected HOST[:PORT][/PATH] without a scheme"));
    }
    if value.contains(char::is_whitespace) {
        return Err(table.fault_of(key, "expected HOST[:PORT][/PATH]"));
    }
    Ok(Some(value.to_owned()))
}

fn aliases(root: &Table<'_>) -> Result<BTreeMap<String, Sourced<String>>, Fault> {
    let Some(table) = root.table("aliases", "aliases")? else {
        return Ok(BTreeMap::new());
    };
    let mut aliases = BTreeMap::new();
    for (name, _) in table.keys() {
        let Some(alias) = table.string(name)? else { continue };
        if short_name(name).is_none_or(|(_, rest)| !rest.is_empty()) {
            return Err(table.fault_of(name, "an alias is a name without registry, tag and digest"));
        }
        let target = alias.value.as_str();
        let names_a_registry =
            short_name(target).is_none() && target.parse::<crate::spec::reference::Repository>().is_ok();
        if !target.is_empty() && !names_a_registry {
            return Err(table.fault_of(name, "an alias stands for HOST/REPOSITORY, without tag and digest"));
        }
        aliases.insert(name.to_owned(), alias);
    }
    Ok(aliases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(files: &[&str]) -> Result<RegistriesConf, Fault> {
        let mut conf = RegistriesConf::default();
        for (number, text) in files.iter().enumerate() {
            add(&mut conf, &format!("f{number}"), text)?;
        }
        Ok(conf)
    }

    #[test]
    fn reads_what_the_manual_page_shows() {
        let conf = conf(&[r#"
unqualified-search-registries = ["example.com"]

[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = true
location = "internal-registry-for-example.com/bar"

[[registry.mirror]]
location = "example-mirror-0.local/mirror-for-foo"
pull-from-mirror = "digest-only"

[[registry.mirror]]
location = "example-mirror-1.local/mirrors/foo/"
insecure = true

[[registry]]
prefix = "*.corp.example"
insecure = true

[aliases]
"disk" = "quay.io/acme/disk"
"#])
        .unwrap();
        let [wild, named] = conf.rules.as_slice() else { panic!("{:?}", conf.rules) };
        assert_eq!((wild.prefix.as_str(), &wild.location, wild.is_insecure()), ("*.corp.example", &None, true));
        assert_eq!(named.location.as_deref(), Some("internal-registry-for-example.com/bar"));
        assert_eq!(named.blocks().unwrap().to_string(), "f0:7");
        assert_eq!(named.origin.to_string(), "f0:4");
        let mirrors: Vec<_> = named
            .mirrors
            .iter()
            .map(|mirror| (mirror.location.as_str(), mirror.insecure, mirror.capabilities))
            .collect();
        assert_eq!(
            mirrors,
            [
                ("example-mirror-0.local/mirror-for-foo", false, Capabilities::DIGESTS),
                ("example-mirror-1.local/mirrors/foo", true, Capabilities::ALL)
            ]
        );
        assert_eq!(conf.short_names.search.unwrap().value, ["example.com"]);
        assert_eq!(conf.short_names.aliases["disk"].origin.to_string(), "f0:23");
    }

    #[test]
    fn later_files_replace_what_earlier_ones_say_of_the_same() {
        let first = r#"
unqualified-search-registries = ["a.example"]
registry = [{ location = "r.example", insecure = true }, { location = "s.example" }]
[aliases]
a = "a.example/a"
b = "a.example/b"
"#;
        let second = r#"
unqualified-search-registries = []
registry = [{ location = "r.example", blocked = true }]
[aliases]
a = ""
b = "b.example/b"
"#;
        let conf = conf(&[first, second]).unwrap();
        let rules: Vec<_> =
            conf.rules.iter().map(|rule| (rule.prefix.as_str(), rule.is_insecure(), rule.blocks().is_some())).collect();
        assert_eq!(rules, [("s.example", false, false), ("r.example", false, true)]);
        assert!(conf.short_names.search.unwrap().value.is_empty());
        let aliases: Vec<_> = conf.short_names.aliases.iter().map(|(name, to)| (name.as_str(), &*to.value)).collect();
        assert_eq!(aliases, [("b", "b.example/b")]);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_key() {
        for (text, expected) in [
            ("x = ", "f0, line 1: this is not TOML: "),
            (
                "[registries.search]\nregistries = []",
                "f0, line 1, key registries: this is version 1 of registries.conf",
            ),
            ("[[registry]]\ninsecure = true", "f0, line 1, key registry: location and prefix are missing"),
            ("\n[[registry]]\nlocation = 1", "f0, line 3, key registry.location: expected a text"),
            ("[registry]\nlocation = 'a'", "f0, line 1, key registry: expected tables: [[...]]"),
            ("[[registry]]\nlocation='a'\ninsecure='yes'", "f0, line 3, key registry.insecure: expected true or false"),
            ("[[registry]]\nlocation='https://a'", "f0, line 2, key registry.location: expected HOST[:PORT][/PATH]"),
            ("[[registry]]\nprefix='a.b'", "f0, line 2, key registry.prefix: a location is missing"),
            ("[[registry]]\nlocation='a/b:v1'", "key registry.prefix: a rule for one tag or digest alone"),
            ("[[registry]]\nlocation='a.*.b'", "key registry.prefix: a wildcard stands at the beginning alone"),
            (
                "[[registry]]\nlocation='a'\npull-from-mirror='all'",
                "line 3, key registry.pull-from-mirror: this belongs",
            ),
            ("[[registry]]\nlocation='a'\n[[registry.mirror]]", "line 3, key registry.mirror: a location is missing"),
            (
                "[[registry]]\nlocation='a'\n[[registry.mirror]]\nlocation='b'\npull-from-mirror='x'",
                "line 5, key registry.mirror.pull-from-mirror: expected all, digest-only or tag-only",
            ),
            (
                "[[registry]]\nlocation='a'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='b'\n\
                 pull-from-mirror='all'",
                "line 6, key registry.mirror.pull-from-mirror: mirror-by-digest-only of the registry contradicts it",
            ),
            (
                "[[registry]]\nlocation='a'\n[[registry]]\nlocation='a'\nblocked=true",
                "line 5, key registry.blocked: f0:1 has said something else of a",
            ),
            ("[aliases]\n'a:v1'='b.c/d'", "line 2, key aliases.a:v1: an alias is a name without registry"),
            ("[aliases]\na='b'", "line 2, key aliases.a: an alias stands for HOST/REPOSITORY"),
            ("unqualified-search-registries='a'", "key unqualified-search-registries: expected a list of texts"),
        ] {
            let fault = conf(&[text]).unwrap_err().to_string();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }
}
