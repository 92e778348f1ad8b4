//! The manual: what is promised, how it is kept, and where it ends.
//!
//! The pages hold no code. They say in one place what many modules do together, with
//! the numbers that those modules use and the reasons for them. What a single type or
//! function does stands where that is.
//!
//! - [`verification`]: when bytes are believed, and what is never visible.
//! - [`resume`]: what a break costs, and what a file goes through until it has its name.
//! - [`retries`]: what is tried again, how often, and how long it is waited for.
//! - [`trust`]: who is spoken to, who is shown a login, and where servers may lead.

pub mod resume;
pub mod retries;
pub mod trust;
pub mod verification;
