//! What every place keeps that content is read from: the conformance suite of [`Source`], [`Catalog`] and [`Store`].
//!
//! Each function holds one fact about any place that has the [`Holdings`]. The macros make a test of each: give them
//! an expression that makes a [`Place`].
//!
//! The suite is a folder to include, as unlade-serve does. In the library it would be test code that is shipped, and
//! in the testkit it could not be: that knows nothing of the library, whose own tests use it. So it needs nothing but
//! the library's public interface, and whoever writes a place of his own can take it along.
//!
//! [`Source`]: unlade::source::Source
//! [`Catalog`]: unlade::source::Catalog
//! [`Store`]: unlade::source::Store

pub(crate) mod blobs;
pub(crate) mod catalog;
mod holdings;
pub(crate) mod manifests;
pub(crate) mod store;

use std::sync::Arc;

pub(crate) use holdings::{Blob, Document, Holdings};
use unlade::source::Source;

/// A place that has the holdings, and whatever keeps it alive: a folder, a server.
pub(crate) trait Place {
    /// What is tested.
    type Kind: Source + ?Sized;

    /// Gives the place.
    fn source(&self) -> Arc<Self::Kind>;
}

/// Makes the tests of a [`Source`](unlade::source::Source), of a place that has the holdings.
macro_rules! source_suite {
    ($place:expr) => {
        $crate::conformance::tests! { $place;
            blobs {
                a_blob_is_given_whole
                a_body_is_independent_of_its_place
                a_body_may_be_dropped_anywhere
                a_place_has_a_name
                a_place_to_be_avoided_is_not_read
                bodies_do_not_disturb_each_other
                content_that_is_not_what_was_promised_is_a_mismatch
                nothing_larger_than_the_limit_is_read
                of_an_empty_window_nothing_is_given
                what_is_not_there_is_not_found
                windows_are_given
            }
            manifests {
                a_digest_names_the_same_bytes
                a_tag_gives_the_bytes_and_the_type_that_were_pushed
                a_verified_manifest_has_the_digest_of_its_bytes
                what_is_not_there_is_not_found
                without_tag_and_digest_the_latest_is_meant
            }
        }
    };
}

/// Makes the tests of a [`Catalog`](unlade::source::Catalog), of a place that has the holdings.
macro_rules! catalog_suite {
    ($place:expr) => {
        $crate::conformance::tests! { $place;
            catalog {
                a_listing_of_tags_goes_on_behind_any_of_them
                a_manifest_is_described
                each_tag_is_listed_once
                referrers_are_those_of_their_subject
                referrers_are_told_apart_by_their_type
                what_is_not_there_is_not_described
            }
        }
    };
}

/// Makes the tests of a [`Store`](unlade::source::Store), of a place that is empty.
macro_rules! store_suite {
    ($place:expr) => {
        $crate::conformance::tests! { $place;
            store {
                a_manifest_is_put_under_its_tag
                what_is_not_what_it_says_is_not_taken_in
                what_the_other_place_lacks_is_not_found
                what_was_put_is_there
            }
        }
    };
}

macro_rules! tests {
    ($place:expr; $($group:ident { $($fact:ident)* })*) => {$(
        mod $group {
            use super::*;

            $(
                #[tokio::test]
                async fn $fact() {
                    let place = $place;
                    let source = $crate::conformance::Place::source(&place);
                    $crate::conformance::$group::$fact(source, $crate::conformance::Holdings::sample()).await;
                }
            )*
        }
    )*};
}

pub(crate) use {catalog_suite, source_suite, store_suite, tests};
