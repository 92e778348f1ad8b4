//! Pulls through the forward proxies that sites really run, to a registry whose name only they know.

use unlade_testkit::real::{DockerRegistry, Nginx, RealProxy};
use unlade_testkit::tls::{Authority, Validity};

use super::{assert_pulls_with, assert_refuses, here, memtest, registry_with};

const LOGIN: (&str, &str) = ("me", "right-passw0rd");

type Starter = fn(Option<(&str, &str)>) -> Result<RealProxy, unlade_testkit::real::Missing>;

const PROXIES: [(&str, Starter); 3] =
    [("tinyproxy", RealProxy::tinyproxy), ("squid", RealProxy::squid), ("microsocks", RealProxy::microsocks)];

fn plain(registry: &DockerRegistry) -> String {
    format!("r.test:{}/site/disk:v1", registry.address().port())
}

#[test]
fn real_proxies_lead_to_plain_registries_and_to_those_in_tls() {
    let payload = memtest();
    let registry = registry_with(&payload);
    let authority = Authority::new();
    let identity = authority.server_for(&["r.test"], Validity::Now);
    let secure = here(Nginx::before(registry.address()).tls(&identity).start());
    let secure_reference = format!("r.test:{}/site/disk:v1", secure.address().port());
    let ca = authority.file().display().to_string();
    for (_, start) in PROXIES {
        for login in [None, Some(LOGIN)] {
            let proxy = here(start(login));
            let url = login.map_or_else(|| proxy.url(), |(user, password)| proxy.url_as(user, password));
            let through = |run: unlade_testkit::process::Run| run.env("ALL_PROXY", &url).env("UNLADE_RETRIES", "0");
            assert_pulls_with(|run| through(run).arg("--plain-http"), &plain(&registry), &payload);
            assert_pulls_with(|run| through(run).args(["--ca-file", &ca]), &secure_reference, &payload);
        }
    }
}

#[test]
fn real_proxies_refuse_a_wrong_login_and_none() {
    let registry = registry_with(&memtest());
    for (name, start) in PROXIES {
        let proxy = here(start(Some(LOGIN)));
        for url in [proxy.url(), proxy.url_as("me", "wrong-passw0rd")] {
            for scheme in ["--plain-http=true", "--plain-http=false"] {
                let options = ["--proxy", &url, "--retries=0", scheme];
                let refused = assert_refuses(&plain(&registry), &options, "Unauthorized", 4);
                let text = refused.to_string();
                assert!(text.contains(&format!("the proxy {}", proxy.url())), "{name}: {text}");
                assert!(!text.contains("passw0rd"), "{name}: {text}");
            }
        }
    }
}

#[test]
fn a_server_that_a_real_proxy_does_not_reach_is_told_with_the_proxys_name() {
    for (name, start) in PROXIES {
        let proxy = here(start(None));
        let gone = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("find a free port");
            listener.local_addr().expect("a listening socket has an address").port()
        };
        for scheme in ["--plain-http=true", "--plain-http=false"] {
            let options = ["--proxy", &proxy.url(), "--retries=0", scheme];
            let refused = assert_refuses(&format!("r.test:{gone}/a:v1"), &options, "Unavailable", 6);
            assert!(refused.to_string().contains(&format!("the proxy {}", proxy.url())), "{name}: {refused}");
        }
    }
}
