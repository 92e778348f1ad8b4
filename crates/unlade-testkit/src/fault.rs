//! The lies, numbered.

mod access;
mod body;
mod content;
mod crowd;
mod listing;
mod protocol;
mod range;
mod redirect;
mod step;

use std::time::Duration;

use crate::answer::Answer;

pub(crate) use range::content_range;
pub(crate) use redirect::LOOP;
pub(crate) use step::{Here, Step, honest};

/// The delay that a server asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// More seconds than a year has.
    Absurd,
    /// Nothing: the client chooses.
    Absent,
    /// A date, this far in the future, in the form of RFC 9110, section 5.6.7.
    Date(Duration),
    /// A date, this far behind the one that the answer bears, by the clock of the server.
    Dated(Duration),
    /// A number of seconds.
    Seconds(u64),
}

impl RetryAfter {
    fn value(&self) -> Option<String> {
        match self {
            Self::Absurd => Some("999999999".to_owned()),
            Self::Absent => None,
            Self::Date(delay) | Self::Dated(delay) => {
                Some(httpdate::fmt_http_date(std::time::SystemTime::now() + *delay))
            }
            Self::Seconds(seconds) => Some(seconds.to_string()),
        }
    }
}

/// What a server does with those that are too many.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Beyond {
    /// Resets the connection.
    Reset,
    /// Answers with a status, and when to come back.
    Status(u16, RetryAfter),
}

macro_rules! faults {
    ($($(#[$doc:meta])* $number:literal $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty = $example:expr),* })?;)*) => {
        /// A lie that a server tells once for each time it is scripted.
        ///
        /// The numbers are for ever: a test asserts that each is met by at least one end-to-end case. Faults that
        /// are about one kind of request (a range, a token, a tag list) are scripted for that kind.
        #[derive(Clone, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type),* })?,)*
        }

        impl Fault {
            /// Every number with its name.
            pub const ALL: &[(u16, &str)] = &[$(($number, stringify!($name))),*];

            /// Gives the number: 7 for F7.
            pub fn number(&self) -> u16 {
                match self { $(Self::$name { .. } => $number),* }
            }

            /// Gives the name of the variant.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name)),* }
            }

            /// Makes one of each, with parameters that suit a blob of some hundred bytes.
            pub fn examples() -> Vec<Self> {
                vec![$(Self::$name $({ $($field: $example),* })?),*]
            }
        }
    };
}

faults! {
    /// Sends this much of the body, then ends the connection in order (FIN).
    1 CutBody { /** Bytes of the body that are sent. */ after: usize = 10 };
    /// Sends this much of the body, then resets the connection (RST).
    2 ResetBody { /** Bytes of the body that are sent. */ after: usize = 10 };
    /// Resets the connection instead of answering.
    3 ResetBeforeAnswer;
    /// Ends the connection in order instead of answering.
    4 CloseBeforeAnswer;
    /// Says nothing, and keeps the connection.
    5 StallBeforeHeaders;
    /// Sends this much of the body, then nothing more, and keeps the connection.
    6 StallBody { /** Bytes of the body that are sent. */ after: usize = 10 };
    /// Sends the body byte by byte, with a pause after each.
    7 TrickleBody { /** The pause. */ pause: Duration = Duration::from_millis(1) };
    /// Turns over the bits of one byte of the body.
    8 FlipByte { /** The place of the byte in the body. */ at: usize = 10 };
    /// Announces more bytes than there are, and ends the connection after the last one.
    9 LengthTooLarge { /** How many more. */ by: usize = 5 };
    /// Announces fewer bytes than it sends.
    10 LengthTooSmall { /** How many fewer. */ by: usize = 5 };
    /// Announces no length, and ends the connection early as if the body were over.
    11 LengthMissing { /** Bytes of the body that are sent. */ after: usize = 10 };
    /// Sends chunks (RFC 9112, section 7.1), but never the last one.
    12 ChunkedUnfinished { /** Bytes of the body that are sent. */ after: usize = 10 };
    /// Answers 204 without a body.
    13 NoContent;
    /// Answers a range with a `Content-Range` that starts elsewhere.
    14 RangeWrongStart;
    /// Answers a range with a `Content-Range` of another total.
    15 RangeWrongTotal;
    /// Answers a range with 206 and no `Content-Range`.
    16 RangeMissing;
    /// Answers a range with two `Content-Range` headers that contradict each other.
    17 RangeDuplicated;
    /// Answers 206 to a request without a range.
    18 RangeUnasked;
    /// Answers a range with 200 and the whole content.
    19 RangeIgnored;
    /// Answers a good range with 416.
    20 RangeRefused;
    /// Answers a range with fewer bytes than asked for, and says so in `Content-Range`.
    21 RangeShort { /** How many fewer. */ by: usize = 3 };
    /// Answers a range with more bytes than asked for, and says so in `Content-Range`.
    22 RangeLong { /** How many more. */ by: usize = 3 };
    /// Answers 429.
    23 TooManyRequests { /** When to come back. */ retry_after: RetryAfter = RetryAfter::Seconds(0) };
    /// Answers 500, 502, 503 or another failure of the server.
    24 ServerError {
        /** The status. */ status: u16 = 503,
        /** When to come back. */ retry_after: RetryAfter = RetryAfter::Absent
    };
    /// Answers 408.
    25 RequestTimeout;
    /// Sends this much of the body, forgets all tokens, and resets the connection.
    26 TokenExpiresMidBody { /** Bytes of the body that are sent. */ after: usize = 10 };
    /// Answers 401 without `WWW-Authenticate`.
    27 UnauthorizedWithoutChallenge;
    /// Answers 401 with schemes that nobody speaks.
    28 UnknownScheme;
    /// Answers 401 with a challenge that asks for a scope of the server's choosing.
    29 ForeignScope { /** The scope. */ scope: String = "repository:other/secret:pull,push".to_owned() };
    /// Answers 401 with `insufficient_scope` and a scope of the server's choosing.
    30 InsufficientScope { /** The scope. */ scope: String = "repository:other/secret:pull,push".to_owned() };
    /// Answers 401 with a realm at another place.
    31 RealmElsewhere { /** The realm's URL. */ realm: String = "http://127.0.0.1:9/token".to_owned() };
    /// Answers 401 with a realm on its own host, but over plain http.
    32 RealmPlain;
    /// Answers 401 with a realm at the address of the metadata service.
    33 RealmLinkLocal;
    /// Redirects the request for a token with 307, which repeats a POST with its body.
    34 RealmRedirect { /** The URL. */ to: String = "http://127.0.0.1:9/token".to_owned() };
    /// Answers a request for a token with 200 and no token.
    35 TokenMissing;
    /// Answers a request for a token with a token of 8 MiB.
    36 TokenHuge;
    /// Answers a request for a token with a token that holds a line end and a header.
    37 TokenNewline;
    /// Answers a request for a token with 503.
    38 TokenUnavailable;
    /// Redirects.
    39 Redirect {
        /** 301, 302, 303, 307 or 308. */ status: u16 = 307,
        /** The URL. */ to: String = "http://127.0.0.1:9/".to_owned()
    };
    /// Redirects to a place that redirects to itself.
    40 RedirectLoop;
    /// Redirects to the address of the metadata service.
    41 RedirectLinkLocal;
    /// Redirects to itself over plain http.
    42 RedirectDowngrade;
    /// Redirects to itself with a user and a password in the URL.
    43 RedirectUserinfo;
    /// Redirects to a file.
    44 RedirectFile;
    /// Redirects to 2130706433, which some resolvers take for 127.0.0.1.
    45 RedirectInteger;
    /// Answers 403 as a store does whose signed URL has expired.
    46 SignedUrlExpired;
    /// Answers 401, at the target of a redirect, with a challenge of its own.
    47 TargetChallenge { /** The realm's URL. */ realm: String = "http://127.0.0.1:9/token".to_owned() };
    /// Sends a body that never ends.
    48 EndlessBody;
    /// Sends headers that never end.
    49 EndlessHeaders;
    /// Sends interim answers that never end (RFC 9110, section 15.2).
    50 EndlessInformational { /** 100 or 103. */ status: u16 = 103 };
    /// Sends one header line of this many bytes, then the answer.
    51 HugeHeader { /** The length of the line. */ bytes: usize = 1 << 20 };
    /// Pads a manifest with spaces to this many bytes; it stays valid JSON.
    52 HugeManifest { /** The length. */ bytes: usize = 5 << 20 };
    /// Sends a JSON document that nests without end.
    53 EndlessJson;
    /// Sends a well-formed document that is not the one asked for.
    54 WrongManifest;
    /// Announces another `Content-Type`.
    55 WrongMediaType { /** The type. */ media_type: String = "text/html".to_owned() };
    /// Announces the digest of something else in `Docker-Content-Digest`.
    56 LyingDigestHeader;
    /// Gives every descriptor in an index or manifest a size that is one too large.
    57 LyingSizes;
    /// Compresses the body with gzip, unasked.
    58 UnaskedGzip;
    /// Links a page of tags to itself.
    59 TagsLoop;
    /// Links a page of tags to another place.
    60 TagsElsewhere { /** The URL. */ to: String = "http://127.0.0.1:9/v2/x/tags/list".to_owned() };
    /// Invents a page of tags and links to the next: scripted for always, the list never ends.
    61 TagsEndless;
    /// Answers `"tags": null`.
    62 TagsNull;
    /// Answers 404 with a body of 16 MiB.
    63 ErrorHuge;
    /// Answers 404 with words that command a terminal, or turn the direction of reading.
    64 ErrorEscapes;
    /// Answers 502 with a web page.
    65 ErrorHtml;
    /// Sends a status line that is none.
    66 GarbageStatusLine;
    /// Greets as an SSH server.
    67 SshBanner;
    /// Sends the body alone, as HTTP/0.9 did.
    68 Http09;
    /// Sends the true answer in pieces of one byte.
    69 Dribble;
    /// Answers 503 before it has read the headers, and ends the connection.
    70 EarlyAnswer;
    /// Answers well, then ends the connection, having said so.
    71 ConnectionClose;
    /// Answers well, and sends a second answer that nobody asked for.
    72 ExtraBytes;
    /// Announces a length below zero.
    73 NegativeLength;
    /// Announces two different lengths.
    74 TwoLengths;
    /// Announces a length and chunks at once (RFC 9112, section 6.1).
    75 LengthAndChunked;
    /// Sends a body with the answer to a HEAD.
    76 HeadWithBody;
    /// Sends the true answer in chunks, without a length, as proxies do.
    77 Chunked;
    /// Answers every page of tags with the same tags, and links to a page of a new name.
    78 TagsRepeated;
    /// Answers with a page of no tags, and links to a page of a new name.
    79 TagsBarren;
    /// Lists as tags what is none: any JSON.
    80 TagsOdd { /** The value of `tags`. */ tags: &'static str = "[\"v1\",5]" };
    /// Lists tags that command a terminal, or turn the direction of reading.
    81 TagsEscapes;
    /// Links to the next page in a header that cannot be read.
    82 LinkGarbage;
    /// Answers a request for referrers as a server does that has no such endpoint.
    83 ReferrersAbsent { /** The status. */ status: u16 = 404 };
    /// Answers 200 with a web page, as some gateways do for what they do not know.
    84 PageInstead;
    /// Lists as the only referrer a manifest that does not refer to the subject.
    85 ReferrersForeign { /** Its digest. */ digest: String = crate::content::digest(b"foreign"), /** Its size. */ size: usize = 7 };
    /// Invents a page of referrers and links to the next: scripted for always, the list never ends.
    86 ReferrersEndless;
    /// Lists referrers as being of the type of their configuration, whatever type they have.
    87 ReferrersMistyped;
    /// Links to a next page at another place, whose URL repeats the token or password that the request showed.
    88 EchoInLink;
    /// Answers with an index whose only entry has as its digest the token or password that the request showed.
    89 EchoInIndex;
    /// Redirects to another place, whose URL repeats the token or password that the request showed.
    90 EchoInRedirect;
    /// Pads a page of an invented tag to almost 4 MiB and links to the next: scripted for always, the list never ends.
    91 TagsHeavy;
    /// Lists referrers as being of one type, whatever type they have.
    92 ReferrersRetyped { /** The type. */ to: &'static str = "application/x-other" };
    /// Answers well once so many requests for which this is scripted wait together; that fewer ever do fails the test.
    93 Gathered { /** How many. */ count: usize = 1 };
    /// Answers well as long as fewer than so many for which this is scripted are served at the time.
    94 Crowded { /** How many are served. */ limit: usize = 0, /** What the others get. */ beyond: Beyond = Beyond::Reset };
    /// Sends other bytes, as many: a blob that was changed under its name.
    95 BlobChanged;
    /// Answers a range as `multipart/byteranges`, though it is one.
    96 RangeMultipart;
    /// Answers a range with a `Content-Range` that leaves the total open.
    97 RangeTotalUnknown;
    /// Answers well, and forgets all tokens.
    98 TokensExpire;
}

/// Turns the true answer into what the fault makes of it.
pub(crate) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Vec<Step> {
    body::lie(fault, answer, here)
        .or_else(|| range::lie(fault, answer, here))
        .or_else(|| crowd::lie(fault, answer, here))
        .or_else(|| access::lie(fault, here))
        .or_else(|| redirect::lie(fault, here))
        .or_else(|| content::lie(fault, answer, here))
        .or_else(|| listing::lie(fault, answer, here))
        .or_else(|| protocol::lie(fault, answer, here))
        .unwrap_or_else(|| panic!("no file of this folder tells the lie F{} {}", fault.number(), fault.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_without_gaps() {
        let numbers: Vec<u16> = Fault::ALL.iter().map(|(number, _)| *number).collect();
        let count = u16::try_from(numbers.len()).unwrap();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
        assert_eq!(Fault::examples().len(), numbers.len());
    }

    #[test]
    fn every_fault_changes_the_answer() {
        let whole = bytes::Bytes::from(crate::content::bytes(1, 300));
        for method in ["GET", "HEAD"] {
            let here = Here::example(method);
            let answer = Answer { status: 206, range: Some((10, 99)), ..Answer::content("a/b", &whole) };
            let answer = answer.header("Content-Range", "bytes 10-99/300").body(whole.slice(10..100));
            let truth = honest(&answer, &here);
            for fault in Fault::examples() {
                let told = lie(&fault, &answer, &here);
                // These need what this answer has not: a body, sizes or entries in JSON, a HEAD request.
                let without_effect = matches!(fault.number(), 8 | 57 | 76 | 87 | 92 | 95);
                assert!(told != truth || without_effect, "F{} {}", fault.number(), fault.name());
            }
        }
    }

    #[test]
    fn delays_are_written_in_each_form() {
        assert_eq!(RetryAfter::Seconds(3).value().unwrap(), "3");
        assert_eq!(RetryAfter::Absent.value(), None);
        assert!(RetryAfter::Date(Duration::from_secs(9)).value().unwrap().ends_with(" GMT"));
    }
}
