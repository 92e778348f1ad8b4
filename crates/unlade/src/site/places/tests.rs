use super::*;

/// A system and a user's home, in a folder.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = machine.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn sites(&self, options: &SiteOptions) -> Result<Sites> {
        self.sites_with(options, [])
    }

    fn sites_with<const N: usize>(&self, options: &SiteOptions, variables: [(&str, &str); N]) -> Result<Sites> {
        let home = ("HOME", self.path("home").display().to_string());
        let variables = variables.map(|(name, path)| (name, self.path(path).display().to_string()));
        let environment: Environment = variables.into_iter().chain([home]).collect();
        environment.sites_below(self.0.path(), options)
    }
}

fn rule(location: &str) -> String {
    format!("[[registry]]\nprefix = 'r.example'\nlocation = '{location}'\n")
}

fn location(sites: &Sites) -> String {
    let route = sites.route(&"r.example/x".parse().unwrap()).unwrap();
    route.upstream().unwrap().registry.to_string()
}

#[test]
fn a_machine_without_files_has_no_opinion() {
    assert_eq!(Machine::new(&[]).sites(&SiteOptions::default()).unwrap(), Sites::default());
}

#[test]
fn the_users_registries_conf_stands_for_the_systems_and_drop_ins_of_both_count() {
    let system = ("etc/containers/registries.conf", rule("system.example"));
    let user = ("home/.config/containers/registries.conf", rule("user.example"));
    let system_drop_in = ("etc/containers/registries.conf.d/9.conf", rule("system-drop-in.example"));
    let user_drop_in = ("home/.config/containers/registries.conf.d/1.conf", rule("user-drop-in.example"));
    let named = ("named.conf", rule("named.example"));
    let other = ("etc/containers/registries.conf.d/99.off", rule("off.example"));
    let all = [&system, &user, &system_drop_in, &user_drop_in, &named, &other];
    for (files, variable, expected) in [
        (vec![0, 5], false, "system.example"),
        (vec![0, 1], false, "user.example"),
        (vec![0, 1, 2], false, "system-drop-in.example"),
        (vec![0, 1, 2, 3], false, "user-drop-in.example"),
        (vec![0, 1, 4], true, "named.example"),
        (vec![0, 1, 2, 4], true, "system-drop-in.example"),
    ] {
        let files: Vec<(&str, &str)> =
            files.into_iter().map(|number| (all[number].0, all[number].1.as_str())).collect();
        let machine = Machine::new(&files);
        let options = SiteOptions::default();
        let sites = if variable {
            machine.sites_with(&options, [("CONTAINERS_REGISTRIES_CONF", "named.conf")])
        } else {
            machine.sites(&options)
        };
        assert_eq!(location(&sites.unwrap()), expected);
    }
}

#[test]
fn an_option_stands_for_all_files_of_a_kind() {
    let machine = Machine::new(&[
        ("etc/containers/registries.conf", &rule("system.example")),
        ("etc/containers/registries.conf.d/1.conf", &rule("drop-in.example")),
        ("etc/containers/certs.d/named.example/a.crt", "system"),
        ("etc/containers/policy.json", "{"),
        ("named.conf", &rule("named.example")),
        ("certs/named.example/a.crt", "named"),
        ("hosts/r.example_5000_/hosts.toml", "server = 'https://m.example'"),
        ("hosts/s.example/ca.crt", "docker's"),
    ]);
    let options = SiteOptions {
        registries_conf: Some(machine.path("named.conf")),
        certs_dir: Some(machine.path("certs")),
        hosts_dir: Some(machine.path("hosts")),
        policy: PolicyChoice::None,
        config: None,
    };
    let sites = machine.sites(&options).unwrap();
    let route = sites.route(&"r.example/x".parse().unwrap()).unwrap();
    let endpoint = route.upstream().unwrap();
    assert_eq!(
        (endpoint.registry.to_string().as_str(), endpoint.authorities[0].text.as_slice()),
        ("named.example", b"named".as_slice())
    );
    assert_eq!(sites.policy, None);
    let route = sites.route(&"r.example:5000/x".parse().unwrap()).unwrap();
    assert_eq!(
        route.upstream().unwrap().registry.to_string(),
        "named.example:5000",
        "podman takes a host for all its ports"
    );
    let route = sites.route(&"s.example/x".parse().unwrap()).unwrap();
    assert_eq!(route.upstream().unwrap().authorities[0].text, b"docker's");
    assert_eq!(sites.hosts[0].host, "r.example:5000");
    assert!(machine.sites(&SiteOptions::default()).unwrap().policy.unwrap().is_err());
}

#[test]
fn of_the_folders_of_a_host_the_first_counts() {
    let all = [
        "home/.config/containers/certs.d",
        "home/.config/docker/certs.d",
        "etc/containers/certs.d",
        "etc/docker/certs.d",
        "etc/containerd/certs.d",
    ];
    for first in 0..all.len() {
        let files: Vec<(String, &str)> =
            all[first..].iter().map(|folder| (format!("{folder}/r.example/a.crt"), *folder)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let sites = Machine::new(&files).sites(&SiteOptions::default()).unwrap();
        let route = sites.route(&"r.example/x".parse().unwrap()).unwrap();
        let names: Vec<&[u8]> = route.endpoints[0].authorities.iter().map(|pem| pem.text.as_slice()).collect();
        assert_eq!(names, [all[first].as_bytes()]);
    }
}

#[test]
fn what_is_named_must_exist_and_be_well_formed() {
    let machine = Machine::new(&[("bad", "["), ("folder/x", "")]);
    let missing = machine.path("missing");
    let bad = machine.path("bad");
    let with = |edit: &dyn Fn(&mut SiteOptions)| {
        let mut options = SiteOptions::default();
        edit(&mut options);
        machine.sites(&options).unwrap_err().kind()
    };
    for path in [&missing, &bad] {
        for edit in [
            (&|options: &mut SiteOptions| options.registries_conf = Some(path.clone())) as &dyn Fn(&mut SiteOptions),
            &|options| options.policy = PolicyChoice::Named(path.clone()),
            &|options| options.config = Some(path.clone()),
            &|options| options.certs_dir = Some(path.clone()),
            &|options| options.hosts_dir = Some(path.clone()),
        ] {
            assert_eq!(with(edit), ErrorKind::InvalidInput, "{}", path.display());
        }
    }
    let variable = machine.sites_with(&SiteOptions::default(), [("CONTAINERS_REGISTRIES_CONF", "missing")]);
    assert_eq!(variable.unwrap_err().kind(), ErrorKind::InvalidInput);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in "([\\[\\]{}'\"=:,.\\n a-z0-9]|registry|mirror|location|host|default|type){0,40}") {
        let path = Path::new("/nonexistent/file");
        drop(registries_conf::add(&mut RegistriesConf::default(), "file", &text));
        drop(hosts_toml::parse(path, &text));
        drop(own_toml::parse(path, &text));
        drop(daemon_json::parse("file", &text));
        drop(policy_json::parse("file", &text));
    }
}
