//! What the options say, as the library takes it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use unlade::auth::{Keychain, PullSecretFormat};
use unlade::config::{Config, Identity, Pem, PlainHttp, Proxies, RealmRule, Realms, TlsVerification, TlsVersion};
use unlade::site::Environment;
use unlade::{Error, ErrorKind, Result};

use crate::options::{Common, Realm, SecretFormat, Tls};

/// The largest certificate, key or pull secret that is read.
const MAX_FILE: u64 = 4 << 20;

/// As long as nobody waits for anything.
const FOREVER: Duration = Duration::from_hours(365 * 24);

/// Returns how the client is to behave.
pub(super) fn config(options: &Common, environment: &Environment) -> Result<Config> {
    let mut config = Config::default();
    config.allow_nets.clone_from(&options.allow_net);
    for path in &options.ca_file {
        config.authorities.push(Pem::new(path.display().to_string(), read(path)?));
    }
    config.identity = match (&options.cert_file, &options.key_file) {
        (Some(certificate), Some(key)) => Some(Identity::new(pem(certificate)?, pem(key)?)),
        (None, None) => None,
        _ => {
            return Err(Error::new(ErrorKind::InvalidInput, "--cert-file and --key-file belong together"));
        }
    };
    config.connections = options.connections;
    config.connect_timeout = limit(options.connect_timeout);
    config.lock_timeout = options.lock_timeout;
    config.mirrors.clone_from(&options.mirror);
    config.min_rate = options.min_rate;
    config.plain_http = match options.plain_http {
        Some(true) => PlainHttp::Always,
        Some(false) => PlainHttp::Never,
        None => PlainHttp::Loopback,
    };
    config.proxies = proxies(options, environment)?;
    config.realms = realms(options);
    config.response_timeout = limit(options.response_timeout);
    config.retries = options.retries;
    config.stall_timeout = options.stall_timeout;
    config.tls_minimum = match options.tls_min {
        Tls::V1_2 => TlsVersion::Tls12,
        Tls::V1_3 => TlsVersion::Tls13,
    };
    if options.insecure_skip_tls_verify {
        config.tls_verification = TlsVerification::Skip;
    }
    config.trusted_hosts.clone_from(&options.trust_host);
    Ok(config)
}

/// Reads a timeout: as with --stall-timeout, none at all is asked for by 0.
fn limit(timeout: Duration) -> Duration {
    if timeout.is_zero() { FOREVER } else { timeout }
}

/// Returns the proxies of the option, else of the environment.
fn proxies(options: &Common, environment: &Environment) -> Result<Proxies> {
    let Some(text) = &options.proxy else { return environment.proxies() };
    let by_variable = environment.variable("UNLADE_PROXY").is_some_and(|value| value == text.as_str());
    environment.proxies_by(text, if by_variable { "UNLADE_PROXY" } else { "--proxy" })
}

fn realms(options: &Common) -> Realms {
    let mut realms = Realms::default();
    realms.rule = match options.realm {
        Realm::Strict => RealmRule::Strict,
        Realm::Warn => RealmRule::Warn,
    };
    realms.trusted.clone_from(&options.trust_realm);
    realms
}

/// Returns where credentials come from.
pub(super) fn credentials(options: &Common, environment: &Environment) -> Result<Keychain> {
    let mut keychain = Keychain::new(environment.auth_files(options.authfile.as_deref()))?;
    if let Some(path) = &options.pull_secret_file {
        let format = match options.pull_secret_format {
            SecretFormat::Auto => PullSecretFormat::Auto,
            SecretFormat::Authfile => PullSecretFormat::AuthFile,
            SecretFormat::Base64 => PullSecretFormat::Base64,
            SecretFormat::Token => PullSecretFormat::Token,
            SecretFormat::UserPassword => PullSecretFormat::UserPassword,
        };
        keychain = keychain.with_pull_secret(&read(path)?, format, &path.display().to_string())?;
    }
    Ok(keychain)
}

fn pem(path: &Path) -> Result<Pem> {
    Ok(Pem::new(path.display().to_string(), read(path)?))
}

/// Reads a small file, or stdin for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    let name = path.display();
    read.map_err(|error| Error::new(ErrorKind::InvalidInput, format!("cannot read {name}")).caused_by(error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{name} is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}
