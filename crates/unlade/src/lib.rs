//! Takes disk images, kernels and any other artifact out of OCI registries: authenticated,
//! chosen, verified, resumable.
//!
//! The paved path is three calls: build a [`Client`], resolve a reference to an
//! [`Artifact`](artifact::Artifact), download its layer.
//!
//! ```no_run
//! # async fn pull() -> unlade::Result<()> {
//! use unlade::auth::Keychain;
//! use unlade::image::Selection;
//! use unlade::site::Environment;
//! use unlade::Client;
//!
//! let credentials = Keychain::new(Environment::of_process().auth_files(None))?;
//! let client = Client::builder().credentials(credentials).build()?;
//! let reference = "ghcr.io/acme/disk:1.4".parse()?;
//! let image = client.artifact(&reference, &Selection::default()).await?;
//! let delivery = image.download().into_file("disk.img").await?;
//! println!("{} has {} bytes", delivery.receipt.verified.digest, delivery.receipt.verified.size);
//! # Ok(())
//! # }
//! ```
//!
//! A file has its final name only after size and digest matched. The decisions behind that,
//! and what is promised about breaks, retries and secrets, are in [`manual`].

pub mod artifact;
pub mod auth;
pub mod cancel;
pub mod client;
pub mod config;
pub mod error;
pub mod image;
pub mod layout;
pub mod manual;
pub mod observe;
pub mod registry;
pub mod retry;
pub mod site;
pub mod source;
pub mod spec;
pub mod target;
pub mod transfer;
pub mod transport;
pub mod verify;

pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind, Result};
