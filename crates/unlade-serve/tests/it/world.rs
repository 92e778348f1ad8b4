//! Layouts made for a test, and the registry that serves them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use unlade::spec::digest::{Algorithm, Digest};
use unlade::spec::media_type::{OCI_INDEX, OCI_MANIFEST};
use unlade::verify::digest_of;
use unlade_serve::{Server, Shelf};

use crate::client::{Answer, request};

/// A layout being made.
pub(crate) struct Layout {
    path: PathBuf,
    entries: Vec<Value>,
}

impl Layout {
    pub(crate) fn new(path: &Path) -> Self {
        std::fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        std::fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let layout = Self { path: path.to_owned(), entries: Vec::new() };
        layout.write_index();
        layout
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.hex())
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = digest_of(Algorithm::Sha256, bytes);
        std::fs::write(self.path(&digest), bytes).unwrap();
        digest
    }

    /// Adds an image under a tag; its note makes it differ from others.
    pub(crate) fn image(&mut self, note: &str, tag: Option<&str>) -> Digest {
        self.manifest(
            OCI_MANIFEST,
            &json!({"mediaType": OCI_MANIFEST, "layers": [], "annotations": {"note": note}}),
            tag,
        )
    }

    pub(crate) fn referrer(&mut self, subject: &Digest, artifact_type: &str) -> Digest {
        let subject = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
        let document = json!({
            "mediaType": OCI_MANIFEST, "artifactType": artifact_type, "layers": [], "subject": subject,
            "annotations": {"kind": artifact_type},
        });
        self.manifest(OCI_MANIFEST, &document, None)
    }

    pub(crate) fn index(&mut self, tag: &str) -> Digest {
        self.manifest(OCI_INDEX, &json!({"mediaType": OCI_INDEX, "manifests": []}), Some(tag))
    }

    fn manifest(&mut self, media_type: &str, document: &Value, tag: Option<&str>) -> Digest {
        let bytes = serde_json::to_vec(document).unwrap();
        let digest = self.blob(&bytes);
        let mut entry = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        if let Some(tag) = tag {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        }
        self.entries.push(entry);
        self.write_index();
        digest
    }

    fn write_index(&self) {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        std::fs::write(self.path.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    }
}

/// A registry on one thread, stopped when dropped.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    pub(crate) fn serve(folder: &Path) -> Self {
        Self::serve_with(folder, |server| server)
    }

    /// Serves with something in front.
    pub(crate) fn serve_with(folder: &Path, change: impl FnOnce(Server) -> Server) -> Self {
        Self::run(change(Server::new(Shelf::open(folder).unwrap())))
    }

    pub(crate) fn run(server: Server) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                server.serve(listener, async { stopped.await.unwrap() }).await;
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.get_with(target, &[])
    }

    pub(crate) fn get_with(&self, target: &str, headers: &[&str]) -> Answer {
        request(self.address, "GET", target, headers)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.take().unwrap().send(()).expect("the registry runs until it is told to stop");
        self.thread.take().unwrap().join().expect("the registry did not panic");
    }
}

/// One layout, served as the repository `disk`.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) layout: Layout,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|server| server)
    }

    pub(crate) fn with(change: impl FnOnce(Server) -> Server) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("disk");
        let layout = Layout::new(&path);
        Self { registry: Registry::serve_with(&path, change), layout, folder }
    }
}
