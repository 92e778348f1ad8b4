//! Blobs that come over several connections: F93 to F95, F98, and what one of several ranges does to the others.

use std::time::Duration;

use unlade_testkit::{Beyond, Fault, Matcher, RetryAfter};

use super::case::Case;
use super::matchers::{blob, signed};
use super::world::{Elsewhere, Login, World};

const MIB: usize = 1 << 20;
const SIZE: usize = 40 * MIB;

cases! {
    four_ranges_are_under_way_at_once => large()
        .lie(blob().ranged().times(4), Fault::Gathered { count: 4 })
        .succeeds(&["manifest"]);
    as_many_ranges_are_under_way_as_are_allowed => large()
        .size(64 * MIB)
        .lie(blob().ranged().times(4), Fault::Gathered { count: 4 })
        .arguments(&["--connections", "4"])
        .succeeds(&["manifest"]);

    a_server_of_two_at_once_is_asked_for_two => crowded(2, Beyond::Status(429, RetryAfter::Absent));
    a_server_of_two_at_once_that_names_a_time_is_asked_for_two =>
        crowded(2, Beyond::Status(429, RetryAfter::Seconds(1)));
    a_server_of_one_at_once_is_asked_for_one => crowded(1, Beyond::Status(503, RetryAfter::Absent));
    a_server_that_cuts_off_the_third_is_asked_for_two => crowded(2, Beyond::Reset);

    a_host_that_has_rested_is_asked_over_all_connections_again => large()
        .size(64 * MIB)
        .lie(piece(0), Fault::ServerError { status: 500, retry_after: RetryAfter::Seconds(1) })
        .lie(piece(4), Fault::Gathered { count: 4 })
        .lie(piece(5), Fault::Gathered { count: 4 })
        .lie(piece(6), Fault::Gathered { count: 4 })
        .lie(piece(7), Fault::Gathered { count: 4 })
        .succeeds(&["manifest"])
        .lasts(Duration::from_secs(1));

    a_range_that_is_reset_is_gone_on_with => one(Fault::ResetBody { after: 3 * MIB })
        .succeeds(&["manifest"])
        .also(|_, outcome| {
            let report: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("a report");
            let fetched = report["files"][0]["bytes_fetched"].as_u64().expect("a number");
            assert!(fetched <= (SIZE + 2 * MIB) as u64, "{fetched}: more than what was in flight came twice");
            let resumed = report["files"][0]["bytes_resumed"].as_u64().expect("a number");
            assert!(((MIB as u64)..=3 * MIB as u64).contains(&resumed), "{resumed}: what came before the break");
        });
    a_range_that_stands_still_is_fetched_anew => one(Fault::StallBody { after: MIB })
        .arguments(&["--stall-timeout", "2s"])
        .succeeds(&["manifest"]);
    a_range_that_is_never_answered_is_fetched_anew => one(Fault::StallBeforeHeaders)
        .arguments(&["--response-timeout", "2s"])
        .succeeds(&["manifest"]);
    a_range_that_is_too_short_is_completed_beside_the_others => one(Fault::RangeShort { by: MIB })
        .succeeds(&["manifest"]);
    a_range_that_ends_early_without_a_length_is_completed_beside_the_others => one(Fault::LengthMissing { after: MIB })
        .succeeds(&["manifest"]);
    a_range_that_begins_elsewhere_once_is_asked_for_again => always(1, Fault::RangeWrongStart)
        .succeeds(&["manifest"]);
    a_range_that_always_begins_elsewhere_is_refused => always(usize::MAX, Fault::RangeWrongStart)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["begins at byte"])
        .keeps_partial();
    a_range_of_another_whole_is_refused => always(usize::MAX, Fault::RangeWrongTotal)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["where the blob has"])
        .keeps_partial();
    a_wrong_byte_in_one_range_is_noticed => one(Fault::FlipByte { at: 12_345 })
        .fails("Mismatch", 5, &["manifest"]);
    a_range_of_another_blob_is_noticed => one(Fault::BlobChanged)
        .fails("Mismatch", 5, &["manifest"]);
    the_whole_instead_of_one_range_is_one_stream => one(Fault::RangeIgnored)
        .succeeds(&["manifest"]);
    the_whole_instead_of_any_range_is_one_stream => large()
        .lie(blob().always(), Fault::RangeIgnored)
        .succeeds(&["manifest"]);
    ranges_that_are_refused_are_asked_for_as_the_whole => large()
        .lie(blob().ranged().always(), Fault::RangeRefused)
        .succeeds(&["manifest"]);

    a_token_that_expires_between_ranges_is_renewed => large()
        .login(Login::Bearer)
        .lie(blob().skip(1), Fault::TokensExpire)
        .succeeds(&["manifest", "manifest +Bearer"]);
    a_store_is_asked_at_once_for_all_but_the_first_ranges => three_pieces()
        .lie_elsewhere(signed().skip(2), |_| Fault::Gathered { count: 1 })
        .succeeds(&["manifest", "manifest +Basic"])
        .also(|world, _| assert_asked(world, 2));
    a_signed_url_that_expires_between_ranges_is_renewed => three_pieces()
        .lie_elsewhere(signed().skip(2), |_| Fault::SignedUrlExpired)
        .succeeds(&["manifest", "manifest +Basic"])
        .also(|world, _| assert_asked(world, 2 + 1));
    a_store_of_two_at_once_is_asked_for_two => stored()
        .lie_elsewhere(signed().always(), |_| Fault::Crowded { limit: 2, beyond: Beyond::Status(503, RetryAfter::Absent) })
        .succeeds(&["manifest", "manifest +Basic"]);
}

fn large() -> Case {
    Case::new().size(SIZE)
}

/// A registry that keeps a large blob at a store which must not see a credential.
fn stored() -> Case {
    large().login(Login::Basic).elsewhere_is(Elsewhere::Store)
}

/// One that comes in three pieces over two connections, so that the third begins when it is known where the first were.
fn three_pieces() -> Case {
    stored().size(80 * MIB).arguments(&["--connections", "2"])
}

/// A lie about the second range alone.
fn one(fault: Fault) -> Case {
    always(1, fault)
}

/// So often.
fn always(times: usize, fault: Fault) -> Case {
    large().lie(second().times(times), fault)
}

/// The request for the range that a second connection begins with.
fn second() -> Matcher {
    piece(1)
}

/// The request for a range by its place: the fleet's pieces have 8 MiB.
fn piece(number: usize) -> Matcher {
    blob().range_with(((number * 8 + 1) * MIB) as u64)
}

/// A server that serves so many at once: the others cost no more than a few requests.
fn crowded(limit: usize, beyond: Beyond) -> Case {
    large().lie(blob().always(), Fault::Crowded { limit, beyond }).succeeds(&["manifest"]).also(|world, _| {
        let asked = world.registry.requests_for("*/blobs/*").len();
        assert!(asked <= 20, "{asked} requests for five pieces");
    })
}

/// Fails if the registry was asked for the blob more often than so.
#[track_caller]
fn assert_asked(world: &World, most: usize) {
    let asked = world.registry.requests_for("*/blobs/*").len();
    assert!(asked <= most, "the registry was asked {asked} times for the blob");
}
