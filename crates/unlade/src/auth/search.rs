//! The search for the login of a repository: what files say at once, and the helpers that are to be asked before.

use super::helper::Helper;
use super::{Credential, FailedHelper, Found};
use crate::error::{Error, Result};
use crate::spec::reference::{Registry, Repository};

/// Where the login of a repository is to be looked for: at helpers, in order, and then at what is known without them.
///
/// No program was run yet: that is done by [`settle`](Self::settle), once a server asks for a login.
#[derive(Debug)]
pub struct Search {
    helpers: Vec<Clue>,
    end: Result<Found>,
}

/// A helper that may have the login.
#[derive(Debug)]
pub(super) struct Clue {
    /// The program, or why it cannot be asked.
    pub(super) helper: Result<Helper, FailedHelper>,
    /// The file and the key that name it.
    pub(super) place: String,
}

impl Search {
    /// Puts a search together.
    ///
    /// # Errors
    ///
    /// That of the end, if nothing is asked before.
    pub(super) fn new(helpers: Vec<Clue>, end: Result<Found>) -> Result<Self> {
        if helpers.is_empty() { end.map(Self::known) } else { Ok(Self { helpers, end }) }
    }

    /// Knows what will be found.
    pub fn known(found: Found) -> Self {
        Self { helpers: Vec::new(), end: Ok(found) }
    }

    /// Returns what is found without asking any helper.
    pub fn at_once(&self) -> Option<&Found> {
        self.end.as_ref().ok().filter(|_| self.helpers.is_empty())
    }

    /// Says what is wrong with the places, as far as that is known without running anything.
    pub fn warnings(&self) -> Vec<String> {
        let unusable = self.helpers.iter().filter_map(|clue| clue.helper.as_ref().err());
        let ending = self.end.as_ref().map(|found| found.warnings.clone()).unwrap_or_default();
        unusable.map(ToString::to_string).chain(ending).collect()
    }

    /// Asks the helpers, in order, for the login of the repository's registry, until one has it.
    ///
    /// One that fails is passed over, with a warning. Dropping the future ends the one that runs.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a malformed file or entry decides in the end.
    pub async fn settle(&self, repository: &Repository) -> Result<Found> {
        let mut warnings = Vec::new();
        let mut failed = None;
        for Clue { helper, place } in &self.helpers {
            let helper = match helper {
                Ok(helper) => helper,
                Err(unusable) => {
                    failed.get_or_insert_with(|| unusable.clone());
                    continue;
                }
            };
            match ask(helper, repository.registry()).await {
                Ok(Some((server, credential))) => {
                    let mut found = Found::new(credential, origin(helper, &server, place));
                    found.warnings = warnings;
                    return Ok(found);
                }
                Ok(None) => tracing::info!(
                    "{}, which {place} names, has no login for {}",
                    helper.program(),
                    repository.registry()
                ),
                Err(error) => {
                    let name = format!("{}, which {place} names", helper.program());
                    let failure = FailedHelper { name, reason: error.chain().join(": ") };
                    warnings.push(failure.to_string());
                    failed.get_or_insert(failure);
                }
            }
        }
        let mut found = self.end.as_ref().map_err(again)?.clone();
        found.warnings.splice(0..0, warnings);
        found.failed_helper = failed;
        Ok(found)
    }
}

/// Says where a login comes from that a helper has.
pub(crate) fn origin(helper: &Helper, server: &str, place: &str) -> String {
    format!("{} for {server}, which {place} names", helper.program())
}

async fn ask(helper: &Helper, registry: &Registry) -> Result<Option<(String, Credential)>> {
    for server in servers(registry) {
        if let Some(credential) = helper.get(&server).await? {
            return Ok(Some((server, credential)));
        }
    }
    Ok(None)
}

/// Returns the names under which helpers keep the logins of a registry, the one that docker uses first.
pub(crate) fn servers(registry: &Registry) -> Vec<String> {
    if registry.is_docker_hub() {
        // As docker, as podman of today, and as podman of old writes it.
        ["https://index.docker.io/v1/", "docker.io", "index.docker.io"].map(str::to_owned).into()
    } else {
        vec![registry.authority()]
    }
}

/// Says an error again that is kept.
pub(super) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string())
}
