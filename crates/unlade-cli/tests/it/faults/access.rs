//! Refusals that pass, challenges, and tokens: F23 to F30, F35 to F38.

use std::time::Duration;

use unlade_testkit::{Fault, RetryAfter};

use super::case::{Case, error};
use super::matchers::{blob, manifest, token};
use super::world::Login;

cases! {
    too_many_requests_are_made_again_at_once_where_that_is_allowed => Case::new()
        .lie(manifest(), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(0) })
        .lie(blob(), Fault::TooManyRequests { retry_after: RetryAfter::Absent })
        .succeeds(&["manifest", "manifest", "blob", "blob"])
        .says(&["429 too many requests"]);
    a_delay_in_seconds_is_waited_for => Case::new()
        .lie(blob(), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(1) })
        .succeeds(&["manifest", "blob", "blob"])
        .lasts(Duration::from_secs(1));
    // A date has whole seconds: of two, at least one is left.
    a_delay_until_a_date_is_waited_for => Case::new()
        .lie(blob(), Fault::TooManyRequests { retry_after: RetryAfter::Date(Duration::from_secs(2)) })
        .succeeds(&["manifest", "blob", "blob"])
        .lasts(Duration::from_millis(900));
    a_delay_on_a_resume_is_waited_for => Case::new()
        .lie(blob(), Fault::CutBody { after: 1000 })
        .lie(blob(), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(1) })
        .succeeds(&["manifest", "blob", "blob 1000-99999", "blob 1000-99999"])
        .lasts(Duration::from_secs(1))
        .fetched(100_000, 1000);
    an_absurd_delay_is_reported => Case::new()
        .lie(manifest(), Fault::TooManyRequests { retry_after: RetryAfter::Absurd })
        .fails("RateLimited", 6, &["manifest"])
        .attempts(1)
        .says(&["asks to come back in 999999999 s"])
        .also(|_, outcome| assert_eq!(error(outcome)["retry_after_seconds"], 999_999_999));
    a_date_beyond_our_patience_is_reported => Case::new()
        .lie(manifest(), Fault::TooManyRequests { retry_after: RetryAfter::Date(Duration::from_hours(1)) })
        .fails("RateLimited", 6, &["manifest"])
        .says(&["asks to come back in 3"])
        .also(|_, outcome| {
            let wait = error(outcome)["retry_after_seconds"].as_u64().expect("the error says when to come back");
            assert!((3500..=3600).contains(&wait), "{wait}");
        });
    an_absurd_delay_of_a_blob_is_reported => Case::new()
        .lie(blob(), Fault::TooManyRequests { retry_after: RetryAfter::Absurd })
        .fails("RateLimited", 6, &["manifest", "blob"])
        .says(&["asks to come back in 999999999 s"]);
    a_limit_that_lasts_is_reported => Case::new()
        .arguments(&["--retries", "2"])
        .lie(manifest().always(), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(0) })
        .fails("RateLimited", 6, &["manifest", "manifest", "manifest"])
        .attempts(3)
        .says(&["429", "TOOMANYREQUESTS"]);
    a_limit_of_the_token_server_is_waited_for => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(1) })
        .succeeds(&["manifest", "token +Basic", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .lasts(Duration::from_secs(1));

    a_failing_server_is_asked_again => Case::new()
        .lie(manifest(), Fault::ServerError { status: 500, retry_after: RetryAfter::Absent })
        .lie(manifest(), Fault::ServerError { status: 502, retry_after: RetryAfter::Seconds(0) })
        .lie(blob(), Fault::ServerError { status: 503, retry_after: RetryAfter::Absent })
        .lie(blob(), Fault::ServerError { status: 504, retry_after: RetryAfter::Absent })
        .succeeds(&["manifest", "manifest", "manifest", "blob", "blob", "blob"]);
    a_server_that_keeps_failing_is_given_up => Case::new()
        .arguments(&["--retries", "1"])
        .lie(blob().always(), Fault::ServerError { status: 503, retry_after: RetryAfter::Absent })
        .fails("Unavailable", 6, &["manifest", "blob", "blob"])
        .attempts(2)
        .says(&["503 service unavailable", "the server failed"]);
    a_failing_server_may_ask_for_too_much_patience => Case::new()
        .lie(manifest(), Fault::ServerError { status: 503, retry_after: RetryAfter::Absurd })
        .fails("Unavailable", 6, &["manifest"])
        .says(&["asks to come back in 999999999 s"]);
    a_request_that_timed_out_is_made_again => Case::new()
        .lie(manifest(), Fault::RequestTimeout)
        .lie(blob(), Fault::RequestTimeout)
        .succeeds(&["manifest", "manifest", "blob", "blob"])
        .says(&["408"]);

    a_token_that_expires_within_a_body_is_renewed => Case::new()
        .login(Login::Bearer)
        .lie(blob(), Fault::TokenExpiresMidBody { after: 1000 })
        .succeeds(&[
            "manifest",
            "token +Basic",
            "manifest +Bearer",
            "blob +Bearer",
            "blob 1000-99999 +Bearer",
            "token +Basic",
            "blob 1000-99999 +Bearer",
        ])
        .fetched(100_000, 1000);
    a_token_that_expires_within_a_manifest_is_renewed => Case::new()
        .login(Login::Bearer)
        .lie(manifest().skip(1), Fault::TokenExpiresMidBody { after: 10 })
        .succeeds(&[
            "manifest",
            "token +Basic",
            "manifest +Bearer",
            "manifest +Bearer",
            "token +Basic",
            "manifest +Bearer",
            "blob +Bearer",
        ]);
    an_identity_token_renews_what_expired => Case::new()
        .login(Login::Identity)
        .lie(blob(), Fault::TokenExpiresMidBody { after: 99_000 })
        .succeeds(&[
            "manifest",
            "POST token",
            "manifest +Bearer",
            "blob +Bearer",
            "blob 99000-99999 +Bearer",
            "POST token",
            "blob 99000-99999 +Bearer",
        ])
        .fetched(100_000, 99_000);

    without_a_challenge_no_login_is_shown => Case::new()
        .login(Login::Basic)
        .lie(manifest().always(), Fault::UnauthorizedWithoutChallenge)
        .fails("Unauthorized", 4, &["manifest"])
        .says(&["no challenge says in what form", "401"]);
    a_blob_that_asks_for_a_login_without_a_challenge_fails => Case::new()
        .lie(blob(), Fault::UnauthorizedWithoutChallenge)
        .fails("Unauthorized", 4, &["manifest", "blob"]);
    schemes_that_are_not_spoken_are_named => Case::new()
        .login(Login::Basic)
        .lie(manifest(), Fault::UnknownScheme)
        .fails("Unauthorized", 4, &["manifest"])
        .says(&["a form that is not spoken here: Negotiate, Hoba"]);

    // Every token request of every case is held to the repository's own scope.
    a_foreign_scope_is_not_obeyed => Case::new()
        .login(Login::Bearer)
        .lie(manifest(), foreign())
        .succeeds(&["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"]);
    a_foreign_scope_is_named_where_it_was_the_end => Case::new()
        .login(Login::Bearer)
        .lie(manifest().always(), foreign())
        .fails("Unauthorized", 4, &["manifest", "token +Basic", "manifest +Bearer"])
        .says(&["repository:other/secret:pull,push", "which is not obeyed"]);
    a_foreign_scope_of_an_identity_token_is_not_obeyed => Case::new()
        .login(Login::Identity)
        .lie(manifest(), foreign())
        .succeeds(&["manifest", "POST token", "manifest +Bearer", "blob +Bearer"]);
    further_actions_are_not_asked_for => Case::new()
        .login(Login::Token)
        .lie(manifest().times(2), Fault::ForeignScope { scope: "repository:os/disk:pull,push".to_owned() })
        .fails("Unauthorized", 4, &["manifest", "token", "manifest +Bearer"])
        .says(&["repository:os/disk:pull,push", "which is not obeyed"]);
    an_insufficient_scope_is_not_widened => Case::new()
        .login(Login::Bearer)
        .lie(manifest().skip(1), insufficient())
        .fails("Unauthorized", 4, &["manifest", "token +Basic", "manifest +Bearer"])
        .says(&["repository:other/secret:pull,push", "which is not obeyed"]);
    an_insufficient_scope_of_a_blob_is_not_widened => Case::new()
        .login(Login::Bearer)
        .lie(blob(), insufficient())
        // Another token for the same scope would not be enough either.
        .fails("Unauthorized", 4, &["manifest", "token +Basic", "manifest +Bearer", "blob +Bearer"])
        .says(&["repository:other/secret:pull,push", "which is not obeyed"]);

    an_answer_without_a_token_is_refused => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::TokenMissing)
        .fails("PeerMisbehaved", 1, &["manifest", "token +Basic"])
        .says(&["holds no token"]);
    a_huge_token_is_too_large => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::TokenHuge)
        .fails("TooLarge", 1, &["manifest", "token +Basic"])
        .says(&["larger than 65536 bytes"]);
    a_token_with_a_line_end_is_refused => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::TokenNewline)
        .fails("PeerMisbehaved", 1, &["manifest", "token +Basic"])
        .says(&["cannot stand in a header"]);
    an_empty_answer_is_no_token => Case::new()
        .login(Login::Token)
        .lie(token(), Fault::NoContent)
        .fails("PeerMisbehaved", 1, &["manifest", "token"]);
    a_token_that_is_compressed_unasked_is_refused => Case::new()
        .login(Login::Token)
        .lie(token(), Fault::UnaskedGzip)
        .fails("PeerMisbehaved", 1, &["manifest", "token"]);
    a_token_server_that_fails_is_asked_again => Case::new()
        .login(Login::Bearer)
        .lie(token(), Fault::TokenUnavailable)
        .succeeds(&["manifest", "token +Basic", "token +Basic", "manifest +Bearer", "blob +Bearer"]);
    a_token_server_that_keeps_failing_is_given_up => Case::new()
        .login(Login::Bearer)
        .arguments(&["--retries", "1"])
        .lie(token().always(), Fault::TokenUnavailable)
        .fails("Unavailable", 6, &["manifest", "token +Basic", "token +Basic"])
        .attempts(2)
        .says(&["no tokens just now", "503"]);
    a_token_server_that_fails_in_the_middle_of_a_download_is_asked_again => Case::new()
        .login(Login::Token)
        .lie(blob(), Fault::TokenExpiresMidBody { after: 1000 })
        .lie(token().skip(1), Fault::TokenUnavailable)
        .succeeds(&[
            "manifest",
            "token",
            "manifest +Bearer",
            "blob +Bearer",
            "blob 1000-99999 +Bearer",
            "token",
            "token",
            "blob 1000-99999 +Bearer",
        ]);
}

fn foreign() -> Fault {
    Fault::ForeignScope { scope: "repository:other/secret:pull,push".to_owned() }
}

fn insufficient() -> Fault {
    Fault::InsufficientScope { scope: "repository:other/secret:pull,push".to_owned() }
}
