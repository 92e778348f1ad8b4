//! What stands below the options in `--help`: examples, and what the codes mean.

/// Below the list of verbs.
pub(crate) const UNLADE: &str = "\
Every option has a variable in the environment: UNLADE_CA_FILE for --ca-file. Switches take
true or false there, lists are separated by commas.

Exit codes:
  0    done
  1    broken or too large documents, a misbehaving server, or something not supported
  2    the command line, the reference or a file that it names cannot be used
  3    not found
  4    a login is missing, was refused, or was held back
  5    the bytes are not the ones that were promised
  6    the server cannot be reached or keeps failing, TLS included
  7    the file system: exists, no room, locked, or an operation failed
  8    no candidate fits, or several do
  9    a policy forbids it
  130  interrupted

Examples:
  unlade pull ghcr.io/acme/disk:1.4 --arch arm64 -o disk.img
  unlade digest ghcr.io/acme/disk:1.4
  unlade serve layouts --listen 127.0.0.1:0";

/// Below the options of `pull`.
pub(crate) const PULL: &str = "\
Examples:
  unlade pull ghcr.io/acme/disk:1.4                         the title names the file
  unlade pull ghcr.io/acme/disk:1.4 --arch arm64 -o disk.img
  unlade pull ocidir://layouts/disk:v1 -o images/           a folder, under the title
  unlade pull ghcr.io/acme/netboot:1.4 -o netboot           several layers, into a folder
  unlade pull ghcr.io/acme/netboot:1.4 --dry-run            what would be pulled to where
  unlade pull ghcr.io/acme/site:1.4 -o site                 a folder that oras pushed, unpacked
  unlade pull localhost:5000/disk:v1 -o - --quiet           to stdout, for a pipe
  unlade pull ghcr.io/acme/disk:1.4 -o ocidir://layouts/disk
  unlade pull registry.example/disk:v1 --pull-secret-file secret --ca-file ca.pem -o disk.img";

/// Below the options of `pick`.
pub(crate) const PICK: &str = "\
The first line is the pinned reference, then comes a line for each layer that would be pulled:
digest, title, size and type, then what else is known.

Examples:
  unlade pick ghcr.io/acme/disk:1.4 --arch arm64
  unlade pick ghcr.io/acme/disk:1.4 --explain                why this one, or why none
  unlade pick ghcr.io/acme/disk:1.4 --platform host --json";

/// Below the options of `inspect`.
pub(crate) const INSPECT: &str = "\
Without a platform, an index is shown with all that is in it. On a terminal, long texts are cut;
in a pipe nothing is.

Examples:
  unlade inspect ghcr.io/acme/disk:1.4
  unlade inspect ghcr.io/acme/disk:1.4 --platform linux/arm64
  unlade inspect ocidir://layouts/disk --json";

/// Below the options of `manifest`.
pub(crate) const MANIFEST: &str = "\
Without a platform, an index is printed as it is.

Examples:
  unlade manifest ghcr.io/acme/disk:1.4
  unlade manifest ghcr.io/acme/disk:1.4 --platform linux/arm64
  unlade manifest ocidir://layouts/disk --json";

/// Below the options of `blob`.
pub(crate) const BLOB: &str = "\
Bytes go out as they come, and are verified at the end: trust them once the exit code is 0. With
--verify-first none goes out before.

Examples:
  unlade blob \"ghcr.io/acme/disk@$DIGEST\" > layer           DIGEST=sha256:… of the blob
  unlade blob \"ocidir://layouts/disk@$DIGEST\" > layer";

/// Below the options of `digest`.
pub(crate) const DIGEST: &str = "\
Without a platform, the digest of an index is that of the index itself.

Examples:
  unlade digest ghcr.io/acme/disk:1.4
  unlade digest alpine --platform linux/arm64
  unlade digest ghcr.io/acme/disk:1.4 --json";

/// Below the options of `tags`.
pub(crate) const TAGS: &str = "\
One a line, in the order of the registry, as they come. A reader that goes away ends the list.

Examples:
  unlade tags ghcr.io/acme/disk
  unlade tags ghcr.io/acme/disk --last 1.3 --limit 20
  unlade tags ocidir://layouts/disk --json";

/// Below the options of `referrers`.
pub(crate) const REFERRERS: &str = "\
Each line is a digest, the type of the artifact, its size, and when it was created. Where the
registry cannot list them, the index is read that publishers keep under a tag, and what it names
is checked.

Examples:
  unlade referrers ghcr.io/acme/disk:1.4
  unlade referrers ghcr.io/acme/disk:1.4 --arch arm64 --artifact-type application/spdx+json
  unlade referrers ghcr.io/acme/disk:1.4 --latest --json";

/// Below the options of `serve`.
pub(crate) const SERVE: &str = "\
Once it listens it prints one line, `listening on http://ADDR:PORT`, or https with --tls-cert.
Without --tls-cert and --htpasswd anybody who reaches it can read everything. The files are read at
the start. Options for credentials and connections do nothing here, nor do their variables. A signal
ends it when the answers under way have ended, a second one at once; SIGHUP is no exception.

Examples:
  unlade serve layouts/disk               one layout, as the repository disk
  unlade serve layouts                    a folder of layouts, each under its path below it
  unlade serve layouts --listen 127.0.0.1:0
  unlade serve layouts --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --htpasswd users
  unlade serve layouts --listen [::1]:5000 --access-log access.log";

/// Below the options of `completions`.
pub(crate) const COMPLETIONS: &str = "\
Examples:
  unlade completions bash > ~/.local/share/bash-completion/completions/unlade
  unlade completions zsh > ~/.zfunc/_unlade                  a folder of zsh's $fpath
  unlade completions fish > ~/.config/fish/completions/unlade.fish";

/// Below the options of `man`.
pub(crate) const MAN: &str = "\
Examples:
  unlade man | man -l -                                      the page of unlade itself
  unlade man pull | man -l -
  unlade man --all ~/.local/share/man/man1";

/// What the manual pages say of the environment besides.
pub(crate) const VARIABLES: &str = "\
REGISTRY_AUTH_FILE, DOCKER_AUTH_CONFIG, DOCKER_CONFIG, XDG_RUNTIME_DIR, XDG_CONFIG_HOME and HOME lead to logins, \
SSL_CERT_FILE and SSL_CERT_DIR to certificate authorities. HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, in lower case \
first, name proxies, and NO_PROXY what is asked without them: names with all below them, addresses, either with a \
port, networks, or *. Loopback is never asked through a proxy. NO_COLOR keeps colours off a terminal.";

/// Such a text, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    /// The paragraphs.
    pub(crate) notes: Vec<String>,
    /// The codes, each with what it means.
    pub(crate) exit_codes: Vec<(String, String)>,
    /// The examples, line by line.
    pub(crate) examples: Vec<String>,
}

impl Text {
    /// Takes a text apart.
    pub(crate) fn read(text: &str) -> Self {
        let mut read = Self::default();
        for block in text.split("\n\n") {
            match block.split_once('\n') {
                Some(("Examples:", lines)) => {
                    read.examples.extend(lines.lines().map(|line| line.trim_start().to_owned()));
                }
                Some(("Exit codes:", lines)) => {
                    let code = |line: &str| {
                        let (code, meaning) = line.trim_start().split_once(' ')?;
                        Some((code.to_owned(), meaning.trim_start().to_owned()))
                    };
                    read.exit_codes.extend(lines.lines().filter_map(code));
                }
                _ => read.notes.push(block.lines().collect::<Vec<_>>().join(" ")),
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::options::Options;

    /// Takes an example as a shell would: up to the remark behind it, without the redirection.
    fn words(line: &str) -> Vec<&str> {
        let line = line.trim_start();
        let command = line.split_once("   ").map_or(line, |(command, _)| command);
        command.split(' ').take_while(|word| ![">", "|"].contains(word)).collect()
    }

    #[test]
    fn every_example_is_a_command_line() {
        for (verb, text, count) in [
            ("", UNLADE, 3),
            ("pull", PULL, 9),
            ("pick", PICK, 3),
            ("inspect", INSPECT, 3),
            ("manifest", MANIFEST, 3),
            ("blob", BLOB, 2),
            ("digest", DIGEST, 3),
            ("tags", TAGS, 3),
            ("referrers", REFERRERS, 3),
            ("serve", SERVE, 5),
            ("completions", COMPLETIONS, 3),
            ("man", MAN, 3),
        ] {
            let examples: Vec<_> = text.lines().filter(|line| line.starts_with("  unlade ")).map(words).collect();
            assert_eq!(examples.len(), count, "examples of {verb:?}");
            for example in examples {
                assert!(verb.is_empty() || example[1] == verb, "{example:?}");
                assert!(Options::try_parse_from(&example).is_ok(), "{example:?}");
            }
        }
    }

    #[test]
    fn a_text_is_taken_apart() {
        let text = Text::read(UNLADE);
        assert_eq!((text.notes.len(), text.exit_codes.len(), text.examples.len()), (1, 11, 3));
        assert_eq!(text.exit_codes[10], ("130".to_owned(), "interrupted".to_owned()));
        assert!(text.notes[0].ends_with("lists are separated by commas."), "{:?}", text.notes);
        assert_eq!(text.examples[1], "unlade digest ghcr.io/acme/disk:1.4");
    }
}
