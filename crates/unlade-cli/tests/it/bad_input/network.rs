//! Servers that cannot be reached, or not spoken to.

use std::net::TcpListener;

use unlade_testkit::tls::{Authority, Identity, LOOPBACK_NAMES, Validity};
use unlade_testkit::{Fault, LyingRegistry, LyingRegistryBuilder, Matcher, Which};

use super::{Row, Speaker, authority};
use crate::common::{disk, fair_error, folder, pull, registry_of};

pub(super) const ROWS: &[fn() -> Row] = &[
    refused_port,
    ssh_server,
    garbage,
    http_of_the_nineties,
    silence,
    plain_text_to_a_tls_greeting,
    a_plain_registry_asked_for_tls,
    a_tls_registry_asked_for_plain_http,
    go_asked_for_plain_http,
    nginx_asked_for_plain_http,
    unknown_authority,
    no_authority,
    own_authority,
    expired,
    not_yet_valid,
    another_name,
    tls_too_old,
    client_certificate_wanted,
];

#[test]
fn each_row_says_what_is_wrong() {
    for row in ROWS {
        row().check();
    }
}

fn lying(fault: Fault) -> LyingRegistry {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(Which::Manifest).always(), fault);
    registry
}

fn over_tls(identity: &Identity) -> LyingRegistry {
    started(LyingRegistry::builder().tls(identity.server_config()))
}

fn started(builder: LyingRegistryBuilder) -> LyingRegistry {
    let registry = builder.start();
    registry.publish("acme/disk", "v1", &disk());
    registry
}

fn refused_port() -> Row {
    let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
    let host = listener.local_addr().expect("a listening socket has an address").to_string();
    Row::at("a refused port", host).with(["--retries", "1"]).says(
        6,
        "Unavailable",
        "trying again in TIME s: cannot read the manifest v1 of HOST/acme/disk: nobody listens there: \
             the connection was refused: Connection refused (os error 111)\n\
             error: cannot read the manifest v1 of HOST/acme/disk, after 2 tries\n  \
             caused by: nobody listens there: the connection was refused\n  \
             caused by: Connection refused (os error 111)\n\
             hint: check the network and the registry's name; --retries N tries longer\n",
    )
}

fn ssh_server() -> Row {
    speaks_no_http("a port of SSH", Fault::SshBanner)
}

fn garbage() -> Row {
    speaks_no_http("a port that speaks no HTTP", Fault::GarbageStatusLine)
}

fn http_of_the_nineties() -> Row {
    speaks_no_http("a port that speaks HTTP/0.9", Fault::Http09)
}

fn speaks_no_http(what: &'static str, fault: Fault) -> Row {
    Row::new(what, lying(fault)).says(
        1,
        "PeerMisbehaved",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the answer is not HTTP\n  \
             caused by: invalid HTTP version parsed\n\
             hint: if this server speaks TLS, say so with --plain-http=false\n",
    )
}

fn silence() -> Row {
    Row::new("a port that says nothing", lying(Fault::StallBeforeHeaders)).with(["--response-timeout", "1s"]).says(
        6,
        "Unavailable",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: no answer came in time\n\
             hint: check the network and the registry's name; --retries N tries longer\n",
    )
}

fn plain_text_to_a_tls_greeting() -> Row {
    let page = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    Row::of_speaker("a plain server, spoken to in TLS", Speaker::start(page)).with(["--plain-http=false"]).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the server does not speak TLS\n  \
             caused by: received corrupt message of type InvalidContentType\n\
             hint: if this server speaks no TLS, say so with --plain-http\n",
    )
}

fn a_plain_registry_asked_for_tls() -> Row {
    let registry = LyingRegistry::start();
    Row::new("a plain server that hangs up on TLS", registry).with(["--plain-http=false"]).says(
        6,
        "Unavailable",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the connection broke\n  \
             caused by: the connection was closed during the TLS handshake\n\
             hint: check the network and the registry's name; --retries N tries longer\n",
    )
}

fn a_tls_registry_asked_for_plain_http() -> Row {
    let (authority, _) = authority();
    Row::new("a TLS server, spoken to in plain http", over_tls(&authority.server())).says(
        1,
        "PeerMisbehaved",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the answer is not HTTP\n  \
             caused by: invalid HTTP version parsed\n\
             hint: if this server speaks TLS, say so with --plain-http=false\n",
    )
}

fn go_asked_for_plain_http() -> Row {
    let page = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    Row::of_speaker("a TLS server in Go, spoken to in plain http", Speaker::start(page)).says(
        1,
        "Rejected",
        "error: cannot read the manifest v1 of HOST/acme/disk: HOST answered 400 bad request; \
             Client sent an HTTP request to an HTTPS server.\n\
             hint: if this server speaks TLS, say so with --plain-http=false\n",
    )
}

fn nginx_asked_for_plain_http() -> Row {
    let page = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
                <html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>\r\n";
    Row::of_speaker("nginx with TLS, spoken to in plain http", Speaker::start(page)).says(
        1,
        "Rejected",
        "error: cannot read the manifest v1 of HOST/acme/disk: HOST answered 400 bad request; \
             The plain HTTP request was sent to HTTPS port\n\
             hint: if this server speaks TLS, say so with --plain-http=false\n",
    )
}

fn unknown_authority() -> Row {
    let (_, trust) = authority();
    Row::new("another authority", over_tls(&Authority::new().server())).with(trust).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: nobody that is trusted signed the server's certificate\n  \
             caused by: invalid peer certificate: BadSignature\n\
             hint: give the certificate authority that signs for HOST with --ca-file FILE\n",
    )
}

fn no_authority() -> Row {
    let (authority, _) = authority();
    Row::new("an authority that nobody named", over_tls(&authority.server())).with(["--plain-http=false"]).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: nobody that is trusted signed the server's certificate\n  \
             caused by: invalid peer certificate: UnknownIssuer\n\
             hint: give the certificate authority that signs for HOST with --ca-file FILE\n",
    )
}

fn own_authority() -> Row {
    let (authority, trust) = authority();
    Row::new("a certificate of its own that was not given", over_tls(&authority.self_signed())).with(trust).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: nobody that is trusted signed the server's certificate\n  \
             caused by: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))\n\
             hint: give the certificate authority that signs for HOST with --ca-file FILE\n",
    )
}

fn expired() -> Row {
    let (authority, trust) = authority();
    let identity = authority.server_for(&LOOPBACK_NAMES, Validity::Expired);
    Row::new("an expired certificate", over_tls(&identity)).with(trust).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the server's certificate has expired\n  \
             caused by: it was valid until 2002-01-01T00:00:00Z, and NOW\n\
             hint: check the clock of this machine; if it is right, HOST needs a certificate that is valid now\n",
    )
}

fn not_yet_valid() -> Row {
    let (authority, trust) = authority();
    let identity = authority.server_for(&LOOPBACK_NAMES, Validity::Future);
    Row::new("a certificate of the future", over_tls(&identity)).with(trust).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the server's certificate is not valid yet\n  \
             caused by: it is valid from 2998-01-01T00:00:00Z on, and NOW\n\
             hint: check the clock of this machine; if it is right, HOST needs a certificate that is valid now\n",
    )
}

fn another_name() -> Row {
    let (authority, trust) = authority();
    let identity = authority.server_for(&["registry.example"], Validity::Now);
    Row::new("a certificate of another name", over_tls(&identity)).with(trust).says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the server's certificate is for another name\n  \
             caused by: invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate \
             is only valid for DnsName(\"registry.example\")\n\
             hint: call the registry by a name that its certificate has, or have one made for HOST\n",
    )
}

fn tls_too_old() -> Row {
    let (authority, trust) = authority();
    Row::new("a TLS that is too old", started(LyingRegistry::builder().tls(authority.server().server_config_tls12())))
        .with(trust)
        .with(["--tls-min", "1.3"])
        .says(
            6,
            "Tls",
            "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the server speaks no version of TLS that is allowed\n  \
             caused by: received fatal alert: ProtocolVersion\n\
             hint: have the server brought up to date, or lower --tls-min, which cannot be below 1.2\n",
        )
}

fn client_certificate_wanted() -> Row {
    let (authority, trust) = authority();
    Row::new(
        "a client certificate is wanted",
        started(LyingRegistry::builder().tls(authority.requiring_clients(&authority.server()))),
    )
    .with(trust)
    .says(
        6,
        "Tls",
        "error: cannot read the manifest v1 of HOST/acme/disk\n  \
             caused by: the server wants a client certificate\n  \
             caused by: received fatal alert: CertificateRequired\n\
             hint: show a certificate that this server accepts, with --cert-file FILE and --key-file FILE\n",
    )
}

#[test]
fn a_host_that_nobody_knows_is_named() {
    let folder = folder();
    let run = pull("no-such-host.invalid/acme/disk:v1", folder.path())
        .args(["--retries", "0", "--json"])
        // Where there is no resolver, glibc would wait for one; what it says then is another thing.
        .env("RES_OPTIONS", "timeout:1 attempts:1");
    let outcome = run.run();
    outcome.assert_code(6);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "Unavailable");
    assert_eq!(error["message"], "cannot read the manifest v1 of no-such-host.invalid/acme/disk");
    let cause = error["causes"][0].as_str().unwrap();
    assert!(["no host has that name", "the name cannot be resolved now"].contains(&cause), "{cause}");
    assert_eq!(error["hint"], "check the network and the registry's name; --retries N tries longer");
    assert!(unlade_testkit::process::files(folder.path()).is_empty());
}
