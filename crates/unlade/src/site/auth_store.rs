//! The auth file that logins are written to.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Environment;
use super::auth_files::MAX_FILE;
use crate::auth::AuthDocument;
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};

/// How long one wait for the lock takes: `flock` knows no timeout.
const PAUSE: Duration = Duration::from_millis(20);

/// So many links are followed to a file, as the kernel does.
const MAX_LINKS: u32 = 40;

/// An auth file that logins are written to; it need not exist yet.
#[derive(Debug, Clone)]
pub struct AuthStore {
    path: PathBuf,
}

impl Environment {
    /// Returns the auth file that a login goes to: the option's, that of `REGISTRY_AUTH_FILE`, docker's `config.json` in
    /// `DOCKER_CONFIG`, that in the home folder if there is one, else containers' `auth.json` in the configuration folder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if nothing says where that is.
    pub fn auth_store(&self, option: Option<&Path>) -> Result<AuthStore> {
        let variable = || self.variable("REGISTRY_AUTH_FILE").map(PathBuf::from);
        let named = || self.variable("DOCKER_CONFIG").map(|folder| Path::new(folder).join("config.json"));
        let docker = || self.home().map(|home| home.join(".docker/config.json")).filter(|path| path.exists());
        let containers = || self.config_home().map(|folder| folder.join("containers/auth.json"));
        let path = option.map(Path::to_owned).or_else(variable).or_else(named).or_else(docker).or_else(containers);
        match path {
            Some(path) => Ok(AuthStore { path }),
            None => {
                Err(Error::new(ErrorKind::InvalidInput, "there is no home folder for an auth file, and none is named"))
            }
        }
    }
}

impl AuthStore {
    /// Returns the path, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it cannot be read, [`ErrorKind::InvalidInput`] if it is malformed.
    pub fn read(&self) -> Result<AuthDocument> {
        let bytes = read(&self.path).map_err(|error| self.failed("read", error))?;
        AuthDocument::parse(&bytes, &self.path.display().to_string())
    }

    /// Changes the file, alone: others who change it so wait. It is replaced at once or not at all, and is for its owner
    /// alone. A link is followed, and what it leads to is replaced; that need not exist yet.
    ///
    /// Blocks, for `patience` at most while others hold the lock.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if they hold it for longer, [`ErrorKind::Io`], [`ErrorKind::InvalidInput`] as
    /// [`read`](Self::read), and those of the change.
    pub fn edit<T>(
        &self,
        patience: Duration,
        cancel: &Cancel,
        change: impl FnOnce(&mut AuthDocument) -> Result<T>,
    ) -> Result<T> {
        let target = follow(&self.path).map_err(|error| self.failed("find", error))?;
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let private = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        private.map_err(|error| self.failed("make a folder for", error))?;
        let held = File::open(folder).map_err(|error| self.failed("lock", error))?;
        self.lock(&held, patience, cancel)?;
        let before = self.read()?;
        let mut after = before.clone();
        let outcome = change(&mut after)?;
        if after != before {
            replace(&target, &held, &after.text()?).map_err(|error| self.failed("write", error))?;
        }
        Ok(outcome)
    }

    /// Locks the folder: the file itself is replaced, and a file beside it would stay.
    fn lock(&self, folder: &File, patience: Duration, cancel: &Cancel) -> Result<()> {
        let mut left = patience;
        loop {
            match flock(folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(Errno::WOULDBLOCK | Errno::INTR) if left.is_zero() => {
                    let text = format!("another program is changing the auth file {}", self.path.display());
                    return Err(Error::new(ErrorKind::Locked, text));
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    cancel.check()?;
                    thread::sleep(PAUSE.min(left));
                    left = left.saturating_sub(PAUSE);
                }
                // Some network file systems lock no folders: it is still replaced as a whole.
                Err(errno) => {
                    tracing::warn!("{} cannot be locked: {errno}", self.path.display());
                    return Ok(());
                }
            }
        }
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        Error::io(format!("cannot {what} the auth file {}", self.path.display()), error)
    }
}

/// Reads a file; one that is not there is empty.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(bytes),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// Goes where links lead, up to what is none, or is not there.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().map_or_else(|| link.clone(), |folder| folder.join(&link)),
            // EINVAL: it is no link.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

fn replace(target: &Path, folder: &File, text: &[u8]) -> io::Result<()> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let suffix = format!(".unlade-{:016x}", fastrand::u64(..));
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(suffix);
    let temporary = target.with_file_name(hidden);
    let written = write(&temporary, target, text).and_then(|()| fs::rename(&temporary, target));
    if written.is_err() {
        // What is told is why it could not be written.
        drop(fs::remove_file(&temporary));
    }
    written.and_then(|()| folder.sync_all())
}

fn write(temporary: &Path, target: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    if let Ok(old) = fs::metadata(target)
        && old.uid() != file.metadata()?.uid()
    {
        // Root writes into somebody's home: it stays theirs.
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::sync::Barrier;

    use super::*;
    use crate::auth::{Credential, Namespace};

    const PATIENCE: Duration = Duration::from_secs(30);

    fn put(store: &AuthStore, place: &str) -> Result<()> {
        let namespace: Namespace = place.parse().unwrap();
        store.edit(PATIENCE, &Cancel::new(), |file| file.put(&namespace, &Credential::of_user("me", "p")).map(drop))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn store(path: &Path) -> AuthStore {
        Environment::default().auth_store(Some(path)).unwrap()
    }

    #[test]
    fn the_table_of_places() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let (variable, docker) = (("REGISTRY_AUTH_FILE", "/v/auth.json"), ("DOCKER_CONFIG", "/d"));
        let at_home = ("HOME", home.as_str());
        for (variables, option, expected) in [
            (vec![variable, docker, at_home], Some("/o/f"), "/o/f"),
            (vec![variable, docker, at_home], None, "/v/auth.json"),
            (vec![docker, at_home], None, "/d/config.json"),
            (vec![at_home], None, "HOME/.config/containers/auth.json"),
            (vec![at_home, ("XDG_CONFIG_HOME", "/c")], None, "/c/containers/auth.json"),
        ] {
            let environment = Environment::from_iter(variables);
            let found = environment.auth_store(option.map(Path::new)).unwrap();
            assert_eq!(found.path().display().to_string().replace(&home, "HOME"), expected);
        }
        fs::create_dir(folder.path().join(".docker")).unwrap();
        fs::write(folder.path().join(".docker/config.json"), "{}").unwrap();
        let found = Environment::from_iter([at_home]).auth_store(None).unwrap();
        assert!(found.path().ends_with(".docker/config.json"));
        assert_eq!(Environment::default().auth_store(None).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/auth.json");
        put(&store(&path), "r.example").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        put(&store(&path), "s.example").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join("link"), folder.path().join("deep/real.json"));
        symlink("middle", &link).unwrap();
        symlink("deep/real.json", folder.path().join("middle")).unwrap();
        for place in ["r.example", "s.example"] {
            put(&store(&link), place).unwrap();
            assert!(link.is_symlink() && !real.is_symlink());
            assert!(fs::read_to_string(&real).unwrap().contains(place));
        }
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert_eq!(put(&store(&circle), "r.example").unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn those_who_write_at_once_all_survive() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder.path().join("auth.json"));
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for number in 0..8 {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    put(store, &format!("r{number}.example")).unwrap();
                });
            }
        });
        let text = String::from_utf8(store.read().unwrap().text().unwrap().to_vec()).unwrap();
        assert!((0..8).all(|number| text.contains(&format!("r{number}.example"))), "{text}");
    }

    #[test]
    fn a_lock_is_not_waited_for_for_ever_and_what_is_malformed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        fs::write(&path, "{broken").unwrap();
        assert_eq!(put(&store(&path), "r.example").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{broken");
        let held = File::open(folder.path()).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        let outcome = store(&path).edit(PAUSE, &Cancel::new(), |_| Ok(()));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Locked);
    }
}
