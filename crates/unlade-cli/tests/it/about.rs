//! What the command tells of itself: help, version, manual pages, completions, and in which colours.

mod colours;
mod files;
mod help;
