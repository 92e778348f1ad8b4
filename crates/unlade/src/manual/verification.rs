//! When bytes are believed.
//!
//! # The promise
//!
//! Nothing that is not verified is ever visible. A file has its final name only after
//! the number of its bytes and their digest were those that its descriptor names; what
//! had that name before stays until then. A failure of any kind leaves it untouched.
//!
//! A stream is the exception, standard output above all: its bytes flow as they come and
//! cannot be taken back. There the end is the verdict. Whoever reads must wait for the
//! success of the call, or for the exit code 0 of the command, before trusting a byte.
//!
//! # How it is kept
//!
//! Three types of [`verify`](crate::verify) make the mistake impossible to write.
//! A target hands out a [`Ticket`](crate::verify::Ticket), which is unique and cannot be
//! copied. A [`Verifier`](crate::verify::Verifier) that was begun with the ticket absorbs
//! every byte that goes to the target and settles into a [`Proof`](crate::verify::Proof).
//! A target publishes only against a proof, and a proof fits the one ticket it was made
//! with. Nothing outside that module can make one, and a proof of another blob or for
//! another target is a [`Mismatch`](crate::ErrorKind::Mismatch).
//!
//! The hash stands between network and disk. Bytes reach the disk only after they were
//! absorbed, and what was absorbed is what was handed on, in one order. More bytes than
//! the descriptor promises end the download at once, not at its end.
//!
//! # What is verified against what
//!
//! | what | against |
//! |---|---|
//! | a blob of an artifact | size and digest of its descriptor in the manifest |
//! | a blob named by digest alone | that digest; its size is not known, and not needed |
//! | a manifest named by digest | that digest |
//! | a manifest chosen from an index | digest and size of its entry |
//! | a manifest named by tag | the `Docker-Content-Digest` that the registry sends, where it sends one |
//! | a file that is there already | size and digest; it is hashed, then left as it is |
//!
//! A tag promises nothing: who controls the registry controls what it stands for. The
//! header of a registry guards against accidents on the way, not against the registry.
//! Two that differ, and one that is no digest, are refused.
//! Pin a digest where that matters. The header is looked at for manifests by tag alone:
//! for blobs real servers send digests of another algorithm in it.
//!
//! Digests are SHA-256, SHA-384 or SHA-512, in lower-case hexadecimal digits of exactly
//! the right number. Nothing else is a digest here, so no weaker name is accepted.
//!
//! # What is never done
//!
//! Documents are kept and hashed as they were received. What is read from them is a view;
//! nothing is written anew from it. A document that two readers could take for different
//! things is refused: a deciding key twice, layers and manifests at once, a declared type
//! that its own words or its content contradict. Manifests of Docker's schema 1 are
//! [`Unsupported`](crate::ErrorKind::Unsupported): the digest that names one is not that
//! of its bytes.
//!
//! Nobody asks for compressed answers (`Accept-Encoding: identity`), and an answer with
//! a `Content-Encoding` is refused: its bytes are those of something else.
//!
//! A mismatch is not tried again at the place that the bytes came from. Something between
//! the publisher and here is broken or dishonest, and another try would at best hide it.
//! The error names the endpoints that the bytes came from. Two things can be at fault that
//! are not the source's word on the blob, and each is set aside once, with a warning: where
//! bytes took part that an earlier run had left, all of it is fetched anew; and where the
//! source has an endpoint that gave none of the wrong bytes, all of it is fetched there.
//! Neither is done for a target that cannot be filled twice, such as stdout.
//!
//! # Limits
//!
//! What is read into memory has a limit, and more than that is
//! [`TooLarge`](crate::ErrorKind::TooLarge): memory does not grow with what a server says.
//!
//! | what | limit | why |
//! |---|---|---|
//! | a manifest or index | 4 MiB ([`Config::manifest_limit`](crate::config::Config::manifest_limit)) | registries take no larger ones |
//! | a document of a layout | 4 MiB ([`Layout::max_document`](crate::layout::Layout::max_document)) | the same |
//! | the answer of a token server | 64 KiB | a token must fit a header |
//! | the body of a refusal | 64 KiB; beyond that it is passed over | it is for people |
//! | indexes in indexes | 8 deep | real ones nest two deep |
//!
//! Layouts are read without following links below their folder and without opening
//! anything but regular files, so that a layout from a stranger names no file outside
//! itself. Its blobs are verified as those of a registry are.
