//! No secret in any output: every verb, every row of bad input and every numbered fault, with canaries.
//!
//! Each test first makes sure that the server that should have a secret got it: a secret that was never in play is
//! not kept.

mod canary;
mod echoes;
mod failures;
mod values;
mod verbs;
