//! The log of `-v`, which shares stderr with the display.

use std::io::{self, Write};
use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::options::Common;
use crate::progress::Display;

/// Begins to log what happens in unlade itself, if that is wanted.
pub(crate) fn begin(options: &Common, display: &Arc<Display>) {
    let level = match options.verbose {
        0 => return,
        1 => "unlade=info,unlade_cli=info,unlade_serve=info",
        _ => "unlade=debug,unlade_cli=debug,unlade_serve=debug",
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(Log(Arc::clone(display)))
        .with_target(false)
        .with_level(false)
        .without_time()
        .with_ansi(false)
        .finish();
    // Set once, here: nothing else in this process sets it.
    drop(tracing::subscriber::set_global_default(subscriber));
}

struct Log(Arc<Display>);

/// One event, shown once it is whole.
struct Entry<'a> {
    display: &'a Display,
    level: Level,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Entry<'a> {
        Entry { display: &self.0, level: Level::INFO, text: Vec::new() }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Entry<'a> {
        Entry { display: &self.0, level: *metadata.level(), text: Vec::new() }
    }
}

impl Write for Entry<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.display.log(self.level, String::from_utf8_lossy(&self.text).trim_end());
    }
}
