//! HTTP itself: F3 to F5, F49 to F51, F66 to F76.

use std::time::Duration;

use unlade_testkit::Fault;

use super::case::Case;
use super::matchers::{any, blob, manifest, token};
use super::world::{Login, Question};

cases! {
    a_reset_instead_of_an_answer_is_tried_again => Case::new()
        .lie(manifest(), Fault::ResetBeforeAnswer)
        .lie(blob(), Fault::ResetBeforeAnswer)
        .succeeds(&["manifest", "manifest", "blob", "blob"]);
    an_end_instead_of_an_answer_is_tried_again => Case::new()
        .lie(manifest(), Fault::CloseBeforeAnswer)
        .lie(blob(), Fault::CloseBeforeAnswer)
        .succeeds(&["manifest", "manifest", "blob", "blob"]);
    a_server_that_always_hangs_up_is_given_up => Case::new()
        .arguments(&["--retries", "2"])
        .lie(any().always(), Fault::CloseBeforeAnswer)
        .fails("Unavailable", 6, &["manifest", "manifest", "manifest"])
        .attempts(3)
        .says(&["the connection broke"]);
    a_server_that_hangs_up_on_a_resume_is_asked_again => Case::new()
        .lie(blob(), Fault::CutBody { after: 1000 })
        .lie(blob(), Fault::CloseBeforeAnswer)
        .succeeds(&["manifest", "blob", "blob 1000-99999", "blob 1000-99999"])
        .fetched(100_000, 1000);
    a_token_server_that_hangs_up_is_asked_again => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::ResetBeforeAnswer)
        .succeeds(&["manifest", "token +Basic", "token +Basic", "manifest +Bearer", "blob +Bearer"]);

    silence_is_given_up_for_another_try => Case::new()
        .arguments(&["--response-timeout", "400ms"])
        .lie(blob(), Fault::StallBeforeHeaders)
        .succeeds(&["manifest", "blob", "blob"])
        .lasts(Duration::from_millis(400))
        .says(&["no answer came in time"]);
    lasting_silence_is_given_up => Case::new()
        .arguments(&["--response-timeout", "400ms", "--retries", "1"])
        .lie(manifest().always(), Fault::StallBeforeHeaders)
        .fails("Unavailable", 6, &["manifest", "manifest"])
        .attempts(2)
        .says(&["no answer came in time"]);

    endless_headers_are_refused => Case::new()
        .lie(manifest(), Fault::EndlessHeaders)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["the head of the answer is too large"]);
    endless_headers_of_a_blob_are_refused => Case::new()
        .lie(blob(), Fault::EndlessHeaders)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"]);
    endless_interim_answers_are_no_answer => Case::new()
        .arguments(&["--response-timeout", "400ms"])
        .lie(blob(), Fault::EndlessInformational { status: 103 })
        .succeeds(&["manifest", "blob", "blob"])
        .says(&["no answer came in time"]);
    endless_continues_are_given_up => Case::new()
        .arguments(&["--response-timeout", "400ms", "--retries", "1"])
        .lie(manifest().always(), Fault::EndlessInformational { status: 100 })
        .fails("Unavailable", 6, &["manifest", "manifest"])
        .says(&["no answer came in time"]);
    a_huge_header_is_refused => Case::new()
        .lie(blob(), Fault::HugeHeader { bytes: 1 << 20 })
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["the head of the answer is too large"]);
    a_long_header_is_read => Case::new()
        .lie(blob(), Fault::HugeHeader { bytes: 16 << 10 })
        .succeeds(&["manifest", "blob"]);

    garbage_is_not_http => Case::new()
        .lie(manifest(), Fault::GarbageStatusLine)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["the answer is not HTTP"]);
    an_ssh_server_is_not_http => Case::new()
        .lie(manifest(), Fault::SshBanner)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["the answer is not HTTP"]);
    a_body_without_a_head_is_not_http => Case::new()
        .lie(blob(), Fault::Http09)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["the answer is not HTTP"]);

    an_answer_in_single_bytes_is_read => Case::new()
        .size(2000)
        .lie(manifest(), Fault::Dribble)
        .lie(blob(), Fault::Dribble)
        .succeeds(&["manifest", "blob"]);
    an_early_refusal_is_tried_again => Case::new()
        .lie(manifest(), Fault::EarlyAnswer)
        .lie(blob(), Fault::EarlyAnswer)
        .succeeds(&["manifest", "manifest", "blob", "blob"])
        .says(&["503"]);
    a_connection_that_is_closed_in_order_is_replaced => Case::new()
        .lie(manifest(), Fault::ConnectionClose)
        .lie(blob(), Fault::ConnectionClose)
        .succeeds(&["manifest", "blob"])
        .also(|world, _| assert_eq!(world.registry.connections(), 2));
    bytes_behind_an_answer_are_no_answer_to_the_next_request => Case::new()
        .lie(manifest(), Fault::ExtraBytes)
        .lie(blob(), Fault::ExtraBytes)
        .succeeds(&["manifest", "blob"])
        .also(|world, _| assert_eq!(world.registry.connections(), 2));

    a_length_below_zero_is_refused => Case::new()
        .lie(blob(), Fault::NegativeLength)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"]);
    a_manifest_of_a_length_below_zero_is_refused => Case::new()
        .lie(manifest(), Fault::NegativeLength)
        .fails("PeerMisbehaved", 1, &["manifest"]);
    two_lengths_are_refused => Case::new()
        .lie(blob(), Fault::TwoLengths)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"]);
    two_lengths_of_a_manifest_are_refused => Case::new()
        .lie(manifest(), Fault::TwoLengths)
        .fails("PeerMisbehaved", 1, &["manifest"]);
    // The chunks count, by RFC 9112, section 6.1; the digest decides.
    chunks_beside_a_length_are_read_as_chunks => Case::new()
        .lie(manifest(), Fault::LengthAndChunked)
        .lie(blob(), Fault::LengthAndChunked)
        .succeeds(&["manifest", "blob"]);

    // No verb asks by HEAD: a server that sends a body there has nobody to confuse. A request by HEAD would stand in
    // the list of requests.
    nothing_is_asked_for_by_head => Case::new()
        .lie(any().always(), Fault::HeadWithBody)
        .succeeds(&["manifest", "blob"]);
    a_digest_is_not_asked_for_by_head => Case::new()
        .asks(Question::Resolve)
        .lie(any().always(), Fault::HeadWithBody)
        .succeeds(&["manifest"]);
    a_raw_blob_is_not_asked_for_by_head => Case::new()
        .asks(Question::RawBlob)
        .lie(any().always(), Fault::HeadWithBody)
        .succeeds(&["blob"]);
}
