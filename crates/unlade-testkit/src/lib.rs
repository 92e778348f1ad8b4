//! What unlade's tests run against.
//!
//! [`LyingRegistry`] speaks HTTP/1.1 byte by byte and lies on command: a test scripts a numbered [`Fault`] for the
//! requests that a [`Matcher`] names, and the server holds the test to it: a step that was never used fails the test.
//! [`CanaryOrigin`] fails a test that lets a credential reach it. [`real`] starts distribution and nginx, the programs
//! that most sites run, and [`process`] runs the built command.
//!
//! All servers listen on loopback, and end with the value that started them. Everything here panics rather than
//! return errors, naming what went wrong: in a test, no other reaction would make sense.
#![expect(clippy::missing_panics_doc, reason = "the whole crate is test code: it panics, with a reason, by design")]

mod access;
mod answer;
pub mod archive;
mod bearer;
mod client;
pub mod content;
pub mod crash;
mod crowd;
pub mod document;
mod exchange;
mod fault;
mod http;
pub mod layout;
pub mod link;
mod origin;
pub mod process;
mod proxy;
pub mod real;
mod record;
mod registry;
pub mod relay;
mod repository;
mod script;
mod server;
pub mod tls;
mod tripwire;
mod wire;

pub use access::Access;
pub use bearer::{Anonymous, Bearer, Lifetime, Realm};
pub use client::{Client, Response};
pub use fault::{Beyond, Fault, RetryAfter};
pub use http::percent_decode;
pub use origin::{CanaryOrigin, Origin};
pub use proxy::{ForwardProxy, ForwardProxyBuilder, ProxyLie};
pub use record::{ReceivedRequest, Recorder};
pub use registry::{LyingRegistry, LyingRegistryBuilder};
pub use script::{Matcher, Which};
pub use server::Binding;
