//! The library as its users see it, and the rules that its sources keep.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests to us, but not to the lint")]

mod artifact;
mod conformance;
mod direction;
mod hosts;
mod house;
mod pipeline;
mod places;
mod sources;
