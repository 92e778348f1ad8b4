//! A decoder between the hash and a target that takes bytes in order.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc::Receiver;

use super::disk::Last;
use super::hash::Order;
use crate::error::{Error, ErrorKind, Result};
use crate::target::{Fate, Sequential, Transform};

/// The largest piece of output handed on at once.
const PIECE: usize = 128 << 10;

/// Whose error ended the decoding.
enum Fault {
    Decoder(Error),
    Stage(Error),
}

/// Decodes what is ordered into the stage.
///
/// When the decoder fails, the rest of the blob is still taken in: a flipped bit is
/// then a mismatch, found by the hash, and not taken for the publisher's fault. When
/// the stage fails, nothing more is wanted.
pub(super) fn run(transform: Box<dyn Transform>, stage: &mut dyn Sequential, orders: Receiver<Order>) -> Result<Last> {
    let mut input = Input { orders, chunk: Bytes::new(), last: None };
    let decoded = match decode(transform, stage, &mut input) {
        Ok(()) => Ok(()),
        Err(Fault::Decoder(error)) => Err(error),
        Err(Fault::Stage(error)) => return Err(error),
    };
    match (input.drain(), decoded) {
        (Last::Suspend(fate), _) => Ok(Last::Suspend(fate)),
        (publish, Ok(())) => Ok(publish),
        (Last::Publish(_), Err(error)) => Err(error),
    }
}

fn decode(transform: Box<dyn Transform>, stage: &mut dyn Sequential, input: &mut Input) -> Result<(), Fault> {
    let malformed = |error| Error::new(ErrorKind::Malformed, "the content cannot be decoded").caused_by(error);
    let mut output = transform.open(Box::new(input)).map_err(Fault::Decoder)?;
    let mut piece = vec![0; PIECE];
    loop {
        match output.read(&mut piece) {
            Ok(0) => return stage.flush().map_err(Fault::Stage),
            Ok(read) => stage.write(Bytes::copy_from_slice(&piece[..read])).map_err(Fault::Stage)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Decoder(malformed(error))),
        }
    }
}

/// The blob as a decoder reads it.
struct Input {
    orders: Receiver<Order>,
    chunk: Bytes,
    last: Option<Last>,
}

impl Input {
    /// Takes the next order; returns false after the last.
    fn advance(&mut self) -> bool {
        match self.orders.blocking_recv() {
            Some(Order::Chunk { bytes, .. }) => {
                self.chunk = bytes;
                return true;
            }
            Some(Order::Publish(proof)) => self.last = Some(Last::Publish(proof)),
            Some(Order::Suspend(fate)) => self.last = Some(Last::Suspend(fate)),
            None => self.last = Some(Last::Suspend(Fate::Keep)),
        }
        false
    }

    fn drain(mut self) -> Last {
        loop {
            if let Some(last) = self.last.take() {
                return last;
            }
            self.advance();
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match &self.last {
                Some(Last::Publish(_)) => return Ok(0),
                Some(Last::Suspend(_)) => return Err(io::Error::other("the rest of the blob is not coming")),
                None => {
                    self.advance();
                }
            }
        }
        let read = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
