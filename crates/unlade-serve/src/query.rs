//! Percent-encoded text in paths and queries.

/// Decodes `%XX`; `None` for a broken escape or what is not UTF-8 then.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, behind) = rest.split_first_chunk::<2>()?;
            bytes.push(digit(digits[0])? << 4 | digit(digits[1])?);
            rest = behind;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Returns the value of the first parameter of a name, decoded; one that cannot be decoded is not there.
///
/// A `+` stands for itself: media types have it, and none of our parameters has a space.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(key)? == name { decode(value) } else { None }
    })
}

/// Encodes a text for use as a value in a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.extend(['%', hexadecimal(byte >> 4), hexadecimal(byte & 15)]),
        }
    }
    encoded
}

fn hexadecimal(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_found_and_decoded() {
        for (query, expected) in [
            ("", None),
            ("last=a", None),
            ("n", Some("")),
            ("n=", Some("")),
            ("n=5&n=6", Some("5")),
            ("last=a&n=%35", Some("5")),
            ("%6e=a+b%2Bc=d", Some("a+b+c=d")),
            ("n=%", None),
            ("n=%4", None),
            ("n=%+5", None),
            ("n=%ff", None),
        ] {
            assert_eq!(parameter(query, "n").as_deref(), expected, "{query}");
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics(text in any::<String>()) {
            let _unused = decode(&text);
            let _unused = parameter(&text, "n");
        }

        #[test]
        fn what_is_encoded_is_decoded_again(text in any::<String>()) {
            prop_assert_eq!(parameter(&format!("n={}", encode(&text)), "n"), Some(text));
        }
    }
}
