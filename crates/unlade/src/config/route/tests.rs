use super::super::host_table::Server;
use super::super::origin::Sourced;
use super::*;
use crate::config::{
    Capabilities, CertificateFolder, Certificates, HostEntry, HostSettings, HostTable, Insecure, MirrorRule, Pem,
};

fn at(line: usize) -> Origin {
    Origin::line("f", line)
}

fn repository(text: &str) -> Repository {
    text.parse().unwrap()
}

/// What a route says: each place, and how it is spoken to.
fn places(route: &Route) -> Vec<String> {
    let place = |endpoint: &Endpoint| {
        let Endpoint { standing, scheme, registry, prefix, repository, .. } = endpoint;
        format!("{standing:?} {scheme:?} {registry}{prefix}/{repository}")
    };
    route.endpoints.iter().map(place).collect()
}

fn routed(sites: &Sites, text: &str) -> Vec<String> {
    places(&sites.route(&repository(text)).unwrap())
}

fn conf(rules: Vec<Rule>) -> Sites {
    let mut sites = Sites::default();
    sites.registries.as_mut().unwrap().rules = rules;
    sites
}

fn rule(prefix: &str, location: &str) -> Rule {
    let mut rule = Rule::new(prefix, at(1));
    rule.location = Some(location.to_owned());
    rule
}

fn table(host: &str) -> HostTable {
    let server = |text: &str| Server::new(Scheme::Https, text.parse().unwrap(), "/v2");
    let entries = vec![
        HostEntry::new(Standing::Mirror, Some(server("hosts-mirror.example")), at(2)),
        HostEntry::new(Standing::Registry, None, at(1)),
    ];
    HostTable::new(host, Ok(entries))
}

#[test]
fn without_files_a_repository_is_where_its_name_says() {
    let sites = Sites::default();
    assert_eq!(routed(&sites, "r.example:5000/x/y"), ["Registry Presumed r.example:5000/v2/x/y"]);
    assert_eq!(routed(&sites, "alpine"), ["Registry Presumed docker.io/v2/library/alpine"]);
}

#[test]
fn mirrors_stand_before_the_registry_in_their_order() {
    let mut rule = rule("r.example/x", "s.example/z");
    rule.mirrors = vec![
        MirrorRule::new("m1.example/c", true, Capabilities::DIGESTS, at(2)),
        MirrorRule::new("m2.example", false, Capabilities::ALL, at(3)),
    ];
    let route = conf(vec![rule]).route(&repository("r.example/x/y")).unwrap();
    assert_eq!(
        places(&route),
        ["Mirror Insecure m1.example/v2/c/y", "Mirror Presumed m2.example/v2/y", "Registry Presumed s.example/v2/z/y"]
    );
    assert_eq!(route.endpoints[0].capabilities, Capabilities::DIGESTS);
    assert_eq!(route.upstream().unwrap().registry.to_string(), "s.example");
}

#[test]
fn what_is_said_of_the_place_itself_counts_too() {
    let mut insecure = Rule::new("s.example", at(5));
    insecure.location = Some("s.example".to_owned());
    insecure.insecure = Some(Sourced::new(true, at(6)));
    let mut blocked = rule("m.example", "m.example");
    blocked.blocked = Some(Sourced::new(true, at(8)));
    let mut first = rule("r.example", "s.example");
    first.mirrors = vec![MirrorRule::new("m.example", false, Capabilities::ALL, at(2))];
    let mut sites = conf(vec![first, insecure, blocked.clone()]);
    // A mirror that is blocked is passed over.
    assert_eq!(routed(&sites, "r.example/x"), ["Registry Insecure s.example/v2/x"]);
    blocked.prefix = "s.example".to_owned();
    sites.registries.as_mut().unwrap().rules[1] = blocked;
    let error = sites.route(&repository("r.example/x")).unwrap().upstream().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Untrusted, "the registry is blocked by f:8"));
}

#[test]
fn of_the_files_the_first_that_speaks_of_a_host_decides() {
    let mut sites = conf(vec![rule("r.example", "conf.example")]);
    sites.hosts = vec![table("r.example"), table("docker.io")];
    let server = Server::new(Scheme::Http, "daemon-mirror.example".parse().unwrap(), "/v2");
    let daemon = sites.daemon.as_mut().unwrap();
    daemon.mirrors = vec![Sourced::new(server, at(1))];
    for registry in ["r.example", "t.example", "docker.io"] {
        daemon.insecure.push(Sourced::new(Insecure::Registry(registry.parse().unwrap()), at(2)));
    }
    assert_eq!(routed(&sites, "r.example/x"), ["Registry Presumed conf.example/v2/x"]);
    assert_eq!(
        routed(&sites, "alpine"),
        ["Mirror Https hosts-mirror.example/v2/library/alpine", "Registry Presumed docker.io/v2/library/alpine"]
    );
    assert_eq!(routed(&sites, "t.example/x"), ["Registry Insecure t.example/v2/x"]);
    sites.hosts.clear();
    assert_eq!(
        routed(&sites, "alpine"),
        ["Mirror Http daemon-mirror.example/v2/library/alpine", "Registry Insecure docker.io/v2/library/alpine"]
    );
}

#[test]
fn a_malformed_file_is_an_error_where_it_would_have_decided_and_else_a_warning() {
    let fault = || Fault::new("f, line 1: bad");
    let mut sites = conf(vec![rule("r.example", "s.example")]);
    sites.hosts = vec![HostTable::new("_default", Err(fault()))];
    sites.daemon = Err(Fault::new("daemon.json, line 1: bad"));
    let route = sites.route(&repository("r.example/x")).unwrap();
    assert_eq!(route.warnings, ["f, line 1: bad", "daemon.json, line 1: bad"]);
    assert_eq!(sites.route(&repository("t.example/x")).unwrap_err().to_string(), "f, line 1: bad");
    sites.hosts.clear();
    let error = sites.route(&repository("t.example/x")).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, "daemon.json, line 1: bad"));
    sites.certificates = vec![CertificateFolder::new("s.example", "/c", Err(fault()))];
    assert!(sites.route(&repository("r.example/x")).is_err());
    for spoilt in [
        |sites: &mut Sites| sites.registries = Err(Fault::new("bad")),
        |sites: &mut Sites| sites.own = Err(Fault::new("bad")),
    ] {
        let mut sites = Sites::default();
        spoilt(&mut sites);
        assert_eq!(sites.route(&repository("r.example/x")).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn certificates_are_those_of_the_place_and_speak_of_tls() {
    let mut sites = conf(vec![rule("r.example", "localhost:5000")]);
    let folder = |host: &str, name: &str| {
        let certificates = Certificates { authorities: vec![Pem::new(name, "")], ..Certificates::default() };
        CertificateFolder::new(host, "/certs", Ok(certificates))
    };
    sites.certificates =
        vec![folder("r.example", "other"), folder("localhost:5000", "first"), folder("localhost:5000", "second")];
    let route = sites.route(&repository("r.example/x")).unwrap();
    assert_eq!(places(&route), ["Registry Https localhost:5000/v2/x"]);
    assert_eq!(route.endpoints[0].authorities, [Pem::new("first", "")]);
}

#[test]
fn unlades_own_file_counts_more_than_the_others_and_every_value_has_its_place() {
    let mut insecure = rule("r.example", "r.example");
    insecure.insecure = Some(Sourced::new(true, at(3)));
    let mut sites = conf(vec![insecure]);
    let mut own = HostSettings::new("r.example".parse().unwrap(), Origin::line("own", 1));
    own.scheme = Some(Sourced::new(Scheme::Https, Origin::line("own", 2)));
    own.verification = Some(Sourced::new(TlsVerification::Full, Origin::line("own", 3)));
    own.realms = vec!["auth.example".to_owned()];
    let mirror = Server::new(Scheme::Https, "m.example".parse().unwrap(), "/v2");
    own.mirrors = vec![Sourced::new(mirror, Origin::line("own", 4))];
    sites.own = Ok(vec![own]);
    let route = sites.route(&repository("r.example/x")).unwrap();
    assert_eq!(places(&route), ["Mirror Https m.example/v2/x", "Registry Https r.example/v2/x"]);
    assert_eq!(sites.trusted_realms(&"r.example".parse().unwrap()), ["auth.example"]);
    let told: Vec<String> = route
        .settings
        .iter()
        .map(|setting| format!("{} = {} ({})", setting.name, setting.value, setting.origin.as_ref().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "mirror.1 = m.example/v2/x (own:4)",
            "mirror.1.scheme = https (own:4)",
            "registry = r.example/v2/x (f:1)",
            "registry.scheme = https unverified, else http (f:1)",
            "registry.insecure = true (f:3)",
            "registry.scheme = https (own:2)",
            "registry.verification = full (own:3)",
            "registry.trust-realm = auth.example (own:1)",
        ]
    );
}
