//! Resumable, verified downloads from several mirrors.

mod attempts;
#[cfg(feature = "fetch")]
mod fetcher;
#[cfg(feature = "fetch")]
mod transfer;

pub use attempts::{Attempt, Attempts, TransferError};
#[cfg(feature = "fetch")]
pub use fetcher::{fetch, fetch_manifest};

/// Progress of a download.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The files exist and are verified; no download is needed.
    Present {
        /// Name of the download.
        file: &'a str,
    },
    /// A transfer starts.
    Started {
        /// Name of the download.
        file: &'a str,
        /// Address of the download.
        address: &'a str,
        /// Number of bytes kept from an earlier attempt.
        resumed_at: u64,
        /// Total length in bytes, if the mirror or the manifest contains it.
        total: Option<u64>,
    },
    /// Bytes have arrived.
    Received {
        /// Name of the download.
        file: &'a str,
        /// Number of bytes received so far.
        bytes: u64,
        /// Total length in bytes, if known.
        total: Option<u64>,
    },
    /// An attempt failed; the same address or the next one follows.
    Failed {
        /// Name of the download.
        file: &'a str,
        /// Address of the attempt.
        address: &'a str,
        /// Reason of the failure.
        reason: &'a TransferError,
    },
    /// The download is complete and verified.
    Verified {
        /// Name of the download.
        file: &'a str,
    },
}
