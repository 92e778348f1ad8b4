//! What servers were shown, and no message may repeat.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::travel::Pass;
use crate::auth::Secret;
use crate::auth::secret::forms;

/// So many tokens are remembered, the newest: the others have long expired.
const MAX_TOKENS: usize = 64;

/// The tokens that were shown to servers. Logins are known from where they were found.
#[derive(Default)]
pub(super) struct Shown(Mutex<VecDeque<Secret>>);

impl Shown {
    /// Takes note of what a request is about to show.
    pub(super) fn note(&self, pass: &Pass) {
        let Pass::Token(_, token, _) = pass else { return };
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.contains(token.secret()) {
            return;
        }
        if tokens.len() == MAX_TOKENS {
            tokens.pop_front();
        }
        tokens.push_back(token.secret().clone());
    }

    /// Returns the tokens, in every form in which a text may repeat them.
    pub(super) fn tokens(&self) -> Vec<Secret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().flat_map(forms).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scope::Scope;
    use crate::auth::token::{Age, TokenKey};
    use crate::auth::{Credential, Token};

    #[test]
    fn the_newest_tokens_are_remembered() {
        let shown = Shown::default();
        let key = TokenKey::new(
            "https://r.example/token".parse().unwrap(),
            None,
            Scope::pull("a/b"),
            Credential::Anonymous.into(),
        );
        let pass = |number: usize| {
            let token = Token::lasting(Secret::new(format!("token-{number}")));
            Pass::Token(key.clone(), token, Age::Known)
        };
        for number in [0, 0].into_iter().chain(1..=MAX_TOKENS) {
            shown.note(&pass(number));
        }
        let tokens = shown.tokens();
        let holds = |text: &str| tokens.iter().any(|token| token.expose() == text);
        assert!(!holds("token-0") && holds("token-1") && holds(&format!("token-{MAX_TOKENS}")));
    }
}
