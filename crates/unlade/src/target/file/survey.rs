//! A look at what has a file's name, which changes nothing.

use std::sync::Arc;

use super::super::directory::Directory;
use super::{FileTarget, Offer, Room, offer};
use crate::error::Result;
use crate::target::Job;

impl FileTarget {
    /// Says whether what has the final name could be the blob: nothing is made, locked or removed.
    ///
    /// As after [`prepare`](crate::target::Stage::prepare), a file that is [`Room::Present`] is to be hashed: with its
    /// proof `publish` writes nothing, and where it is not the blob, a second survey says what that comes to.
    ///
    /// # Errors
    ///
    /// Those of `prepare` about what is there already.
    pub fn survey(&mut self, job: &Job) -> Result<Room> {
        if self.offer != Offer::Nothing {
            self.offer = offer(job);
        }
        let Some(directory) = Directory::find(&self.place)? else {
            return Ok(Room::Empty);
        };
        Ok(match self.inspect(&directory)? {
            Some((file, found)) => self.present(Arc::new(directory), file, found),
            None => Room::Empty,
        })
    }
}
