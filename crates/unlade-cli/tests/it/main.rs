//! The built command, end to end.

mod about;
mod bad_input;
mod common;
mod crash;
mod durability;
mod faults;
mod guide;
mod journal;
mod layouts;
mod look;
mod main_job;
mod mirrors;
mod proxies;
mod real;
mod secrets;
mod serving;
mod terminal;
