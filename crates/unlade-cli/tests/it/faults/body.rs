//! How a body ends, and how long it is: F1, F2, F6 to F13, F48, F77.

use std::time::Duration;

use unlade_testkit::Fault;

use super::case::Case;
use super::matchers::{blob, manifest, token};
use super::world::{Login, Question};

cases! {
    a_cut_blob_goes_on_where_it_stopped => Case::new()
        .lie(blob(), Fault::CutBody { after: 1000 })
        .succeeds(&["manifest", "blob", "blob 1000-99999"])
        .fetched(100_000, 1000)
        .says(&["the connection broke", "going on at byte 1000"]);
    a_blob_that_is_cut_before_its_first_byte_is_asked_for_as_a_whole => Case::new()
        .lie(blob(), Fault::CutBody { after: 0 })
        .succeeds(&["manifest", "blob", "blob"])
        .fetched(100_000, 0);
    a_blob_that_was_changed_is_noticed => Case::new()
        .lie(blob(), Fault::BlobChanged)
        .fails("Mismatch", 5, &["manifest", "blob"]);
    a_blob_that_is_cut_again_goes_on_from_there => Case::new()
        .lie(blob(), Fault::CutBody { after: 1000 })
        .lie(blob(), Fault::CutBody { after: 70_000 })
        .succeeds(&["manifest", "blob", "blob 1000-99999", "blob 71000-99999"])
        .fetched(100_000, 71_000);
    a_cut_blob_behind_an_index_goes_on => Case::new()
        .asks(Question::Index)
        .lie(blob(), Fault::CutBody { after: 99_999 })
        .succeeds(&["manifest", "manifest@", "blob", "blob 99999-99999"])
        .fetched(100_000, 99_999);
    a_cut_blob_of_unknown_size_goes_on_by_the_length_it_had => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::CutBody { after: 1000 })
        .succeeds(&["blob", "blob 1000-99999"]);
    a_mebibyte_of_progress_refills_the_budget => Case::new()
        .size(3_500_000)
        .arguments(&["--retries", "1"])
        .lie(blob().times(3), Fault::CutBody { after: 1 << 20 })
        .succeeds(&["manifest", "blob", "blob 1048576-3499999", "blob 2097152-3499999", "blob 3145728-3499999"])
        .fetched(3_500_000, 3 << 20);
    a_cut_manifest_is_asked_for_again => Case::new()
        .lie(manifest(), Fault::CutBody { after: 10 })
        .succeeds(&["manifest", "manifest", "blob"]);
    a_manifest_that_is_always_cut_is_given_up => Case::new()
        .arguments(&["--retries", "1"])
        .lie(manifest().always(), Fault::CutBody { after: 10 })
        .fails("Unavailable", 6, &["manifest", "manifest"])
        .attempts(2)
        .says(&["the connection broke"]);
    a_cut_token_is_asked_for_again => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::CutBody { after: 10 })
        .succeeds(&["manifest", "token +Basic", "token +Basic", "manifest +Bearer", "blob +Bearer"]);

    a_reset_blob_goes_on_where_it_stopped => Case::new()
        .lie(blob(), Fault::ResetBody { after: 50_000 })
        .succeeds(&["manifest", "blob", "blob 50000-99999"])
        .fetched(100_000, 50_000);
    one_byte_and_a_reset_is_no_progress => Case::new()
        .arguments(&["--retries", "2"])
        .lie(blob().always(), Fault::ResetBody { after: 1 })
        .fails("Unavailable", 6, &["manifest", "blob", "blob 1-99999", "blob 2-99999"])
        .attempts(3)
        .says(&["broke off at byte 3 of 100000, after 3 tries"]);
    without_retries_a_break_is_the_end => Case::new()
        .arguments(&["--retries", "0"])
        .lie(blob(), Fault::ResetBody { after: 50_000 })
        .fails("Unavailable", 6, &["manifest", "blob"])
        .attempts(1);

    a_blob_that_stands_still_goes_on => Case::new()
        .arguments(&["--stall-timeout", "400ms"])
        .lie(blob(), Fault::StallBody { after: 1000 })
        .succeeds(&["manifest", "blob", "blob 1000-99999"])
        .lasts(Duration::from_millis(400))
        .fetched(100_000, 1000)
        .says(&["the body stood still"]);
    a_blob_that_always_stands_still_is_given_up => Case::new()
        .arguments(&["--stall-timeout", "400ms", "--retries", "1"])
        .lie(blob().always(), Fault::StallBody { after: 1000 })
        .fails("Unavailable", 6, &["manifest", "blob", "blob 1000-99999"])
        .says(&["the body stood still", "broke off at byte 2000 of 100000"]);
    a_manifest_that_stands_still_is_asked_for_again => Case::new()
        .arguments(&["--stall-timeout", "400ms"])
        .lie(manifest(), Fault::StallBody { after: 10 })
        .succeeds(&["manifest", "manifest", "blob"]);
    a_blob_that_trickles_is_given_up_for_a_faster_one => Case::new()
        .arguments(&["--stall-timeout", "400ms", "--min-rate", "64K"])
        .lie(blob(), Fault::TrickleBody { pause: Duration::from_millis(1) })
        .succeeds(&["manifest", "blob", "blob *-99999"])
        .says(&["the body came too slowly"]);
    a_blob_may_trickle_where_no_rate_is_asked_for => Case::new()
        .size(200)
        .arguments(&["--min-rate", "0"])
        .lie(blob(), Fault::TrickleBody { pause: Duration::from_millis(1) })
        .succeeds(&["manifest", "blob"]);

    a_flipped_byte_is_a_mismatch_and_is_not_retried => Case::new()
        .lie(blob(), Fault::FlipByte { at: 50_000 })
        .fails("Mismatch", 5, &["manifest", "blob"])
        .attempts(1)
        .says(&["has the digest sha256:", "nothing was published"]);
    a_flipped_byte_behind_a_resume_is_a_mismatch => Case::new()
        .lie(blob(), Fault::CutBody { after: 1000 })
        .lie(blob(), Fault::FlipByte { at: 0 })
        .fails("Mismatch", 5, &["manifest", "blob", "blob 1000-99999"])
        .attempts(2);
    a_flipped_byte_of_a_raw_blob_is_a_mismatch => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::FlipByte { at: 99_999 })
        .fails("Mismatch", 5, &["blob"]);
    a_flipped_byte_of_a_manifest_by_tag_is_a_mismatch => Case::new()
        .lie(manifest(), Fault::FlipByte { at: 10 })
        .fails("Mismatch", 5, &["manifest"]);
    a_flipped_byte_of_a_manifest_by_digest_is_a_mismatch => Case::new()
        .asks(Question::Digest)
        .lie(manifest(), Fault::FlipByte { at: 10 })
        .fails("Mismatch", 5, &["manifest@"]);

    a_blob_that_announces_more_than_promised_is_a_mismatch => Case::new()
        .lie(blob(), Fault::LengthTooLarge { by: 5 })
        .fails("Mismatch", 5, &["manifest", "blob"])
        .says(&["100005 bytes where the descriptor promises 100000"]);
    a_manifest_that_announces_too_much_is_asked_for_again => Case::new()
        .lie(manifest(), Fault::LengthTooLarge { by: 5 })
        .succeeds(&["manifest", "manifest", "blob"]);
    a_blob_that_announces_less_than_promised_is_a_mismatch => Case::new()
        .lie(blob(), Fault::LengthTooSmall { by: 5 })
        .fails("Mismatch", 5, &["manifest", "blob"])
        .says(&["99995 bytes where the descriptor promises 100000"]);
    a_manifest_that_announces_too_little_is_a_mismatch => Case::new()
        .lie(manifest(), Fault::LengthTooSmall { by: 5 })
        .fails("Mismatch", 5, &["manifest"]);
    a_raw_blob_that_announces_too_little_is_a_mismatch => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::LengthTooSmall { by: 5 })
        .fails("Mismatch", 5, &["blob"]);

    a_blob_that_ends_early_without_a_length_is_a_mismatch => Case::new()
        .lie(blob(), Fault::LengthMissing { after: 1000 })
        .fails("Mismatch", 5, &["manifest", "blob"])
        .says(&["1000 bytes where 100000 are promised"]);
    a_whole_blob_without_a_length_is_taken => Case::new()
        .lie(blob(), Fault::LengthMissing { after: usize::MAX })
        .succeeds(&["manifest", "blob"]);
    a_manifest_that_ends_early_without_a_length_is_a_mismatch => Case::new()
        .lie(manifest(), Fault::LengthMissing { after: 10 })
        .fails("Mismatch", 5, &["manifest"]);

    unfinished_chunks_go_on_where_they_stopped => Case::new()
        .lie(blob(), Fault::ChunkedUnfinished { after: 1000 })
        .succeeds(&["manifest", "blob", "blob 1000-99999"])
        .fetched(100_000, 1000);
    unfinished_chunks_of_a_manifest_are_asked_for_again => Case::new()
        .lie(manifest(), Fault::ChunkedUnfinished { after: 0 })
        .succeeds(&["manifest", "manifest", "blob"]);
    unfinished_chunks_of_unknown_size_go_on_with_an_open_range => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::ChunkedUnfinished { after: 1000 })
        .succeeds(&["blob", "blob 1000-"]);
    chunks_without_a_length_are_taken => Case::new()
        .lie(manifest(), Fault::Chunked)
        .lie(blob(), Fault::Chunked)
        .succeeds(&["manifest", "blob"])
        .fetched(100_000, 0);
    chunks_of_unknown_size_are_taken => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::Chunked)
        .succeeds(&["blob"]);

    an_empty_answer_is_no_blob => Case::new()
        .lie(blob(), Fault::NoContent)
        .fails("Mismatch", 5, &["manifest", "blob"])
        .says(&["204"]);
    an_empty_answer_is_no_manifest => Case::new()
        .lie(manifest(), Fault::NoContent)
        .fails("Mismatch", 5, &["manifest"])
        .attempts(1)
        .says(&["204"]);

    an_endless_blob_is_a_mismatch_as_soon_as_it_is_too_long => Case::new()
        .lie(blob(), Fault::EndlessBody)
        .fails("Mismatch", 5, &["manifest", "blob"])
        .says(&["where 100000 are promised"]);
    an_endless_manifest_is_too_large => Case::new()
        .lie(manifest(), Fault::EndlessBody)
        .fails("TooLarge", 1, &["manifest"])
        .says(&["larger than 4194304 bytes"]);
    an_endless_token_is_too_large => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::EndlessBody)
        .fails("TooLarge", 1, &["manifest", "token +Basic"]);
}
