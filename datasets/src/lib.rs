//! Image data: loaded from the published files, fetched and verified, or generated.
//!
//! | question | where |
//! |---|---|
//! | which datasets are there | [`DatasetName`], [`list`] |
//! | images and labels in memory | [`load`], [`Dataset`] |
//! | where files come from and how they are recognised | [`Manifest`] |
//! | getting them | `fetch` (with the feature `fetch`), [`import`] |
//! | the file formats | [`idx`], [`cifar`] |
//!
//! The caller decides where data live; this crate knows no default folder.
//! Every random choice is a function of the seed in the request, so the same request gives the same bits on every
//! machine, whatever its number of threads.
//! Files are untrusted: whatever they hold, the answer is data or an [`Error`] that names the file and the offset.

pub mod cifar;
mod collect;
mod dataset;
mod digest;
mod digits;
mod error;
mod fetch;
pub mod idx;
mod import;
mod install;
mod layout;
mod load;
mod manifest;
mod name;
mod noise;
mod read;
mod receipt;
mod rng;
mod select;
mod source;
mod status;
mod tar;
mod verify;

pub use dataset::{Dataset, Provenance, Samples, Shape, Split};
pub use error::{Error, Result};
pub use fetch::{Attempt, Attempts, Progress, TransferError};
#[cfg(feature = "fetch")]
pub use fetch::{fetch, fetch_manifest};
pub use import::{Imported, Verify, import};
pub use load::{LoadRequest, MOST_GENERATED, load};
pub use manifest::{Content, DataFile, Download, Format, Manifest};
pub use name::DatasetName;
pub use status::{State, Status, list};
