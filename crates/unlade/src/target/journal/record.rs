//! What stands in a journal: a heading that says of which blob, and records of one size. Pure.

use std::collections::BTreeMap;

use twox_hash::XxHash3_64;

use crate::spec::digest::Digest;
use crate::target::GRANULE;

/// What every journal begins with.
const MAGIC: &[u8; 8] = b"unladejl";

/// The version of all that follows.
const VERSION: u64 = 1;

/// The longest hash of a digest, in bytes: that of SHA-512.
const MAX_HASH: usize = 64;

/// The longest name of a digest's algorithm, in bytes.
const MAX_ALGORITHM: usize = 8;

/// Where the digest stands in a heading, and where the size does.
const DIGEST: usize = MAGIC.len() + 8;
const SIZE: usize = DIGEST + MAX_ALGORITHM + MAX_HASH;

/// How long a heading is, in bytes: after the size come the granules' and its own checksum.
pub(super) const HEADING: usize = SIZE + 8 + 8 + 8;

/// How long a record is, in bytes: granule, checksum, and a checksum of the two.
pub(super) const RECORD: usize = 24;

/// The heading of one blob's journal, and with it what a record of that journal is.
///
/// A record's own checksum is seeded by the heading's: what an earlier journal has left in the same blocks of the
/// disk, and what was written to another file, are no records here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::target) struct Heading {
    bytes: [u8; HEADING],
    seed: u64,
    granules: u64,
}

impl Heading {
    /// Describes a blob.
    pub(in crate::target) fn new(digest: &Digest, size: u64) -> Self {
        let mut bytes = Vec::with_capacity(HEADING);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&padded::<MAX_ALGORITHM>(digest.algorithm().name().as_bytes()));
        bytes.extend_from_slice(&padded::<MAX_HASH>(&digest.to_bytes()));
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&GRANULE.to_le_bytes());
        let seed = XxHash3_64::oneshot(&bytes);
        bytes.extend_from_slice(&seed.to_le_bytes());
        let bytes = bytes.try_into().expect("the parts of a heading have fixed sizes");
        Self { bytes, seed, granules: size.div_ceil(GRANULE) }
    }

    /// Returns the bytes that a journal of the blob begins with. Another blob, or another version, has others.
    pub(super) fn bytes(&self) -> &[u8; HEADING] {
        &self.bytes
    }

    /// Reads what a journal begins with; `None` if that is no heading of this version.
    pub(super) fn read(bytes: [u8; HEADING]) -> Option<Self> {
        let (size, seed) = (number(&bytes, SIZE), number(&bytes, HEADING - 8));
        let is_ours = bytes.starts_with(MAGIC)
            && number(&bytes, MAGIC.len()) == VERSION
            && number(&bytes, SIZE + 8) == GRANULE
            && seed == XxHash3_64::oneshot(&bytes[..HEADING - 8]);
        is_ours.then(|| Self { bytes, seed, granules: size.div_ceil(GRANULE) })
    }

    /// Says whether it is that of a blob of such a digest.
    pub(in crate::target) fn is_of(&self, digest: &Digest) -> bool {
        let (name, hash) = self.bytes[DIGEST..SIZE].split_at(MAX_ALGORITHM);
        name == padded::<MAX_ALGORITHM>(digest.algorithm().name().as_bytes())
            && hash == padded::<MAX_HASH>(&digest.to_bytes())
    }

    /// Returns the size of the blob.
    pub(in crate::target) fn size(&self) -> u64 {
        number(&self.bytes, SIZE)
    }

    /// Returns how many granules the blob has.
    pub(super) fn granules(&self) -> u64 {
        self.granules
    }

    /// Writes a record.
    pub(super) fn record(&self, granule: u64, checksum: u64) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&granule.to_le_bytes());
        record[8..16].copy_from_slice(&checksum.to_le_bytes());
        let own = self.seal(&record[..16]);
        record[16..].copy_from_slice(&own.to_le_bytes());
        record
    }

    /// Reads records into what is known, and passes over whatever is none of this blob.
    ///
    /// Of several of one granule the last counts.
    pub(super) fn replay(&self, text: &[u8], known: &mut BTreeMap<u64, u64>) {
        for record in text.chunks_exact(RECORD) {
            let (granule, checksum, own) = (number(record, 0), number(record, 8), number(record, 16));
            if granule < self.granules && own == self.seal(&record[..16]) {
                known.insert(granule, checksum);
            }
        }
    }

    fn seal(&self, record: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed, record)
    }
}

fn padded<const LENGTH: usize>(bytes: &[u8]) -> [u8; LENGTH] {
    let mut padded = [0; LENGTH];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

fn number(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(record[at..at + 8].try_into().expect("a slice of eight bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::digest::Algorithm;
    use crate::verify::digest_of;

    const LENGTH: u64 = 40 * GRANULE + 1;

    fn heading(blob: &[u8]) -> Heading {
        Heading::new(&digest_of(Algorithm::Sha256, blob), LENGTH)
    }

    fn replayed(heading: &Heading, text: &[u8]) -> BTreeMap<u64, u64> {
        let mut known = BTreeMap::new();
        heading.replay(text, &mut known);
        known
    }

    #[test]
    fn every_heading_says_of_which_blob_it_is() {
        let all: Vec<Heading> = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]
            .into_iter()
            .flat_map(|algorithm| [b"one", b"two"].map(|blob| digest_of(algorithm, blob)))
            .flat_map(|digest| [1, GRANULE, LENGTH].map(|size| Heading::new(&digest, size)))
            .collect();
        for (place, one) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|other| one.bytes != other.bytes && one.seed != other.seed));
        }
        assert_eq!(heading(b"one"), heading(b"one"));
        for one in &all {
            assert_eq!(Heading::read(one.bytes).as_ref(), Some(one));
            for at in [0, MAGIC.len(), DIGEST, SIZE, HEADING - 9, HEADING - 1] {
                let mut bytes = one.bytes;
                bytes[at] ^= 1;
                assert_eq!(Heading::read(bytes), None, "{at}");
            }
        }
        assert!(heading(b"one").is_of(&digest_of(Algorithm::Sha256, b"one")));
        assert!(!heading(b"one").is_of(&digest_of(Algorithm::Sha256, b"two")));
        assert!(!heading(b"one").is_of(&digest_of(Algorithm::Sha512, b"one")));
        assert_eq!(heading(b"one").size(), LENGTH);
        assert_eq!(heading(b"one").granules(), 41);
    }

    #[test]
    fn what_is_written_is_read_and_the_last_word_counts() {
        let heading = heading(b"blob");
        let text: Vec<u8> =
            [(7, 70), (40, 400), (7, 71)].iter().flat_map(|(granule, sum)| heading.record(*granule, *sum)).collect();
        assert_eq!(replayed(&heading, &text), BTreeMap::from([(7, 71), (40, 400)]));
    }

    #[test]
    fn records_of_another_blob_or_beyond_the_end_are_none() {
        let (one, other) = (heading(b"one"), heading(b"other"));
        assert!(replayed(&one, &other.record(1, 10)).is_empty());
        assert!(replayed(&one, &one.record(41, 10)).is_empty());
        assert!(replayed(&one, &[0; 4 * RECORD]).is_empty(), "what a hole reads as is no record");
    }

    /// What can become of a journal.
    #[derive(Debug, Clone)]
    enum Harm {
        Cut(usize),
        Flip(usize, u8),
        Repeat(usize, usize),
        Swap(usize, usize),
        Zero(usize, usize),
    }

    fn harm() -> impl Strategy<Value = Harm> {
        let at = 0_usize..2000;
        prop_oneof![
            at.clone().prop_map(Harm::Cut),
            (at.clone(), 0_u8..8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
            (at.clone(), 0_usize..80).prop_map(|(at, length)| Harm::Repeat(at, length)),
            (at.clone(), at.clone()).prop_map(|(one, other)| Harm::Swap(one, other)),
            (at, 0_usize..200).prop_map(|(at, length)| Harm::Zero(at, length)),
        ]
    }

    fn suffer(text: &mut Vec<u8>, harm: &Harm) {
        let length = text.len();
        match *harm {
            Harm::Cut(at) => text.truncate(at),
            Harm::Flip(at, bit) if at < length => text[at] ^= 1 << bit,
            Harm::Repeat(at, more) if at < length => text.extend_from_within(at..(at + more).min(length)),
            Harm::Swap(one, other) if one.max(other) / RECORD < length / RECORD => {
                for byte in 0..RECORD {
                    text.swap(one / RECORD * RECORD + byte, other / RECORD * RECORD + byte);
                }
            }
            Harm::Zero(at, more) if at < length => text[at..(at + more).min(length)].fill(0),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn a_harmed_journal_replays_to_a_part_of_the_truth(
            notes in proptest::collection::vec((0_u64..41, any::<u64>()), 0..60),
            harms in proptest::collection::vec(harm(), 0..8),
        ) {
            let heading = heading(b"blob");
            let mut text: Vec<u8> = notes.iter().flat_map(|(granule, sum)| heading.record(*granule, *sum)).collect();
            for harm in &harms {
                suffer(&mut text, harm);
            }
            for note in replayed(&heading, &text) {
                prop_assert!(notes.contains(&note), "{:?} was never noted", note);
            }
        }

        #[test]
        fn any_bytes_at_all_are_no_records(text in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert!(replayed(&heading(b"blob"), &text).is_empty());
        }
    }
}
