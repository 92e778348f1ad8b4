//! What unlade needs of the system and no safe interface offers: the only crate with unsafe code, kept small enough
//! to be read as a whole.

pub mod stdout;
