//! Download after download, mirror after mirror.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::transfer::{Client, Trouble};
use super::{Attempts, Progress, TransferError};
use crate::error::{Error, Result};
use crate::install::{self, Part};
use crate::layout;
use crate::manifest::{Download, Manifest};
use crate::name::DatasetName;
use crate::receipt::Receipt;
use crate::verify;

/// Tries at one address that bring nothing new before the next one gets its turn.
const IDLE_TRIES: u32 = 3;
/// Tries at one address altogether.
const TRIES: u32 = 50;
/// Pause before a second try that may do better, times the number of idle tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Downloads what is missing of a dataset into its folder in `data_dir`, from its usual mirrors; returns the folder.
///
/// A download grows in a file ending with `.part`, from which an interrupted fetch goes on.
/// It gets its final name once its digest is the published one.
///
/// # Errors
/// [`Error::BuiltIn`] for generated data; [`Error::Download`] if no mirror delivers, for instance without a network;
/// [`Error::Io`] if a file cannot be written; [`Error::Busy`] if another process is fetching the same.
pub fn fetch(
    name: DatasetName,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf> {
    fetch_manifest(Manifest::of(name)?, None, data_dir, progress)
}

/// As [`fetch`], with a manifest of one's own, or with the address of one mirror in place of the manifest's.
///
/// The downloads' names are appended to `mirror`, with a slash between if it does not end with one.
///
/// # Errors
/// As [`fetch`].
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

/// How a try at an address ended.
enum Outcome {
    Done,
    TryAgain(TransferError),
    NextMirror(TransferError),
}

impl Fetcher<'_> {
    fn fetch(&mut self, download: &Download) -> Result<()> {
        if self.is_present(download) {
            (self.progress)(Progress::Present { file: &download.name });
            return Ok(());
        }
        let part = Part::open(&self.folder.join(&download.name))?;
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

    /// Whether every file of the download is there with a known digest.
    fn is_present(&self, download: &Download) -> bool {
        let receipt = Receipt::read(&self.folder);
        let located = layout::locate_in(self.manifest, &self.folder);
        download.files.iter().all(|file| {
            let here = located.iter().find(|located| located.file.name == file.name);
            here.zip(receipt.known(file)).is_some_and(|(located, known)| {
                verify::content_digest(&located.path).is_ok_and(|digest| digest == known)
            })
        })
    }

    /// Tries one address until the download is whole and verified, or until there is no hope.
    fn fetch_from(
        &mut self,
        address: &str,
        download: &Download,
        part: &Part,
        attempts: &mut Attempts,
    ) -> Result<bool> {
        let (mut most, mut idle) = (part.len()?, 0);
        for _ in 0..TRIES {
            let (reason, hopeless) = match self.try_once(address, download, part)? {
                Outcome::Done => return Ok(true),
                Outcome::TryAgain(reason) => (reason, false),
                Outcome::NextMirror(reason) => (reason, true),
            };
            (self.progress)(Progress::Failed { file: &download.name, address, reason: &reason });
            attempts.push(address, reason);
            let length = part.len()?;
            idle = if length > most { 0 } else { idle + 1 };
            most = most.max(length);
            if hopeless || idle == IDLE_TRIES {
                break;
            }
            thread::sleep(PAUSE * idle);
        }
        Ok(false)
    }

    fn try_once(&mut self, address: &str, download: &Download, part: &Part) -> Result<Outcome> {
        let resumed_at = part.len()?;
        // A whole download that was not verified yet needs no transfer.
        if resumed_at == 0 || download.bytes != Some(resumed_at) {
            match self.client.transfer(address, download, part, self.progress) {
                Ok(()) => {}
                Err(Trouble::Here(error)) => return Err(error),
                Err(Trouble::There(reason)) if reason.is_lasting() => {
                    return Ok(Outcome::NextMirror(reason));
                }
                Err(Trouble::There(reason)) => return Ok(Outcome::TryAgain(reason)),
            }
        }
        match verify::check_download(download, &part.path) {
            Ok(()) => Ok(Outcome::Done),
            Err(Error::Checksum { expected, actual, .. }) => {
                part.clear()?;
                let reason = TransferError::Checksum { expected, actual };
                // The older beginning may be to blame rather than this mirror.
                Ok(if resumed_at > 0 {
                    Outcome::TryAgain(reason)
                } else {
                    Outcome::NextMirror(reason)
                })
            }
            Err(error) => Err(error),
        }
    }

    fn install(&self, download: &Download, part: Part) -> Result<()> {
        let mut receipt = Receipt::read(&self.folder);
        if download.archive.is_some() {
            install::unpack(self.manifest, download, &part.path, &self.folder, &mut receipt)?;
            part.remove()?;
        } else {
            // Manifests are checked to have exactly one file here.
            let file = &download.files[0];
            let target = install::official_path(file, &part.path, &self.folder)?;
            receipt.add(file, verify::content_digest(&part.path)?);
            part.persist(&target)?;
            install::remove_other_forms(file, &self.folder, &target)?;
        }
        receipt.write(&self.folder)
    }
}
