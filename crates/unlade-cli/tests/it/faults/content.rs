//! What is in a document or an error: F52 to F65.

use unlade_testkit::Fault;

use super::case::{Case, error};
use super::matchers::{blob, manifest, tags};
use super::world::Question;

cases! {
    a_huge_manifest_is_too_large => Case::new()
        .lie(manifest(), Fault::HugeManifest { bytes: 5 << 20 })
        .fails("TooLarge", 1, &["manifest"])
        .says(&["larger than 4194304 bytes"]);
    a_huge_manifest_in_an_index_is_too_large => Case::new()
        .asks(Question::Index)
        .lie(manifest().skip(1), Fault::HugeManifest { bytes: 5 << 20 })
        .fails("TooLarge", 1, &["manifest", "manifest@"]);
    a_manifest_of_the_largest_size_is_read_to_its_digest => Case::new()
        .lie(manifest(), Fault::HugeManifest { bytes: 4 << 20 })
        .fails("Mismatch", 5, &["manifest"]);
    endless_json_is_too_large => Case::new()
        .lie(manifest(), Fault::EndlessJson)
        .fails("TooLarge", 1, &["manifest"]);
    another_manifest_is_a_mismatch_by_digest => Case::new()
        .asks(Question::Digest)
        .lie(manifest(), Fault::WrongManifest)
        .fails("Mismatch", 5, &["manifest@"])
        .says(&["what 127.0.0.1:", " gives as the manifest sha256:", "has the digest sha256:"]);
    another_manifest_is_a_mismatch_by_the_registrys_own_word => Case::new()
        .lie(manifest(), Fault::WrongManifest)
        .fails("Mismatch", 5, &["manifest"])
        .says(&["not what the registry says that it is"]);
    another_manifest_in_an_index_is_a_mismatch => Case::new()
        .asks(Question::Index)
        .lie(manifest().skip(1), Fault::WrongManifest)
        .fails("Mismatch", 5, &["manifest", "manifest@"]);

    a_wrong_type_of_a_blob_means_nothing => Case::new()
        .lie(blob(), Fault::WrongMediaType { media_type: "text/html".to_owned() })
        .succeeds(&["manifest", "blob"]);
    a_manifest_is_what_it_says_itself => Case::new()
        .lie(manifest(), Fault::WrongMediaType { media_type: "text/html".to_owned() })
        .succeeds(&["manifest", "blob"]);
    a_manifest_that_is_declared_as_an_index_is_malformed => Case::new()
        .lie(
            manifest(),
            Fault::WrongMediaType { media_type: "application/vnd.oci.image.index.v1+json".to_owned() },
        )
        .fails("Malformed", 1, &["manifest"])
        .says(&["application/vnd.oci.image.index.v1+json"]);

    a_lying_digest_of_a_tag_is_a_mismatch => Case::new()
        .lie(manifest(), Fault::LyingDigestHeader)
        .fails("Mismatch", 5, &["manifest"]);
    a_lying_digest_is_not_printed => Case::new()
        .asks(Question::Resolve)
        .lie(manifest(), Fault::LyingDigestHeader)
        .fails("Mismatch", 5, &["manifest"]);
    a_lying_digest_says_nothing_where_the_digest_is_known => Case::new()
        .asks(Question::Digest)
        .lie(manifest(), Fault::LyingDigestHeader)
        .lie(blob(), Fault::LyingDigestHeader)
        .succeeds(&["manifest@", "blob"]);

    a_lying_size_of_a_layer_is_a_mismatch => Case::new()
        .lie(manifest(), Fault::LyingSizes)
        .fails("Mismatch", 5, &["manifest", "blob"])
        .says(&["100000 bytes where the descriptor promises 100001"]);
    a_lying_size_in_an_index_is_a_mismatch => Case::new()
        .asks(Question::Index)
        .lie(manifest(), Fault::LyingSizes)
        .fails("Mismatch", 5, &["manifest", "manifest@"])
        .says(&["where the index promises"]);
    lying_sizes_are_a_mismatch_by_digest => Case::new()
        .asks(Question::Digest)
        .lie(manifest(), Fault::LyingSizes)
        .fails("Mismatch", 5, &["manifest@"]);

    a_blob_that_is_compressed_unasked_is_refused => Case::new()
        .lie(blob(), Fault::UnaskedGzip)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .attempts(1)
        .says(&["compressed, which nobody asked for"]);
    a_raw_blob_that_is_compressed_unasked_is_refused => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::UnaskedGzip)
        .fails("PeerMisbehaved", 1, &["blob"]);
    a_manifest_that_is_compressed_unasked_is_refused => Case::new()
        .lie(manifest(), Fault::UnaskedGzip)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["compressed, which nobody asked for"]);

    // Tags are only asked for to suggest near ones: whatever they are, the tag is not there.
    tags_that_link_to_themselves_are_read_once => missing_tag()
        .lie(tags(), Fault::TagsLoop)
        .fails("NotFound", 3, &["manifest", "tags"])
        .says(&["near names that exist: v1"]);
    tags_that_link_elsewhere_are_not_followed => missing_tag()
        .lie_about(tags(), |places| Fault::TagsElsewhere { to: format!("{}/v2/os/disk/tags/list", places.elsewhere) })
        .fails("NotFound", 3, &["manifest", "tags"])
        .says(&["near names that exist: v1"]);
    endless_tags_are_read_once => missing_tag()
        .lie(tags().always(), Fault::TagsEndless)
        .fails("NotFound", 3, &["manifest", "tags"])
        .says(&["near names that exist: t2"]);
    no_tags_suggest_nothing => missing_tag()
        .lie(tags(), Fault::TagsNull)
        .fails("NotFound", 3, &["manifest", "tags"])
        .also(|_, outcome| assert!(!error(outcome)["hint"].to_string().contains("near"), "{}", outcome.stderr));
    endless_json_suggests_nothing => missing_tag()
        .lie(tags(), Fault::EndlessJson)
        .fails("NotFound", 3, &["manifest", "tags"]);
    tags_that_fail_suggest_nothing => missing_tag()
        .lie(tags(), Fault::ErrorHtml)
        .fails("NotFound", 3, &["manifest", "tags"])
        .also(|_, outcome| assert_eq!(error(outcome)["status"], 404));
    tags_that_do_not_come_suggest_nothing => missing_tag()
        .arguments(&["--response-timeout", "400ms"])
        .lie(tags(), Fault::StallBeforeHeaders)
        .fails("NotFound", 3, &["manifest", "tags"]);

    a_huge_error_is_cut => Case::new()
        .lie(manifest(), Fault::ErrorHuge)
        .fails("NotFound", 3, &["manifest", "tags"])
        .also(|_, outcome| assert!(!outcome.stderr.contains("long long"), "{}", outcome.stderr));
    a_huge_error_of_a_blob_is_cut => Case::new()
        .lie(blob(), Fault::ErrorHuge)
        .fails("NotFound", 3, &["manifest", "blob"]);
    an_error_that_steers_a_terminal_is_cleaned => Case::new()
        .lie(manifest(), Fault::ErrorEscapes)
        .fails("NotFound", 3, &["manifest", "tags"])
        .says(&["MANIFEST_UNKNOWN", "donetxt.exe"]);
    a_web_page_from_a_gateway_is_tried_again => Case::new()
        .lie(manifest(), Fault::ErrorHtml)
        .lie(blob(), Fault::ErrorHtml)
        .succeeds(&["manifest", "manifest", "blob", "blob"])
        .says(&["502"]);
    a_web_page_is_not_quoted => Case::new()
        .arguments(&["--retries", "1"])
        .lie(manifest().always(), Fault::ErrorHtml)
        .fails("Unavailable", 6, &["manifest", "manifest"])
        .attempts(2)
        .says(&["502 bad gateway"])
        .also(|_, outcome| {
            let output = outcome.stdout_text() + &outcome.stderr;
            assert!(!output.contains('<'), "{output}");
        });
}

fn missing_tag() -> Case {
    Case::new().asks(Question::MissingTag)
}
