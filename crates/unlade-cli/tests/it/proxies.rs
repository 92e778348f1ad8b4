//! Pulls through a proxy: which hosts go through it, what it is shown, and what is said when it fails.
//!
//! Registries have names that only the proxy knows, so that no way but through it leads there.

use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image};
use unlade_testkit::process::{Outcome, Run};
use unlade_testkit::tls::{Authority, Validity};
use unlade_testkit::{Access, CanaryOrigin, ForwardProxy, LyingRegistry, Origin, ProxyLie};

use crate::common::{disk, fair_error, folder, pull, refused, registry_of, unlade};

const USER: &str = "proxy-user";
const PASSWORD: &str = "proxy-passw0rd";

/// A registry called `r.test`, and the options with which it is found.
struct Site {
    registry: LyingRegistry,
    authority: Option<Authority>,
}

impl Site {
    fn plain() -> Self {
        Self { registry: registry_of(&disk()), authority: None }
    }

    fn tls() -> Self {
        let authority = Authority::new();
        let config = authority.server_for(&["r.test"], Validity::Now).server_config();
        let registry = LyingRegistry::builder().tls(config).start();
        registry.publish("acme/disk", "v1", &disk());
        Self { registry, authority: Some(authority) }
    }

    /// Begins a pull that shows its error as a document.
    fn pull(&self, proxy: &ForwardProxy) -> (tempfile::TempDir, Run) {
        proxy.lead("r.test", self.registry.address());
        let folder = folder();
        let run = pull("r.test:5000/acme/disk:v1", folder.path()).env("UNLADE_RETRIES", "0");
        let run = match &self.authority {
            Some(authority) => run.arg("--ca-file").arg(authority.file()),
            None => run.arg("--plain-http"),
        };
        (folder, run)
    }

    #[track_caller]
    fn pulls(&self, proxy: &ForwardProxy, change: impl FnOnce(Run) -> Run) -> Outcome {
        let (folder, run) = self.pull(proxy);
        let outcome = change(run).run();
        outcome.assert_code(0);
        let pulled = std::fs::read(folder.path().join("out.img")).expect("read what was pulled");
        assert!(pulled == disk_bytes(), "other bytes were pulled");
        outcome
    }
}

fn disk_bytes() -> Vec<u8> {
    disk().payload().to_vec()
}

#[test]
fn a_plain_registry_is_asked_through_an_http_proxy_with_whole_urls() {
    let (site, proxy) = (Site::plain(), ForwardProxy::start());
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "UNLADE_PROXY"] {
        let before = proxy.asked().len();
        site.pulls(&proxy, |run| run.env(variable, proxy.url()));
        let asked = proxy.asked()[before..].to_vec();
        assert_eq!(asked[0], "GET http://r.test:5000/v2/acme/disk/manifests/v1", "{variable}");
        assert!(asked[1].starts_with("GET http://r.test:5000/v2/acme/disk/blobs/sha256:"), "{asked:?}");
    }
    assert!(site.registry.requests().iter().all(|request| request.header("host") == Some("r.test:5000")));
}

#[test]
fn a_registry_in_tls_is_asked_through_a_tunnel() {
    let (site, proxy) = (Site::tls(), ForwardProxy::start());
    site.pulls(&proxy, |run| run.env("https_proxy", proxy.url()));
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|what| what == "CONNECT r.test:5000"), "{asked:?}");
}

#[test]
fn a_proxy_in_tls_must_prove_who_it_is() {
    let authority = Authority::new();
    let proxy = ForwardProxy::builder().tls(authority.server().server_config()).login(USER, PASSWORD).start();
    for site in [Site::plain(), Site::tls()] {
        let url = proxy.url_as(USER, PASSWORD);
        site.pulls(&proxy, |run| run.arg("--ca-file").arg(authority.file()).args(["--proxy", &url]));
        // Not to check the registry is one thing: the proxy would see the login.
        let before = proxy.asked().len();
        let (_folder, run) = site.pull(&proxy);
        let outcome = run.args(["--insecure-skip-tls-verify", "--json", "--proxy", &url]).run();
        outcome.assert_code(6);
        let error = fair_error(&outcome);
        assert_eq!(error["kind"], "Tls", "{error}");
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("--ca-file") && hint.contains(&proxy.address().to_string()), "{error}");
        assert_eq!(proxy.asked().len(), before);
    }
}

#[test]
fn a_socks_proxy_is_given_names_or_addresses() {
    for login in [false, true] {
        let mut builder = ForwardProxy::builder().socks();
        if login {
            builder = builder.login(USER, PASSWORD);
        }
        let proxy = builder.start();
        let url = if login { proxy.url_as(USER, PASSWORD) } else { proxy.url() };
        for site in [Site::plain(), Site::tls()] {
            site.pulls(&proxy, |run| run.env("ALL_PROXY", &url));
        }
        let expected =
            if login { format!("SOCKS r.test:5000 as {USER}:{PASSWORD}") } else { "SOCKS r.test:5000".into() };
        assert!(proxy.asked().iter().all(|what| *what == expected), "{:?}", proxy.asked());
        // Names are resolved here for socks5: this one is not known, and the proxy is not asked for it.
        let before = proxy.asked().len();
        let (_folder, run) = Site::plain().pull(&proxy);
        let outcome = run.args(["--json", "--proxy", &url.replace("socks5h:", "socks5:")]).run();
        outcome.assert_code(6);
        assert_eq!(proxy.asked().len(), before);
        // 192.0.2.1 is nobody's (RFC 5737), so that only the proxy can lead there.
        let registry = registry_of(&disk());
        proxy.lead("192.0.2.1", registry.address());
        let folder = folder();
        let run = pull("192.0.2.1:5000/acme/disk:v1", folder.path());
        run.args(["--plain-http", "--proxy", &url.replace("socks5h:", "socks5:")]).run().assert_code(0);
    }
}

#[test]
fn loopback_and_what_no_proxy_lists_is_asked_straight() {
    let (site, proxy) = (Site::plain(), ForwardProxy::start());
    let folder = folder();
    let run = pull(&site.registry.reference("acme/disk:v1"), folder.path());
    run.args(["--proxy", &proxy.url()]).env("http_proxy", proxy.url()).run().assert_code(0);
    for list in ["r.test", ".test", "r.test:5000", "x, *"] {
        let (_folder, run) = site.pull(&proxy);
        let outcome = run.arg("--json").env("http_proxy", proxy.url()).env("NO_PROXY", list).run();
        outcome.assert_code(6);
        let error = fair_error(&outcome);
        assert!(!error.to_string().contains("through the proxy"), "{list}: {error}");
    }
    for none in ["none", ""] {
        let (_folder, run) = site.pull(&proxy);
        let outcome = run.args(["--proxy", none]).env("http_proxy", proxy.url()).run();
        outcome.assert_code(6);
    }
    assert_eq!(proxy.asked(), Vec::<String>::new());
    let script = site.pull(&proxy).1.env("HTTP_PROXY", proxy.url()).env("REQUEST_METHOD", "GET");
    script.run().assert_code(6);
    assert_eq!(proxy.asked(), Vec::<String>::new());
    site.pulls(&proxy, |run| run.env("http_proxy", proxy.url()).env("no_proxy", "r.test:443,test.r,10.0.0.0/8"));
}

#[test]
fn the_proxys_login_reaches_the_proxy_alone_and_is_told_nowhere() {
    let proxy = ForwardProxy::builder().login(USER, PASSWORD).start();
    let url = proxy.url_as(USER, PASSWORD);
    for site in [Site::plain(), Site::tls()] {
        let store = CanaryOrigin::new(Origin::start(), &[USER, PASSWORD]);
        let outcome = site.pulls(&proxy, |run| run.args(["-vv", "--json"]).env("ALL_PROXY", &url));
        let output = format!("{}{}", outcome.stdout_text(), outcome.stderr);
        assert!(!output.contains(PASSWORD) && !output.contains(USER), "{output}");
        assert!(output.contains(&proxy.url()), "the proxy is named: {output}");
        for request in site.registry.requests() {
            assert!(request.header("proxy-authorization").is_none(), "{request:?}");
            assert!(!request.holds_text(PASSWORD) && !request.holds_text(USER), "{request:?}");
        }
        store.assert_no_credentials();
        // Without the proxy nobody is shown its login either.
        let registry = CanaryOrigin::new(Origin::start(), &[USER, PASSWORD]);
        let reference = format!("{}/acme/disk:v1", registry.origin().address());
        unlade().args(["digest", &reference, "--proxy", &url]).run().assert_code(3);
        registry.assert_no_credentials();
    }
    let asked = proxy.asked();
    assert!(asked.iter().all(|what| what.ends_with(&format!(" as {USER}:{PASSWORD}"))), "{asked:?}");
}

#[test]
fn the_registrys_login_is_not_shown_to_the_proxy_in_a_tunnel() {
    let authority = Authority::new();
    let config = authority.server_for(&["r.test"], Validity::Now).server_config();
    let access = Access::Basic { user: "me".to_owned(), password: "registry-passw0rd".to_owned() };
    let registry = LyingRegistry::builder().tls(config).access(access).start();
    registry.publish("acme/disk", "v1", &disk());
    let site = Site { registry, authority: Some(authority) };
    let proxy = ForwardProxy::builder().login(USER, PASSWORD).start();
    let keys = folder();
    let secret = keys.path().join("secret");
    std::fs::write(&secret, "me:registry-passw0rd").expect("write a secret");
    let url = proxy.url_as(USER, PASSWORD);
    site.pulls(&proxy, |run| run.arg("--pull-secret-file").arg(&secret).args(["--proxy", &url]));
    assert!(site.registry.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
}

#[test]
fn a_proxy_that_wants_a_login_says_so() {
    let proxy = ForwardProxy::builder().login(USER, PASSWORD).start();
    let socks = ForwardProxy::builder().login(USER, PASSWORD).socks().start();
    for (proxy, url, says) in [
        (&proxy, proxy.url(), "wants a login"),
        (&proxy, proxy.url_as(USER, "wrong-passw0rd"), "does not accept the login"),
        (&socks, socks.url(), "wants a login"),
        (&socks, socks.url_as(USER, "wrong-passw0rd"), "does not accept the login"),
    ] {
        for site in [Site::plain(), Site::tls()] {
            let (_folder, run) = site.pull(proxy);
            let outcome = run.args(["--json", "-vv"]).env("ALL_PROXY", &url).run();
            outcome.assert_code(4);
            let error: serde_json::Value = serde_json::from_str(&outcome.stdout_text()).expect("one document");
            let error = &error["error"];
            assert_eq!(error["kind"], "Unauthorized", "{error}");
            let expected = format!("the proxy {} {says}", proxy.url());
            assert!(error["causes"].to_string().contains(&expected), "{expected}: {error}");
            assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("ALL_PROXY")), "{error}");
            assert!(!outcome.stderr.contains("passw0rd") && !error.to_string().contains("passw0rd"));
            assert!(site.registry.requests().is_empty());
        }
    }
}

/// What a failure comes to: exit code, kind, words, and how many tries are made if one more is allowed.
fn expected(lie: &ProxyLie) -> (i32, &'static str, &'static str, usize) {
    match lie {
        ProxyLie::Close => (6, "Unavailable", "the connection broke", 2),
        ProxyLie::Garbage | ProxyLie::Page => (1, "PeerMisbehaved", "is not one of a proxy", 1),
        ProxyLie::Hang => (6, "Unavailable", "no connection came about in time", 2),
        ProxyLie::Negotiate => (4, "Unauthorized", "wants a login of a kind that is not spoken here", 1),
        ProxyLie::Refuse(403) => (4, "Denied", "refuses the connection: 403 forbidden", 1),
        ProxyLie::Refuse(_) => (6, "Unavailable", "refuses the connection: 502 bad gateway", 2),
        ProxyLie::Reply(2) => (4, "Denied", "forbids the connection", 1),
        ProxyLie::Reply(_) => (6, "Unavailable", "does not reach the server: it refused the connection", 2),
        _ => panic!("{lie:?} has no case"),
    }
}

#[test]
fn each_fault_of_a_proxy_is_told_as_its_own() {
    for lie in ProxyLie::examples() {
        let (code, kind, says, tries) = expected(&lie);
        let socks = matches!(lie, ProxyLie::Reply(_));
        let proxy = if socks { ForwardProxy::builder().socks().start() } else { ForwardProxy::start() };
        proxy.lie(lie.clone());
        let site = Site::tls();
        let (_folder, run) = site.pull(&proxy);
        let run = run.args(["--json", "--retries=1", "--connect-timeout=300ms"]);
        let outcome = run.env("HTTPS_PROXY", proxy.url()).run();
        outcome.assert_code(code);
        let error = fair_error(&outcome);
        let text = format!("{} {}", error["message"], error["causes"]);
        assert_eq!(error["kind"], kind, "{lie:?}: {error}");
        assert!(text.contains(says) && text.contains(&proxy.url()), "{lie:?}: {error}");
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("HTTPS_PROXY") && hint.contains("NO_PROXY=r.test:5000"), "{lie:?}: {error}");
        assert_eq!((proxy.asked().len(), error["attempts"].as_u64()), (tries, Some(tries as u64)), "{lie:?}: {error}");
        assert!(site.registry.requests().is_empty());
    }
}

#[test]
fn a_proxy_that_fails_once_is_asked_again() {
    for lie in [ProxyLie::Close, ProxyLie::Refuse(503)] {
        let proxy = ForwardProxy::start();
        proxy.lie_once(lie);
        Site::tls().pulls(&proxy, |run| run.args(["--retries=1", "--proxy", &proxy.url()]));
        assert!(proxy.asked().len() > 1);
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("find a free port");
        listener.local_addr().expect("a listening socket has an address")
    };
    let run = unlade().args(["digest", "r.test/acme/disk:v1", "--retries=0"]);
    refused(
        run.env("HTTPS_PROXY", format!("http://{USER}:{PASSWORD}@{gone}")),
        6,
        "Unavailable",
        "error: cannot read the manifest v1 of r.test/acme/disk\n  \
         caused by: no connection came about through the proxy http://HOST\n  \
         caused by: nobody listens there: the connection was refused\n  \
         caused by: Connection refused (os error 111)\n\
         hint: check the proxy, which HTTPS_PROXY names; --proxy none or NO_PROXY=r.test goes without it\n",
    );
}

#[test]
fn what_a_proxy_answers_in_the_place_of_a_plain_server_is_told_with_its_name() {
    let (site, proxy) = (Site::plain(), ForwardProxy::start());
    for (lie, code, kind) in [
        (ProxyLie::Refuse(403), 4, "Denied"),
        (ProxyLie::Refuse(502), 6, "Unavailable"),
        (ProxyLie::Garbage, 1, "PeerMisbehaved"),
        (ProxyLie::Close, 6, "Unavailable"),
    ] {
        proxy.lie_once(lie);
        let (_folder, run) = site.pull(&proxy);
        let outcome = run.arg("--json").env("http_proxy", proxy.url()).run();
        outcome.assert_code(code);
        let error = fair_error(&outcome);
        assert_eq!(error["kind"], kind, "{error}");
        assert!(format!("{error}").contains(&format!("the proxy {}", proxy.url())), "{error}");
    }
    assert!(site.registry.requests().is_empty());
}

#[test]
fn what_is_no_proxy_is_refused_without_its_secret() {
    for (run, name) in [
        (unlade().args(["--proxy", "gopher://me:hunter2@p.example"]), "--proxy"),
        (unlade().env("HTTPS_PROXY", "http://me:hunter2/@p.example"), "HTTPS_PROXY"),
        (unlade().env("UNLADE_PROXY", "http://p.example:hunter2"), "UNLADE_PROXY"),
    ] {
        let outcome = run.args(["digest", "r.test/acme/disk:v1", "--json", "-vv"]).run();
        outcome.assert_code(2);
        assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("hunter2") && !outcome.stdout_text().contains("hunter2"));
    }
    let help = unlade().args(["pull", "--help"]).env("UNLADE_PROXY", "http://me:hunter2@p.example").run();
    help.assert_code(0);
    assert!(!help.stdout_text().contains("hunter2"));
}

#[test]
fn a_forbidden_address_is_forbidden_behind_a_proxy_too() {
    let proxy = ForwardProxy::start();
    let store = Origin::start();
    proxy.lead("169.254.169.254", store.address());
    let registry = LyingRegistry::builder().blobs_at("http://169.254.169.254").start();
    registry.publish("acme/disk", "v1", &disk());
    let site = Site { registry, authority: None };
    let (_folder, run) = site.pull(&proxy);
    let outcome = run.arg("--json").env("http_proxy", proxy.url()).run();
    outcome.assert_code(1);
    assert_eq!(fair_error(&outcome)["kind"], "PeerMisbehaved");
    assert!(!proxy.asked().iter().any(|what| what.contains("169.254")), "{:?}", proxy.asked());
}

#[test]
fn a_large_blob_comes_through_several_tunnels() {
    let image: Document = Image::titled("disk.raw", bytes(7, 40 << 20));
    let authority = Authority::new();
    let config = authority.server_for(&["r.test"], Validity::Now).server_config();
    let registry = LyingRegistry::builder().tls(config).start();
    registry.publish("acme/disk", "v1", &image);
    let site = Site { registry, authority: Some(authority) };
    let proxy = ForwardProxy::start();
    let (folder, run) = site.pull(&proxy);
    run.env("HTTPS_PROXY", proxy.url()).env("UNLADE_NO_SYNC", "true").run().assert_code(0);
    let pulled = std::fs::read(folder.path().join("out.img")).expect("read what was pulled");
    assert!(pulled == image.payload().as_ref(), "other bytes were pulled");
    assert!(proxy.asked().len() > 1, "{:?}", proxy.asked());
}
