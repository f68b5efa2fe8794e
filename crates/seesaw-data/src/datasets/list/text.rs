//! The encodings and separators of spreadsheets.

use super::ListError;

/// The text of a file in UTF-8, or in UTF-16 with a byte order mark.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, ListError> {
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map_err(|_| invalid(1, "it is not valid UTF-16"))
    };
    match bytes[..] {
        [0xFF, 0xFE, ..] => utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => utf16(u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(bytes).map_err(|error| {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                invalid(1 + lines(valid), "it is not UTF-8; save the list as `CSV UTF-8`")
            })?;
            if text.contains('\0') {
                return Err(invalid(1, "it holds zero bytes; save the list as `CSV UTF-8`"));
            }
            Ok(match text.strip_prefix('\u{feff}') {
                Some(text) => text.to_owned(),
                None => text,
            })
        }
    }
}

fn invalid(line: u64, reason: &str) -> ListError {
    ListError { line, reason: reason.to_owned() }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// What separates the columns, the text without Excel's line `sep=;`, and how many lines that was.
pub(super) fn separator(text: &str) -> (u8, &str, u64) {
    let first = text.lines().next().unwrap_or_default();
    if let [b's', b'e', b'p', b'=', separator] = first.trim_end().as_bytes() {
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        return (*separator, rest, 1);
    }
    let count = |separator: u8| first.bytes().filter(|&byte| byte == separator).count();
    // Commas win a draw.
    let best = [b'\t', b';', b','].into_iter().max_by_key(|&separator| count(separator));
    (best.unwrap_or(b','), text, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_by_their_marks() {
        let utf16 = |text: &str, big: bool| -> Vec<u8> {
            let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        for bytes in [utf16("Bär", false), utf16("Bär", true), "Bär".into(), "\u{feff}Bär".into()]
        {
            assert_eq!(decode(bytes).unwrap(), "Bär");
        }
        let error = decode(b"path,label\nB\xE4r.jpg,x\n".to_vec()).unwrap_err();
        assert!(error.line == 2 && error.reason.contains("CSV UTF-8"), "{error}");
        assert!(decode(b"p\0a\0".to_vec()).unwrap_err().reason.contains("zero bytes"));
        assert!(decode(b"\xFF\xFE\0\xD8".to_vec()).is_err());
        assert_eq!(decode(vec![]).unwrap(), "");
    }

    #[test]
    fn separators_are_counted_in_the_first_line() {
        assert_eq!(separator("path;label\na,b;c\n").0, b';');
        assert_eq!(separator("path\tlabel\n").0, b'\t');
        assert_eq!(separator("path,label\n").0, b',');
        assert_eq!(separator("path").0, b',');
        assert_eq!(separator("sep=;\npath;label\n"), (b';', "path;label\n", 1));
    }
}
