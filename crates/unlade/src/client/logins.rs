//! Logins that are to be kept.

use super::Client;
use crate::auth::{Credential, Namespace};
use crate::error::Result;
use crate::registry::{Verdict, check};

impl Client {
    /// Shows a login to the registry that it is for, by the rules of any request; nothing is kept.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) if it is refused, [`Denied`](crate::ErrorKind::Denied) if the
    /// registry names a token server that may not see it.
    pub async fn check_login(&self, namespace: &Namespace, login: Credential) -> Result<Verdict> {
        let checking = check(&self.registries, namespace, login, self.observer.as_ref());
        self.cancel.guard(checking).await
    }
}
