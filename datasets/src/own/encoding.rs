//! Recognises texts that are not UTF-8, and how to convert them.

/// First bytes of a text in UTF-16, and the name of its encoding for `iconv`.
const MARKS: [([u8; 2], &str); 2] = [([0xff, 0xfe], "UTF-16"), ([0xfe, 0xff], "UTF-16")];
/// Bytes in which zeros show the encoding.
const START: usize = 256;

/// Content that is not text in UTF-8, with the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) found: String,
    pub(super) advice: String,
}

/// The text of `bytes`.
///
/// # Errors
/// The encoding that the text seems to have, and how to convert it; or that it is no text.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Foreign> {
    if let Some((_, name)) = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err(encoded("text in UTF-16".to_owned(), name));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(with_zero(bytes, at));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = line_at(bytes, at);
        let found = format!(
            "text that is not UTF-8: the byte 0x{:02x} in line {line}, probably",
            bytes[at]
        );
        // Latin-1 has no printable characters here, Windows-1252 has.
        if bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) {
            encoded(format!("{found} Windows-1252"), "WINDOWS-1252")
        } else {
            encoded(format!("{found} Latin-1"), "LATIN1")
        }
    })
}

/// Line of the byte at `at`, from 1.
pub(super) fn line_at(bytes: &[u8], at: usize) -> usize {
    bytes[..at].split(|&byte| byte == b'\n').count()
}

fn encoded(found: String, encoding: &str) -> Foreign {
    let advice = format!(
        "save it as UTF-8, for example by `iconv -f {encoding} -t UTF-8 OLD.csv > NEW.csv`"
    );
    Foreign { found, advice }
}

/// Text in UTF-16 without a mark, or no text, given the place of the first zero.
fn with_zero(bytes: &[u8], at: usize) -> Foreign {
    let start = &bytes[..bytes.len().min(START)];
    let zeros =
        |parity: usize| start.iter().skip(parity).step_by(2).filter(|&&byte| byte == 0).count() * 2;
    // Most characters of a table are ASCII, whose other byte is zero.
    let most = start.len() * 3 / 4;
    if zeros(1) > most && zeros(0) == 0 {
        return encoded("text in UTF-16".to_owned(), "UTF-16LE");
    }
    if zeros(0) > most && zeros(1) == 0 {
        return encoded("text in UTF-16".to_owned(), "UTF-16BE");
    }
    Foreign {
        found: format!("no text: byte {at} is zero"),
        advice: "give a CSV file, or .npy or .npz with its own ending".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "a,b,label\n1,2,0\n3,4,1\n";

    #[track_caller]
    fn check(bytes: &[u8], found: &str, advice: &str) {
        let foreign = utf8(bytes).unwrap_err();
        assert!(foreign.found.contains(found), "{foreign:?}");
        assert!(foreign.advice.contains(advice), "{foreign:?}");
    }

    fn utf16(order: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        TABLE.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn other_encodings_are_named() {
        assert_eq!(utf8(TABLE.as_bytes()), Ok(TABLE));
        check(&utf16(u16::to_le_bytes), "UTF-16", "-f UTF-16LE -t UTF-8");
        check(&utf16(u16::to_be_bytes), "UTF-16", "-f UTF-16BE -t UTF-8");
        let marked = [vec![0xff, 0xfe], utf16(u16::to_le_bytes)].concat();
        check(&marked, "UTF-16", "-f UTF-16 -t UTF-8");
        let latin = b"a,label\n1,caf\xe9\n";
        check(latin, "the byte 0xe9 in line 2, probably Latin-1", "-f LATIN1 -t UTF-8");
        check(
            b"a,label\n1,\x93x\x94\n",
            "0x93 in line 2, probably Windows-1252",
            "-f WINDOWS-1252",
        );
        check(b"PK\x03\x04\x00\x00\x01\x00", "no text: byte 4 is zero", ".npz");
    }
}
