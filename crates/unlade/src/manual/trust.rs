//! Who is spoken to, who is shown a login, and where servers may lead.
//!
//! # The promise
//!
//! A secret goes only where its owner sent it. It never crosses to another origin on a
//! server's word, and is never printed: secrets are a type without a text form
//! ([`Secret`](crate::auth::Secret)), URLs are printed with unknown query parameters, and
//! with parts of the path that name a value, as `***`
//! ([`SafeUrl`](crate::spec::safe_url::SafeUrl)), headers that carry secrets are marked,
//! and where a server repeats what it was sent, in a refusal, a redirect, a link or a document, that becomes `***` in
//! every error and warning ([`Source::blot`](crate::source::Source::blot)). What it has to give, it gives as it is:
//! the bytes of a manifest, tags, the entries of an index.
//! A signed URL is a secret itself.
//!
//! # Which login
//!
//! Logins are looked up by the **registry**, never by the host of a token server. The
//! [`Keychain`](crate::auth::Keychain) asks the pull secret first, then the auth files in
//! order, and the first that has a login decides. Within a file the longest key of whole
//! path components wins. Without any, content is asked for anonymously.
//!
//! [`Environment::auth_files`](crate::site::Environment::auth_files) gives the order of
//! files: one that was named, `REGISTRY_AUTH_FILE`, containers' `auth.json` in the
//! runtime and then in the configuration folder, `DOCKER_AUTH_CONFIG`, docker's
//! `config.json`. A malformed file that the user named is an error at once; one that was
//! only found is an error if it is asked, and a warning if one before it decided. A file
//! that `REGISTRY_AUTH_FILE` names and that does not exist is a warning, for it is made by
//! the first login. Helpers that a file names are not run.
//!
//! # Challenges and tokens
//!
//! There is no request just to be challenged. The first one goes without a login, unless
//! that is a `registrytoken`, and a 401 is answered; what was learnt goes with the later
//! ones. All challenges of all `WWW-Authenticate` headers are read (up to 32, of headers
//! up to 16 KiB), and Bearer comes before Basic.
//!
//! In each try, a login that is missing is shown once, and a token that was known from
//! earlier requests, or that is said to be stale (`error="invalid_token"`), is renewed
//! once. A password that was refused is not shown again: some servers lock the account.
//!
//! A token is asked for by GET, or by an `OAuth2` POST for an identity token. It is kept for
//! exactly this realm, service, scope and login, and whoever needs the same one at the
//! same time waits for the one exchange. It is renewed 10 s before its end, or a quarter
//! of its life where that is shorter. An answer that states no life gives it 60 s; more
//! than 24 hours are not believed. Clocks that differ do no harm: an `issued_at` that
//! makes no sense is passed over.
//!
//! The scope is always `repository:NAME:pull` of the repository that is being read. A
//! challenge that names another repository or more actions is not obeyed, and where the
//! request then fails the error says what was asked for. What the realm's own query says
//! of scope and account is left out, since that is ours to say.
//!
//! A token request is not led to another origin: the redirect would take the login along.
//! On its own origin a GET is led on up to 3 times, a POST never.
//!
//! # Who is shown the login
//!
//! The registry names its token server, the realm, and that server sees the login.
//! [`auth::realm`](crate::auth::realm) decides, in this order:
//!
//! 1. Over a weaker way than the registry's own, nobody is shown anything: no plain http
//!    and no unverified TLS where the registry was verified.
//! 2. The registry's own host gets the login, at any port. So do Docker Hub's
//!    `auth.docker.io`, and a parent domain of the registry that has at least two labels
//!    (`registry.example.com` may name `example.com`).
//! 3. A host that the user trusts by name ([`Realms::trusted`](crate::config::Realms))
//!    gets any login, over verified https.
//! 4. Any other host gets user and password, with a warning, if registry and realm are
//!    both reached over verified https and the realm is a name. docker and podman send it
//!    there too, and a registry that wanted the password could ask for it by Basic.
//!    [`RealmRule::Strict`](crate::config::RealmRule) forbids this.
//! 5. Tokens that outlive a misuse (identity tokens, tokens of unknown power) go to no
//!    other host.
//!
//! Where the login is withheld, a token is asked for without it: the content may be
//! public. If that fails the error is [`Denied`](crate::ErrorKind::Denied) and says why
//! the login was held back and what would allow it. The same is done where the name of a
//! token server leads into a private network, which is found out when it is connected to.
//!
//! # Redirects
//!
//! They are followed by hand, at most 10. On a change of scheme, host or port the login,
//! the client certificate and all headers but `Accept`, `Accept-Encoding`, `Range`,
//! `If-Range` and `User-Agent` stay behind, unless the target is a host that the user
//! trusts ([`Config::trusted_hosts`](crate::config::Config::trusted_hosts), whole names,
//! https only) and nobody but the registry and such hosts led there. A 401 there is
//! answered without a login, for the same scope. A way that leads back to the registry is
//! not the registry's own any more, and gets no login: who led there chose the place.
//!
//! # Where servers may lead
//!
//! One guard ([`transport::guard`](crate::transport::guard)) looks at every URL that a
//! server names: redirects and realms. It must be https, unless the registry itself is
//! spoken to in plain http; it holds no login; and its address is of a class that is
//! allowed:
//!
//! | class | allowed |
//! |---|---|
//! | link-local, multicast, unspecified, reserved; metadata services of clouds | never |
//! | loopback | if the registry was reached on loopback |
//! | private: RFC 1918, unique local, site-local, carrier-grade NAT, benchmarking, `192.0.0.0/24` | if the registry was reached in a private net, or the user allows the net, or it is a name over verified https that gets no login |
//! | everything else | yes |
//!
//! The last way into a private net is for object stores behind a private endpoint: the
//! certificate already proves the name, and there is nothing to steal.
//!
//! Which address the registry was reached at is what counts, so a name that stands for a
//! private address is a private registry. The class is looked at twice: on a literal in the
//! URL, in any spelling, and on what a name resolved to at the moment of connecting, so
//! that a name which leads elsewhere a moment later gains nothing. An IPv4 address inside
//! an IPv6 one (mapped, compatible, translated, NAT64, 6to4) counts as itself. Hosts that
//! the user named are outside the guard, with one exception: a name of this machine that
//! is spoken to in plain http only because it is one must lead to this machine.
//!
//! Links to the next page of a list are stricter: they must name the registry and lie
//! below the repository, and only their path and query are used. A list that leads back to
//! where it was, or on without end, is an error.
//!
//! # TLS
//!
//! Servers are verified against the system's authorities and against those that the user
//! gives. `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in for the system's; where it has none
//! and neither is set, Mozilla's list, which is built in, does. A server whose certificate
//! is byte for byte one that the user gave is accepted whoever signed it, with name and
//! dates still checked. TLS 1.2 is the oldest version, 1.3 if so set.
//!
//! Plain http is spoken where it was asked for, and to loopback unless the settings speak
//! of TLS: a certificate, an authority, or no verification.
//!
//! # Proxies
//!
//! [`Proxies`](crate::config::Proxies) says through which proxy a URL is asked. Its login is
//! shown to the proxy alone, and a proxy in TLS is always verified. Loopback is asked
//! straight. Behind a proxy that resolves names, the guard sees the address in a URL and
//! no other.
//!
//! # Text from servers
//!
//! Control characters, bidirectional controls and zero-width characters are taken out of
//! what a server says before it reaches a message
//! ([`sanitise`](crate::spec::text::sanitise)). Titles are file names only if they are
//! relative paths of plain names.
//!
//! # What is not there yet
//!
//! Credential helpers, signatures and the configuration files of sites.
