//! Answers to ranges: F14 to F22, F96, F97. Only a resume asks for a range, so each case begins with a cut.

use unlade_testkit::Fault;

use super::case::Case;
use super::matchers::{blob, manifest};
use super::world::Question;

cases! {
    a_part_that_begins_elsewhere_is_refused => resumed(Fault::RangeWrongStart)
        .fails("PeerMisbehaved", 1, RESUMED)
        .attempts(2)
        .says(&["begins at byte 1001 where byte 1000 was asked for"]);
    a_part_of_another_whole_is_refused => resumed(Fault::RangeWrongTotal)
        .fails("PeerMisbehaved", 1, RESUMED)
        .says(&["a part of 100001 bytes where the blob has 100000"]);
    a_part_without_a_place_is_refused => resumed(Fault::RangeMissing)
        .fails("PeerMisbehaved", 1, RESUMED)
        .says(&["has no Content-Range"]);
    a_part_with_two_places_is_refused => resumed(Fault::RangeDuplicated)
        .fails("PeerMisbehaved", 1, RESUMED)
        .says(&["several Content-Range headers"]);
    a_part_in_several_parts_is_refused => resumed(Fault::RangeMultipart)
        .fails("PeerMisbehaved", 1, RESUMED)
        .says(&["several parts"]);
    a_part_of_a_whole_that_is_not_told_is_taken => resumed(Fault::RangeTotalUnknown)
        .succeeds(RESUMED)
        .fetched(100_000, 1000);
    a_part_that_nobody_asked_for_is_refused => Case::new()
        .lie(blob(), Fault::RangeUnasked)
        .fails("PeerMisbehaved", 1, &["manifest", "blob"])
        .says(&["the whole was asked for"]);
    a_part_of_a_manifest_is_no_manifest => Case::new()
        .lie(manifest(), Fault::RangeUnasked)
        .fails("PeerMisbehaved", 1, &["manifest"])
        .says(&["206"]);

    the_whole_instead_of_a_part_is_taken_from_its_start => resumed(Fault::RangeIgnored)
        .succeeds(RESUMED)
        .fetched(101_000, 0);
    a_refused_range_is_asked_for_as_the_whole => resumed(Fault::RangeRefused)
        .succeeds(&["manifest", "blob", "blob 1000-99999", "blob"])
        .fetched(101_000, 0);
    the_whole_behind_a_refused_range_may_break_too => resumed(Fault::RangeRefused)
        .lie(blob(), Fault::CutBody { after: 5000 })
        .succeeds(&["manifest", "blob", "blob 1000-99999", "blob", "blob 5000-99999"])
        .fetched(101_000, 5000);
    a_part_that_is_too_short_is_completed => resumed(Fault::RangeShort { by: 3 })
        .succeeds(&["manifest", "blob", "blob 1000-99999", "blob 99997-99999"])
        .fetched(100_000, 99_997);
    a_part_that_is_always_too_short_is_given_up => Case::new()
        .arguments(&["--retries", "2"])
        .lie(blob(), Fault::CutBody { after: 1000 })
        .lie(blob().always(), Fault::RangeShort { by: 90_000 })
        .fails("Unavailable", 6, &["manifest", "blob", "blob 1000-99999", "blob 10000-99999"])
        .attempts(3)
        .says(&["less than was asked for"]);
    a_part_that_is_too_long_is_refused => resumed(Fault::RangeLong { by: 3 })
        .fails("PeerMisbehaved", 1, RESUMED)
        .says(&["100002"]);
    a_part_of_a_raw_blob_that_begins_elsewhere_is_refused => Case::new()
        .asks(Question::RawBlob)
        .lie(blob(), Fault::CutBody { after: 1000 })
        .lie(blob(), Fault::RangeWrongStart)
        .fails("PeerMisbehaved", 1, &["blob", "blob 1000-99999"]);
}

const RESUMED: &[&str] = &["manifest", "blob", "blob 1000-99999"];

fn resumed(fault: Fault) -> Case {
    Case::new().lie(blob(), Fault::CutBody { after: 1000 }).lie(blob(), fault)
}
