//! The registry as a client sees it: over a socket, byte for byte.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests to us, but not to the lint")]

mod client;
mod memory;
mod pull;
mod shelf;
mod world;
