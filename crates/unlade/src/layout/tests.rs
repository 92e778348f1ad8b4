use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::spec::digest::Algorithm;
use crate::spec::media_type::{OCI_INDEX, OCI_MANIFEST};
use crate::verify::digest_of;

mod referrers;

/// A layout being made, with what its `index.json` will name.
struct Builder {
    folder: TempDir,
    entries: Vec<Value>,
}

impl Builder {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let builder = Self { folder, entries: Vec::new() };
        builder.write_index();
        builder
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = digest_of(Algorithm::Sha256, bytes);
        std::fs::write(self.path(&digest), bytes).unwrap();
        digest
    }

    fn document(&self, document: &Value) -> Digest {
        self.blob(&serde_json::to_vec(document).unwrap())
    }

    fn image(&self, note: &str) -> Digest {
        self.document(
            &json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "annotations": {"note": note}}),
        )
    }

    fn name(&mut self, digest: &Digest, media_type: &str, reference: Option<&str>) {
        let size = std::fs::metadata(self.path(digest)).map_or(0, |data| data.len());
        let mut entry = json!({"digest": digest, "size": size, "mediaType": media_type});
        if let Some(reference) = reference {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": reference});
        }
        self.entries.push(entry);
        self.write_index();
    }

    fn write_index(&self) {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        std::fs::write(self.folder.path().join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    }

    fn open(&self) -> Layout {
        Layout::open(self.folder.path()).unwrap()
    }
}

fn tag(text: &str) -> Selector {
    Selector::Tag(text.parse().unwrap())
}

fn absent() -> Digest {
    digest_of(Algorithm::Sha256, b"absent")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn resolve(layout: &Layout, selector: &Selector) -> Result<Digest> {
    run(layout.resolve(selector)).map(|descriptor| descriptor.digest)
}

fn read(layout: &Layout, digest: &Digest, window: Range<u64>) -> Result<Vec<Bytes>> {
    let content = Content { digest: digest.clone(), size: None };
    run(async { layout.open_unverified(&content, Ask::default().window(window)).await?.chunks.try_collect().await })
}

#[test]
fn what_is_no_layout_is_refused_as_input() {
    let cases: [(&str, Option<&str>, Option<&str>, ErrorKind); 6] = [
        ("no files", None, None, ErrorKind::InvalidInput),
        ("no oci-layout", None, Some(r#"{"manifests":[]}"#), ErrorKind::InvalidInput),
        ("no index.json", Some(r#"{"imageLayoutVersion":"1.0.0"}"#), None, ErrorKind::InvalidInput),
        ("another version", Some(r#"{"imageLayoutVersion":"2.0.0"}"#), Some("{}"), ErrorKind::InvalidInput),
        ("no JSON", Some("1.0.0"), Some("{}"), ErrorKind::InvalidInput),
        ("an image", Some(r#"{"imageLayoutVersion":"1.0.0"}"#), Some(r#"{"layers":[]}"#), ErrorKind::Malformed),
    ];
    for (name, version, index, expected) in cases {
        let folder = TempDir::new().unwrap();
        for (file, text) in [("oci-layout", version), ("index.json", index)] {
            if let Some(text) = text {
                unlade_testkit::layout::write_long_ago(&folder.path().join(file), text);
            }
        }
        assert_eq!(Layout::open(folder.path()).unwrap_err().kind(), expected, "{name}");
    }
    let error = Layout::open(std::path::Path::new("/nonexistent/layout")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "/nonexistent/layout is not an OCI image layout");
}

#[test]
fn the_path_of_the_layout_may_be_a_link() {
    let builder = Builder::new();
    let place = TempDir::new().unwrap();
    let link = place.path().join("link");
    symlink(builder.folder.path(), &link).unwrap();
    assert_eq!(Layout::open(&link).unwrap().to_string(), format!("ocidir://{}", link.display()));
}

#[test]
fn a_tag_is_a_whole_name_before_it_is_the_end_of_one() {
    let mut builder = Builder::new();
    let (whole, end, full) = (builder.image("whole"), builder.image("end"), builder.image("full"));
    builder.name(&end, OCI_MANIFEST, Some("example.org/disk:v1"));
    builder.name(&whole, OCI_MANIFEST, Some("v1"));
    builder.name(&full, OCI_MANIFEST, Some("example.org:5000/disk:v2"));
    builder.name(&absent(), OCI_MANIFEST, Some("example.org:5000/disk"));
    let layout = builder.open();
    assert_eq!(resolve(&layout, &tag("v1")).unwrap(), whole);
    assert_eq!(resolve(&layout, &tag("v2")).unwrap(), full);
    assert_eq!(resolve(&layout, &tag("v3")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(run(layout.tags(None).try_collect::<Vec<_>>()).unwrap(), ["v1", "v2"]);
}

#[test]
fn a_tag_of_several_manifests_is_ambiguous() {
    let mut builder = Builder::new();
    let (one, two) = (builder.image("one"), builder.image("two"));
    builder.name(&one, OCI_MANIFEST, Some("a.example/disk:v1"));
    builder.name(&one, OCI_MANIFEST, Some("b.example/disk:v1"));
    assert_eq!(resolve(&builder.open(), &tag("v1")).unwrap(), one);
    builder.name(&two, OCI_MANIFEST, Some("c.example/disk:v1"));
    assert_eq!(resolve(&builder.open(), &tag("v1")).unwrap_err().kind(), ErrorKind::Ambiguous);
}

#[test]
fn without_tag_or_digest_the_only_manifest_is_meant_else_latest() {
    let mut builder = Builder::new();
    let (one, two) = (builder.image("one"), builder.image("two"));
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap_err().kind(), ErrorKind::NotFound);
    builder.name(&one, OCI_MANIFEST, Some("v1"));
    builder.name(&one, OCI_MANIFEST, Some("v1.0"));
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap(), one);
    builder.name(&two, OCI_MANIFEST, None);
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap(), one, "it alone has names");
    let three = builder.image("three");
    builder.name(&three, OCI_MANIFEST, Some("v2"));
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap_err().kind(), ErrorKind::NotFound);
    builder.name(&two, OCI_MANIFEST, Some("latest"));
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap(), two);
}

#[test]
fn a_layout_that_is_rewritten_is_seen_anew() {
    let mut builder = Builder::new();
    let layout = builder.open();
    let image = builder.image("later");
    builder.name(&image, OCI_MANIFEST, Some("v1"));
    assert_eq!(resolve(&layout, &tag("v1")).unwrap(), image);
}

#[test]
fn a_manifest_has_the_type_that_the_index_or_else_the_document_declares() {
    let mut builder = Builder::new();
    let named = builder.blob(br#"{"schemaVersion":2,"layers":[]}"#);
    builder.name(&named, "application/vnd.docker.distribution.manifest.v2+json", None);
    let unnamed = builder.document(&json!({"mediaType": OCI_INDEX, "manifests": []}));
    let nothing = builder.blob(b"not a manifest");
    let layout = builder.open();
    for (digest, expected) in [
        (&named, Some("application/vnd.docker.distribution.manifest.v2+json")),
        (&unnamed, Some(OCI_INDEX)),
        (&nothing, None),
    ] {
        let raw = run(layout.manifest_unverified(&Selector::Digest(digest.clone()))).unwrap();
        assert_eq!(raw.media_type.as_ref().map(super::super::spec::media_type::MediaType::as_str), expected);
    }
    assert_eq!(run(layout.resolve(&Selector::Digest(unnamed.clone()))).unwrap().media_type.as_str(), OCI_INDEX);
    assert_eq!(resolve(&layout, &Selector::Digest(absent())).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_manifest_is_what_the_index_says_or_refused() {
    let mut builder = Builder::new();
    let (sound, longer, other) = (builder.image("sound"), builder.image("longer"), builder.image("other"));
    for (digest, name) in [(&sound, "sound"), (&longer, "longer"), (&other, "other")] {
        builder.name(digest, OCI_MANIFEST, Some(name));
    }
    let bytes = std::fs::read(builder.path(&longer)).unwrap();
    std::fs::write(builder.path(&longer), [bytes.as_slice(), b" "].concat()).unwrap();
    let bytes = String::from_utf8(std::fs::read(builder.path(&other)).unwrap()).unwrap();
    std::fs::write(builder.path(&other), bytes.replace("other", "OTHER")).unwrap();
    let layout = builder.open();
    assert_eq!(run(layout.manifest(&tag("sound"))).unwrap().digest(), &sound);
    for name in ["longer", "other"] {
        assert_eq!(run(layout.manifest(&tag(name))).unwrap_err().kind(), ErrorKind::Mismatch, "{name}");
    }
}

#[test]
fn a_manifest_keeps_the_name_that_the_index_gives_it() {
    let mut builder = Builder::new();
    let bytes = br#"{"schemaVersion":2,"layers":[]}"#;
    let digest = digest_of(Algorithm::Sha512, bytes);
    std::fs::create_dir(builder.folder.path().join("blobs/sha512")).unwrap();
    std::fs::write(builder.path(&digest), bytes).unwrap();
    builder.name(&digest, OCI_MANIFEST, Some("v1"));
    assert_eq!(run(builder.open().manifest(&tag("v1"))).unwrap().digest(), &digest);
}

#[test]
fn a_manifest_is_verified_where_it_is_stored() {
    let mut builder = Builder::new();
    let (sound, longer) = (builder.image("sound"), builder.image("longer"));
    builder.name(&sound, OCI_MANIFEST, Some("sound"));
    builder.name(&longer, OCI_MANIFEST, Some("longer"));
    let untyped = builder.document(&json!({"manifests": []}));
    builder.name(&untyped, "", Some("untyped"));
    let unnamed = builder.image("unnamed");
    let text = builder.blob(b"no manifest");
    let bytes = std::fs::read(builder.path(&longer)).unwrap();
    std::fs::write(builder.path(&longer), [bytes.as_slice(), b" "].concat()).unwrap();
    let layout = builder.open();
    for (selector, expected) in [
        (tag("sound"), Ok((&sound, Some(OCI_MANIFEST)))),
        (Selector::Digest(sound.clone()), Ok((&sound, Some(OCI_MANIFEST)))),
        (tag("untyped"), Ok((&untyped, Some(OCI_INDEX)))),
        (Selector::Digest(unnamed.clone()), Ok((&unnamed, Some(OCI_MANIFEST)))),
        (Selector::Digest(text.clone()), Ok((&text, None))),
        (tag("longer"), Err(ErrorKind::Mismatch)),
        (Selector::Digest(longer.clone()), Err(ErrorKind::Mismatch)),
        (tag("absent"), Err(ErrorKind::NotFound)),
        (Selector::Digest(absent()), Err(ErrorKind::NotFound)),
    ] {
        let stored = run(layout.stored(&selector));
        let found = stored.as_ref().map(|found| (&found.digest, found.media_type.as_ref().map(MediaType::as_str)));
        assert_eq!(found.map_err(Error::kind), expected, "{selector}");
        if let Ok(stored) = stored {
            let bytes = run(stored.blob.stream(0..u64::MAX, 7).chunks.try_collect::<Vec<_>>()).unwrap().concat();
            assert_eq!(digest_of(Algorithm::Sha256, &bytes), stored.digest);
        }
    }
    let error = run(layout.max_document(10).stored(&Selector::Digest(text))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn one_bad_entry_takes_no_layout_down() {
    let mut builder = Builder::new();
    let (good, other) = (builder.image("good"), builder.image("other"));
    builder.name(&good, OCI_MANIFEST, Some("good"));
    for bad in [
        Value::Null,
        json!({}),
        json!({"digest": format!("blake3:{}", "a".repeat(64)), "size": 1,
            "annotations": {"org.opencontainers.image.ref.name": "strange"}}),
        json!({"digest": "sha256:abc", "annotations": {"org.opencontainers.image.ref.name": "broken"}}),
    ] {
        builder.entries.push(bad);
    }
    builder.name(&other, OCI_MANIFEST, Some("other"));
    let layout = builder.open();
    assert_eq!(resolve(&layout, &tag("good")).unwrap(), good);
    assert_eq!(resolve(&layout, &tag("other")).unwrap(), other);
    assert_eq!(run(layout.manifest(&tag("other"))).unwrap().digest(), &other);
    for (name, expected) in [("strange", ErrorKind::Unsupported), ("broken", ErrorKind::Malformed)] {
        assert_eq!(resolve(&layout, &tag(name)).unwrap_err().kind(), expected, "{name}");
    }
    assert_eq!(run(layout.referrers_of(&good, None).try_collect::<Vec<_>>()).unwrap(), []);
    builder.entries.truncate(3);
    builder.write_index();
    assert_eq!(resolve(&layout, &Selector::Only).unwrap(), good);
}

#[test]
fn a_document_above_the_limit_is_refused() {
    let mut builder = Builder::new();
    let large = builder.image(&"x".repeat(2000));
    builder.name(&large, OCI_MANIFEST, Some("large"));
    let layout = builder.open();
    let error = run(layout.clone().max_document(1000).manifest_unverified(&tag("large"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(run(layout.manifest_unverified(&tag("large"))).is_ok());
    assert_eq!(run(layout.max_document(10).resolve(&Selector::Only)).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn windows_are_given_exactly() {
    let builder = Builder::new();
    let bytes: Vec<u8> = (0..CHUNK * 2 + 100).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let (digest, size) = (builder.blob(&bytes), bytes.len());
    let (layout, chunk) = (builder.open(), CHUNK as u64);
    for (window, expected) in [
        (0..u64::MAX, 0..size),
        (0..1, 0..1),
        (5..5, 5..5),
        (chunk - 1..chunk + 1, CHUNK - 1..CHUNK + 1),
        (7..chunk * 2 + 9, 7..CHUNK * 2 + 9),
        (chunk * 2..u64::MAX, CHUNK * 2..size),
        (u64::MAX - 1..u64::MAX, size..size),
    ] {
        let chunks = read(&layout, &digest, window.clone()).unwrap();
        assert!(chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())), "{window:?}");
        assert_eq!(chunks.concat(), bytes[expected], "{window:?}");
    }
    let body = run(layout.open_unverified(&Content { digest, size: None }, Ask::default().window(9..12))).unwrap();
    assert_eq!((body.window, body.total), (9..12, Some(size as u64)));
    assert_eq!(body.origin, EndpointId::from(&layout));
}

#[test]
fn what_is_read_whole_is_verified() {
    let builder = Builder::new();
    let (sound, broken) = (builder.blob(b"sound"), builder.blob(b"whole"));
    std::fs::write(builder.path(&broken), b"wrong").unwrap();
    let layout = builder.open();
    let content = |digest: &Digest| Content { digest: digest.clone(), size: Some(5) };
    assert_eq!(run(layout.read(&content(&sound), 5)).unwrap(), "sound");
    assert_eq!(run(layout.read(&content(&broken), 5)).unwrap_err().kind(), ErrorKind::Mismatch);
}

#[test]
fn a_file_that_becomes_shorter_ends_in_an_error() {
    let builder = Builder::new();
    let digest = builder.blob(b"0123456789");
    let error = run(async {
        let blob = builder.open().blob(&digest).await.unwrap();
        let chunks = blob.stream(0..u64::MAX, 4).chunks;
        std::fs::write(builder.path(&digest), b"01234").unwrap();
        chunks.try_collect::<Vec<_>>().await.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[test]
fn an_endpoint_to_be_avoided_is_not_read() {
    let builder = Builder::new();
    let content = Content { digest: builder.blob(b"x"), size: None };
    let layout = builder.open();
    let mut ask = Ask::default();
    ask.avoid.push(EndpointId::from(&layout));
    assert_eq!(run(layout.open_unverified(&content, ask)).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn nothing_is_read_through_a_link_or_from_what_is_no_file() {
    let secret = TempDir::new().unwrap();
    let target = secret.path().join("secret");
    std::fs::write(&target, "secret").unwrap();

    let builder = Builder::new();
    let [link, folder, fifo] = ["link", "folder", "fifo"].map(|name| digest_of(Algorithm::Sha256, name.as_bytes()));
    symlink(&target, builder.path(&link)).unwrap();
    std::fs::create_dir(builder.path(&folder)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, builder.path(&fifo), 0o600.into()).unwrap();
    let layout = builder.open();
    for digest in [&link, &folder, &fifo] {
        assert_eq!(read(&layout, digest, 0..u64::MAX).unwrap_err().kind(), ErrorKind::Io);
    }

    let hidden = digest_of(Algorithm::Sha512, b"secret");
    std::fs::write(secret.path().join(hidden.hex()), "secret").unwrap();
    assert_eq!(read(&layout, &hidden, 0..1).unwrap_err().kind(), ErrorKind::NotFound);
    symlink(secret.path(), builder.folder.path().join("blobs/sha512")).unwrap();
    assert_eq!(read(&layout, &hidden, 0..1).unwrap_err().kind(), ErrorKind::Io);

    let index = builder.folder.path().join("index.json");
    std::fs::remove_file(&index).unwrap();
    symlink(&target, &index).unwrap();
    assert_eq!(run(layout.resolve(&Selector::Only)).unwrap_err().kind(), ErrorKind::Io);
}
