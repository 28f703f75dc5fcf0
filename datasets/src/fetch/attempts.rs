//! Which addresses were tried, and what became of it.

use std::fmt;

/// Why a try at an address failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// There was no answer.
    #[error("no answer: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer was not the file.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The transfer broke off.
    #[error("the transfer broke off after {received} bytes: {source}")]
    Interrupted {
        /// Bytes of the file there.
        received: u64,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// The transfer ended early.
    #[error("the transfer ended after {received} of {total} bytes")]
    Incomplete {
        /// Bytes of the file there.
        received: u64,
        /// Bytes announced.
        total: u64,
    },
    /// The server sent another part than it was asked for.
    #[error("the server sent another part of the file than it was asked for")]
    WrongRange,
    /// The file is far longer than the published one.
    #[error("the file is longer than {limit} bytes")]
    TooLarge {
        /// Bytes that would have been accepted.
        limit: u64,
    },
    /// The file is not the published one.
    #[error("the digest is {actual} instead of {expected}")]
    Checksum {
        /// The published digest.
        expected: String,
        /// The file's digest.
        actual: String,
    },
}

impl TransferError {
    /// Whether the same address will fail again.
    #[cfg(feature = "fetch")]
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooLarge { .. } => true,
            // Only the server's own troubles and its wish to wait pass by.
            Self::Status(status) => !matches!(status, 408 | 416 | 425 | 429 | 500..),
            Self::Interrupted { .. }
            | Self::Incomplete { .. }
            | Self::WrongRange
            | Self::Checksum { .. } => false,
        }
    }
}

/// One try.
#[derive(Debug)]
pub struct Attempt {
    /// The address.
    pub address: String,
    /// Why it failed.
    pub reason: TransferError,
}

/// All tries at a download, in order.
#[derive(Debug, Default)]
pub struct Attempts(Vec<Attempt>);

impl Attempts {
    /// The tries, in order.
    pub fn as_slice(&self) -> &[Attempt] {
        &self.0
    }

    #[cfg(feature = "fetch")]
    pub(super) fn push(&mut self, address: &str, reason: TransferError) {
        self.0.push(Attempt { address: address.to_owned(), reason });
    }
}

impl fmt::Display for Attempts {
    /// Each address with its last failure, which is the one worth knowing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let followed_by_same = |index: usize| {
            self.0.get(index + 1).is_some_and(|a| a.address == self.0[index].address)
        };
        let last =
            (0..self.0.len()).filter(|index| !followed_by_same(*index)).map(|index| &self.0[index]);
        for (position, attempt) in last.enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{} ({})", attempt.address, attempt.reason)?;
        }
        Ok(())
    }
}
