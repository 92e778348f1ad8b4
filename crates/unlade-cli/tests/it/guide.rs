//! The guide and the README are right: every block of shell commands in them runs.
//!
//! The commands of a section run in one shell, in an order and a folder of their own, as someone would type them who
//! follows it. What is not so here is written into them first: names of hosts become those of registries that are
//! started for this, and a server that would run until it is stopped is stopped once it listens. What these registries
//! hold, and which files there are, is in the tables below: whoever writes a command into the guide adds what it needs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;
use unlade_testkit::archive::Tar;
use unlade_testkit::content::{bytes, digest, gzip_stored};
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::process::Run;
use unlade_testkit::real::{DockerRegistry, Missing, htpasswd, http_push};
use unlade_testkit::tls::Authority;
use unlade_testkit::{LyingRegistry, layout};

use crate::common::folder;

/// The login of the registry that wants one.
const LOGIN: (&str, &str) = ("alice", "a-password");

/// What the public registry holds.
fn public() -> Vec<(&'static str, &'static str, Document)> {
    let disk = Image::titled("disk.img", bytes(1, 50_000));
    let platforms = [("amd64", None), ("arm64", None), ("arm", Some("v7"))];
    let machine = platforms.into_iter().fold(Index::new(), |index, (architecture, variant)| {
        let image = Image::titled("machine.img", format!("for {architecture}"));
        let mut platform = json!({ "os": "linux", "architecture": architecture });
        if let Some(variant) = variant {
            platform["variant"] = json!(variant);
        }
        index.entry(image).override_entry("platform", platform)
    });
    let netboot = Image::new()
        .layer("application/x-kernel", "kernel")
        .annotate_layer("org.opencontainers.image.title", "vmlinuz")
        .layer("application/x-initrd", "initrd")
        .annotate_layer("org.opencontainers.image.title", "initrd.img")
        .build();
    let tar = Tar::new().folder("site").file("site/index.html", b"<p>cargo</p>").finish();
    let site = Image::new()
        .layer("application/vnd.oci.image.layer.v1.tar+gzip", gzip_stored(&tar))
        .annotate_layer("org.opencontainers.image.title", "site")
        .annotate_layer("io.deis.oras.content.unpack", "true")
        .build();
    let parts = Image::new()
        .artifact_type("application/spdx+json")
        .layer("application/spdx+json", "{}")
        .annotate("org.opencontainers.image.created", "2026-01-02T03:04:05Z")
        .subject(&disk)
        .build();
    let alpine = Image::new().platform_config("amd64", "linux").layer("a/tar", "alpine").build();
    vec![
        ("acme/disk", "1.3", Image::titled("disk.img", bytes(2, 50_000))),
        ("acme/disk", "1.4", disk),
        ("acme/machine", "5.3", machine.build()),
        ("acme/netboot", "1.4", netboot),
        ("acme/site", "1.4", site),
        ("library/alpine", "3.20", alpine),
        // As publishers keep it where a registry has no list of referrers.
        ("acme/disk", "", Index::new().entry(parts).build()),
    ]
}

#[track_caller]
fn here<T>(component: Result<T, Missing>) -> T {
    component.unwrap_or_else(|missing| panic!("{missing}; ./test installs it"))
}

/// The registries, under the names that the guide calls them by.
struct Registries {
    public: DockerRegistry,
    guarded: DockerRegistry,
    private: LyingRegistry,
    authority: Authority,
}

impl Registries {
    #[track_caller]
    fn start() -> Self {
        let disk = Image::titled("disk.img", bytes(1, 50_000));
        let open = here(DockerRegistry::plain());
        for (repository, tag, document) in public() {
            let referrers = disk.digest().replace(':', "-");
            http_push(&open.client(), repository, if tag.is_empty() { &referrers } else { tag }, &document);
        }
        let (user, password) = LOGIN;
        let guarded = here(DockerRegistry::htpasswd(user, password));
        http_push(&guarded.client().basic(user, password), "disk", "v1", &disk);
        let authority = Authority::new();
        let private = LyingRegistry::builder().tls(authority.server().server_config()).start();
        private.publish("disk", "v1", &disk);
        Self { public: open, guarded, private, authority }
    }

    /// Writes the names of the started registries in the place of those that the guide has.
    fn name_in(&self, script: &str, free_port: u16) -> String {
        [
            ("docker.io/library/", format!("{}/library/", self.public.host())),
            ("ghcr.io/", format!("{}/", self.public.host())),
            ("registry.example/", format!("{}/", self.guarded.host())),
            ("private.example/", format!("{}/", self.private.host())),
            ("0.0.0.0:443", format!("127.0.0.1:{free_port}")),
            ("0.0.0.0:5000", format!("127.0.0.1:{free_port}")),
            ("127.0.0.1:5000", format!("127.0.0.1:{free_port}")),
            ("localhost:5000", format!("localhost:{free_port}")),
        ]
        .into_iter()
        .fold(script.to_owned(), |script, (name, here)| script.replace(name, &here))
    }

    /// Lays out the files that the commands name, as a reader would have them.
    fn lay_out(&self, home: &Path) {
        let write = |name: &str, content: &[u8]| {
            let path = home.join(name);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("make a folder");
            fs::write(path, content).expect("write a file");
        };
        let identity = self.authority.server();
        let read = |path: &Path| fs::read(path).expect("read a certificate");
        write("ca.pem", &read(&self.authority.file()));
        write("cert.pem", &read(&identity.certificate));
        write("key.pem", &read(&identity.key));
        write("password", LOGIN.1.as_bytes());
        write("users", &here(htpasswd(LOGIN.0, LOGIN.1)));
        // skopeo wants to be told whom it may trust.
        write(".config/containers/policy.json", br#"{"default":[{"type":"insecureAcceptAnything"}]}"#);
        let insecure = format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", self.public.host());
        write(".config/containers/registries.conf", insecure.as_bytes());
        let layout = home.join("layouts/disk");
        layout::write(&layout, &[("v1", &Image::titled("disk.img", "from a layout"))]);
        let tar = Run::new("/bin/tar").arg("-C").arg(&layout).arg("-cf").arg(home.join("disk.tar"));
        tar.args(["oci-layout", "index.json", "blobs"]).run().assert_code(0);
    }
}

/// A part of the guide, with its commands.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    title: String,
    commands: String,
}

/// Takes the commands out of a text.
fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut in_block = false;
    for line in text.lines() {
        let last = sections.last_mut().expect("there is one from the beginning");
        match line {
            "```sh" => in_block = true,
            "```" => in_block = false,
            _ if in_block => last.commands.extend([&until_it_listens(line), "\n"]),
            _ => {
                if let Some(title) = line.strip_prefix("## ") {
                    sections.push(Section { title: title.to_owned(), commands: String::new() });
                }
            }
        }
    }
    sections.retain(|section| !section.commands.is_empty());
    sections
}

/// Makes of a server in the foreground, which would run until it is stopped, one that is stopped once it listens.
fn until_it_listens(line: &str) -> String {
    let command = line.split("  #").next().unwrap_or(line).trim_end();
    if command.starts_with("unlade serve ") && !command.ends_with('&') {
        return format!(
            "mkfifo ready; {command} > ready & read -r said < ready; kill $!; wait $!; rm ready; echo \"$said\""
        );
    }
    line.to_owned()
}

/// Reads a page of the documentation, without the command that would build this one anew.
fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let text = fs::read_to_string(path).expect("read a page");
    text.lines().filter(|line| !line.starts_with("cargo install ")).collect::<Vec<_>>().join("\n")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port on loopback");
    listener.local_addr().expect("a listening socket has an address").port()
}

#[test]
fn every_command_runs() {
    let pages: Vec<Vec<Section>> = ["docs/guide.md", "README.md"].map(|path| sections(&page(path))).into();
    assert!(pages[0].len() > 5 && !pages[1].is_empty(), "{pages:?}");
    let registries = Registries::start();
    let programs = folder();
    symlink(env!("CARGO_BIN_EXE_unlade"), programs.path().join("unlade")).expect("link the command");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.path().display());
    let (user, password) = LOGIN;
    for Section { title, commands } in pages.iter().flatten() {
        let port = free_port();
        let script = registries.name_in(commands, port);
        let run = Run::new("/bin/sh")
            .args(["-eux", "-c", &script])
            .env("PATH", &path)
            .env("UNLADE_LISTEN", format!("127.0.0.1:{port}"))
            .env("USER_AND_PASSWORD", format!("{user}:{password}"))
            .env("DIGEST", digest(&bytes(1, 50_000)));
        registries.lay_out(run.home());
        let outcome = run.run();
        assert_eq!(outcome.code, Some(0), "{title}:\n{script}\n{}\n{}", outcome.stdout_text(), outcome.stderr);
    }
}

#[test]
fn commands_are_found_by_section() {
    let text = "# A\n\n```sh\none\n```\n\n## B\n```console\n$ no\n```\n## C\n```sh\nunlade serve x   # for ever\nunlade serve y &\n```\n";
    let said =
        "mkfifo ready; unlade serve x > ready & read -r said < ready; kill $!; wait $!; rm ready; echo \"$said\"";
    let section = |title: &str, commands: String| Section { title: title.to_owned(), commands };
    let expected = [section("", "one\n".to_owned()), section("C", format!("{said}\nunlade serve y &\n"))];
    assert_eq!(sections(text), expected);
}
