//! Writes tars byte by byte, right ones and wrong ones.

use std::fs;
use std::path::Path;

/// A tar being written, in POSIX's ustar form.
#[derive(Debug, Clone)]
pub struct Tar {
    bytes: Vec<u8>,
    mode: u32,
    modified: u64,
    link: String,
}

impl Default for Tar {
    fn default() -> Self {
        Self { bytes: Vec::new(), mode: 0o644, modified: 0, link: String::new() }
    }
}

impl Tar {
    /// Begins a tar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes everything below a folder, in the order of the names; each name gets the prefix.
    pub fn of_folder(folder: &Path, prefix: &str) -> Self {
        let files = crate::process::files(folder);
        files.iter().fold(Self::new(), |tar, name| {
            let content = fs::read(folder.join(name)).unwrap_or_else(|error| panic!("read {name}: {error}"));
            tar.file(&format!("{prefix}{name}"), &content)
        })
    }

    /// Adds a regular file. A name that does not fit into the header has an extended header.
    #[must_use]
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        if name.len() <= 100 {
            return self.member(name, b'0', content);
        }
        self.records(&[("path", name)]).member("long", b'0', content)
    }

    /// Adds a folder.
    #[must_use]
    pub fn folder(self, name: &str) -> Self {
        self.member(name, b'5', b"")
    }

    /// Adds a link: a hard one (`1`) or a symbolic one (`2`).
    #[must_use]
    pub fn link(mut self, name: &str, letter: u8, target: &str) -> Self {
        target.clone_into(&mut self.link);
        let mut tar = self.member(name, letter, b"");
        tar.link.clear();
        tar
    }

    /// Sets the mode and the time of the members that follow.
    #[must_use]
    pub fn with(mut self, mode: u32, modified: u64) -> Self {
        (self.mode, self.modified) = (mode, modified);
        self
    }

    /// Adds an extended header for the next member.
    #[must_use]
    pub fn records(self, records: &[(&str, &str)]) -> Self {
        let text: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.member("records", b'x', text.as_bytes())
    }

    /// Adds a member of any type, with its content.
    #[must_use]
    pub fn member(self, name: &str, letter: u8, content: &[u8]) -> Self {
        let mut tar = self.header(name, letter, content.len() as u64);
        tar.bytes.extend_from_slice(content);
        tar.bytes.resize(tar.bytes.len().next_multiple_of(512), 0);
        tar
    }

    /// Adds a header alone, whatever follows it.
    #[must_use]
    pub fn header(mut self, name: &str, letter: u8, size: u64) -> Self {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(format!("{:07o}\0", self.mode).as_bytes());
        block[136..148].copy_from_slice(format!("{:011o}\0", self.modified).as_bytes());
        block[157..157 + self.link.len()].copy_from_slice(self.link.as_bytes());
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = letter;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&block);
        self.seal(start);
        self
    }

    /// Adds the header of a regular file that gives its size in these bytes.
    #[must_use]
    pub fn sized(mut self, name: &str, size: &[u8; 12]) -> Self {
        let start = self.bytes.len();
        self = self.header(name, b'0', 0);
        self.bytes[start + 124..start + 136].copy_from_slice(size);
        self.seal(start);
        self
    }

    /// Adds a sparse file in GNU's old form, with so many blocks of its map behind the header; each says whether there
    /// is another.
    #[must_use]
    pub fn fragmented(mut self, name: &str, goes_on: &[u8], pieces: &[u8]) -> Self {
        let start = self.bytes.len();
        self = self.header(name, b'S', pieces.len() as u64);
        self.bytes[start + 257..start + 265].copy_from_slice(b"ustar  \0");
        self.bytes[start + 482] = goes_on[0];
        self.seal(start);
        for goes_on in &goes_on[1..] {
            // What would be numbers is no header.
            let mut block = [b'x'; 512];
            block[504] = *goes_on;
            self.bytes.extend_from_slice(&block);
        }
        self.bytes.extend_from_slice(pieces);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// Writes the sum of a header anew.
    fn seal(&mut self, start: usize) {
        let block = &mut self.bytes[start..start + 512];
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Gives what was written, without an end.
    pub fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    /// Ends the tar and gives it.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 1024]);
        self.bytes
    }
}

/// Writes a record whose length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let digits = (1..20).find(|digits| (rest + digits).to_string().len() == *digits).expect("a length exists");
    format!("{} {key}={value}\n", rest + digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_reads_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("blobs/sha512/{}", "a".repeat(128));
        let tar = Tar::new().folder("blobs/").file("index.json", b"{}").file(&long, b"content").finish();
        let path = folder.path().join("t.tar");
        fs::write(&path, tar).unwrap();
        let output = std::process::Command::new("tar").arg("-tf").arg(&path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("blobs/\nindex.json\n{long}\n"));
        assert!(output.status.success());
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        assert_eq!(record("path", "a"), "9 path=a\n");
        assert_eq!(record("p", "a"), "6 p=a\n");
    }
}
