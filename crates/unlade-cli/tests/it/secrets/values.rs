//! The library's own types: none of them writes a secret, whichever way it is formatted.

use std::fmt::{Debug, Display};
use std::sync::Arc;

use serde_json::json;
use unlade::auth::scope::Scope;
use unlade::auth::token::{TokenKey, basic};
use unlade::auth::{
    AuthFile, AuthFileSource, Credential, Found, Keychain, NamedBy, PullSecretFormat, Secret, Token, TokenCache,
};
use unlade::config::{Config, Identity, Pem};
use unlade::image::Selection;
use unlade::site::Environment;
use unlade::spec::safe_url::SafeUrl;
use unlade::{Client, Error, ErrorKind};
use unlade_testkit::{Access, Bearer, LyingRegistry, Origin};

use super::canary::{IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, SIGNATURE, Secrets, USER, Vault, hex};
use crate::common::disk;

#[track_caller]
fn shows_nothing(value: &impl Debug) {
    let secrets = Secrets::all();
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let told = secrets.held_by(text.as_bytes());
        assert!(told.is_empty(), "{told:?} in {text}");
    }
}

#[track_caller]
fn says_nothing(value: &impl Display) {
    let secrets = Secrets::all();
    let told = secrets.held_by(value.to_string().as_bytes());
    assert!(told.is_empty(), "{told:?} in {value}");
}

fn credentials() -> Vec<Credential> {
    let secret = |text: &str| Secret::new(text);
    vec![
        Credential::Password { user: USER.to_owned(), password: secret(PASSWORD) },
        Credential::IdentityToken(secret(IDENTITY_TOKEN)),
        Credential::RegistryToken(secret(REGISTRY_TOKEN)),
        Credential::BareToken(secret(PASSWORD)),
    ]
}

fn auth_file() -> String {
    json!({ "auths": {
        "a.example": Vault::login(),
        "b.example": { "identitytoken": IDENTITY_TOKEN },
        "c.example": { "registrytoken": REGISTRY_TOKEN },
        "d.example": { "username": USER, "password": PASSWORD },
    } })
    .to_string()
}

#[test]
fn credentials_are_not_written() {
    for credential in credentials() {
        shows_nothing(&credential);
        shows_nothing(&Found::new(credential.clone(), "a test"));
        let password = hex(PASSWORD, "%");
        let realm = format!("https://{USER}:{password}@auth.example/token?key={SIGNATURE}").parse().unwrap();
        let key = TokenKey::new(realm, Some("service"), Scope::pull("acme/disk"), Arc::new(credential));
        shows_nothing(&key);
        shows_nothing(&key.call());
    }
    shows_nothing(&Secret::new(PASSWORD));
    shows_nothing(&basic(USER, &Secret::new(PASSWORD)));
}

#[test]
fn tokens_are_not_written() {
    let token = Token::lasting(Secret::new(REGISTRY_TOKEN));
    shows_nothing(&token);
    shows_nothing(&token.authorization());
    let answer = json!({ "token": REGISTRY_TOKEN, "expires_in": 300 }).to_string();
    shows_nothing(&Token::from_answer(answer.as_bytes()).unwrap());
    for broken in [format!("{{\"token\": {REGISTRY_TOKEN}"), json!({ "token": format!("{PASSWORD}\n") }).to_string()] {
        let error = Token::from_answer(broken.as_bytes()).unwrap_err();
        shows_nothing(&error);
        error.chain().iter().for_each(|text| says_nothing(text));
    }
}

#[tokio::test]
async fn a_cache_of_tokens_is_not_written() {
    let cache = TokenCache::new();
    let credential = Arc::new(credentials().remove(0));
    let realm = format!("https://auth.example/token?key={SIGNATURE}").parse().unwrap();
    let key = TokenKey::new(realm, None, Scope::pull("acme/disk"), credential);
    let token = async { Ok(Token::lasting(Secret::new(REGISTRY_TOKEN))) };
    cache.obtain(&key, || token).await.unwrap();
    shows_nothing(&cache);
}

#[test]
fn where_credentials_come_from_is_not_written() {
    let text = auth_file();
    let source = || AuthFileSource::new("auth.json".to_owned(), Ok(text.clone().into_bytes()), NamedBy::User);
    shows_nothing(&source());
    shows_nothing(&AuthFile::parse(text.as_bytes(), "auth.json").unwrap());
    let secret = format!("{USER}:{PASSWORD}");
    let keychain = Keychain::new([source()]).unwrap();
    shows_nothing(&keychain);
    let keychain = keychain.with_pull_secret(secret.as_bytes(), PullSecretFormat::Auto, "secret").unwrap();
    shows_nothing(&keychain);
    shows_nothing(&keychain.find(&"a.example/x".parse().unwrap()).unwrap());
    shows_nothing(&Environment::from_iter([("DOCKER_AUTH_CONFIG", text)]));
}

#[test]
fn a_key_is_not_written() {
    let vault = Vault::new();
    let identity = vault.authority.client("canary");
    let secrets = Secrets::all().with_key(&identity.key);
    let read = |path| std::fs::read(path).unwrap();
    let mut config = Config::default();
    let certificate = Pem::new("cert.pem", read(&identity.certificate));
    config.identity = Some(Identity::new(certificate, Pem::new("key.pem", read(&identity.key))));
    let pem = (read(&identity.certificate), read(&identity.key));
    let parsed = unlade::transport::Identity::from_pem(("cert.pem", &pem.0), ("key.pem", &pem.1)).unwrap();
    let builder = Client::builder().config(config.clone());
    for text in [format!("{config:?}"), format!("{parsed:?}"), format!("{builder:?}"), format!("{:?}", builder.build())]
    {
        assert!(secrets.held_by(text.as_bytes()).is_empty(), "{text}");
    }
}

#[test]
fn urls_are_written_without_what_is_secret_in_them() {
    let text = format!("https://{USER}:x@store.example/blob?X-Signature={SIGNATURE}&n=5#{REGISTRY_TOKEN}");
    let url = SafeUrl::parse(&text).unwrap();
    shows_nothing(&url);
    says_nothing(&url);
    let exchange = unlade::transport::Exchange::new(
        "GET".parse().unwrap(),
        url.as_url().clone(),
        unlade::transport::Profile::new(
            unlade::transport::Authorities::new(Arc::new(unlade::site::SystemRoots::default()), []).unwrap(),
        ),
    );
    shows_nothing(&exchange);
    let error = Error::new(ErrorKind::Unavailable, "a test").with(|context| context.url = Some(url));
    shows_nothing(&error);
    shows_nothing(error.context());
}

#[tokio::test]
async fn a_client_at_work_is_not_written() {
    let store = Origin::start();
    store.offer_blobs("acme/disk", &disk());
    let rules = Bearer::user(USER, PASSWORD);
    let registry = LyingRegistry::builder().access(Access::Bearer(rules)).blobs_at(&store.url("")).start();
    registry.publish("acme/disk", "v1", &disk());
    let file = json!({ "auths": { registry.host(): Vault::login() } }).to_string();
    let source = AuthFileSource::new("auth.json".to_owned(), Ok(file.into_bytes()), NamedBy::User);
    let builder = Client::builder().credentials(Keychain::new([source]).unwrap());
    shows_nothing(&builder);
    let client = builder.build().unwrap();
    let reference = registry.reference("acme/disk:v1").parse().unwrap();
    let artifact = client.artifact(&reference, &Selection::default()).await.unwrap();
    let folder = crate::common::folder();
    let download = artifact.download();
    shows_nothing(&download);
    let delivery = download.into_file(folder.path().join("out.img")).await.unwrap();
    assert!(registry.saw_text(PASSWORD) && registry.saw_text("token-1-") && store.recorder().saw_text(SIGNATURE));
    shows_nothing(&client);
    shows_nothing(&artifact);
    shows_nothing(artifact.source());
    says_nothing(artifact.source());
    shows_nothing(&delivery);
}
