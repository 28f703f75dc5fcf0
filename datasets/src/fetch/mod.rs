//! Downloads a dataset: resumable, verified, mirror after mirror.

mod attempts;
#[cfg(feature = "fetch")]
mod fetcher;
#[cfg(feature = "fetch")]
mod transfer;

pub use attempts::{Attempt, Attempts, TransferError};
#[cfg(feature = "fetch")]
pub use fetcher::{fetch, fetch_manifest};

/// What is happening to a download.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The files are there and verified; nothing needs to be downloaded.
    Present {
        /// The download's name.
        file: &'a str,
    },
    /// Bytes are about to arrive.
    Started {
        /// The download's name.
        file: &'a str,
        /// Where it comes from.
        address: &'a str,
        /// Bytes that are already there from an earlier try.
        resumed_at: u64,
        /// The length of the whole, if the mirror or the manifest tells.
        total: Option<u64>,
    },
    /// Bytes have arrived.
    Received {
        /// The download's name.
        file: &'a str,
        /// Bytes there.
        bytes: u64,
        /// The length of the whole, if known.
        total: Option<u64>,
    },
    /// A try has failed; the same or the next address is tried.
    Failed {
        /// The download's name.
        file: &'a str,
        /// The address.
        address: &'a str,
        /// Why.
        reason: &'a TransferError,
    },
    /// The download is whole and verified.
    Verified {
        /// The download's name.
        file: &'a str,
    },
}
