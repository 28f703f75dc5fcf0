//! Extraction of the expected files of a tar archive.
//!
//! Only regular files with an expected path are written, and only to paths chosen by the caller. An archive can
//! therefore not write anywhere else.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::error::{Result, io};
use crate::source::Source;

/// Block size of tar archives.
const BLOCK: usize = 512;
/// Maximum total size of other members in bytes: the only known archive contains a text file and padding.
const MAX_OTHER_BYTES: u64 = 16 << 20;

/// Expected member of the archive.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedMember {
    /// Path in the archive.
    pub(crate) path: String,
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// Output path.
    pub(crate) target: PathBuf,
}

/// Writes every expected member of the archive.
///
/// # Errors
/// [`Error::Malformed`](crate::Error::Malformed) if the archive is damaged, lacks an expected member, contains it twice
/// or with another length, or is far too long; [`Error::Compression`](crate::Error::Compression) if its compression is
/// damaged; [`Error::Io`](crate::Error::Io).
pub(crate) fn unpack(mut archive: Source, members: &[ExpectedMember]) -> Result<()> {
    let mut pending: Vec<&ExpectedMember> = members.iter().collect();
    let mut other_bytes = 0;
    while let Some(header) = read_header(&mut archive)? {
        let path = header.path.strip_prefix("./").unwrap_or(&header.path);
        let matching = pending.iter().position(|member| header.regular && member.path == path);
        let Some(index) = matching else {
            other_bytes += header.bytes;
            if other_bytes > MAX_OTHER_BYTES || members.iter().any(|member| member.path == path) {
                let found = format!("another {} bytes called `{path}`", header.bytes);
                return Err(archive.malformed_at(header.offset, expected(&pending), found));
            }
            skip(&mut archive, header.bytes.next_multiple_of(BLOCK as u64))?;
            continue;
        };
        let member = pending.swap_remove(index);
        if header.bytes != member.bytes {
            let found = format!("{} bytes", header.bytes);
            return Err(archive.malformed_at(
                header.offset,
                format!("{} bytes of {path}", member.bytes),
                found,
            ));
        }
        write(&mut archive, member)?;
    }
    if !pending.is_empty() {
        return Err(archive.malformed_at(
            archive.offset(),
            expected(&pending),
            "the end of the archive",
        ));
    }
    // Padding follows the end; reading it lets the decoder check its checksum.
    archive.drain(MAX_OTHER_BYTES)
}

/// Decoded header block.
struct Header {
    path: String,
    bytes: u64,
    regular: bool,
    /// Offset of the header in the archive.
    offset: u64,
}

/// Reads the next header; `None` at the end of the archive.
fn read_header(archive: &mut Source) -> Result<Option<Header>> {
    let offset = archive.offset();
    let mut block = [0; BLOCK];
    match archive.read(&mut block)? {
        0 => return Ok(None),
        BLOCK => {}
        _ => {
            return Err(archive.malformed_at(
                offset,
                "a tar header of 512 bytes",
                "the end of the file",
            ));
        }
    }
    if block == [0; BLOCK] {
        return Ok(None);
    }
    if octal(&block[148..156]) != Some(checksum(&block)) {
        return Err(archive.malformed_at(
            offset,
            "a tar header",
            "512 bytes whose checksum is wrong",
        ));
    }
    let Some(bytes) = octal(&block[124..136]) else {
        return Err(archive.malformed_at(
            offset + 124,
            "the length of a file in octal digits",
            "something else",
        ));
    };
    let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
    // Only the POSIX variant has a prefix; GNU tar uses these bytes differently.
    let has_prefix = block[257..263] == *b"ustar\0" && !prefix.is_empty();
    let path = if has_prefix { format!("{prefix}/{name}") } else { name };
    Ok(Some(Header { path, bytes, regular: matches!(block[156], b'0' | 0), offset }))
}

/// Sum of the bytes of a header, with blanks in place of the stored sum.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    sum(&block[..148]) + 8 * u64::from(b' ') + sum(&block[156..])
}

/// Parses octal digits padded with blanks or zero bytes.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+'))
}

/// Text before the first zero byte.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn write(archive: &mut Source, member: &ExpectedMember) -> Result<()> {
    let mut file = File::create(&member.target).map_err(io("create", &member.target))?;
    let mut buffer = vec![0; 256 * 1024];
    let mut left = member.bytes;
    while left > 0 {
        let piece = left.min(buffer.len() as u64);
        archive.fill(&mut buffer[..piece as usize], &member.path)?;
        file.write_all(&buffer[..piece as usize]).map_err(io("write", &member.target))?;
        left -= piece;
    }
    file.sync_all().map_err(io("write", &member.target))?;
    skip(archive, member.bytes.next_multiple_of(BLOCK as u64) - member.bytes)
}

fn skip(archive: &mut Source, mut bytes: u64) -> Result<()> {
    let mut block = [0; BLOCK];
    while bytes > 0 {
        let piece = bytes.min(BLOCK as u64);
        archive.fill(&mut block[..piece as usize], "the archive")?;
        bytes -= piece;
    }
    Ok(())
}

fn expected(pending: &[&ExpectedMember]) -> String {
    match pending.first() {
        Some(member) => format!("`{}` among the files of the archive", member.path),
        None => "the end of the archive".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Header and padded content of one member.
    fn member(path: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut block = [0; BLOCK];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum = format!("{:06o}\0 ", checksum(&block));
        block[148..156].copy_from_slice(sum.as_bytes());
        let mut bytes = [&block, content].concat();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn archive(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
        let members = members.iter().flat_map(|(path, kind, content)| member(path, *kind, content));
        members.chain([0; 2 * BLOCK]).collect()
    }

    /// Unpacks `d/a` (3 bytes) and `d/b` (600 bytes).
    fn unpacked(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let folder = tempfile::tempdir().unwrap();
        let member = |name: &str, bytes| ExpectedMember {
            path: format!("d/{name}"),
            bytes,
            target: folder.path().join(format!("{name}.out")),
        };
        unpack(Source::bytes("archive", bytes), &[member("a", 3), member("b", 600)])?;
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is written");
        Ok(["a.out", "b.out"].map(|name| std::fs::read(folder.path().join(name)).unwrap()).into())
    }

    const LONG: [u8; 600] = [7; 600];

    #[test]
    fn only_expected_members_are_written() {
        let members: &[(&str, u8, &[u8])] = &[
            ("d/", b'5', b""),
            ("../../etc/passwd", b'0', b"x"),
            ("/d/a", b'0', b"no!"),
            ("d/readme", b'0', b"text"),
            ("./d/b", b'0', &LONG),
            ("d/a", 0, b"abc"),
        ];
        assert_eq!(unpacked(&archive(members)).unwrap(), (b"abc".to_vec(), LONG.to_vec()));
    }

    #[track_caller]
    fn check_rejected(bytes: &[u8], expected: &str) {
        let message = unpacked(bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn damaged_archives_are_rejected() {
        let good: &[(&str, u8, &[u8])] = &[("d/a", b'0', b"abc"), ("d/b", b'0', &LONG)];
        check_rejected(
            &archive(&good[..1]),
            "expected `d/b` among the files of the archive, found the end",
        );
        check_rejected(&archive(&[good[0], ("d/b", b'2', b"")]), "another 0 bytes called `d/b`");
        check_rejected(&archive(&[good[0], good[0]]), "another 3 bytes called `d/a`");
        check_rejected(
            &archive(&[("d/a", b'0', b"abcd")]),
            "expected 3 bytes of d/a, found 4 bytes",
        );
        check_rejected(&archive(good)[..1600], "more bytes of d/b");
        check_rejected(&archive(good)[..1100], "a tar header of 512 bytes");
        let mut flipped = archive(good);
        flipped[1] ^= 1;
        check_rejected(
            &flipped,
            "byte 0 (after decompression): expected a tar header, found 512 bytes whose checksum",
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn arbitrary_changes_never_panic(at in 0..2560_usize, value: u8, cut in 0..2560_usize) {
            let mut bytes = archive(&[("d/a", b'0', b"abc"), ("d/b", b'0', &LONG)]);
            bytes[at] = value;
            drop(unpacked(&bytes));
            bytes.truncate(cut);
            drop(unpacked(&bytes));
        }
    }
}
