//! The file that `htpasswd -B` writes.

use std::collections::HashSet;
use std::str::FromStr as _;

use bcrypt::HashParts;
use unlade::spec::text::is_plain;
use unlade::{Error, ErrorKind, Result};

/// The highest cost that `htpasswd` writes: seconds for each check. One of 31 would take days.
const MAX_COST: u32 = 17;

/// The longest name that `htpasswd` writes, in bytes.
const MAX_USER: usize = 255;

/// Reads the users and their hashes. A message names file and line, and quotes neither.
pub(super) fn parse(name: &str, text: &[u8]) -> Result<Vec<(String, String)>> {
    let mut seen = HashSet::new();
    let mut users = Vec::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let (user, hash) = entry(line).map_err(|fault| invalid(&format!("{name}:{}: {fault}", number + 1)))?;
        if !seen.insert(user.to_owned()) {
            return Err(invalid(&format!("{name}:{}: this user is in the file before", number + 1)));
        }
        users.push((user.to_owned(), hash.to_owned()));
    }
    if users.is_empty() {
        return Err(invalid(&format!("{name} holds no user, so nobody could log in: htpasswd -B adds one")));
    }
    Ok(users)
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// Takes a line apart, or says what is wrong with it.
fn entry(line: &[u8]) -> Result<(&str, &str), String> {
    let line = std::str::from_utf8(line).map_err(|_| "this is not UTF-8")?;
    let (user, hash) = line.split_once(':').ok_or("this is no line of user:hash")?;
    if user.is_empty() || user.len() > MAX_USER || !is_plain(user) {
        return Err("this user has no name that could be logged in with".to_owned());
    }
    match form(hash) {
        Form::Bcrypt => Ok((user, checked(hash)?)),
        Form::Other(other) => {
            Err(format!("this password is stored as {other}, and only bcrypt is taken: htpasswd -B makes it"))
        }
    }
}

/// Makes sure that a hash can be checked against, in a time that can be waited for.
fn checked(hash: &str) -> Result<&str, String> {
    let parts = HashParts::from_str(hash).map_err(|_| "this bcrypt hash is broken")?;
    match parts.get_cost() {
        4..=MAX_COST => Ok(hash),
        cost => Err(format!("this bcrypt hash has the cost {cost}, and 4 to {MAX_COST} are taken")),
    }
}

/// The form of a hash.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Bcrypt,
    Other(&'static str),
}

fn form(hash: &str) -> Form {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| hash.starts_with(prefix));
    let is_crypt = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    if starts(&["$2a$", "$2b$", "$2y$"]) {
        return Form::Bcrypt;
    }
    Form::Other(if starts(&["$apr1$", "$1$"]) {
        "MD5"
    } else if starts(&["{SHA}", "{SSHA}"]) {
        "SHA-1"
    } else if starts(&["$5$"]) {
        "SHA-256 crypt"
    } else if starts(&["$6$"]) {
        "SHA-512 crypt"
    } else if starts(&["$2x$", "$2$"]) {
        "an old, faulty bcrypt"
    } else if starts(&["$"]) {
        "a hash of another kind"
    } else if hash.len() == 13 && hash.bytes().all(is_crypt) {
        "crypt"
    } else {
        "plain text"
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of the password `secret`, with the lowest cost.
    const HASH: &str = "$2y$04$J8YW2sT/CDBiO7mhfxRJt.OhCfZUmpaLeK3YyqV8J4BHDoCFVLrJe";

    fn message(text: &str) -> String {
        let error = parse("users", text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.chain().join(": ")
    }

    #[test]
    fn users_are_read_between_comments_and_blank_lines() {
        let text = format!("# users\n\nalice:{HASH}\r\n  \n \tbob:{}\n", HASH.replace("$2y$", "$2b$"));
        let users = parse("users", text.as_bytes()).unwrap();
        assert_eq!(users.iter().map(|(user, _)| user.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
        assert_eq!(users[0].1, HASH);
        assert!(parse("users", format!("a:{}", HASH.replace("$2y$", "$2a$")).as_bytes()).is_ok());
    }

    #[test]
    fn every_other_form_is_refused_by_name() {
        for (hash, named) in [
            ("$apr1$Xy$Z0123456789abcdefghijk", "MD5"),
            ("$1$Xy$Z0123456789abcdefghijk", "MD5"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
            ("$5$salt$hash", "SHA-256 crypt"),
            ("$6$salt$hash", "SHA-512 crypt"),
            ("$2x$04$abcdefghijklmnopqrstuu", "an old, faulty bcrypt"),
            ("$argon2id$v=19$m=1", "a hash of another kind"),
            ("rqXexS6ZhobKA", "crypt"),
            ("correct horse", "plain text"),
            ("", "plain text"),
        ] {
            let message = message(&format!("# one\nalice:{hash}\n"));
            let expected =
                format!("users:2: this password is stored as {named}, and only bcrypt is taken: htpasswd -B makes it");
            assert_eq!(message, expected);
            assert!(hash.is_empty() || !message.contains(hash));
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_a_hash() {
        let broken = format!("{}!", &HASH[..59]);
        for (text, expected) in [
            (String::new(), "users holds no user, so nobody could log in: htpasswd -B adds one"),
            ("# none\n".to_owned(), "users holds no user, so nobody could log in: htpasswd -B adds one"),
            ("\nsecret\n".to_owned(), "users:2: this is no line of user:hash"),
            (format!(":{HASH}"), "users:1: this user has no name that could be logged in with"),
            (format!("{}:{HASH}", "a".repeat(256)), "users:1: this user has no name that could be logged in with"),
            (format!("a\u{7}:{HASH}"), "users:1: this user has no name that could be logged in with"),
            (format!("a:{HASH}\nb:{HASH}\na:{HASH}"), "users:3: this user is in the file before"),
            (format!("a:{broken}"), "users:1: this bcrypt hash is broken"),
            (format!("a:{}", &HASH[..59]), "users:1: this bcrypt hash is broken"),
            (
                format!("a:{}", HASH.replace("$04$", "$31$")),
                "users:1: this bcrypt hash has the cost 31, and 4 to 17 are taken",
            ),
            (
                format!("a:{}", HASH.replace("$04$", "$03$")),
                "users:1: this bcrypt hash has the cost 3, and 4 to 17 are taken",
            ),
        ] {
            assert_eq!(message(&text), expected);
        }
        assert!(parse("users", b"a:\xff").unwrap_err().to_string().ends_with("users:1: this is not UTF-8"));
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _unused = parse("users", &text);
        }

        #[test]
        fn no_hash_is_accepted_that_cannot_be_checked(cost in 0_u32..40, rest in "[./A-Za-z0-9]{53}") {
            let hash = format!("$2b${cost:02}${rest}");
            if parse("users", format!("a:{hash}").as_bytes()).is_ok() {
                prop_assert!(hash.parse::<HashParts>().is_ok());
            }
        }
    }
}
