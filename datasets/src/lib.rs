//! Image data: loaded from published files, downloaded and verified, or generated.
//!
//! | task | items |
//! |---|---|
//! | list the datasets | [`DatasetName`], [`list`] |
//! | load images and labels into memory | [`load`], [`Dataset`] |
//! | describe the published files and their digests | [`Manifest`] |
//! | download or import files | `fetch` (feature `fetch`), [`import`] |
//! | load the user's own data | [`OwnData`], [`DatasetSource`] |
//! | read and write the file formats | [`idx`], [`cifar`], [`own::npy`], [`own::npz`], [`own::table_text`], [`own::picture`] |
//!
//! The caller chooses the data folder; this crate has no default.
//! Every random choice is a function of the seed in the request, so equal requests give bit-identical data on every
//! machine and with any number of threads.
//! Files are untrusted: any content results in data or in an [`Error`] that contains the file and the offset.

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
pub mod own;
mod read;
mod rng;
mod scale;
mod select;
mod shrink;
mod source;
mod status;
mod tar;
mod verified_digests;
mod verify;

pub use dataset::{Dataset, Provenance, Samples, Shape, Split};
pub use error::{Error, Result};
pub use fetch::{Attempt, Attempts, Progress, TransferError};
#[cfg(feature = "fetch")]
pub use fetch::{fetch, fetch_manifest};
pub use import::{Imported, Verify, import};
pub use load::{LoadRequest, MAX_GENERATED, load};
pub use manifest::{Content, DataFile, Download, Format, Manifest, ManifestError};
pub use name::DatasetName;
pub use own::{
    ArrayLayout, DatasetSource, Extent, LabelColumn, OwnData, OwnRequest, Skipped, Summary,
};
pub use scale::{ChannelScale, PixelScale, Scale};
pub use status::{State, Status, list};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
