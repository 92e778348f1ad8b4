//! Who may read: users and passwords, by Basic authentication.
//!
//! <https://www.rfc-editor.org/rfc/rfc7617>

mod htpasswd;
mod login;
mod queue;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;
use http::HeaderMap;
use unlade::{Error, ErrorKind, Result};

use self::login::Login;
use self::queue::{Queue, TooLong};
use crate::refusal::Refusal;

/// The users who may read, and the bcrypt hashes of their passwords.
///
/// A check of a password is slow on purpose, tens of milliseconds and more. So checks run on threads where they may
/// block, on half of the processors at most, and the one that succeeded is remembered: not the password, but a hash
/// of user and password under a key that never leaves this process. Those of one client are made one after the other,
/// and where too many wait already, the next is refused for the moment. Clones share all that.
#[derive(Clone)]
pub struct Logins(Arc<Book>);

struct Book {
    accounts: Vec<Account>,
    /// The places of the users among the accounts.
    places: HashMap<Arc<str>, usize>,
    key: hmac::Key,
    checks: Queue,
}

struct Account {
    user: Arc<str>,
    hash: String,
    /// What the right login has for a hash, once it was shown: at most one for each user.
    proven: Mutex<Option<Vec<u8>>>,
}

impl Logins {
    /// Reads what `htpasswd -B` writes: lines of `user:hash`, with bcrypt hashes alone. `name` is what the file goes
    /// by in messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`], with file and line, for any other form of hash, for a user who is there twice,
    /// and for a file without users. No hash is quoted.
    pub fn from_htpasswd(name: &str, text: &[u8]) -> Result<Self> {
        let users = htpasswd::parse(name, text)?;
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::new(ErrorKind::Io, "the system gives no random numbers"))?;
        let account = |(user, hash): (String, String)| Account { user: user.into(), hash, proven: Mutex::new(None) };
        let accounts: Vec<Account> = users.into_iter().map(account).collect();
        let places = accounts.iter().enumerate().map(|(place, account)| (Arc::clone(&account.user), place)).collect();
        let checks = Queue::new(at_a_time(available_parallelism().map_or(1, NonZero::get)));
        Ok(Self(Arc::new(Book { accounts, places, key, checks })))
    }

    /// Lets a client's request in, or refuses it; gives the user's name.
    pub(crate) async fn admit(&self, client: IpAddr, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        let Some(login) = Login::of(headers) else {
            return Err(Refusal::unauthorized("a login is needed"));
        };
        let book = Arc::clone(&self.0);
        let (place, known) = book.look_up(&login);
        let (is_right, user) = (self.is_right(client, place, login).await?, Arc::clone(&book.accounts[place].user));
        match (is_right, known) {
            (true, Known::Yes) => Ok(user),
            _ => Err(Refusal::unauthorized("the login is not right")),
        }
    }

    async fn is_right(&self, client: IpAddr, place: usize, login: Login) -> Result<bool, Refusal> {
        let book = Arc::clone(&self.0);
        if book.remembers(place, &login) {
            return Ok(true);
        }
        let turn = book.checks.turn(client).await.map_err(|line| match line {
            TooLong::All => Refusal::busy(),
            TooLong::Own => Refusal::too_many(),
        })?;
        let check = move || {
            // Others with the same login may have been first.
            let is_right = book.remembers(place, &login) || book.verify(place, &login);
            // The turn ends with the work, not with the client's patience.
            drop(turn);
            is_right
        };
        match tokio::task::spawn_blocking(check).await {
            Ok(is_right) => Ok(is_right),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Refusal::ending()),
            },
        }
    }
}

/// Returns how many passwords are checked at a time: whoever guesses them must leave processors to those who know
/// theirs.
fn at_a_time(processors: usize) -> usize {
    (processors / 2).max(1)
}

/// Whether a user is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    No,
    Yes,
}

impl Book {
    /// Finds the account to check a login against.
    ///
    /// For a user who is not there it is one of the others, always the same: how long a check takes then tells
    /// nothing, whatever the costs of the hashes in the file.
    fn look_up(&self, login: &Login) -> (usize, Known) {
        if let Some(place) = self.places.get(login.user()) {
            return (*place, Known::Yes);
        }
        let number = hmac::sign(&self.key, login.user().as_bytes());
        let number = number.as_ref().iter().fold(0, |sum, byte| (sum << 8 | usize::from(*byte)) % self.accounts.len());
        (number, Known::No)
    }

    /// Says whether a login was found right before; in the same time for each that was not.
    fn remembers(&self, place: usize, login: &Login) -> bool {
        let proven = self.accounts[place].proven.lock().unwrap_or_else(PoisonError::into_inner);
        let none = [0; 32];
        hmac::verify(&self.key, &login.to_bytes(), proven.as_deref().unwrap_or(&none)).is_ok()
    }

    /// Checks a password, slowly, and remembers the login if it is right.
    fn verify(&self, place: usize, login: &Login) -> bool {
        let account = &self.accounts[place];
        // It compares in constant time. The hash was parsed when the file was read.
        let is_right = bcrypt::verify(login.password(), &account.hash).unwrap_or(false);
        if is_right && *account.user == *login.user() {
            let tag = hmac::sign(&self.key, &login.to_bytes());
            *account.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag.as_ref().to_vec());
        }
        is_right
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("users", &self.0.accounts.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use futures_util::FutureExt;
    use http::header::AUTHORIZATION;

    use super::*;
    use crate::refusal::Code;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn logins() -> Logins {
        let line = |user: &str, password: &str| format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap());
        let text = line("alice", "right") + &line("bob", &"x".repeat(80)) + &line("ä", "");
        Logins::from_htpasswd("users", text.as_bytes()).unwrap()
    }

    fn headers(user: &str, password: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn only_the_right_login_comes_in() {
        let logins = logins();
        let long = "x".repeat(72);
        for (user, password, comes_in) in [
            ("alice", "right", true),
            ("ä", "", true),
            // What bcrypt does not look at does not count: so does Apache.
            ("bob", long.as_str(), true),
            ("alice", "Right", false),
            ("alice", "right ", false),
            ("alice", "", false),
            ("Alice", "right", false),
            ("mallory", "right", false),
            ("", "right", false),
            ("bob", "right", false),
        ] {
            // Twice: the second time it may be remembered.
            for _ in 0..2 {
                let admitted = logins.admit(CLIENT, &headers(user, password)).await;
                match admitted {
                    Ok(name) => assert!(comes_in && &*name == user, "{user}"),
                    Err(refusal) => assert!(!comes_in && refusal.code() == Code::Unauthorized, "{user}:{password}"),
                }
            }
        }
        assert_eq!(logins.admit(CLIENT, &HeaderMap::new()).await.unwrap_err().code(), Code::Unauthorized);
    }

    #[tokio::test]
    async fn a_login_that_was_right_is_not_checked_again_and_others_wait_their_turn() {
        let logins = logins();
        logins.admit(CLIENT, &headers("alice", "right")).await.unwrap();
        let _busy = logins.0.checks.turn(CLIENT).await.ok().unwrap();
        assert!(logins.admit(CLIENT, &headers("alice", "right")).now_or_never().is_some());
        for (user, password) in [("alice", "wrong"), ("ä", ""), ("mallory", "right")] {
            assert!(logins.admit(CLIENT, &headers(user, password)).now_or_never().is_none(), "{user}:{password}");
        }
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_told_to_come_back() {
        let logins = logins();
        let _busy = logins.0.checks.turn(CLIENT).await.ok().unwrap();
        let wrong = headers("alice", "wrong");
        let mut waiting: Vec<_> = (0..1000).map(|_| Box::pin(logins.admit(CLIENT, &wrong))).collect();
        let answered: Vec<_> = waiting.iter_mut().filter_map(FutureExt::now_or_never).collect();
        assert!(answered.len() > 900, "{} were told", answered.len());
        for refused in answered {
            assert_eq!(refused.unwrap_err().code(), Code::TooMany);
        }
    }

    #[test]
    fn half_of_the_processors_check_at_most() {
        for (processors, expected) in [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)] {
            assert_eq!(at_a_time(processors), expected, "{processors}");
        }
    }

    #[tokio::test]
    async fn an_unknown_user_is_checked_like_a_known_one() {
        let logins = logins();
        let login = |user: &str| Login::of(&headers(user, "right")).unwrap();
        let (place, known) = logins.0.look_up(&login("mallory"));
        assert!(known == Known::No && place < logins.0.accounts.len());
        assert_eq!(logins.0.look_up(&login("mallory")), (place, Known::No));
        assert_eq!(logins.0.look_up(&login("bob")), (1, Known::Yes));
        // Whoever it was checked against, what it said is not remembered.
        for user in ["m", "n", "o", "p"] {
            logins.admit(CLIENT, &headers(user, "right")).await.unwrap_err();
        }
        let remembered = |account: &Account| account.proven.lock().unwrap().is_some();
        assert!(!logins.0.accounts.iter().any(remembered));
    }

    #[tokio::test]
    async fn nothing_secret_is_formatted() {
        let logins = logins();
        logins.admit(CLIENT, &headers("alice", "right")).await.unwrap();
        assert_eq!(format!("{logins:?}"), "Logins { users: 3, .. }");
        let refused = logins.admit(CLIENT, &headers("alice", "wrong")).await.unwrap_err();
        assert!(!format!("{refused:?}").contains("wrong"));
    }
}
