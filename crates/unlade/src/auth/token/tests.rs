use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn whatever_a_token_server_answers_it_is_a_token_or_an_error(
        token in r#""(hunter2|\PC{0,9}|\\n)"|null|7|\[\]"#,
        lifetime in r#"-?[0-9]{1,25}|"[0-9a-z ]{0,6}"|null|1e400|1.5"#,
        issued in r#""[0-9TZ:+-]{0,25}"|null|7"#,
    ) {
        let body = format!(r#"{{"token":{token},"expires_in":{lifetime},"issued_at":{issued}}}"#);
        let now = Instant::now();
        match Token::read(body.as_bytes(), now, SystemTime::now()) {
            Ok(token) => {
                prop_assert!(token.expires_at > now && token.expires_at <= now + MAX_LIFETIME);
                prop_assert!(token.is_usable(now));
                http::HeaderValue::from_str(token.authorization().expose()).unwrap();
            }
            Err(error) => prop_assert!(!error.chain().join(": ").contains("hunter2")),
        }
    }
}

fn key(credential: Credential) -> TokenKey {
    let realm = "https://auth.example/token?tenant=7".parse().unwrap();
    TokenKey::new(realm, Some("r.example"), Scope::pull("a/b"), Arc::new(credential))
}

fn password(password: &str) -> Credential {
    Credential::Password { user: "me".to_owned(), password: Secret::new(password) }
}

#[test]
fn requests_are_written_for_each_kind_of_credential() {
    let url = "https://auth.example/token?tenant=7&service=r.example&scope=repository%3Aa%2Fb%3Apull";
    let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    for (credential, account, authorization) in [
        (Credential::Anonymous, "", None),
        (password("pw"), "&account=me", Some("Basic bWU6cHc=")),
        (Credential::BareToken(Secret::new("t")), "", Some("Basic OnQ=")),
    ] {
        let call = key(credential).call();
        assert_eq!(call.url.as_str(), format!("{url}{account}"));
        assert_eq!(exposed(&call.authorization).as_deref(), authorization);
        assert_eq!(call.form, None);
    }
    let call = key(Credential::IdentityToken(Secret::new("r&t"))).call();
    assert_eq!(call.url.as_str(), "https://auth.example/token?tenant=7");
    assert_eq!(call.authorization, None);
    assert_eq!(
        exposed(&call.form).unwrap(),
        "grant_type=refresh_token&service=r.example&scope=repository%3Aa%2Fb%3Apull&client_id=unlade&refresh_token=r%26t"
    );
}

#[test]
fn answers_are_read() {
    let clock: SystemTime = "2026-01-01T00:01:40Z".parse::<jiff::Timestamp>().unwrap().into();
    let now = Instant::now();
    let lifetime = |body: &str| {
        Token::read(body.as_bytes(), now, clock)
            .map(|token| (token.expires_at - now).as_secs())
            .map_err(|error| error.kind())
    };
    for (body, expected) in [
        (r#"{"token":"t"}"#, Ok(60)),
        (r#"{"access_token":"t","expires_in":300}"#, Ok(300)),
        (r#"{"token":"","access_token":"t","expires_in":"300"}"#, Ok(300)),
        (r#"{"token":"t","expires_in":300,"issued_at":"2026-01-01T00:00:00Z"}"#, Ok(200)),
        // The clocks differ: ours is far ahead, or behind.
        (r#"{"token":"t","expires_in":300,"issued_at":"2025-01-01T00:00:00Z"}"#, Ok(300)),
        (r#"{"token":"t","expires_in":300,"issued_at":"2027-01-01T00:00:00Z"}"#, Ok(300)),
        (r#"{"token":"t","expires_in":300,"issued_at":"yesterday"}"#, Ok(300)),
        (r#"{"token":"t","expires_in":99999999999}"#, Ok(24 * 3600)),
        (r#"{"token":"t","expires_in":-1}"#, Ok(60)),
        (r#"{"token":"t","expires_in":0}"#, Ok(60)),
        (r#"{"token":7}"#, Err(ErrorKind::PeerMisbehaved)),
        (r"{}", Err(ErrorKind::PeerMisbehaved)),
        ("", Err(ErrorKind::PeerMisbehaved)),
        (r#"{"token":"a\r\nX: y"}"#, Err(ErrorKind::PeerMisbehaved)),
        (r#"{"token":"a b"}"#, Err(ErrorKind::PeerMisbehaved)),
    ] {
        assert_eq!(lifetime(body), expected, "{body}");
    }
}

fn token(text: &str, seconds: u64) -> Token {
    let body = format!(r#"{{"token":"{text}","expires_in":{seconds}}}"#);
    Token::from_answer(body.as_bytes()).unwrap()
}

#[test]
fn a_realm_brings_no_scope_and_no_account_along() {
    let named = |realm: &str, service| {
        let credential = Arc::new(Credential::Anonymous);
        TokenKey::new(realm.parse().unwrap(), service, Scope::pull("a/b"), credential).call().url.to_string()
    };
    let realm = "https://auth.example/token?scope=repository:x/y:push&service=evil&account=root&tenant=7";
    let scope = "scope=repository%3Aa%2Fb%3Apull";
    assert_eq!(named(realm, Some("s")), format!("https://auth.example/token?tenant=7&service=s&{scope}"));
    assert_eq!(named(realm, None), format!("https://auth.example/token?service=evil&tenant=7&{scope}"));
    assert_eq!(named("https://auth.example/token?scope=x", None), format!("https://auth.example/token?{scope}"));
}

#[tokio::test]
async fn one_exchange_serves_all_who_wait() {
    let cache = TokenCache::new();
    let exchanges = AtomicUsize::new(0);
    let key = key(Credential::Anonymous);
    let obtain = || {
        cache.obtain(&key, || async {
            exchanges.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(token("t", 300))
        })
    };
    let (one, two, three) = tokio::join!(obtain(), obtain(), obtain());
    assert_eq!(one.unwrap().1, Age::Fresh);
    assert_eq!(two.unwrap().1, Age::Known);
    three.unwrap();
    assert_eq!(exchanges.into_inner(), 1);
}

#[tokio::test]
async fn credentials_do_not_share_tokens() {
    let cache = TokenCache::new();
    for (credential, text) in [(password("one"), "a"), (password("two"), "b"), (Credential::Anonymous, "c")] {
        let got = cache.obtain(&key(credential), || async { Ok(token(text, 300)) }).await.unwrap().0;
        assert_eq!(got.authorization().expose(), format!("Bearer {text}"));
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_after_a_refusal() {
    let cache = TokenCache::new();
    let key = key(Credential::Anonymous);
    let now = Instant::now();
    let first = cache.obtain_at(&key, || now, || async { Ok(token("first", 300)) }).await.unwrap().0;
    let same = cache
        .obtain_at(&key, || now + Duration::from_secs(280), || async { Ok(token("second", 300)) })
        .await
        .unwrap()
        .0;
    assert_eq!(same, first);
    let renewed = cache
        .obtain_at(&key, || now + Duration::from_secs(295), || async { Ok(token("second", 300)) })
        .await
        .unwrap()
        .0;
    assert_ne!(renewed, first);
    cache.forget(&key, &first).await;
    let kept = cache.obtain_at(&key, || now, || async { Ok(token("third", 300)) }).await.unwrap().0;
    assert_eq!(kept, renewed);
    cache.forget(&key, &renewed).await;
    let third = cache.obtain_at(&key, || now, || async { Ok(token("third", 300)) }).await.unwrap().0;
    assert_ne!(third, renewed);
}

#[tokio::test]
async fn an_exchange_that_fails_or_is_dropped_is_nobodys() {
    let cache = TokenCache::new();
    let key = key(Credential::Anonymous);
    let failed = cache.obtain(&key, || async { Err(Error::new(ErrorKind::Unavailable, "no")) }).await;
    assert!(failed.is_err());
    {
        let hanging = cache.obtain(&key, std::future::pending);
        tokio::pin!(hanging);
        assert!(futures_util::poll!(hanging.as_mut()).is_pending());
    }
    let got = cache.obtain(&key, || async { Ok(token("t", 300)) }).await;
    assert!(got.is_ok());
}

#[test]
fn secrets_are_not_printed() {
    let call = key(password("hunter2")).call();
    let shown = format!("{call:?} {:?} {:?}", key(password("hunter2")), token("hunter2", 9));
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
}
