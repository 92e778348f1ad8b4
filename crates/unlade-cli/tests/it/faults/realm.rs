//! Realms at other places than the registry's: F31 to F34.

use unlade_testkit::Fault;

use super::case::Case;
use super::matchers::{manifest, token};
use super::world::{Login, Places};

cases! {
    // Over plain http another host gets nothing; it may be asked for a token that needs no login.
    a_realm_on_another_host_does_not_get_the_login => Case::new()
        .login(Login::Bearer)
        .lie_about(manifest().always(), elsewhere_by_name)
        .fails("Denied", 4, &["manifest", "manifest +Bearer"])
        .elsewhere(&["token"])
        .says(&["the login was not shown to localhost:", "without verified TLS"]);
    a_realm_on_another_host_does_not_get_an_identity_token => Case::new()
        .login(Login::Identity)
        .lie_about(manifest().always(), elsewhere_by_name)
        .fails("Denied", 4, &["manifest", "manifest +Bearer"])
        .elsewhere(&["token"])
        .says(&["the login was not shown to localhost:"]);
    a_realm_on_another_host_that_wants_a_login_fails => Case::new()
        .login(Login::Bearer)
        .lie_about(manifest(), |places| Fault::RealmElsewhere {
            realm: format!("{}/nothing", places.elsewhere_by_name()),
        })
        .fails("Denied", 4, &["manifest"])
        .elsewhere(&["/nothing"])
        .says(&["the login was not shown to localhost:"]);
    a_realm_on_another_host_is_trusted_over_tls_alone => Case::new()
        .login(Login::Bearer)
        .arguments(&["--trust-realm", "localhost"])
        .lie_about(manifest().always(), elsewhere_by_name)
        .fails("Denied", 4, &["manifest", "manifest +Bearer"])
        .elsewhere(&["token"]);
    // No option lets a login go to another host without verified TLS: none is suggested.
    a_realm_without_tls_is_not_suggested_to_be_trusted => Case::new()
        .login(Login::Bearer)
        .lie_about(manifest().always(), elsewhere_by_name)
        .fails("Denied", 4, &["manifest", "manifest +Bearer"])
        .elsewhere(&["token"])
        .also(|_, outcome| assert!(!outcome.stderr.contains("--trust-realm"), "{}", outcome.stderr));

    // The registry itself, under another host's name: its tokens are good.
    over_tls_another_host_gets_a_password_with_a_warning => Case::new()
        .tls()
        .login(Login::Bearer)
        .lie_about(manifest(), registry_by_name)
        .succeeds(&["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .says(&["warning: the login for 127.0.0.1:", " was shown to localhost:"]);
    // It has seen the login all the same.
    over_tls_another_host_that_leads_away_is_warned_of => Case::new()
        .tls()
        .login(Login::Bearer)
        .lie_about(manifest(), registry_by_name)
        .lie_about(token(), to_elsewhere)
        .fails("Denied", 4, &["manifest", "token +Basic"])
        .says(&["warning: the login for 127.0.0.1:", " was shown to localhost:"]);
    over_tls_a_trusted_host_gets_a_password_without_a_word => Case::new()
        .tls()
        .login(Login::Bearer)
        .arguments(&["--trust-realm", "localhost"])
        .lie_about(manifest(), registry_by_name)
        .succeeds(&["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .also(|_, outcome| assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr));
    strict_realms_get_nothing_on_another_host => Case::new()
        .tls()
        .login(Login::Bearer)
        .arguments(&["--realm", "strict"])
        .lie_about(manifest(), registry_by_name)
        .fails("Denied", 4, &["manifest", "token"])
        .says(&["--realm strict forbids it", "--trust-realm localhost:"]);
    an_identity_token_stays_with_the_registrys_host => Case::new()
        .tls()
        .login(Login::Identity)
        .lie_about(manifest(), registry_by_name)
        .fails("Denied", 4, &["manifest", "token"])
        .says(&["the login is a lasting token", "--trust-realm localhost:"]);
    an_identity_token_goes_to_a_trusted_host => Case::new()
        .tls()
        .login(Login::Identity)
        .arguments(&["--trust-realm", "localhost"])
        .lie_about(manifest(), registry_by_name)
        .succeeds(&["manifest", "POST token", "manifest +Bearer", "blob +Bearer"]);

    a_plain_realm_of_an_encrypted_registry_is_not_asked => Case::new()
        .tls()
        .login(Login::Bearer)
        .lie(manifest(), Fault::RealmPlain)
        .fails("Denied", 4, &["manifest"])
        .says(&["from https to plain http"]);
    a_plain_realm_is_not_asked_for_an_anonymous_token_either => Case::new()
        .tls()
        .login(Login::Token)
        .lie(manifest(), Fault::RealmPlain)
        .fails("Denied", 4, &["manifest"]);
    a_realm_at_a_link_local_address_is_not_asked => Case::new()
        .login(Login::Bearer)
        .lie(manifest(), Fault::RealmLinkLocal)
        .fails("Denied", 4, &["manifest"])
        .says(&["169.254.169.254"]);

    a_realm_with_a_login_in_it_is_not_asked => Case::new()
        .login(Login::Token)
        .lie_about(manifest(), |places| Fault::RealmElsewhere {
            realm: format!("{}/token", places.registry.replace("//", "//user:word@")),
        })
        .fails("Denied", 4, &["manifest"])
        .says(&["it has a login in it"]);

    a_token_request_is_not_led_to_another_origin => Case::new()
        .login(Login::Bearer)
        .lie_about(token(), to_elsewhere)
        .fails("Denied", 4, &["manifest", "token +Basic"])
        .says(&["leads to another place, which is not asked"]);
    a_token_request_with_an_identity_token_is_not_led_to_another_origin => Case::new()
        .login(Login::Identity)
        .lie_about(token(), to_elsewhere)
        .fails("Denied", 4, &["manifest", "POST token"])
        .says(&["leads to another place, which is not asked"]);
    a_token_request_without_a_login_is_not_led_to_another_origin_either => Case::new()
        .login(Login::Token)
        .lie_about(token(), to_elsewhere)
        .fails("Denied", 4, &["manifest", "token"]);
    a_token_request_is_led_on_within_its_origin => Case::new()
        .login(Login::Bearer)
        .lie_about(token(), |places| Fault::RealmRedirect {
            to: format!("{}/token?service=testkit&scope=repository%3Aos%2Fdisk%3Apull", places.registry),
        })
        .succeeds(&["manifest", "token +Basic", "token +Basic", "manifest +Bearer", "blob +Bearer"]);
    a_token_request_is_not_led_to_a_login_in_a_url => Case::new()
        .login(Login::Token)
        .lie_about(token(), |places| Fault::RealmRedirect {
            to: format!("{}/token", places.registry.replace("//", "//user:word@")),
        })
        .fails("Denied", 4, &["manifest", "token"]);
    a_token_request_is_not_led_in_circles => Case::new()
        .login(Login::Bearer)
        .lie_about(token().always(), |places| Fault::RealmRedirect {
            to: format!("{}/token?scope=repository%3Aos%2Fdisk%3Apull", places.registry),
        })
        .fails("Denied", 4, &["manifest", "token +Basic", "token +Basic", "token +Basic", "token +Basic"]);
}

fn elsewhere_by_name(places: &Places) -> Fault {
    Fault::RealmElsewhere { realm: format!("{}/token", places.elsewhere_by_name()) }
}

fn registry_by_name(places: &Places) -> Fault {
    Fault::RealmElsewhere { realm: format!("{}/token", places.registry_by_name()) }
}

fn to_elsewhere(places: &Places) -> Fault {
    Fault::RealmRedirect { to: format!("{}/token", places.elsewhere) }
}
