//! A compression that compresses nothing.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use unlade::Result;
use unlade::target::Transform;

const MAGIC: &[u8] = b"toy ";

/// Makes a byte that no encoded text holds.
pub(crate) const BROKEN: u8 = 0xff;

/// Encodes bytes below 128.
pub(crate) fn encode(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.iter().all(|byte| *byte < 128));
    MAGIC.iter().copied().chain(bytes.iter().map(|byte| byte ^ 0x55)).collect()
}

/// The decoder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Toy {
    saw_end: Arc<AtomicBool>,
    /// Stops after so many bytes of output, whatever follows.
    stops_after: Option<u64>,
}

impl Toy {
    pub(crate) fn stopping_after(bytes: u64) -> Self {
        Self { stops_after: Some(bytes), ..Self::default() }
    }

    /// Says whether the decoder was told that there are no more bytes.
    pub(crate) fn saw_end(&self) -> bool {
        self.saw_end.load(Ordering::Acquire)
    }
}

impl Transform for Toy {
    fn open<'r>(self: Box<Self>, mut input: Box<dyn Read + Send + 'r>) -> Result<Box<dyn Read + Send + 'r>> {
        let mut magic = [0; MAGIC.len()];
        let begun = input.read_exact(&mut magic);
        let limit = self.stops_after.unwrap_or(u64::MAX);
        let sound = begun.and_then(|()| if magic == MAGIC { Ok(()) } else { Err(broken()) });
        Ok(Box::new(Decoder { input, saw_end: self.saw_end, fault: sound.err() }.take(limit)))
    }
}

struct Decoder<'r> {
    input: Box<dyn Read + Send + 'r>,
    saw_end: Arc<AtomicBool>,
    fault: Option<io::Error>,
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let read = self.input.read(buffer)?;
        if read == 0 {
            self.saw_end.store(true, Ordering::Release);
        }
        for byte in &mut buffer[..read] {
            if *byte == BROKEN {
                return Err(broken());
            }
            *byte ^= 0x55;
        }
        Ok(read)
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no toy")
}
