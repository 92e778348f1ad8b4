//! What is tried again, how often, and how long it is waited for.
//!
//! # One decision
//!
//! [`retry::judge`](crate::retry::judge) decides, from how a request ended and what is
//! left to spend; loops obey. It has no clock, no network and no dice of its own, and a
//! table test holds it. Redirects and challenges have their own bounds. There is no retry
//! anywhere else but one that costs nothing: a GET on a connection that was kept, and that
//! its server turns out to have closed meanwhile, is made once more on a new one.
//!
//! # What is tried again
//!
//! Every request to a registry is a GET, so making it again is safe, and so are most
//! requests for tokens. One by POST hands over a refresh token that may be good for one
//! use alone: it is made again only where it cannot have been received, and after 429 and
//! 503.
//!
//! | how it ended | tried again |
//! |---|---|
//! | reset, closed early, refused, unreachable | yes |
//! | no connection, no answer, no bytes, or too few bytes in time | yes |
//! | the name cannot be resolved now | yes |
//! | 408, 425, 429, 5xx but 501 | yes |
//! | no host has that name | no: it will not have it in a second |
//! | damage on a TLS connection, an internal error of the server in its handshake | yes |
//! | a certificate, or whatever else is wrong with a TLS handshake | no |
//! | not HTTP, a head that is too large | no |
//! | an address that may not be connected to | no |
//! | any other status | no |
//! | wrong bytes | no, but once anew without what an earlier run had left, and once from another endpoint: see [`verification`](super::verification) |
//!
//! # How often
//!
//! A [`Budget`](crate::retry::Budget) counts tries **without progress**: 5 unless the
//! [`Policy`](crate::retry::Policy) says otherwise. 1 MiB of new bytes refills it. A
//! download of many gigabytes over a poor line may break as often as it likes, as long
//! as every stretch brings something; a server that gives one byte and resets is given
//! up. In all, 10 tries are allowed and one more for each MiB of the blob (or as many as
//! the policy allows in a row, if that is more), so that no server keeps a client for
//! ever.
//!
//! There is one budget for each blob and one for each document, shared by all that work
//! on it: requests, resumes, and the tokens they need. No layer multiplies the tries of
//! another.
//!
//! # How long
//!
//! The wait before try `n` is random between nothing and 300 ms doubled `n - 1` times, at
//! most 30 s. Full jitter: a fleet that failed together does not come back together.
//!
//! `Retry-After` is honoured in full, as seconds and as a date, up to 3 minutes. A date is
//! measured by the server's own clock, where its answer has a `Date`. Beyond that the error
//! says when to come back, in words and in
//! [`Context::retry_after`](crate::error::Context::retry_after).
//!
//! After a failed request, all requests of the same client to that host wait, be it the
//! registry, a token server or a store. A body that breaks off makes only its own download
//! wait. Who waits for a host, or for the right to a body, for a second or longer says so:
//! [`Event::Waiting`](crate::observe::Event::Waiting).
//!
//! One request is made for comfort alone: where a tag does not exist, near ones are looked
//! for, once, in one page of tags, for at most 5 s.
//!
//! # How much at once
//!
//! At most [`Config::connections`](crate::config::Config::connections) bodies of blobs come
//! from one registry at the same time, over all blobs of a client and wherever the registry
//! redirects to: one that is asked for waits until another has ended or was dropped. A
//! program that holds bodies open without reading them, and waits for one more than that,
//! gets it after half a minute in which none of them moved.
//!
//! 429, 503 and a refused connection halve what was in use, and so does any failure of a
//! request that is one of several for the same blob
//! ([`Zeal::Spare`](crate::source::Zeal::Spare)). Such a request is not made again, spends
//! nothing, and is not even made where it would have to wait: that says nothing about the
//! host, and it is tried again soon. As many bodies as are allowed must end well before one
//! more is allowed, and twice as many each time that one more is refused. Who waits for a
//! body comes before who asks for one later.
//!
//! # Timeouts
//!
//! No timeout is about the whole: a large blob over a slow line takes the time it takes.
//!
//! | what | limit | setting |
//! |---|---|---|
//! | a connection, TLS included | 30 s | [`Config::connect_timeout`](crate::config::Config::connect_timeout) |
//! | the head of an answer | 60 s | [`Config::response_timeout`](crate::config::Config::response_timeout) |
//! | a body that stands still | 30 s | [`Config::stall_timeout`](crate::config::Config::stall_timeout) |
//! | a body that crawls | 1 KiB/s | [`Config::min_rate`](crate::config::Config::min_rate) |
//!
//! The rate is measured over stretches of waiting as long as the stall timeout. Only time
//! spent waiting for the server counts: while a pipe's reader pauses, the watch rests.
//!
//! # What it looks like
//!
//! Each wait is told to the [`Observer`](crate::observe::Observer) with its reason, each
//! resume with its offset. The final error says how many requests were made
//! ([`Context::attempts`](crate::error::Context::attempts)) and how long it took.
