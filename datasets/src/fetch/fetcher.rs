//! Downloads one file after the other, from one mirror after the other.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::transfer::{Client, Failure};
use super::{Attempts, Progress, TransferError};
use crate::error::{Error, Result};
use crate::install::{self, PartFile};
use crate::layout;
use crate::manifest::{Download, Manifest};
use crate::name::DatasetName;
use crate::verified_digests::VerifiedDigests;
use crate::verify;

/// Number of consecutive attempts without new bytes before the next mirror is tried.
const MAX_IDLE_ATTEMPTS: u32 = 3;
/// Maximum number of attempts per address.
const MAX_ATTEMPTS: u32 = 50;
/// Pause before another attempt, multiplied by the number of idle attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Downloads the missing files of a dataset from its usual mirrors into its folder in `data_dir`; returns the folder.
///
/// A download is written to a file ending with `.part`, so that an interrupted fetch resumes.
/// The file gets its final name once its digest matches the published one.
///
/// # Errors
/// [`Error::BuiltIn`] for generated data; [`Error::Download`] if all mirrors fail, for example without a network;
/// [`Error::Io`] if a file cannot be written; [`Error::Busy`] if another process is downloading the dataset.
pub fn fetch(
    name: DatasetName,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf> {
    fetch_manifest(Manifest::of(name)?, None, data_dir, progress)
}

/// Downloads like [`fetch`], with a custom manifest or with a single mirror in place of those of the manifest.
///
/// The names of the downloads are appended to `mirror`, after a slash if it does not end with one.
///
/// # Errors
/// Errors of [`fetch`].
pub fn fetch_manifest(
    manifest: &Manifest,
    mirror: Option<&str>,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf> {
    let folder = install::make_folder(manifest, data_dir)?;
    let mirrors = mirror.map_or_else(|| manifest.mirrors.clone(), |mirror| vec![mirror.to_owned()]);
    let mut fetcher = Fetcher { manifest, mirrors, folder, client: Client::new(), progress };
    for download in &manifest.downloads {
        fetcher.fetch(download)?;
    }
    Ok(fetcher.folder)
}

struct Fetcher<'a> {
    manifest: &'a Manifest,
    mirrors: Vec<String>,
    folder: PathBuf,
    client: Client,
    progress: &'a mut dyn FnMut(Progress),
}

/// Outcome of an attempt.
enum Outcome {
    Done,
    Retry(TransferError),
    NextMirror(TransferError),
}

impl Fetcher<'_> {
    fn fetch(&mut self, download: &Download) -> Result<()> {
        if self.is_present(download) {
            (self.progress)(Progress::Present { file: &download.name });
            return Ok(());
        }
        let part = PartFile::open(&self.folder.join(&download.name))?;
        let mut attempts = Attempts::default();
        for mirror in self.mirrors.clone() {
            let slash = if mirror.ends_with('/') { "" } else { "/" };
            let address = format!("{mirror}{slash}{}", download.name);
            if self.fetch_from(&address, download, &part, &mut attempts)? {
                (self.progress)(Progress::Verified { file: &download.name });
                return self.install(download, part);
            }
        }
        if part.len()? == 0 {
            part.remove()?;
        }
        Err(Error::Download { name: self.manifest.name, file: download.name.clone(), attempts })
    }

    /// True if every file of the download exists with a known digest.
    fn is_present(&self, download: &Download) -> bool {
        let verified = VerifiedDigests::read(&self.folder);
        let located = layout::locate_in(self.manifest, &self.folder);
        download.files.iter().all(|file| {
            let here = located.iter().find(|located| located.file.name == file.name);
            here.zip(verified.known(file)).is_some_and(|(located, known)| {
                verify::content_digest(&located.path).is_ok_and(|digest| digest == known)
            })
        })
    }

    /// Tries one address until the download is complete and verified, or until further attempts are pointless.
    fn fetch_from(
        &mut self,
        address: &str,
        download: &Download,
        part: &PartFile,
        attempts: &mut Attempts,
    ) -> Result<bool> {
        let (mut most, mut idle) = (part.len()?, 0);
        for _ in 0..MAX_ATTEMPTS {
            let (reason, permanent) = match self.attempt(address, download, part)? {
                Outcome::Done => return Ok(true),
                Outcome::Retry(reason) => (reason, false),
                Outcome::NextMirror(reason) => (reason, true),
            };
            (self.progress)(Progress::Failed { file: &download.name, address, reason: &reason });
            attempts.push(address, reason);
            let length = part.len()?;
            idle = if length > most { 0 } else { idle + 1 };
            most = most.max(length);
            if permanent || idle == MAX_IDLE_ATTEMPTS {
                break;
            }
            thread::sleep(PAUSE * idle);
        }
        Ok(false)
    }

    fn attempt(&mut self, address: &str, download: &Download, part: &PartFile) -> Result<Outcome> {
        let resumed_at = part.len()?;
        // A complete download that is not verified yet needs no transfer.
        if resumed_at == 0 || download.bytes != Some(resumed_at) {
            match self.client.transfer(address, download, part, self.progress) {
                Ok(()) => {}
                Err(Failure::Local(error)) => return Err(error),
                Err(Failure::Remote(reason)) if reason.is_permanent() => {
                    return Ok(Outcome::NextMirror(reason));
                }
                Err(Failure::Remote(reason)) => return Ok(Outcome::Retry(reason)),
            }
        }
        match verify::check_download(download, &part.path) {
            Ok(()) => Ok(Outcome::Done),
            Err(Error::Checksum { expected, actual, .. }) => {
                part.clear()?;
                let reason = TransferError::Checksum { expected, actual };
                // The bytes of an earlier attempt may be wrong, rather than those of this mirror.
                Ok(if resumed_at > 0 {
                    Outcome::Retry(reason)
                } else {
                    Outcome::NextMirror(reason)
                })
            }
            Err(error) => Err(error),
        }
    }

    fn install(&self, download: &Download, part: PartFile) -> Result<()> {
        let mut verified = VerifiedDigests::read(&self.folder);
        if download.archive.is_some() {
            install::unpack(self.manifest, download, &part.path, &self.folder, &mut verified)?;
            part.remove()?;
        } else {
            // Checked manifests have exactly one file here.
            let file = &download.files[0];
            let target = install::official_path(file, &part.path, &self.folder)?;
            verified.add(file, verify::content_digest(&part.path)?);
            part.persist(&target)?;
            install::remove_other_forms(file, &self.folder, &target)?;
        }
        verified.write(&self.folder)
    }
}
