//! A training under way as a file.
//!
//! A safetensors file: `layer.<l>.weight` and `layer.<l>.bias`, layers counted from 1, each with `.first` and `.second`
//! where the optimiser keeps these moments, `batch_entropy.alpha` alike where there is any, and `losses` in f64. Its metadata hold two JSON texts: `progress`, and
//! `identity`, all that determines the training's numbers. One file, renamed into its place when it is whole, so that
//! there is a checkpoint or none at any moment.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    fs::{self, File},
    io::ErrorKind,
    path::PathBuf,
};

use isobath_tensor::{Backend, Element};
use safetensors::{Dtype, SafeTensors, View, tensor::Metadata};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Job, Labelled, Result, TrainParams, TrainerBackend, layer::Parameters, model::Model,
    progress::Progress,
};

/// Where and how often a training keeps itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The file.
    pub path: PathBuf,
    /// Least steps between two checkpoints.
    pub every: usize,
}

/// All that determines the numbers of a training. A checkpoint of another one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity(BTreeMap<String, String>);

/// Raised whenever the same settings begin to give other numbers, or checkpoints another form.
const VERSION: &str = "1";

impl Checkpoints {
    /// The identity of a training whose network, at this place of the model, is at its initialisation.
    pub(crate) fn identity<B: TrainerBackend>(
        &self,
        backend: &B,
        params: &TrainParams,
        job: &Job<'_>,
        samples: &SampleDigests,
        (model, place): (&Model<B>, usize),
    ) -> Result<Identity> {
        let mut initial = Digest::default();
        for (_, parameters) in model.parameters() {
            let values = backend.read(&parameters.values, parameters.range(place))?;
            initial.add(values.into_iter().map(f32::to_bits));
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

    /// Writes everything of the network at this place to the file.
    pub(crate) fn save<B: TrainerBackend>(
        &self,
        backend: &B,
        identity: &Identity,
        (model, place): (&Model<B>, usize),
        progress: &Progress,
    ) -> Result<()> {
        let metadata = HashMap::from([
            ("identity".to_owned(), self.json(&identity.0)?),
            ("progress".to_owned(), self.json(progress)?),
        ]);
        let mut tensors = vec![("losses".to_owned(), Tensor::of(&progress.losses))];
        for (name, parameters) in model.parameters() {
            for (part, buffer) in parts(parameters) {
                let numbers = backend.read(buffer, parameters.range(place))?;
                tensors.push((format!("{name}{part}"), Tensor::of(&numbers)));
            }
        }
        self.write(tensors, metadata).map_err(|reason| self.not_saved(reason))
    }

    /// Written beside its place, brought to the disk, and renamed.
    fn write(
        &self,
        tensors: Vec<(String, Tensor)>,
        metadata: HashMap<String, String>,
    ) -> Result<(), String> {
        let partial = self.path.with_extension("partial");
        safetensors::serialize_to_file(tensors, Some(metadata), &partial)
            .map_err(|error| error.to_string())?;
        File::open(&partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&partial, &self.path))
            .map_err(|error| error.to_string())
    }

    /// Takes parameters and moments from the file to this place of the model, and gives back the progress; `None` where there is no
    /// file.
    pub(crate) fn load<B: TrainerBackend>(
        &self,
        backend: &B,
        identity: &Identity,
        (model, place): (&mut Model<B>, usize),
    ) -> Result<Option<Progress>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.not_loaded(error.to_string())),
        };
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|e| self.not_loaded(e.to_string()))?;
        let tensors =
            SafeTensors::deserialize(&bytes).map_err(|e| self.not_loaded(e.to_string()))?;
        let Identity(saved) = Identity(self.text(&header, "identity")?);
        let differs = identity.0.iter().find(|(what, value)| saved.get(*what) != Some(value));
        if let Some((what, _)) = differs {
            return Err(Error::ForeignCheckpoint { path: self.path.clone(), what: what.clone() });
        }
        let mut progress: Progress = self.text(&header, "progress")?;
        progress.losses = self.numbers(&tensors, "losses")?;
        for (name, parameters) in model.parameters_mut() {
            let range = parameters.range(place);
            for (part, buffer) in parts_mut(parameters) {
                let name = format!("{name}{part}");
                let numbers: Vec<f32> = self.numbers(&tensors, &name)?;
                let (expected, actual) = (range.len(), numbers.len());
                if expected != actual {
                    let reason = format!("`{name}` holds {actual} numbers instead of {expected}");
                    return Err(self.not_loaded(reason));
                }
                backend.write(buffer, range.start, &numbers)?;
            }
        }
        Ok(Some(progress))
    }

    fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<String> {
        serde_json::to_string(value).map_err(|error| self.not_saved(error.to_string()))
    }

    fn text<T: DeserializeOwned>(&self, header: &Metadata, name: &str) -> Result<T> {
        let text = header.metadata().as_ref().and_then(|texts| texts.get(name));
        let text = text.ok_or_else(|| self.not_loaded(format!("it has no `{name}`")))?;
        serde_json::from_str(text).map_err(|error| self.not_loaded(format!("`{name}`: {error}")))
    }

    fn numbers<T: Number>(&self, tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<T>> {
        let tensor = tensors.tensor(name).map_err(|error| self.not_loaded(error.to_string()))?;
        if tensor.dtype() == T::DTYPE {
            Ok(tensor
                .data()
                .chunks_exact(size_of::<T>())
                .map(bytemuck::pod_read_unaligned)
                .collect())
        } else {
            Err(self.not_loaded(format!(
                "`{name}` is {:?} instead of {:?}",
                tensor.dtype(),
                T::DTYPE
            )))
        }
    }

    fn not_saved(&self, reason: String) -> Error {
        Error::SaveCheckpoint { path: self.path.clone(), reason }
    }

    fn not_loaded(&self, reason: String) -> Error {
        Error::LoadCheckpoint { path: self.path.clone(), reason }
    }
}

/// What there is to keep of an array of parameters, and how it is called.
fn parts<B: Backend>(
    parameters: &Parameters<B>,
) -> impl Iterator<Item = (&'static str, &B::Buffer<f32>)> {
    let [first, second] = &parameters.moments;
    let moments = [(".first", first), (".second", second)];
    let moments = moments.into_iter().filter_map(|(part, moment)| Some((part, moment.as_ref()?)));
    std::iter::once(("", &parameters.values)).chain(moments)
}

/// As [`parts`], to be changed.
fn parts_mut<B: Backend>(
    parameters: &mut Parameters<B>,
) -> impl Iterator<Item = (&'static str, &mut B::Buffer<f32>)> {
    let [first, second] = &mut parameters.moments;
    let moments = [(".first", first), (".second", second)];
    let moments = moments.into_iter().filter_map(|(part, moment)| Some((part, moment.as_mut()?)));
    std::iter::once(("", &mut parameters.values)).chain(moments)
}

/// A list of numbers, as the file has it.
struct Tensor {
    dtype: Dtype,
    shape: [usize; 1],
    bytes: Vec<u8>,
}

impl Tensor {
    fn of<T: Number>(numbers: &[T]) -> Self {
        let bytes = bytemuck::cast_slice(numbers).to_vec();
        Self { dtype: T::DTYPE, shape: [numbers.len()], bytes }
    }
}

/// A number a checkpoint can hold.
trait Number: Element {
    const DTYPE: Dtype;
}
impl Number for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
impl Number for f64 {
    const DTYPE: Dtype = Dtype::F64;
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// A fingerprint of numbers: FNV-1a over 32-bit words, against mistakes and not against malice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, words: impl IntoIterator<Item = u32>) {
        for word in words {
            self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Fingerprints of the samples of a training.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleDigests {
    train: Digest,
    test: Digest,
}

impl SampleDigests {
    pub(crate) fn of(job: &Job<'_>) -> Self {
        Self { train: digest(&job.train), test: digest(&job.test) }
    }
}

fn digest(data: &Labelled<'_>) -> Digest {
    let mut digest = Digest::default();
    digest.add([data.samples.nrows() as u32]);
    digest.add(data.samples.iter().map(|x| x.to_bits()));
    digest.add(data.labels.iter().copied().map(u32::from));
    digest
}
