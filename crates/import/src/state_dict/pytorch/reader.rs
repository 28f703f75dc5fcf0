//! Reads the arguments of pickle operations.

/// Bytes of a pickle that are still to be read.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn word32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Text of that many bytes.
    pub(super) fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// Text up to the end of the line.
    pub(super) fn line(&mut self) -> Option<&'a str> {
        let length = self.bytes.get(self.at..)?.iter().position(|&byte| byte == b'\n')?;
        let line = self.text(length)?;
        self.at += 1;
        Some(line)
    }

    /// A signed number of that many bytes, at most 8.
    pub(super) fn integer(&mut self, length: usize) -> Option<i64> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte >> 7 == 1);
        let mut word = [if negative { 0xff } else { 0 }; 8];
        word.get_mut(..length)?.copy_from_slice(bytes);
        Some(i64::from_le_bytes(word))
    }
}
