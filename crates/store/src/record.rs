//! What is known of a run once its cells are computed: plain values between the store, the report and the exports.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::{CellId, GridPoint, TrainingId};

/// Everything measured on one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellRecord {
    /// Which cell.
    pub cell: CellId,
    /// Why there is no result, if so: a diverged decoder, say.
    pub failure: Option<String>,
    /// One for each estimator, empty after a failure.
    pub profiles: Vec<ProfileRecord>,
    /// One for each estimator and cut-off rule.
    pub cutoffs: Vec<CutoffRecord>,
    /// Training of each layer's decoder, first layer first.
    pub fits: Vec<FitRecord>,
    /// Reconstructions of a few probe samples; empty but for the first initialisation of a point.
    pub gallery: Vec<GalleryRecord>,
    /// What it took.
    pub cost: CostRecord,
}

/// An entropy over depth.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRecord {
    /// The estimator.
    pub estimator: EstimatorSpec,
    /// One for each depth, first layer first.
    pub layers: Vec<LayerRecord>,
}

/// An entropy at one depth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerRecord {
    /// The estimate: nats, or a fraction, as the estimator defines.
    pub value: f64,
    /// Bootstrap interval over probe samples (95%), where the estimator is a mean over samples.
    pub interval: Option<(f64, f64)>,
    /// Numbers replaced by a floor.
    pub floored: usize,
}

/// How deep information reaches, by one rule on one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct CutoffRecord {
    /// The estimator.
    pub estimator: EstimatorSpec,
    /// The rule.
    pub rule: CutoffRule,
    /// The depth in layers, counted from 1; `None` where it is beyond the network or undetermined.
    pub depth: Option<f64>,
    /// Information reaches deeper than the network is.
    pub beyond: bool,
    /// Bootstrap interval over probe samples (95%), or one standard error to either side, where the rule has one.
    pub interval: Option<(f64, f64)>,
    /// A remark where there is something to say: why the depth is undetermined, how good the fit is.
    pub note: Option<String>,
}

/// Training of one decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitRecord {
    /// Mean squared error on the first minibatch.
    pub first_loss: f64,
    /// Mean squared error on the last minibatch.
    pub last_loss: f64,
    /// Steps.
    pub steps: usize,
}

/// One image: an input or its reconstruction.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryRecord {
    /// Depth it is reconstructed from; 0 for the input itself.
    pub depth: usize,
    /// Which of the gallery's samples.
    pub sample: usize,
    /// Pixels as the reconstruction has them (a tanh decoder gives -1 to 1), row-major, channel by channel.
    pub pixels: Vec<f32>,
}

/// What a cell took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostRecord {
    /// Seconds for training decoders and reconstructing.
    pub cascade_seconds: f64,
    /// Seconds for entropies and verdicts.
    pub entropy_seconds: f64,
    /// Floating-point operations of the cascade's matrix products.
    pub flops: u64,
    /// Backend of the cascade, with its instruction set.
    pub backend: String,
}

/// A network's training, start to end: the ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRecord {
    /// Which one.
    pub id: TrainingId,
    /// How it ended.
    pub outcome: isobath_trainer::Outcome,
    /// The highest accuracy on the test samples, in `[0, 1]`; 0 where there was no evaluation.
    pub accuracy: f64,
    /// Whether that is at least what the experiment file calls success.
    pub succeeded: bool,
    /// The evaluations, in order.
    pub evaluations: Vec<isobath_trainer::Evaluation>,
    /// The loss of each step's minibatch before the step, in nats.
    pub losses: Vec<f64>,
    /// Seconds.
    pub seconds: f64,
    /// Floating-point operations of the matrix products.
    pub flops: u64,
}

/// One quantity of one predictor for one network.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRecord {
    /// The point of the grid.
    pub point: GridPoint,
    /// Which of the independent initialisations, from 0.
    pub seed_index: usize,
    /// Weight layers of the network, the readout included.
    pub depth: usize,
    /// The quantity's name.
    pub quantity: String,
    /// A larger one means trainable; may be infinite, never NaN.
    pub score: f64,
    /// The largest trainable depth it gives for this family, where it gives one; may be infinite.
    pub predicted_depth: Option<f64>,
    /// Seconds it took; where one look covers several depths, this network's equal share of it.
    pub seconds: f64,
    /// Floating-point operations it took, shared likewise.
    pub flops: f64,
}

/// Mean-field theory at one point of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TheoryRecord {
    /// The point of the grid.
    pub point: GridPoint,
    /// Depth scale of correlations, in layers; `None` where infinite or undefined.
    pub xi_c: Option<f64>,
    /// Mean squared singular value of the Jacobian of one layer.
    pub chi_1: Option<f64>,
}

/// A curve of theory over the phase diagram: a multiple of `xi_c`.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayRecord {
    /// As the experiment file has it: `6 xi_c`.
    pub label: String,
    /// The multiple.
    pub factor: f64,
    /// (`sigma_w2`, depth in layers), finely spaced; `None` where infinite or undefined.
    pub points: Vec<(f64, Option<f64>)>,
}

/// A whole run, as the report draws it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The experiment's name.
    pub name: String,
    /// What it is about, in a sentence.
    pub description: String,
    /// The dataset's name.
    pub dataset: String,
    /// Channels, height and width of a sample.
    pub shape: [usize; 3],
    /// The network in a few words: `tanh MLP, width 784, 50 layers`.
    pub network: String,
    /// Weight layers of the network, the readout included.
    pub depth: usize,
    /// Depths reconstructed from, `1..=layers`.
    pub layers: usize,
    /// Training samples of each decoder.
    pub train_samples: usize,
    /// Probe samples.
    pub probe_samples: usize,
    /// Independent initialisations of each point.
    pub seeds: usize,
    /// The estimators; the chart shows the first one.
    pub estimators: Vec<EstimatorSpec>,
    /// The cut-off rules; the chart shows the first one.
    pub rules: Vec<CutoffRule>,
    /// Cells computed, in the order of the grid.
    pub cells: Vec<CellRecord>,
    /// Cells of the grid.
    pub cells_planned: usize,
    /// What is called success in training: an accuracy on the test samples, in `[0, 1]`; `None` where nothing is trained.
    pub success: Option<f64>,
    /// Names of the ways in which networks are trained.
    pub recipes: Vec<String>,
    /// The depths that may have been trained.
    pub train_depths: Vec<usize>,
    /// Trainings done, by recipe, `sigma_b2`, `sigma_w2`, initialisation and depth.
    pub trainings: Vec<TrainingRecord>,
    /// What predictors say of the networks that were trained.
    pub scores: Vec<ScoreRecord>,
    /// Theory at each point of the grid.
    pub theory: Vec<TheoryRecord>,
    /// Curves over the phase diagram, for each `sigma_b2` of the grid.
    pub overlays: Vec<(f64, Vec<OverlayRecord>)>,
    /// Where the phases meet, for each `sigma_b2`: (`sigma_b2`, critical `sigma_w2`).
    pub critical: Vec<(f64, Option<f64>)>,
    /// The resolved experiment file.
    pub experiment_toml: String,
    /// Machine, version, backend: name and value.
    pub environment: Vec<(String, String)>,
    /// The command that makes this run again.
    pub command: String,
}
