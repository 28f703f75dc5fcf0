//! Download attempts and their failures.

use std::fmt;

/// Reason why a download attempt failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The server is unreachable.
    #[error("no answer: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response has an error status.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The connection failed during the transfer.
    #[error("the connection failed after {received} bytes: {source}")]
    Interrupted {
        /// Bytes of the file received so far.
        received: u64,
        /// Error of the connection.
        #[source]
        source: std::io::Error,
    },
    /// The transfer ended early.
    #[error("the transfer ended after {received} of {total} bytes")]
    Incomplete {
        /// Bytes of the file received so far.
        received: u64,
        /// Announced length in bytes.
        total: u64,
    },
    /// The response contains another byte range than requested.
    #[error("the server sent another part of the file than requested")]
    WrongRange,
    /// The file is far longer than the published one.
    #[error("the file is longer than {limit} bytes")]
    TooLarge {
        /// Maximum accepted length in bytes.
        limit: u64,
    },
    /// The file is not the published one.
    #[error("the digest is {actual} instead of {expected}")]
    Checksum {
        /// Published digest.
        expected: String,
        /// Digest of the file.
        actual: String,
    },
}

impl TransferError {
    /// True if another attempt at the same address is pointless.
    #[cfg(feature = "fetch")]
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooLarge { .. } => true,
            // Only server errors and rate limits are temporary.
            Self::Status(status) => !matches!(status, 408 | 416 | 425 | 429 | 500..),
            Self::Interrupted { .. }
            | Self::Incomplete { .. }
            | Self::WrongRange
            | Self::Checksum { .. } => false,
        }
    }
}

/// Download attempt.
#[derive(Debug)]
pub struct Attempt {
    /// Address of the attempt.
    pub address: String,
    /// Reason of the failure.
    pub reason: TransferError,
}

/// All attempts of a download, in order.
#[derive(Debug, Default)]
pub struct Attempts(Vec<Attempt>);

impl Attempts {
    /// Returns the attempts in order.
    pub fn as_slice(&self) -> &[Attempt] {
        &self.0
    }

    #[cfg(feature = "fetch")]
    pub(super) fn push(&mut self, address: &str, reason: TransferError) {
        self.0.push(Attempt { address: address.to_owned(), reason });
    }
}

impl fmt::Display for Attempts {
    /// Writes each address with its last failure, which is the most informative one.
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
