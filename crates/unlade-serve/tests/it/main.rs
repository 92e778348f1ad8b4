//! The registry as a client sees it: over a socket, byte for byte.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests to us, but not to the lint")]

mod client;
#[expect(dead_code, unused_imports, unused_macros, reason = "a repository of a registry is no store yet")]
#[path = "../../../unlade/tests/it/conformance/mod.rs"]
mod conformance;
mod front;
mod http;
mod layouts;
mod log;
mod place;
mod pull;
mod shelf;
mod world;
