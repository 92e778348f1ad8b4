//! Where docker and podman keep credentials.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Environment;
use crate::auth::{AuthFileSource, NamedBy};

/// The largest file that is read: auth files of large sites have some 100 KiB.
const MAX_FILE: u64 = 1 << 20;

impl Environment {
    /// Reads the auth files that exist, in the order in which they are asked.
    ///
    /// The option's file comes first, then `REGISTRY_AUTH_FILE`, containers' `auth.json`
    /// in the runtime and the configuration folder, `DOCKER_AUTH_CONFIG` (a document, not
    /// a file), and docker's `config.json` in `DOCKER_CONFIG` or the home folder.
    ///
    /// A file that does not exist is an error later only if the option names it, and a warning if the variable does.
    pub fn auth_files(&self, option: Option<&Path>) -> Vec<AuthFileSource> {
        let mut found = Vec::new();
        if let Some(path) = option {
            found.push(AuthFileSource::new(path.display().to_string(), read(path), NamedBy::User));
        }
        if let Some(path) = self.variable("REGISTRY_AUTH_FILE") {
            let path = Path::new(path);
            let content = read(path);
            // It need not exist before the first login, but whoever named it should know.
            let missing = content.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
            let named_by = if missing { NamedBy::Discovered } else { NamedBy::User };
            found.push(AuthFileSource::new(path.display().to_string(), content, named_by));
        }
        for path in self.containers_files() {
            found.extend(discover(&path));
        }
        if let Some(document) = self.variable("DOCKER_AUTH_CONFIG") {
            let bytes = document.as_encoded_bytes().to_vec();
            found.push(AuthFileSource::new("DOCKER_AUTH_CONFIG".to_owned(), Ok(bytes), NamedBy::User));
        }
        if let Some(folder) = self.docker_folder() {
            found.extend(discover(&folder.join("config.json")));
        }
        found
    }

    fn containers_files(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let runtime = self.folder("XDG_RUNTIME_DIR").map_or_else(
            || format!("/run/containers/{}/auth.json", rustix::process::geteuid().as_raw()).into(),
            |folder| folder.join("containers/auth.json"),
        );
        let config = self.config_home().map(|folder| folder.join("containers/auth.json"));
        std::iter::once(runtime).chain(config)
    }

    fn docker_folder(&self) -> Option<PathBuf> {
        self.variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| self.home().map(|home| home.join(".docker")))
    }
}

fn discover(path: &Path) -> Option<AuthFileSource> {
    let content = read(path);
    let missing = content.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    (!missing).then(|| AuthFileSource::new(path.display().to_string(), content, NamedBy::Discovered))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Keychain;
    use crate::error::ErrorKind;

    #[test]
    fn files_are_asked_in_the_documented_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "{}").unwrap();
            path
        };
        let option = write("option.json");
        let variable = write("variable.json");
        write("run/containers/auth.json");
        write("home/.config/containers/auth.json");
        write("home/.docker/config.json");
        let environment = Environment::from_iter([
            ("REGISTRY_AUTH_FILE", variable.to_str().unwrap().to_owned()),
            ("XDG_RUNTIME_DIR", folder.path().join("run").display().to_string()),
            ("HOME", folder.path().join("home").display().to_string()),
            ("DOCKER_AUTH_CONFIG", "{}".to_owned()),
        ]);
        let found = environment.auth_files(Some(&option));
        let names: Vec<String> =
            found.iter().map(|file| file.name().replace(&folder.path().display().to_string(), "")).collect();
        assert_eq!(
            names,
            [
                "/option.json",
                "/variable.json",
                "/run/containers/auth.json",
                "/home/.config/containers/auth.json",
                "DOCKER_AUTH_CONFIG",
                "/home/.docker/config.json"
            ]
        );
    }

    #[test]
    fn a_file_that_the_option_names_must_exist() {
        let files = Environment::default().auth_files(Some(Path::new("/nonexistent/auth.json")));
        assert_eq!(Keychain::new(files).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
