//! Referrers: found in all indexes, and in bounds.

use super::*;

fn referrer(builder: &Builder, subject: &Digest, artifact_type: &str) -> Digest {
    builder.document(&json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type, "layers": [],
        "annotations": {"of": artifact_type},
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
    }))
}

fn nest(builder: &Builder, child: &Digest) -> Digest {
    builder.document(&json!({"mediaType": OCI_INDEX, "manifests": [{"digest": child, "size": 1}]}))
}

#[test]
fn referrers_are_found_in_nested_indexes_and_filtered_by_type() {
    let mut builder = Builder::new();
    let subject = builder.image("subject");
    let (sbom, signature) = (referrer(&builder, &subject, "a/sbom"), referrer(&builder, &subject, "a/signature"));
    let other = referrer(&builder, &absent(), "a/sbom");
    let nested = nest(&builder, &nest(&builder, &signature));
    let text = builder.blob(b"no manifest");
    for digest in [&subject, &sbom, &other, &nested, &text, &absent(), &sbom] {
        builder.name(digest, "", None);
    }
    let layout = builder.open();
    let list = |kind| run(layout.referrers_of(&subject, kind).try_collect::<Vec<_>>()).unwrap();
    let digests = |kind| list(kind).into_iter().map(|found| found.digest).collect::<Vec<_>>();
    assert_eq!(digests(None), [sbom.clone(), signature.clone()]);
    assert_eq!(digests(Some("a/signature")), [signature]);
    assert_eq!(digests(Some("a/other")), []);
    let found = &list(Some("a/sbom"))[0];
    assert_eq!((found.media_type.as_str(), found.annotations["of"].as_str()), (OCI_MANIFEST, "a/sbom"));
}

#[test]
fn who_lists_referrers_at_the_same_time_shares_the_survey_of_one_version() {
    let mut builder = Builder::new();
    let subject = builder.image("subject");
    let (one, other) = (referrer(&builder, &subject, "a/one"), referrer(&builder, &subject, "a/other"));
    builder.name(&one, OCI_MANIFEST, None);
    let layout = builder.open();
    run(async {
        let mut before = layout.referrers_of(&subject, None);
        assert_eq!(before.try_next().await.unwrap().unwrap().digest, one);
        builder.name(&other, OCI_MANIFEST, None);
        let after: Vec<_> = layout.referrers_of(&subject, None).try_collect().await.unwrap();
        assert_eq!(after.len(), 2, "an index that was rewritten is read anew");
        assert!(before.try_next().await.unwrap().is_none());
    });
}

#[test]
fn indexes_that_nest_without_end_are_refused() {
    let mut builder = Builder::new();
    let mut digest = builder.image("deep");
    for _ in 0..10 {
        digest = nest(&builder, &digest);
    }
    builder.name(&digest, OCI_INDEX, None);
    let layout = builder.open();
    let error = run(layout.referrers_of(&absent(), None).try_collect::<Vec<_>>()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn without_any_name_what_refers_to_something_is_not_meant() {
    let mut builder = Builder::new();
    let image = builder.image("image");
    let refer = |builder: &Builder, subject: &Digest, note: &str| {
        let subject = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "subject": subject,
            "annotations": {"note": note}});
        builder.document(&manifest)
    };
    for number in 0..40 {
        let signature = refer(&builder, &image, &number.to_string());
        builder.name(&signature, OCI_MANIFEST, None);
        let of_signature = refer(&builder, &signature, "further");
        builder.name(&of_signature, OCI_MANIFEST, None);
    }
    builder.name(&image, OCI_MANIFEST, None);
    builder.name(&image, OCI_MANIFEST, None);
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap(), image);
    // It may refer to a part of what is meant.
    let stray = refer(&builder, &absent(), "stray");
    builder.name(&stray, OCI_MANIFEST, None);
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap(), image);
    let other = builder.image("other");
    builder.name(&other, OCI_MANIFEST, None);
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap_err().kind(), ErrorKind::NotFound);

    // A signature with its own: the subject of one of them alone is elsewhere.
    let mut builder = Builder::new();
    let signature = refer(&builder, &absent(), "signature");
    let of_signature = refer(&builder, &signature, "of the signature");
    builder.name(&of_signature, OCI_MANIFEST, None);
    builder.name(&signature, OCI_MANIFEST, None);
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap(), signature);
    let another = refer(&builder, &absent(), "another");
    builder.name(&another, OCI_MANIFEST, None);
    assert_eq!(resolve(&builder.open(), &Selector::Only).unwrap_err().kind(), ErrorKind::NotFound);
}
