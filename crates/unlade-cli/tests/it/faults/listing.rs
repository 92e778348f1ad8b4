//! Lists that come in pages: F59 to F62, F78 to F92.

use std::time::Duration;

use serde_json::{Value, json};
use unlade_testkit::process::Outcome;
use unlade_testkit::{Fault, RetryAfter};

use super::case::Case;
use super::matchers::{manifest, referrers, tags};
use super::world::{Login, NEWEST, Question};
use crate::common::document;

/// So many pages are read of a list, and so many that hold next to nothing.
const MOST_PAGES: usize = 4_000;
const MOST_THIN: usize = 513;

cases! {
    a_page_that_links_to_itself_ends_the_list => listing()
        .lie(tags(), Fault::TagsLoop)
        .fails("PeerMisbehaved", 1, &["tags"])
        .says(&["cannot list the tags of 127.0.0.1:", "after 2 tags, the page leads back to one that was read"]);
    a_page_at_another_origin_is_not_asked_for => listing()
        .lie_about(tags(), |places| Fault::TagsElsewhere { to: format!("{}/v2/os/disk/tags/list", places.elsewhere) })
        .fails("PeerMisbehaved", 1, &["tags"])
        .says(&["the next page would be at http://127.0.0.1:", "which is not where this list is"]);
    a_page_under_another_name_of_the_registry_is_not_asked_for => listing()
        .lie_about(tags(), |places| Fault::TagsElsewhere {
            to: format!("{}/v2/os/disk/tags/list?last=v2", places.registry_by_name()),
        })
        .fails("PeerMisbehaved", 1, &["tags"]);
    a_page_of_another_repository_is_not_asked_for => listing()
        .lie(tags(), Fault::TagsElsewhere { to: "/v2/os/secret/tags/list".to_owned() })
        .fails("PeerMisbehaved", 1, &["tags"]);
    a_page_with_a_login_in_its_address_is_not_asked_for => listing()
        .login(Login::Basic)
        .lie_about(tags().skip(1), |places| Fault::TagsElsewhere {
            to: format!("{}/v2/os/disk/tags/list", places.registry.replace("//", "//me:hunter2-password@")),
        })
        .fails("PeerMisbehaved", 1, &["tags", "tags +Basic"]);
    a_next_page_is_asked_for_with_the_login => listing()
        .login(Login::Bearer)
        .lie_about(tags().skip(1), |places| Fault::TagsElsewhere {
            to: format!("{}/v2/os/disk/tags/list?last=v1", places.registry),
        })
        .succeeds(&["tags", "token +Basic", "tags +Bearer", "tags +Bearer"])
        .also(|_, outcome| assert_eq!(document(outcome)["tags"], json!(["v1", "v2", "v2"])));
    a_page_under_the_name_that_a_proxy_knows_is_asked_for_under_ours => listing()
        .lie(tags(), Fault::TagsElsewhere { to: "/repository/proxy/v2/disk/tags/list?last=v1".to_owned() })
        .succeeds(&["tags", "tags"])
        .also(|_, outcome| assert_eq!(document(outcome)["tags"], json!(["v1", "v2", "v2"])));
    a_page_where_a_redirect_led_is_asked_for_there => listing()
        .login(Login::Basic)
        .lie_about(tags().skip(1), |places| Fault::Redirect { status: 307, to: format!("{}{THERE}?rid=1", places.elsewhere) })
        .lie_elsewhere(tags(), |_| Fault::TagsElsewhere { to: format!("{THERE}?last=v2") })
        .lie_elsewhere(tags(), |_| Fault::ServerError { status: 503, retry_after: RetryAfter::Seconds(0) })
        .lie_elsewhere(tags(), |_| Fault::TagsOdd { tags: "[\"v3\"]" })
        .elsewhere(&["tags", "tags", "tags"])
        .succeeds(&["tags", "tags +Basic"])
        .also(|world, outcome| {
            assert_eq!(document(outcome)["tags"], json!(["v0", "v3"]));
            let asked = world.elsewhere().recorder().requests();
            assert_eq!(asked[1].query, [("last".to_owned(), "v2".to_owned())]);
        });
    a_page_that_is_refused_where_a_redirect_led_is_asked_for_at_home => listing()
        .lie_about(tags(), |places| Fault::Redirect { status: 307, to: format!("{}{THERE}?rid=1", places.elsewhere) })
        .lie_elsewhere(tags(), |_| Fault::TagsElsewhere { to: format!("{THERE}?last=v1") })
        .lie_elsewhere(tags(), |_| Fault::SignedUrlExpired)
        .elsewhere(&["tags", "tags"])
        .succeeds(&["tags", "tags"])
        .also(|_, outcome| assert_eq!(document(outcome)["tags"], json!(["v0", "v2"])));
    a_list_of_heavy_pages_is_ended => listing()
        .lie(tags().always(), Fault::TagsHeavy)
        .fails("TooLarge", 1, &["tags"; 68])
        .says(&["after 67 tags, the pages have more than 256 MiB"]);
    a_list_without_end_is_ended => listing()
        .lie(tags().always(), Fault::TagsEndless)
        .fails("PeerMisbehaved", 1, &vec!["tags"; MOST_PAGES])
        .says(&["after 400000 tags, there are more than 4000 pages"]);
    a_limit_ends_a_list_without_end => listing()
        .arguments(&["--limit", "150"])
        .lie(tags().always(), Fault::TagsEndless)
        .succeeds(&["tags", "tags"])
        .also(|_, outcome| assert_eq!(document(outcome)["tags"].as_array().map(Vec::len), Some(150)));
    pages_that_repeat_themselves_end_the_list => listing()
        .lie(tags().always(), Fault::TagsRepeated)
        .fails("PeerMisbehaved", 1, &["tags", "tags"])
        .says(&["after 2 tags, the page holds the same as an earlier one"]);
    a_few_empty_pages_are_borne => listing()
        .lie(tags().times(3), Fault::TagsBarren)
        .succeeds(&["tags", "tags", "tags", "tags"]);
    empty_pages_without_end_end_the_list => listing()
        .lie(tags().always(), Fault::TagsBarren)
        .fails("PeerMisbehaved", 1, &["tags"; 16])
        .says(&["after 0 tags, 16 pages in a row hold nothing"]);
    no_tags_are_an_empty_list => listing()
        .lie(tags(), Fault::TagsNull)
        .succeeds(&["tags"])
        .also(|_, outcome| assert_eq!(document(outcome)["tags"], json!([])));
    tags_that_are_no_texts_are_malformed => listing()
        .lie(tags(), Fault::TagsOdd { tags: "[\"v1\",5]" })
        .fails("Malformed", 1, &["tags"])
        .says(&["the tag in place 2 of the list is no text"]);
    tags_that_are_no_list_are_malformed => listing()
        .lie(tags(), Fault::TagsOdd { tags: "{\"v1\":{}}" })
        .fails("Malformed", 1, &["tags"]);
    tags_that_stand_there_twice_are_malformed => listing()
        .lie(tags(), Fault::TagsOdd { tags: "[\"v1\"],\"tags\":[\"v2\"]" })
        .fails("Malformed", 1, &["tags"])
        .says(&["the key tags twice"]);
    tags_that_steer_a_terminal_are_cleaned => listing()
        .lie(tags(), Fault::TagsEscapes)
        .succeeds(&["tags"])
        .also(|_, outcome| {
            let expected = json!(["v1", "[2J]0;owned donetxt.exe31mend", "two lines"]);
            assert_eq!(document(outcome)["tags"], expected);
        });
    a_link_that_cannot_be_read_is_no_end_of_the_list => listing()
        .lie(tags(), Fault::LinkGarbage)
        .fails("PeerMisbehaved", 1, &["tags"])
        .says(&["the link to the next page cannot be read"]);
    a_link_that_repeats_the_password_is_not_told => listing()
        .login(Login::Basic)
        .lie(tags().skip(1), Fault::EchoInLink)
        .fails("PeerMisbehaved", 1, &["tags", "tags +Basic"])
        .says(&["the next page would be at http://127.0.0.1:9/***, which is not where this list is"]);
    a_list_that_is_redirected_with_the_password_is_not_told => listing()
        .login(Login::Basic)
        .lie(tags().skip(1), Fault::EchoInRedirect)
        .fails("PeerMisbehaved", 1, &["tags", "tags +Basic"])
        .says(&["it is redirected to http://169.254.169.254/***"]);
    an_entry_that_repeats_the_password_is_not_told => asking()
        .login(Login::Basic)
        .lie(referrers(), Fault::EchoInIndex)
        .succeeds(&["manifest", "manifest +Basic", "referrers +Basic"])
        .says(&["are left out: the entry \"***\" cannot be used"]);
    a_web_page_is_no_list => listing()
        .lie(tags(), Fault::PageInstead)
        .fails("Malformed", 1, &["tags"]);
    a_huge_page_is_too_large => listing()
        .lie(tags(), Fault::HugeManifest { bytes: 5 << 20 })
        .fails("TooLarge", 1, &["tags"])
        .says(&["larger than 4194304 bytes"]);
    a_page_that_breaks_off_is_asked_for_again => listing()
        .lie(tags(), Fault::CutBody { after: 10 })
        .lie(tags(), Fault::ResetBody { after: 10 })
        .lie(tags(), Fault::ServerError { status: 503, retry_after: RetryAfter::Seconds(0) })
        .succeeds(&["tags", "tags", "tags", "tags"])
        .also(|_, outcome| assert_eq!(document(outcome)["tags"], json!(["v1", "v2"])));
    a_page_that_stalls_is_asked_for_again => listing()
        .arguments(&["--stall-timeout", "400ms"])
        .lie(tags(), Fault::StallBody { after: 10 })
        .succeeds(&["tags", "tags"])
        .lasts(Duration::from_millis(400));
    a_page_that_is_compressed_unasked_is_refused => listing()
        .lie(tags(), Fault::UnaskedGzip)
        .fails("PeerMisbehaved", 1, &["tags"]);
    a_page_without_content_is_no_list => listing()
        .lie(tags(), Fault::NoContent)
        .fails("PeerMisbehaved", 1, &["tags"])
        .says(&["the answer 204 holds no list"]);

    a_registry_without_the_api_is_read_by_the_tag => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .succeeds(&BY_TAG)
        .says(&["is listed as a referrer of sha256:", "and does not refer to it"])
        .also(|_, outcome| assert_by_tag(outcome));
    a_method_that_is_not_allowed_means_no_api => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 405 })
        .succeeds(&BY_TAG)
        .also(|_, outcome| assert_by_tag(outcome));
    a_bad_request_means_no_api => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 400 })
        .succeeds(&BY_TAG)
        .also(|_, outcome| assert_by_tag(outcome));
    a_web_page_means_no_api => asking()
        .lie(referrers(), Fault::PageInstead)
        .succeeds(&BY_TAG)
        .also(|_, outcome| assert_by_tag(outcome));
    a_refusal_is_no_missing_api => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 403 })
        .fails("Denied", 4, &["manifest", "referrers"]);
    an_index_behind_the_tag_that_is_none_is_malformed => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(1), Fault::PageInstead)
        .fails("Malformed", 1, &["manifest", "referrers", "manifest"])
        .says(&["by the tag sha256-", "it came as text/html"]);
    a_method_that_is_not_known_means_no_api => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 501 })
        .succeeds(&BY_TAG)
        .also(|_, outcome| assert_by_tag(outcome));
    a_refusal_without_a_challenge_means_no_api_where_the_subject_can_be_read => asking()
        .lie(referrers(), Fault::UnauthorizedWithoutChallenge)
        .succeeds(&BY_TAG)
        .also(|_, outcome| assert_by_tag(outcome));
    a_refusal_without_a_challenge_means_so_with_a_login_too => asking()
        .login(Login::Basic)
        .lie(referrers(), Fault::UnauthorizedWithoutChallenge)
        .succeeds(&[
            "manifest",
            "manifest +Basic",
            "referrers +Basic",
            "manifest +Basic",
            "manifest@ +Basic",
            "manifest@ +Basic",
            "manifest@ +Basic",
        ])
        .also(|_, outcome| assert_by_tag(outcome));
    a_refusal_with_a_challenge_is_one => asking()
        .lie(referrers(), Fault::UnknownScheme)
        .fails("Unauthorized", 4, &["manifest", "referrers"]);
    a_tag_that_is_refused_may_not_be_there => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(1), Fault::ReferrersAbsent { status: 403 })
        .fails("Denied", 4, &["manifest", "referrers", "manifest"])
        .says(&["by the tag sha256-", "some registries refuse a tag so that is not there"]);
    one_that_is_something_else_does_not_hide_the_others => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(2), Fault::WrongManifest)
        .succeeds(&BY_TAG)
        .says(&["is listed as a referrer of sha256:", "and cannot be used"])
        .also(|_, outcome| assert_others(outcome));
    one_that_is_refused_does_not_hide_the_others => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(2), Fault::ReferrersAbsent { status: 403 })
        .succeeds(&BY_TAG)
        .says(&["is listed as a referrer of sha256:", "and cannot be used"])
        .also(|_, outcome| assert_others(outcome));
    one_that_is_too_large_does_not_hide_the_others => asking()
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(2), Fault::HugeManifest { bytes: 5 << 20 })
        .succeeds(&BY_TAG)
        .says(&["is listed as a referrer of sha256:", "and cannot be used"])
        .also(|_, outcome| assert_others(outcome));
    one_that_cannot_be_reached_ends_the_list => asking()
        .arguments(&["--retries", "0"])
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(4), Fault::ServerError { status: 503, retry_after: RetryAfter::Seconds(0) })
        .fails("Unavailable", 6, &BY_TAG);
    the_index_under_the_tag_does_not_say_of_what_type_a_referrer_is => asking()
        .arguments(&["--artifact-type", "application/x-sbom"])
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .lie(manifest().skip(1), Fault::ReferrersRetyped { to: "application/x-other" })
        .succeeds(&BY_TAG)
        .also(|_, outcome| {
            let found = document(outcome);
            assert_eq!(found["referrers"].as_array().map(Vec::len), Some(1), "{found}");
            assert_eq!(found["referrers"][0]["artifact_type"], "application/x-sbom", "{found}");
        });
    referrers_that_link_to_themselves_end_the_list => asking()
        .lie(referrers(), Fault::TagsLoop)
        .fails("PeerMisbehaved", 1, &["manifest", "referrers"])
        .says(&["cannot list the referrers of sha256:", "after 2 referrers, the page leads back to one that was read"]);
    referrers_at_another_origin_are_not_asked_for => asking()
        .lie_about(referrers(), |places| Fault::TagsElsewhere { to: places.elsewhere.clone() })
        .fails("PeerMisbehaved", 1, &["manifest", "referrers"]);
    referrers_without_end_are_ended => asking()
        .arguments(&["--artifact-type", "application/x-sbom"])
        .lie(referrers().always(), Fault::ReferrersEndless)
        .fails("PeerMisbehaved", 1, &[vec!["manifest"], vec!["referrers"; MOST_THIN]].concat())
        .says(&["after 2052 referrers, more than 512 pages hold next to nothing"]);
    a_link_that_cannot_be_read_is_no_end_of_the_referrers => asking()
        .lie(referrers().times(2), Fault::ReferrersEndless)
        .lie(referrers(), Fault::LinkGarbage)
        .fails("PeerMisbehaved", 1, &["manifest", "referrers", "referrers", "referrers"])
        .says(&["after 10 referrers, the link to the next page cannot be read"]);
    a_page_of_referrers_that_breaks_off_is_asked_for_again => asking()
        .lie(referrers(), Fault::CutBody { after: 10 })
        .succeeds(&["manifest", "referrers", "referrers"]);
    a_type_that_cannot_be_an_artifacts_is_looked_up => asking()
        .arguments(&["--artifact-type", NEWEST])
        .lie(referrers(), Fault::ReferrersMistyped)
        .succeeds(&["manifest", "referrers", "manifest@"])
        .also(|_, outcome| {
            let found = document(outcome);
            assert_eq!(found["referrers"][0]["artifact_type"], NEWEST, "{found}");
        });
    a_foreign_referrer_is_not_chosen => Case::new()
        .asks(Question::LatestReferrer)
        .lie_about(referrers(), |_| foreign())
        .fails("PeerMisbehaved", 1, &["manifest", "referrers", "manifest@"])
        .says(&["to which it does not refer"]);
    the_newest_is_chosen_by_the_tag_as_well => Case::new()
        .asks(Question::LatestReferrer)
        .lie(referrers(), Fault::ReferrersAbsent { status: 404 })
        .succeeds(&BY_TAG)
        .also(|_, outcome| {
            let found = document(outcome);
            assert_eq!((&found["source"], &found["referrers"][0]["artifact_type"]), (&json!("tag"), &json!(NEWEST)));
            assert_eq!(found["referrers"].as_array().map(Vec::len), Some(1));
        });
}

/// The requests where the API is missing: the tag, and the three manifests that it lists.
const BY_TAG: [&str; 6] = ["manifest", "referrers", "manifest", "manifest@", "manifest@", "manifest@"];

/// Where another origin has the list of tags.
const THERE: &str = "/v2/project/os/disk/tags/list";

fn listing() -> Case {
    Case::new().asks(Question::Tags)
}

fn asking() -> Case {
    Case::new().asks(Question::Referrers)
}

/// The one that the scene has, and that refers to something else.
fn foreign() -> Fault {
    let foreign = super::world::foreign();
    Fault::ReferrersForeign { digest: foreign.digest(), size: foreign.bytes.len() }
}

/// They are asked for at once: the lie is about one of the three, and that may be the foreign one.
#[track_caller]
fn assert_others(outcome: &Outcome) {
    let found = document(outcome);
    let count = found["referrers"].as_array().map(Vec::len);
    assert!(matches!(count, Some(1 | 2)), "{found}");
}

#[track_caller]
fn assert_by_tag(outcome: &Outcome) {
    let found = document(outcome);
    assert_eq!(found["source"], "tag");
    let all = found["referrers"].as_array().expect("a list of referrers");
    let kinds: Vec<&Value> = all.iter().map(|one| &one["artifact_type"]).collect();
    assert_eq!(kinds, ["application/x-sbom", NEWEST]);
}
