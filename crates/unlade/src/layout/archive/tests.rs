use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use futures_util::TryStreamExt as _;
use proptest::prelude::*;
use serde_json::json;
use tempfile::{NamedTempFile, TempDir};
use unlade_testkit::archive::Tar;

use super::scan::{Members, scan};
use crate::ErrorKind;
use crate::error::{Advice, Error, Result};
use crate::layout::Layout;
use crate::source::{Ask, Source as _, SourceExt as _};
use crate::spec::descriptor::Content;
use crate::spec::digest::{Algorithm, Digest};
use crate::spec::media_type::OCI_MANIFEST;
use crate::spec::reference::Selector;
use crate::verify::digest_of;

const VERSION: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const PAYLOAD: &[u8] = b"the payload, which is longer than nothing";

fn tar() -> Tar {
    Tar::new().file("oci-layout", VERSION)
}

fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

fn payload() -> Digest {
    digest_of(Algorithm::Sha512, PAYLOAD)
}

fn manifest() -> Vec<u8> {
    let layer = json!({"mediaType": "a/b", "digest": payload(), "size": PAYLOAD.len()});
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [layer]}).to_string().into_bytes()
}

fn index() -> Vec<u8> {
    let manifest = manifest();
    let digest = digest_of(Algorithm::Sha256, &manifest);
    let entry = json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": manifest.len()});
    json!({"schemaVersion": 2, "manifests": [entry]}).to_string().into_bytes()
}

fn whole(prefix: &str) -> Tar {
    let manifest = manifest();
    Tar::new()
        .folder(&format!("{prefix}blobs/"))
        .file(&format!("{prefix}{}", path(&digest_of(Algorithm::Sha256, &manifest))), &manifest)
        .file(&format!("{prefix}{}", path(&payload())), PAYLOAD)
        .file(&format!("{prefix}manifest.json"), b"[]")
        .file(&format!("{prefix}index.json"), &index())
        .file(&format!("{prefix}oci-layout"), VERSION)
}

fn open(bytes: &[u8]) -> Result<Layout> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Layout::open_archive(file.path())
}

/// Reads all that a layout has, verified.
fn read(layout: &Layout) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let found = layout.manifest(&Selector::Only).await?;
        assert_eq!(found.raw().bytes, manifest());
        let content = Content { digest: payload(), size: Some(PAYLOAD.len() as u64) };
        Ok(layout.read(&content, 1000).await?.to_vec())
    })
}

/// The kind of an error, and its whole text after the name of the file.
fn text(error: &Error) -> (ErrorKind, String) {
    let chain = error.chain().join(": ");
    let (_, rest) = chain.split_once(' ').filter(|(name, _)| name.starts_with("ocitar://")).expect("it is named");
    (error.kind(), rest.to_owned())
}

#[test]
fn a_layout_is_read_where_it_is() {
    for prefix in ["", "./"] {
        let layout = open(&whole(prefix).finish()).unwrap();
        assert!(layout.to_string().starts_with("ocitar:///"), "{layout}");
        assert_eq!(read(&layout).unwrap(), PAYLOAD, "{prefix:?}");
    }
}

#[test]
fn each_blob_is_read_from_its_place_to_its_end() {
    let layout = open(&whole("").finish()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let size = PAYLOAD.len() as u64;
    for (window, expected) in [(0..u64::MAX, 0..size), (3..7, 3..7), (size - 1..u64::MAX, size - 1..size)] {
        let content = Content { digest: payload(), size: None };
        let body = runtime.block_on(layout.open_unverified(&content, Ask::default().window(window))).unwrap();
        assert_eq!((body.window.clone(), body.total), (expected.clone(), Some(size)));
        let bytes = runtime.block_on(body.chunks.try_collect::<Vec<_>>()).unwrap().concat();
        let place = usize::try_from(expected.start).unwrap()..usize::try_from(expected.end).unwrap();
        assert_eq!(bytes, PAYLOAD[place]);
    }
    let absent = Content { digest: digest_of(Algorithm::Sha256, b"absent"), size: None };
    let error = runtime.block_on(layout.open_unverified(&absent, Ask::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn what_readers_could_take_for_different_layouts_is_refused() {
    let blob = path(&payload());
    let cases = [
        (tar().file("oci-layout", VERSION), "the member oci-layout stands in it twice"),
        (tar().file("./oci-layout", VERSION), "the member ./oci-layout stands in it twice"),
        (tar().file("index.json", b"{}").file("index.json", b"{}"), "the member index.json stands in it twice"),
        (tar().file(&blob, b"a").file(&blob, b"a"), &format!("the member {blob} stands in it twice")),
        (tar().member("index.json", b'1', b""), "the member index.json is a hard link, where a regular file has to be"),
        (
            tar().member("index.json", b'2', b""),
            "the member index.json is a symbolic link, where a regular file has to be",
        ),
        (tar().member("index.json", b'3', b""), "the member index.json is a device, where a regular file has to be"),
        (tar().member("index.json", b'6', b""), "the member index.json is a FIFO, where a regular file has to be"),
        (tar().folder("index.json/"), "the member index.json/ is a folder, where a regular file has to be"),
        (
            tar().member("index.json", b'S', b"x"),
            "the member index.json is a sparse file, where a regular file has to be",
        ),
        (
            tar().records(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "index.json")]).file("a/b", b"x"),
            "the member index.json is a sparse file, where a regular file has to be",
        ),
        (
            tar().member("index.json", b'?', b"x"),
            "the member index.json is of an unknown kind, where a regular file has to be",
        ),
        (tar().member("blobs", b'2', b""), "the member blobs is a symbolic link, where a folder has to be"),
        (tar().file("blobs/sha256", b""), "the member blobs/sha256 is a regular file, where a folder has to be"),
        (
            tar().file("x/../index.json", b"{}"),
            "the member index.json is named in a way that readers take for different ones",
        ),
        (
            tar().member("x", b'L', b"index.json\0").records(&[("path", "other")]).file("y", b""),
            "a member has two long names, which differ",
        ),
        (
            tar().member("x", b'g', b"19 path=index.json\n").file("y", b""),
            "a global extended header names or measures members",
        ),
        (tar().raw(&[0; 512]).file("index.json", b"{}"), "something stands behind a block of zeros"),
        (tar().header("link", b'2', 512).raw(&[7; 512]), "a member that has no content says that it has some"),
        (tar().raw(&[b'x'; 512]), "a number in a header is none"),
        (tar().member("x", b'x', b"no records"), "the records of an extended header cannot be read"),
    ];
    for (tar, expected) in cases {
        let error = open(&tar.finish()).unwrap_err();
        assert_eq!(text(&error), (ErrorKind::Malformed, format!("cannot be used: {expected}")));
    }
}

#[test]
fn headers_that_readers_take_for_different_ones_are_refused() {
    let cases = [
        (
            tar().records(&[("size", "512")]).member("link", b'2', b"").file("", b""),
            "a member that has no content says that it has some",
        ),
        (
            tar().records(&[("size", "512")]).member("folder/", b'0', b"").file("", b""),
            "a member that has no content says that it has some",
        ),
        (tar().sized("stranger", b"\x0000000001000"), "a number in a header is none"),
        (
            tar().member("x", b'X', b"19 path=index.json\n").file("y", b""),
            "it has an extended header of Solaris, which some readers obey",
        ),
        (
            tar().records(&[("path", "a")]).records(&[("comment", "b")]).file("y", b""),
            "a member has two extended headers of one kind",
        ),
        (
            tar().member("x", b'L', b"a\0").member("x", b'L', b"b\0").file("y", b""),
            "a member has two extended headers of one kind",
        ),
        (
            tar().records(&[("path", "index.json\0.old")]).file("y", b""),
            "the records of an extended header cannot be read",
        ),
    ];
    for (tar, expected) in cases {
        let error = open(&tar.finish()).unwrap_err();
        assert_eq!(text(&error), (ErrorKind::Malformed, format!("cannot be used: {expected}")));
    }
}

#[test]
fn strangers_may_be_whatever_they_are() {
    let tar = whole("")
        .member("latest", b'2', b"")
        .member("repositories", b'1', b"")
        .file("repositories", b"{}")
        .file("repositories", b"{}")
        .file("blobs/sha256/not-a-digest", b"x")
        .member("pax_global_header", b'g', b"13 comment=x\n")
        .member("link", b'K', b"a long target\0")
        .member("link", b'2', b"")
        .records(&[("size", "0")])
        .member("link", b'2', b"")
        .fragmented("sparse", &[1, 1, 0], b"pieces")
        .fragmented("sparse", &[0], b"pieces")
        .file("/etc/passwd", b"")
        .file("../../escape", b"");
    assert_eq!(read(&open(&tar.finish()).unwrap()).unwrap(), PAYLOAD);
}

#[test]
fn extension_headers_name_and_measure_the_next_member() {
    let by_gnu = tar().member("././@LongLink", b'L', b"index.json\0").file("short", &index());
    let layout = open(&by_gnu.finish()).unwrap();
    assert!(layout.index().is_ok());
    // As writers do it for what is larger than eight gibibytes: the number in the header is too short for it.
    let index = index();
    let (text, mut padded) = (index.len().to_string(), index.clone());
    padded.resize(index.len().next_multiple_of(512), 0);
    let by_size = tar().records(&[("size", &text)]).header("index.json", b'0', 0).raw(&padded);
    assert!(open(&by_size.finish()).unwrap().index().is_ok());
}

#[test]
fn what_is_no_layout_in_a_tar_is_refused_as_input() {
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
    for (path, expected) in [
        (folder.path().join("missing"), "No such file or directory (os error 2)"),
        (folder.path().to_owned(), "it is a folder: that is ocidir://"),
        (fifo, "it is not a regular file"),
    ] {
        let error = Layout::open_archive(&path).unwrap_err();
        let message = format!("is not an OCI image layout: {expected}");
        assert_eq!(text(&error), (ErrorKind::InvalidInput, message));
    }
    let of_docker = Tar::new().file("manifest.json", b"[]").folder("abc/");
    for (bytes, expected) in [
        (Vec::new(), "is not a tar"),
        (b"not a tar".to_vec(), "is not a tar"),
        (vec![b'x'; 2000], "is not a tar: a number in a header is none"),
        (vec![0; 10_240], "is not an OCI image layout: there is no file oci-layout in it"),
        (
            of_docker.finish(),
            "is not an OCI image layout: there is no file oci-layout in it, but a manifest.json: it is docker's own \
             format",
        ),
        (tar().finish(), "is not an OCI image layout: there is no file index.json in it"),
        (
            Tar::new().file("oci-layout", b"{}").file("index.json", b"{}").finish(),
            "is not an OCI image layout: missing field `imageLayoutVersion` at line 1 column 2",
        ),
    ] {
        assert_eq!(text(&open(&bytes).unwrap_err()), (ErrorKind::InvalidInput, expected.to_owned()));
    }
}

#[test]
fn a_compressed_tar_is_told_by_its_first_bytes() {
    for (magic, format, command) in super::COMPRESSIONS.map(|(magic, format, command)| (magic, format, command)) {
        let error = open(&[magic, &[0; 1000]].concat()).unwrap_err();
        assert_eq!(text(&error), (ErrorKind::Unsupported, format!("is compressed with {format}")));
        let Some(Advice::Decompress(hint)) = &error.context().advice else { panic!("no advice") };
        assert!(hint.starts_with(command));
    }
}

#[test]
fn no_memory_is_spent_on_what_no_layout_has() {
    // A file with a hole: the extended header says a gibibyte, and it is there.
    let file = NamedTempFile::new().unwrap();
    let head = tar().header("x", b'x', 1 << 30).unfinished();
    file.as_file().write_all_at(&head, 0).unwrap();
    file.as_file().set_len(head.len() as u64 + (1 << 30) + 1024).unwrap();
    let error = Layout::open_archive(file.path()).unwrap_err();
    assert_eq!(text(&error).0, ErrorKind::TooLarge);

    let many = Tar::new().file("x", b"").unfinished().repeat(100_001);
    assert_eq!(open(&many).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn a_cut_anywhere_is_seen() {
    let bytes = whole("").finish();
    // All but the last of the two blocks that are the end.
    let end = bytes.len() - 512;
    for cut in (1..end).step_by(97).chain([end - 1, end - 512, end - 513]) {
        let error = open(&bytes[..cut]).unwrap_err();
        let (kind, text) = text(&error);
        let expected = if cut < 512 { ErrorKind::InvalidInput } else { ErrorKind::Malformed };
        assert_eq!(kind, expected, "{cut}: {text}");
        assert!(cut < 512 || text.starts_with("cannot be used: the tar is truncated: "), "{cut}: {text}");
    }
    assert_eq!(read(&open(&bytes[..end]).unwrap()).unwrap(), PAYLOAD);
}

#[test]
fn a_tar_that_changes_while_it_is_read_gives_nothing_wrong() {
    let (mut file, bytes) = (NamedTempFile::new().unwrap(), whole("").finish());
    file.write_all(&bytes).unwrap();
    let layout = Layout::open_archive(file.path()).unwrap();
    let place = bytes.windows(PAYLOAD.len()).position(|window| window == PAYLOAD).unwrap();
    file.as_file().write_all_at(b"X", place as u64).unwrap();
    assert_eq!(read(&layout).unwrap_err().kind(), ErrorKind::Mismatch);
    file.as_file().set_len(place as u64).unwrap();
    assert_eq!(read(&layout).unwrap_err().kind(), ErrorKind::Io);
}

/// Where the files of a layout are in a tar, as readers find them.
fn places(bytes: &[u8]) -> Result<Members> {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(bytes, 0).unwrap();
    scan(&file, bytes.len() as u64, "ocitar:///broken.tar")
}

#[test]
fn one_wrong_byte_is_refused_or_changes_no_place() {
    let bytes = whole("./").finish();
    let whole = places(&bytes).unwrap();
    let known: Vec<_> = whole.blobs.values().collect();
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let Ok(found) = places(&bytes) else {
            refused += 1;
            continue;
        };
        assert_eq!((&found.version, &found.index), (&whole.version, &whole.index), "byte {at}");
        // No sum guards the text of an extended header: a blob may have another name, by which it will not verify.
        assert!(found.blobs.values().all(|place| known.contains(&place)), "byte {at}");
    }
    assert!(refused > bytes.len() / 3, "{refused} of {}", bytes.len());
}

proptest! {
    #[test]
    fn a_broken_tar_never_gives_other_bytes(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = whole("./").finish();
        for (at, with) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(found) = open(&bytes).and_then(|layout| read_any(&layout)) {
            prop_assert_eq!(found, PAYLOAD);
        }
    }
}

/// Reads the payload, whatever became of the manifest.
fn read_any(layout: &Layout) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        layout.manifest(&Selector::Only).await?;
        let content = Content { digest: payload(), size: Some(PAYLOAD.len() as u64) };
        Ok(layout.read(&content, 1000).await?.to_vec())
    })
}
