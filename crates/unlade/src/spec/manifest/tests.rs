use proptest::prelude::*;
use serde_json::Value;

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn parse(declared: &str, text: &str) -> Result<Manifest, ManifestError> {
    let media_type = if declared.is_empty() { None } else { Some(declared.parse().unwrap()) };
    Manifest::parse(&RawManifest::new(media_type, text.replace("HEX", HEX)))
}

fn image(declared: &str, text: &str) -> ImageManifest {
    match parse(declared, text) {
        Ok(Manifest::Image(image)) => *image,
        other => panic!("not an image: {other:?}"),
    }
}

fn index(declared: &str, text: &str) -> Index {
    match parse(declared, text) {
        Ok(Manifest::Index(index)) => *index,
        other => panic!("not an index: {other:?}"),
    }
}

#[test]
fn reads_every_kind_of_manifest() {
    let layer = r#"{"mediaType":"a/b","digest":"sha256:HEX","size":1}"#;
    for (declared, text, layers) in [
        (
            OCI_MANIFEST,
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{layer},"layers":[{layer}]}}"#),
            1,
        ),
        (
            DOCKER_MANIFEST,
            format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}","config":{layer},"layers":[]}}"#),
            0,
        ),
        (OCI_ARTIFACT, format!(r#"{{"mediaType":"{OCI_ARTIFACT}","blobs":[{layer},{layer}]}}"#), 2),
        ("", r#"{"schemaVersion":2,"layers":null,"config":null,"annotations":null}"#.to_owned(), 0),
        ("application/json", format!(r#"{{"layers":[{layer}]}}"#), 1),
        (OCI_MANIFEST, r#"{"schemaVersion":2}"#.to_owned(), 0),
    ] {
        assert_eq!(image(declared, &text).layers.len(), layers, "{text}");
    }
    for (declared, text) in [
        (OCI_INDEX, format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{layer}]}}"#)),
        (DOCKER_LIST, format!(r#"{{"mediaType":"{DOCKER_LIST}","manifests":[{layer}]}}"#)),
        ("text/plain; charset=utf-8", format!(r#"{{"manifests":[{layer}]}}"#)),
    ] {
        assert_eq!(index(declared, &text).manifests.len(), 1, "{text}");
    }
    assert_eq!(index(OCI_INDEX, r#"{"manifests":null}"#).manifests.len(), 0);
}

#[test]
fn what_two_readers_would_see_differently_is_refused() {
    let is = |declared: &str, text: &str, expected: fn(&ManifestError) -> bool| {
        let error = parse(declared, text).expect_err(text);
        assert!(expected(&error), "{text}: {error:?}");
    };
    is("", r#"{"layers":[],"manifests":[]}"#, |error| matches!(error, ManifestError::Ambiguous));
    is(OCI_INDEX, r#"{"config":null,"manifests":[]}"#, |error| matches!(error, ManifestError::Ambiguous));
    is("", r#"{"layers":[],"layers":[]}"#, |error| matches!(error, ManifestError::DuplicateKey("layers")));
    is("", r#"{"layers":[],"blobs":[]}"#, |error| matches!(error, ManifestError::DuplicateKey("layers")));
    is("", &format!(r#"{{"mediaType":"{OCI_INDEX}","layers":[]}}"#), |error| {
        matches!(error, ManifestError::Contradictory { .. })
    });
    is(OCI_INDEX, r#"{"layers":[]}"#, |error| matches!(error, ManifestError::Contradictory { .. }));
    is(DOCKER_MANIFEST, &format!(r#"{{"mediaType":"{OCI_MANIFEST}","layers":[]}}"#), |error| {
        matches!(error, ManifestError::Contradictory { .. })
    });
    is("", "{}", |error| matches!(error, ManifestError::Unknown));
    is("", "[]", |error| matches!(error, ManifestError::Unknown));
    is("", "", |error| matches!(error, ManifestError::Malformed(_)));
    is("", r#"{"layers":[]"#, |error| matches!(error, ManifestError::Malformed(_)));
    is("", r#"{"layers":{}}"#, |error| matches!(error, ManifestError::Field("layers")));
    is("", r#"{"layers":[],"mediaType":5}"#, |error| matches!(error, ManifestError::Field("mediaType")));
    is(
        "",
        r#"{"layers":[],"annotations":{"k":"a","k":"b"}}"#,
        |error| matches!(error, ManifestError::RepeatedAnnotation(key) if key == "k"),
    );
}

#[test]
fn schema_1_has_an_error_of_its_own() {
    let text = r#"{"schemaVersion":1,"name":"a","fsLayers":[],"history":[]}"#;
    assert!(parse("", text).unwrap_err().is_unsupported());
    assert!(parse("application/vnd.docker.distribution.manifest.v1+prettyjws", text).unwrap_err().is_unsupported());
    assert!(RawManifest::new(None, text).check_supported().is_err());
    for other in [r#"{"schemaVersion":2,"layers":[]}"#, r#"{"layers":[],"manifests":[]}"#, "no JSON"] {
        assert!(RawManifest::new(None, other).check_supported().is_ok(), "{other}");
    }
}

#[test]
fn unknown_fields_are_kept_as_they_are_written() {
    let raw = RawManifest::new(None, r#"{"layers":[], "x-new" : [1, "\u0041"]}"#);
    assert!(Manifest::parse(&raw).is_ok());
    assert_eq!(raw.member("x-new").unwrap(), Some(r#"[1, "\u0041"]"#));
    assert_eq!(raw.member("x-other").unwrap(), None);
    assert!(RawManifest::new(None, "{").member("x-new").is_err());
}

#[test]
fn one_bad_entry_spoils_no_other() {
    let good = r#"{"mediaType":"a/b","digest":"sha256:HEX","size":1}"#;
    let bad = [
        "null",
        "{}",
        "[]",
        r#"{"digest":"blake3:HEX","size":1}"#,
        r#"{"digest":"md5:HEX","size":1}"#,
        r#"{"digest":"sha256:HEX","size":-1}"#,
        r#"{"digest":"sha256:HEX","size":1,"platform":"linux/amd64"}"#,
    ];
    for bad in bad {
        let layers = image("", &format!(r#"{{"layers":[{bad},{good}]}}"#)).layers;
        let readable: Vec<bool> = layers.iter().map(|entry| entry.readable().is_ok()).collect();
        assert_eq!(readable, [false, true], "{bad}");
        assert_eq!(index("", &format!(r#"{{"manifests":[{good},{bad}]}}"#)).manifests.len(), 2, "{bad}");
        let odd = image("", &format!(r#"{{"config":{bad},"subject":{bad},"layers":[{good}]}}"#));
        assert_eq!((odd.layers.len(), odd.layers[0].readable().is_ok()), (1, true), "{bad}");
        assert_eq!(Manifest::Image(Box::new(odd)).subject(), None, "{bad}");
    }
}

#[test]
fn what_is_kept_of_a_document_is_bounded() {
    let many = |one: &str, count: usize| vec![one; count].join(",");
    let notes = |count: usize| (0..count).map(|at| format!(r#""{at}":"""#)).collect::<Vec<_>>().join(",");
    for (text, fits) in [
        (format!(r#"{{"layers":[{}]}}"#, many("{}", 20_480)), true),
        (format!(r#"{{"layers":[{}]}}"#, many("null", 20_481)), false),
        (format!(r#"{{"layers":[],"annotations":{{{}}}}}"#, notes(81_920)), true),
        (format!(r#"{{"layers":[],"annotations":{{{}}}}}"#, notes(81_921)), false),
        (format!(r#"{{"layers":[{{"annotations":{{{0}}}}},{{"annotations":{{{0}}}}}]}}"#, notes(41_000)), false),
        (format!(r#"{{"layers":[{{"urls":[{}]}}]}}"#, many("\"\"", 82_000)), false),
        (format!(r#"{{"manifests":[{{"platform":{{"os.features":[{}]}}}}]}}"#, many("\"\"", 82_000)), false),
        (format!(r#"{{"layers":[],"x":[{}]}}"#, many("1", 1_000_000)), true),
        (format!(r#"{{"layers":[{{"x":[{}]}}]}}"#, many("{}", 1_000_000)), true),
    ] {
        match parse("", &text) {
            Ok(_) => assert!(fits, "{}", &text[..60]),
            Err(error) => assert!(!fits && error.is_too_large(), "{}: {error:?}", &text[..60]),
        }
    }
}

#[test]
fn a_declared_type_fits_its_own_kind_alone() {
    let (image, index) = (parse("", r#"{"layers":[]}"#).unwrap(), parse("", r#"{"manifests":[]}"#).unwrap());
    for (declared, of_image, of_index) in [
        (OCI_MANIFEST, true, false),
        (DOCKER_MANIFEST, true, false),
        (OCI_INDEX, false, true),
        (DOCKER_LIST, false, true),
        ("", true, true),
        ("application/json", true, true),
    ] {
        let declared = declared.parse().unwrap();
        assert_eq!((image.fits(&declared), index.fits(&declared)), (of_image, of_index), "{declared}");
    }
}

#[test]
fn the_type_of_an_artifact_falls_back_to_its_configuration() {
    let config = r#""config":{"mediaType":"c/d","digest":"sha256:HEX","size":2}"#;
    for (text, expected) in [
        (format!(r#"{{"artifactType":"a/b",{config}}}"#), Some("a/b")),
        (format!(r"{{{config}}}"), Some("c/d")),
        (format!(r#"{{"artifactType":"",{config}}}"#), Some("c/d")),
        (r#"{"config":{"mediaType":"c/d"}}"#.to_owned(), Some("c/d")),
        (r#"{"config":{},"layers":[]}"#.to_owned(), None),
        (r#"{"layers":[]}"#.to_owned(), None),
    ] {
        let manifest = parse("", &text).unwrap();
        assert_eq!(manifest.effective_artifact_type().map(MediaType::as_str), expected, "{text}");
    }
}

#[test]
fn deep_nesting_does_no_harm() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(r#"{{"layers":[{deep},{{"platform":{deep},"annotations":{{"x":{deep}}}}}],"x":{deep}}}"#);
    assert_eq!(image("", &text).layers.len(), 2);
}

fn reread_entry(text: &str) -> Entry {
    Entry::read(json::document(text.as_bytes()).unwrap(), &mut Allowance::new()).unwrap()
}

fn reread(descriptor: &Descriptor) -> Descriptor {
    reread_entry(&serde_json::to_string(descriptor).unwrap()).descriptor().unwrap().clone()
}

/// Makes JSON of any shape in which the keys and values of manifests are likely.
fn manifest_like() -> impl Strategy<Value = Value> {
    let keys = [
        "annotations",
        "artifactType",
        "blobs",
        "config",
        "data",
        "digest",
        "layers",
        "manifests",
        "mediaType",
        "os.version",
        "platform",
        "schemaVersion",
        "size",
        "subject",
        "urls",
        "x",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[a-z/+é]{0,8}".prop_map(Value::from),
        Just(Value::from(format!("sha256:{HEX}"))),
        proptest::sample::select(vec![OCI_MANIFEST, OCI_INDEX, DOCKER_LIST, "e30="]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let entry = (proptest::sample::select(keys.to_vec()), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            proptest::collection::vec(entry, 0..8)
                .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_read_can_be_looked_at(document in manifest_like(), declared in "(application/json|a/b)?") {
        let media_type = declared.parse().ok().filter(|_| !declared.is_empty());
        if let Ok(manifest) = Manifest::parse(&RawManifest::new(media_type, document.to_string())) {
            manifest.media_type();
            manifest.effective_artifact_type();
            manifest.annotations();
            let found = match &manifest {
                Manifest::Image(image) => &image.layers,
                Manifest::Index(index) => &index.manifests,
            };
            for descriptor in found.iter().filter_map(Entry::descriptor).chain(manifest.subject()) {
                prop_assert!(descriptor.inline().is_none_or(|bytes| bytes.len() as u64 == descriptor.size));
                prop_assert_eq!(&reread(descriptor), descriptor);
            }
        }
    }

    #[test]
    fn a_descriptor_of_any_fields_reads_back(fields in manifest_like(), size: u64) {
        let mut document = serde_json::json!({ "mediaType": "a/b", "digest": format!("sha256:{HEX}"), "size": size });
        if let (Some(document), Value::Object(fields)) = (document.as_object_mut(), fields) {
            document.extend(fields.into_iter().filter(|(key, _)| !["mediaType", "digest", "size"].contains(&key.as_str())));
        }
        if let Entry::Readable(descriptor) = reread_entry(&document.to_string()) {
            prop_assert_eq!(reread(&descriptor), descriptor);
        }
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _unused = Manifest::parse(&RawManifest::new(None, bytes));
    }

    #[test]
    fn never_panics_on_json(text in r#"\{("(layers|manifests|config|mediaType|x)":(null|1|"a"|\[\]|\{\}),?){0,4}\}"#) {
        let _unused = Manifest::parse(&RawManifest::new(None, text));
    }
}
