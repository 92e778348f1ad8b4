//! Redirects, and the places they lead to: F39 to F47.

use unlade_testkit::document::Image;
use unlade_testkit::tls::Authority;
use unlade_testkit::{Access, Fault, LyingRegistry, Origin};

use super::case::{Case, error};
use super::matchers::{blob, manifest, signed};
use super::world::{Elsewhere, Login, Places, Question};
use crate::common::{self, folder, pull};

cases! {
    a_redirect_301_is_followed_without_the_login => redirected(301);
    a_redirect_302_is_followed_without_the_login => redirected(302);
    a_redirect_303_is_followed_without_the_login => redirected(303);
    a_redirect_307_is_followed_without_the_login => redirected(307);
    a_redirect_308_is_followed_without_the_login => redirected(308);
    a_redirect_to_another_hosts_name_is_followed_without_the_token => Case::new()
        .login(Login::Bearer)
        .lie_about(blob(), |places| redirect(&places.elsewhere_by_name(), &places.signed))
        .succeeds(&["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .elsewhere(&["signed"]);
    a_redirect_over_tls_is_followed_without_the_token => Case::new()
        .tls()
        .login(Login::Bearer)
        .lie_about(blob(), |places| redirect(&places.elsewhere, &places.signed))
        .succeeds(&["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .elsewhere(&["signed"]);
    a_redirect_to_a_trusted_host_over_plain_http_is_followed_without_the_login => Case::new()
        .login(Login::Basic)
        .arguments(&["--trust-host", "127.0.0.1"])
        .lie_about(blob(), |places| redirect(&places.elsewhere, &places.signed))
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed"]);
    a_manifest_is_led_elsewhere_without_the_login => Case::new()
        .login(Login::Basic)
        .lie_about(manifest().skip(1), |places| redirect(&places.elsewhere, "/manifest"))
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["/manifest"]);
    a_redirect_within_the_registry_keeps_the_login => Case::new()
        .login(Login::Basic)
        .lie_about(blob(), |places| redirect(&places.registry, &places.blob))
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"]);
    a_raw_blob_is_led_elsewhere => Case::new()
        .asks(Question::RawBlob)
        .lie_about(blob(), |places| redirect(&places.elsewhere, &places.signed))
        .succeeds(&["blob"])
        .elsewhere(&["signed"]);
    a_blob_that_is_cut_elsewhere_goes_on_by_a_fresh_redirect => stored()
        .lie_elsewhere(signed(), |_| Fault::CutBody { after: 1000 })
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic", "blob 1000-99999 +Basic"])
        .elsewhere(&["signed", "signed 1000-99999"])
        .fetched(100_000, 1000);
    a_store_that_fails_is_asked_again_by_a_fresh_redirect => stored()
        .lie_elsewhere(signed(), |_| Fault::CloseBeforeAnswer)
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"]);
    a_store_that_keeps_failing_is_named => stored()
        .arguments(&["--retries", "1"])
        .lie_elsewhere(signed().always(), |_| Fault::CloseBeforeAnswer)
        .fails("Unavailable", 6, &["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"])
        .attempts(4)
        .also(|world, outcome| {
            let store = format!(" at {}", world.elsewhere().address());
            assert!(outcome.stderr.lines().any(|line| line.contains(&store)), "{}", outcome.stderr);
        });
    a_store_whose_bodies_keep_breaking_is_named => stored()
        .arguments(&["--retries", "1"])
        .lie_elsewhere(signed().always(), |_| Fault::CutBody { after: 1000 })
        .fails("Unavailable", 6, &["manifest", "manifest +Basic", "blob +Basic", "blob 1000-99999 +Basic"])
        .elsewhere(&["signed", "signed 1000-99999"])
        .attempts(2)
        .also(|world, outcome| {
            let store = format!(" at {}", world.elsewhere().address());
            assert!(outcome.stderr.lines().any(|line| line.contains(&store)), "{}", outcome.stderr);
        });
    a_redirect_of_a_target_is_followed_further => stored()
        .lie_elsewhere(signed(), |places| redirect(&places.elsewhere, &places.signed))
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"]);
    a_target_may_not_lead_back_with_a_login_in_the_url => stored()
        .lie_elsewhere(signed(), |_| Fault::RedirectUserinfo)
        .fails("PeerMisbehaved", 1, &["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed"]);

    redirects_in_circles_end => Case::new()
        .login(Login::Basic)
        .lie(blob(), Fault::RedirectLoop)
        .fails("PeerMisbehaved", 1, &[
            &["manifest", "manifest +Basic", "blob +Basic"][..],
            &["/loop +Basic"; 10],
        ].concat())
        .says(&["too many redirects"]);
    redirects_in_circles_elsewhere_end => Case::new()
        .login(Login::Basic)
        .lie_about(blob(), |places| redirect(&places.elsewhere, "/loop"))
        .fails("PeerMisbehaved", 1, &["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["/loop"; 10])
        .says(&["too many redirects"]);
    a_redirect_to_a_link_local_address_is_not_followed => Case::new()
        .lie(blob(), Fault::RedirectLinkLocal)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["169.254.169.254"]);
    a_redirect_to_a_mapped_link_local_address_is_not_followed => Case::new()
        .lie(blob(), redirect("http://[::ffff:169.254.169.254]", "/"))
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["where servers may not lead"]);
    a_redirect_to_no_address_is_not_followed => Case::new()
        .lie(blob(), redirect("http://0.0.0.0:9", "/"))
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["0.0.0.0", "where servers may not lead"]);
    a_redirect_to_many_addresses_is_not_followed => Case::new()
        .lie(blob(), redirect("http://224.0.0.1", "/"))
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["224.0.0.1", "where servers may not lead"]);
    a_redirect_to_a_private_address_needs_permission => Case::new()
        .lie(blob(), redirect("http://10.0.0.1", "/"))
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["10.0.0.1", "where servers may not lead", "--allow-net 10.0.0.1"]);
    a_redirect_to_no_url_leads_nowhere => Case::new()
        .lie(blob(), redirect("http://[", ""))
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["redirected to nowhere"]);
    a_manifest_is_not_led_to_a_link_local_address => Case::new()
        .lie(manifest(), Fault::RedirectLinkLocal)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["169.254.169.254"]);
    a_store_may_not_lead_to_a_link_local_address => stored()
        .lie_elsewhere(signed(), |_| Fault::RedirectLinkLocal)
        .fails("PeerMisbehaved", 1, &["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed"])
        .says(&["169.254.169.254"]);
    a_redirect_from_https_to_http_is_not_followed => Case::new()
        .tls()
        .login(Login::Basic)
        .lie(blob(), Fault::RedirectDowngrade)
        .fails("PeerMisbehaved", 1, &["manifest", "manifest +Basic", "blob +Basic"])
        .says(&["from https to plain http"]);
    a_redirect_with_a_login_in_it_is_not_followed => Case::new()
        .lie(blob(), Fault::RedirectUserinfo)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["it has a login in it"])
        .also(|_, outcome| assert!(!outcome.stderr.contains("user:word"), "{}", outcome.stderr));
    a_redirect_with_a_login_in_it_does_not_replace_the_users => Case::new()
        .login(Login::Basic)
        .lie(blob(), Fault::RedirectUserinfo)
        .fails("PeerMisbehaved", 1, &["manifest", "manifest +Basic", "blob +Basic"]);
    a_redirect_to_a_file_is_not_followed => Case::new()
        .lie(blob(), Fault::RedirectFile)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["neither http nor https"]);
    // The registry is on loopback itself, and the number is its own address.
    a_number_is_the_address_it_stands_for => Case::new()
        .login(Login::Basic)
        .lie(blob(), Fault::RedirectInteger)
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"]);
    a_number_with_another_port_is_another_origin => Case::new()
        .login(Login::Basic)
        .lie_about(blob(), |places| redirect(&places.elsewhere.replace("127.0.0.1", "2130706433"), &places.signed))
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed"]);

    an_expired_signed_url_is_fetched_anew => stored()
        .lie_elsewhere(signed(), |_| Fault::SignedUrlExpired)
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"]);
    a_signed_url_that_expires_during_the_download_is_fetched_anew => stored()
        .lie_elsewhere(signed(), |_| Fault::CutBody { after: 1000 })
        .lie_elsewhere(signed(), |_| Fault::SignedUrlExpired)
        .succeeds(&[
            "manifest",
            "manifest +Basic",
            "blob +Basic",
            "blob 1000-99999 +Basic",
            "blob 1000-99999 +Basic",
        ])
        .elsewhere(&["signed", "signed 1000-99999", "signed 1000-99999"])
        .fetched(100_000, 1000);
    a_signed_url_that_is_never_good_is_denied => stored()
        .lie_elsewhere(signed().always(), |_| Fault::SignedUrlExpired)
        .fails("Denied", 4, &["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"])
        // The store refused without having seen the login, which is not at fault then.
        .says(&["which refuses and was shown no login"])
        .also(|_, outcome| assert_eq!(error(outcome)["status"], 403));

    a_target_gets_a_token_of_its_own => token_store()
        .lie_elsewhere(signed(), own_realm)
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed", "token", "signed +Bearer"])
        .also(|world, _| {
            let requests = world.elsewhere().recorder().requests();
            assert_eq!(requests[2].header("authorization"), Some("Bearer token-of-elsewhere"));
        });
    a_target_does_not_get_the_registrys_token => Case::new()
        .login(Login::Bearer)
        .elsewhere_is(Elsewhere::StoreWithTokens)
        .lie_elsewhere(signed(), own_realm)
        .succeeds(&["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .elsewhere(&["signed", "token", "signed +Bearer"])
        .also(|world, _| {
            let shown = world.registry.requests().last().and_then(|last| Some(last.header("authorization")?.to_owned()));
            assert!(!world.elsewhere().recorder().saw_text(&shown.expect("the blob was asked for with a token")[7..]));
        });
    a_target_that_wants_a_login_does_not_get_one => token_store()
        .lie_elsewhere(signed().always(), own_realm)
        .fails("Unauthorized", 4, &["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "token", "signed +Bearer", "signed", "signed +Bearer"])
        .says(&["which refuses and was shown no login"]);
    a_target_may_not_name_a_realm_at_a_link_local_address => stored()
        .lie_elsewhere(signed().always(), |_| Fault::RealmLinkLocal)
        .fails("Denied", 4, &["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"])
        .says(&["169.254.169.254"]);
    a_target_without_a_challenge_is_given_up_for_a_fresh_redirect => stored()
        .lie_elsewhere(signed(), |_| Fault::UnauthorizedWithoutChallenge)
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic", "blob +Basic"])
        .elsewhere(&["signed", "signed"]);
}

/// A redirect of the blob alone, from a registry that knows the login to an origin that must not.
fn redirected(status: u16) -> Case {
    Case::new()
        .login(Login::Basic)
        .lie_about(blob(), move |places| Fault::Redirect {
            status,
            to: format!("{}{}?signature=secret-signature", places.elsewhere, places.signed),
        })
        .succeeds(&["manifest", "manifest +Basic", "blob +Basic"])
        .elsewhere(&["signed"])
}

/// A registry that keeps its blobs at a store which must not see a credential.
fn stored() -> Case {
    Case::new().login(Login::Basic).elsewhere_is(Elsewhere::Store)
}

/// The same, with a store that hands out tokens of its own.
fn token_store() -> Case {
    Case::new().login(Login::Basic).elsewhere_is(Elsewhere::StoreWithTokens)
}

fn redirect(base: &str, path: &str) -> Fault {
    Fault::Redirect { status: 307, to: format!("{base}{path}?signature=secret-signature") }
}

fn own_realm(places: &Places) -> Fault {
    Fault::TargetChallenge { realm: format!("{}/token", places.elsewhere) }
}

/// Over https, a host that the user trusts by name sees the login, and no other does.
#[test]
fn a_trusted_host_gets_the_login() {
    let authority = Authority::new();
    let image = Image::untitled("payload");
    let config = authority.server().server_config();
    for (trusted, expected) in [("127.0.0.1", Some("Basic dGVzdGVyOnJpZ2h0")), ("127.0.0.1.example", None)] {
        let origin = Origin::start_tls(config.clone());
        origin.offer_blobs("a", &image);
        let access = Access::basic("tester", "right");
        let registry = LyingRegistry::builder().tls(config.clone()).access(access).blobs_at(&origin.url("")).start();
        registry.publish("a", "v1", &image);
        let folder = folder();
        let run = pull(&registry.reference("a:v1"), folder.path()).args(["--trust-host", trusted, "--ca-file"]);
        run.arg(authority.file()).args(["--pull-secret-file", "-"]).stdin("tester:right").run().assert_code(0);
        let requests = origin.recorder().requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].header("authorization"), expected, "{trusted}");
    }
}

/// A server that wants a certificate, and that a redirect leads to, gets none: the handshake is the end.
#[test]
fn a_client_certificate_does_not_go_along() {
    let authority = Authority::new();
    let config = authority.requiring_clients(&authority.server());
    let image = Image::untitled("payload");
    let client = authority.client("tester");
    for (elsewhere, code) in [(authority.server().server_config(), 0), (config.clone(), 6)] {
        let origin = Origin::start_tls(elsewhere);
        origin.offer_blobs("a", &image);
        let registry = LyingRegistry::builder().tls(config.clone()).blobs_at(&origin.url("")).start();
        registry.publish("a", "v1", &image);
        let folder = folder();
        let outcome = pull(&registry.reference("a:v1"), folder.path())
            .args(["--json", "--retries", "1"])
            .arg("--ca-file")
            .arg(authority.file())
            .arg("--cert-file")
            .arg(&client.certificate)
            .arg("--key-file")
            .arg(&client.key)
            .run();
        outcome.assert_code(code);
        assert!(registry.requests().iter().all(|request| request.client_certificates == 1));
        assert!(origin.recorder().requests().iter().all(|request| request.client_certificates == 0));
        if code != 0 {
            assert_eq!(common::error(&outcome)["kind"], "Tls", "{}", outcome.stderr);
        }
    }
}
