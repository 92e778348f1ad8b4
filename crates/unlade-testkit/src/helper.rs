//! Credential helpers of a few lines of shell: sound ones, and ones that do what none should.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder of helpers, to be put before the others in `PATH`.
pub struct HelperFolder(TempDir);

/// A helper that keeps logins in files beside itself, as they were handed over.
const KEEPER: &str = r#"
mkdir -p "$0.logins"
name() { printf '%s' "$1" | tr -c 'A-Za-z0-9._\n-' '_'; }
case $1 in
store)
    server=$(printf '%s' "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/')
    printf '%s' "$input" > "$0.logins/$(name "$server")"
    ;;
get | erase)
    file="$0.logins/$(name "$input")"
    [ -e "$file" ] || { printf 'credentials not found in native keychain\n'; exit 1; }
    [ "$1" = erase ] && rm "$file" || cat "$file"
    ;;
list)
    printf '{'
    for file in "$0.logins"/*; do
        [ -e "$file" ] || continue
        printf '%s%s' "$comma" "$(sed 's/.*"ServerURL":\("[^"]*"\).*"Username":\("[^"]*"\).*/\1:\2/' "$file")"
        comma=,
    done
    printf '}\n'
    ;;
esac
"#;

impl HelperFolder {
    /// Makes an empty folder.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("make a folder for helpers"))
    }

    /// Gives the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives a `PATH` that begins with the folder.
    pub fn search_path(&self) -> String {
        format!("{}:/usr/local/bin:/usr/bin:/bin", self.path().display())
    }

    /// Adds a helper of a script, which finds what it was handed in `$input`, and the verb in `$1`.
    ///
    /// The script is written by a program of its own: what this process holds open for writing while another thread
    /// starts a program could not be run.
    #[track_caller]
    pub fn add(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path().join(format!("docker-credential-{name}"));
        let text = format!("#!/bin/sh\ninput=$(cat)\nprintf '%s %s\\n' \"$1\" \"$input\" >> \"$0.calls\"\n{script}\n");
        let mut install = Command::new("/usr/bin/install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .expect("start install");
        let mut input = install.stdin.take().expect("stdin is a pipe");
        input.write_all(text.as_bytes()).expect("write a helper");
        drop(input);
        assert!(install.wait().expect("wait for install").success(), "install a helper");
        path
    }

    /// Adds a helper that has one login for one server.
    #[track_caller]
    pub fn add_login(&self, name: &str, server: &str, user: &str, secret: &str) -> PathBuf {
        self.add(
            name,
            &format!(
                "[ \"$1 $input\" = 'get {server}' ] || {{ echo 'credentials not found in native keychain'; exit 1; }}\n\
                 printf '%s' '{{\"ServerURL\":\"{server}\",\"Username\":\"{user}\",\"Secret\":\"{secret}\"}}'"
            ),
        )
    }

    /// Adds a helper that keeps what it is handed.
    #[track_caller]
    pub fn add_keeper(&self, name: &str) -> PathBuf {
        self.add(name, KEEPER)
    }

    /// Lists what a helper was asked: verb and input, a line each.
    pub fn calls(&self, name: &str) -> Vec<String> {
        let log = self.path().join(format!("docker-credential-{name}.calls"));
        fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Run;

    #[test]
    fn a_keeper_keeps() {
        let folder = HelperFolder::new();
        let keeper = folder.add_keeper("keeper");
        let ask = |verb: &str, input: &str| Run::new(&keeper).arg(verb).stdin(input).run();
        ask("get", "a.example:5000").assert_code(1);
        let login = r#"{"ServerURL":"a.example:5000","Username":"me","Secret":"s"}"#;
        ask("store", login).assert_code(0);
        assert_eq!(ask("get", "a.example:5000").stdout_text(), login);
        assert_eq!(ask("list", "").stdout_text(), "{\"a.example:5000\":\"me\"}\n");
        ask("erase", "a.example:5000").assert_code(0);
        assert_eq!(ask("list", "").stdout_text(), "{}\n");
        assert_eq!(folder.calls("keeper")[1], format!("store {login}"));
    }
}
