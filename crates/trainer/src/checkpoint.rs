//! Checkpoint of a training as a file.
//!
//! A safetensors file: `layer.<l>.weight` and `layer.<l>.bias`, layers counted from 1, each with `.first` and `.second`
//! where the optimiser keeps these moments, `batch_entropy.alpha` likewise where there is any, and `losses` in f64. Its
//! metadata hold two JSON texts, `progress` and `identity`, which is everything that determines the training's numbers,
//! and `sha256`, a checksum of all texts and tensors. The file is written under another name and renamed, so a checkpoint
//! is complete or absent, and a damaged one is refused.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::ErrorKind,
    path::PathBuf,
};

use safetensors::{SafeTensors, tensor::Metadata};
use serde::Serialize;

use crate::{
    CheckpointError, Error, Job, Result, TrainParams, TrainerBackend,
    checkpoint_file::{self, Tensor},
    digest::{Digest, SampleDigests},
    model::Model,
    moments::Moments,
    progress::Progress,
};

/// Name of the losses in the file.
const LOSSES: &str = "losses";
/// Name of the progress in the file's metadata.
const PROGRESS: &str = "progress";
/// Name of the identity in the file's metadata.
const IDENTITY: &str = "identity";

/// Path and interval of a training's checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The file.
    pub path: PathBuf,
    /// Minimum number of steps between two checkpoints.
    pub every: usize,
}

/// Everything that determines the numbers of a training. A checkpoint of another training is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity(BTreeMap<String, String>);

/// Version of the file format and of the numbers; raise it when the same settings give other numbers.
const VERSION: &str = "1";

impl Checkpoints {
    /// Identity of a training whose network, at this place of the model, is at its initialisation.
    pub(crate) fn identity<B: TrainerBackend>(
        &self,
        backend: &B,
        params: &TrainParams,
        job: &Job<'_>,
        samples: &SampleDigests,
        (model, place): (&Model<B>, usize),
    ) -> Result<Identity> {
        let mut initial = Digest::default();
        for (_, array, _) in model.parameters() {
            initial.add(array.read(backend, place)?.into_iter().map(f32::to_bits));
        }
        let entries = [
            ("version", VERSION.to_owned()),
            ("choice of settings", self.json(params)?),
            ("backend", backend.description()),
            ("seed", job.seed.to_string()),
            ("architecture", self.json(job.network.spec().layers())?),
            ("initialisation", initial.to_string()),
            ("set of training samples", samples.train.to_string()),
            ("set of test samples", samples.test.to_string()),
        ];
        Ok(Identity(entries.into_iter().map(|(what, value)| (what.to_owned(), value)).collect()))
    }

    /// Writes the state of the network at this place to the file.
    pub(crate) fn save<B: TrainerBackend>(
        &self,
        backend: &B,
        identity: &Identity,
        (model, place): (&Model<B>, usize),
        progress: &Progress,
    ) -> Result<()> {
        let metadata = HashMap::from([
            (IDENTITY.to_owned(), self.json(&identity.0)?),
            (PROGRESS.to_owned(), self.json(progress)?),
        ]);
        let mut tensors = vec![(LOSSES.to_owned(), Tensor::of(&progress.losses))];
        for (name, array, Moments([first, second])) in model.parameters() {
            let moments = [(".first", first.as_ref()), (".second", second.as_ref())];
            for (part, array) in [("", Some(array))].into_iter().chain(moments) {
                let Some(array) = array else { continue };
                let numbers = array.read(backend, place)?;
                tensors.push((format!("{name}{part}"), Tensor::of(&numbers)));
            }
        }
        checkpoint_file::write(&self.path, tensors, metadata).map_err(|e| self.not_saved(e))
    }

    /// Reads parameters and moments from the file into the network at this place, and returns the progress; `None` where
    /// there is no file.
    pub(crate) fn load<B: TrainerBackend>(
        &self,
        backend: &B,
        identity: &Identity,
        (model, place): (&mut Model<B>, usize),
    ) -> Result<Option<Progress>> {
        let failed = |error| self.not_loaded(error);
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| failed(e.into()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| failed(e.into()))?;
        checkpoint_file::verify(&header, &tensors).map_err(failed)?;
        self.check_identity(identity, &header)?;
        let mut progress: Progress = checkpoint_file::text(&header, PROGRESS).map_err(failed)?;
        progress.losses = checkpoint_file::numbers(&tensors, LOSSES).map_err(failed)?;
        for (name, array, Moments([first, second])) in model.parameters_mut() {
            let moments = [(".first", first.as_mut()), (".second", second.as_mut())];
            for (part, array) in [("", Some(array))].into_iter().chain(moments) {
                let Some(array) = array else { continue };
                let name = format!("{name}{part}");
                let numbers: Vec<f32> =
                    checkpoint_file::numbers(&tensors, &name).map_err(failed)?;
                let (expected, actual) = (array.size(), numbers.len());
                if expected != actual {
                    return Err(failed(CheckpointError::Length { name, expected, actual }));
                }
                array.write(backend, place, &numbers)?;
            }
        }
        Ok(Some(progress))
    }

    /// Refuses a checkpoint of another training.
    fn check_identity(&self, identity: &Identity, header: &Metadata) -> Result<()> {
        let saved = checkpoint_file::text(header, IDENTITY).map_err(|e| self.not_loaded(e))?;
        let Identity(saved) = Identity(saved);
        match identity.0.iter().find(|(what, value)| saved.get(*what) != Some(value)) {
            Some((what, _)) => {
                Err(Error::ForeignCheckpoint { path: self.path.clone(), what: what.clone() })
            }
            None => Ok(()),
        }
    }

    fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<String> {
        serde_json::to_string(value).map_err(|error| self.not_saved(error.into()))
    }

    fn not_saved(&self, source: CheckpointError) -> Error {
        Error::SaveCheckpoint { path: self.path.clone(), source }
    }

    fn not_loaded(&self, source: CheckpointError) -> Error {
        Error::LoadCheckpoint { path: self.path.clone(), source }
    }
}
