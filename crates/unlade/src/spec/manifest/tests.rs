use proptest::prelude::*;

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
    is("", "[]", |error| matches!(error, ManifestError::Malformed(_)));
    is("", "", |error| matches!(error, ManifestError::Malformed(_)));
    is("", r#"{"layers":[{"digest":"sha256:x","size":1}]}"#, |error| matches!(error, ManifestError::Malformed(_)));
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
fn unknown_fields_are_kept() {
    let image = image("", r#"{"layers":[],"x-new":[1]}"#);
    assert_eq!(image.other["x-new"], serde_json::json!([1]));
}

#[test]
fn the_type_of_an_artifact_falls_back_to_its_configuration() {
    let config = r#""config":{"mediaType":"c/d","digest":"sha256:HEX","size":2}"#;
    for (text, expected) in [
        (format!(r#"{{"artifactType":"a/b",{config}}}"#), Some("a/b")),
        (format!(r"{{{config}}}"), Some("c/d")),
        (format!(r#"{{"artifactType":"",{config}}}"#), Some("c/d")),
        (r#"{"layers":[]}"#.to_owned(), None),
    ] {
        let manifest = parse("", &text).unwrap();
        assert_eq!(manifest.effective_artifact_type().map(MediaType::as_str), expected, "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!(r#"{{"layers":[],"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse("", &text).is_err());
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
            for descriptor in found.iter().chain(manifest.subject()) {
                prop_assert!(descriptor.inline().is_none_or(|bytes| bytes.len() as u64 == descriptor.size));
                let written = serde_json::to_string(descriptor).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Descriptor>(&written).unwrap(), descriptor);
            }
        }
    }

    #[test]
    fn a_descriptor_of_any_fields_reads_back(fields in manifest_like(), size: u64) {
        let mut document = serde_json::json!({ "mediaType": "a/b", "digest": format!("sha256:{HEX}"), "size": size });
        if let (Some(document), Value::Object(fields)) = (document.as_object_mut(), fields) {
            document.extend(fields.into_iter().filter(|(key, _)| !["mediaType", "digest", "size"].contains(&key.as_str())));
        }
        if let Ok(descriptor) = serde_json::from_value::<Descriptor>(document) {
            let written = serde_json::to_value(&descriptor).unwrap();
            prop_assert_eq!(serde_json::from_value::<Descriptor>(written).unwrap(), descriptor);
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
