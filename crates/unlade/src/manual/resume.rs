//! What a break costs, and what a file goes through.
//!
//! # The promise
//!
//! A lost connection, a stalled server, an expired token or signed URL costs the bytes in
//! flight, and nothing else. What had arrived is neither fetched nor hashed again.
//!
//! # How a broken body goes on
//!
//! [`transfer::fetch`](crate::transfer::fetch) is the one place that resumes. It counts
//! the bytes it has handed on, and when a body breaks off it asks the source for the
//! window from there to the end. The hash goes on where it stood: it never left memory.
//!
//! A registry is asked by `Range`, always for an exact, closed range where the size is
//! known, since some servers refuse open and over-long ones. What comes back is placed
//! before a byte of it is used:
//!
//! - `206` must have one `Content-Range` of the form `bytes FIRST-LAST/TOTAL` that begins
//!   at the byte asked for, ends no later than asked for, agrees with the size that is
//!   known and with the answer's own length. Anything else is
//!   [`PeerMisbehaved`](crate::ErrorKind::PeerMisbehaved). One that ends earlier is
//!   taken, and its end counts as a break.
//! - `200` is the whole from its first byte: what had been handed on is thrown away as it
//!   comes again.
//! - `416` to a range that is good means that the server knows no ranges: the whole is
//!   asked for, once.
//! - `206` to a request for the whole is refused, and so is a status such as `204` that
//!   holds no content.
//!
//! A new token is asked for where the old one has expired meanwhile, and a redirect's target
//! that refuses sends the request back to the registry, once, for a fresh redirect.
//!
//! How often all this is done is a matter of [`retries`](super::retries).
//!
//! # What a file goes through
//!
//! 1. Its folder is opened and held open; names mean the same from then on. Folders that
//!    a title names are entered one by one, and none of them may be a link.
//! 2. What has the final name is looked at. A regular file of the right size is hashed,
//!    and if it is right that is all. A device, a pipe or a folder is refused. A name
//!    that only the publisher chose replaces nothing, unless
//!    [`Replace::Always`](crate::target::file::Replace) says otherwise.
//! 3. The partial, `.NAME.unlade-partial`, is made beside it, readable by its owner alone,
//!    or opened without following links. It must be a regular file of this user with one
//!    link and no write permission for others; a stranger's is named, and neither used
//!    nor removed.
//! 4. It is locked. Another process that fills the same file is waited for, 10 minutes
//!    unless told otherwise, and named; when it is done its file is found and hashed.
//!    Where the file system has no locks, the partial gets a name that no other process
//!    has a reason to open, and the observer is warned.
//! 5. Its journal, `.NAME.unlade-journal`, is opened on the same terms. Of the same blob,
//!    and beside a partial of the right length, it says what there is; else both are
//!    emptied. The room for the rest is allocated; in memory, and where the file system
//!    cannot allocate, it is checked alone. Too little is
//!    [`NoSpace`](crate::ErrorKind::NoSpace) before the first byte is asked for.
//! 6. Bytes are written at their offsets, and each MiB is noted with its checksum.
//! 7. With the proof it gets its length and its mode (that of the file it replaces, else
//!    what the umask leaves of 0666), is synced, renamed, and its folder is synced.
//!    [`Durability::NoSync`](crate::target::file::Durability) leaves the syncs out.
//!
//! # Where it ends
//!
//! What is not published is kept, with its journal, where a later run can go on with it:
//! after a failure that no retry mends, on request ([`Cancel`](crate::cancel::Cancel),
//! Ctrl-C), and if the process is killed. Bytes that are known to be wrong are removed, and
//! so is what nobody can go on with: a blob of one granule, an archive that is to be
//! unpacked, what has no size, what
//! [`FileOptions::resume`](crate::target::file::FileOptions::resume) says to begin afresh.
//! The observer is told which of the two.
//!
//! The journal ([`Ledger`](crate::target::Ledger)) is a heading that names blob and size,
//! and a record of 24 bytes for each [`GRANULE`](crate::target::GRANULE). Each record has a
//! checksum that only this blob's journal could have: what is torn, flipped or foreign is no
//! record. Nothing is synced for it, so that after a power cut it may name what never
//! reached the disk; and whoever wrote it may have lied. So the next run reads the partial
//! once, believes a granule whose bytes have the checksum, and hashes the beginning again.
//! There is no saved state of a hash. A wrong journal costs time, and never correctness.
//!
//! Once the file has its name, the journal is removed. A crash between the two leaves it
//! alone: it is removed by the next run that finds the file.
//!
//! A stream is resumed as a file is, as long as the process lives: its reader notices
//! nothing of a break.
