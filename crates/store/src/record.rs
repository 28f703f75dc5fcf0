//! Results of a run as plain values, shared by the store, the report and the exports.

use isobath_entropy::{EstimatorSpec, cutoff::CutoffRule};
use isobath_experiment::{CellId, GridPoint, NetworkKind, Overlay, TrainingId};

/// Results of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellRecord {
    /// The cell.
    pub cell: CellId,
    /// Reason for a missing result, such as a diverged decoder; `None` on success.
    pub failure: Option<String>,
    /// Profiles, one per estimator; empty after a failure.
    pub profiles: Vec<ProfileRecord>,
    /// Cut-offs, one per estimator and rule; empty after a failure.
    pub cutoffs: Vec<CutoffRecord>,
    /// Decoder trainings, first layer first.
    pub fits: Vec<FitRecord>,
    /// `1 - R^2` of the best linear decoder of the first layer on the probe samples; `None` if unknown.
    pub linear_error: Option<f64>,
    /// Reconstructions of a few probe samples. Only the first initialisation of a point has them.
    pub gallery: Vec<GalleryRecord>,
    /// Cost of the cell.
    pub cost: CostRecord,
}

/// Entropy profile: one estimate per depth.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRecord {
    /// The estimator.
    pub estimator: EstimatorSpec,
    /// Estimates by depth, first layer first.
    pub layers: Vec<LayerRecord>,
}

/// Entropy estimate at one depth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerRecord {
    /// The estimate, in the estimator's unit.
    pub value: f64,
    /// 95% bootstrap interval over probe samples; `None` if the estimator is not a mean over samples.
    pub interval: Option<(f64, f64)>,
    /// Number of units or samples without variance, replaced by a floor.
    pub floored: usize,
}

/// Cut-off of one rule on one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct CutoffRecord {
    /// The estimator.
    pub estimator: EstimatorSpec,
    /// The rule.
    pub rule: CutoffRule,
    /// The depth in layers, counted from 1; `None` if it is beyond the network or undetermined.
    pub depth: Option<f64>,
    /// True if the cut-off is deeper than the network.
    pub beyond: bool,
    /// True if the information may reach deeper than `depth`: the decoders have not converged, or a linear decoder still reads
    /// it.
    pub is_lower_bound: bool,
    /// Interval in layers: 95% bootstrap over probe samples, otherwise one standard error to each side, widened by what the
    /// amount of training changes. `None` without any of these.
    pub interval: Option<(f64, f64)>,
    /// Depth by the decoders after half of their steps; the network's depth if it is beyond the network.
    pub half: Option<f64>,
    /// Optional remark, such as the residual of the fit or the reason for an undetermined depth.
    pub note: Option<String>,
}

/// Training result of one decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitRecord {
    /// Mean squared error on the first minibatch.
    pub first_loss: f64,
    /// Mean squared error on the last minibatch.
    pub last_loss: f64,
    /// Number of steps.
    pub steps: usize,
}

/// One image: an input or its reconstruction.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryRecord {
    /// Depth of the reconstruction; 0 for the input itself.
    pub depth: usize,
    /// Index among the gallery's samples, from 0.
    pub sample: usize,
    /// Pixels, row-major, channel by channel. The range is the decoder's: -1 to 1 for tanh.
    pub pixels: Vec<f32>,
}

/// Cost of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostRecord {
    /// Seconds for decoder training and reconstruction.
    pub cascade_seconds: f64,
    /// Seconds for entropies and cut-offs.
    pub entropy_seconds: f64,
    /// Floating-point operations of the cascade's matrix products.
    pub flops: u64,
    /// Backend of the cascade, including its instruction set.
    pub backend: String,
}

/// Result of one training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRecord {
    /// The training.
    pub id: TrainingId,
    /// Outcome.
    pub outcome: isobath_trainer::Outcome,
    /// The highest accuracy on the test samples, in `[0, 1]`; 0 without evaluations.
    pub accuracy: f64,
    /// True if the accuracy reaches the success threshold of the experiment file.
    pub succeeded: bool,
    /// Evaluations by step.
    pub evaluations: Vec<isobath_trainer::Evaluation>,
    /// Loss of each step's minibatch before the update.
    pub losses: Vec<f64>,
    /// Duration in seconds.
    pub seconds: f64,
    /// Floating-point operations of the matrix products.
    pub flops: u64,
}

/// Score of one predictor quantity for one network.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRecord {
    /// The point of the grid.
    pub point: GridPoint,
    /// Index of the initialisation, from 0.
    pub seed_index: usize,
    /// Depth of the network, the readout included.
    pub depth: usize,
    /// Name of the quantity.
    pub quantity: String,
    /// The score. Larger means more trainable; may be infinite, never NaN.
    pub score: f64,
    /// Predicted largest trainable depth, may be infinite; `None` if the predictor gives none.
    pub predicted_depth: Option<f64>,
    /// Cost in seconds. If one computation covers several depths, they share its cost equally.
    pub seconds: f64,
    /// Cost in floating-point operations, shared like `seconds`.
    pub flops: f64,
}

/// Mean-field theory at one point of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct TheoryRecord {
    /// The point of the grid.
    pub point: GridPoint,
    /// Stage from which depth scales count, from 1; `None` without a fixed point.
    pub first_stage: Option<usize>,
    /// Correlation depth scale in layers; `None` if infinite or undefined.
    pub xi_c: Option<f64>,
    /// Mean squared singular value of the Jacobian of one layer.
    pub chi_1: Option<f64>,
    /// Growth of lengths, where no stable length exists.
    pub growth: Option<GrowthRecord>,
}

/// Growth of lengths in theory, for inputs of mean square 1.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowthRecord {
    /// The growth in words.
    pub sentence: String,
    /// Lengths `q_1, ..., q_depth`, variances per unit; infinite beyond the largest double.
    pub lengths: Vec<f64>,
    /// First layer at which typical activations `sqrt(q)` exceed the largest f32, if it is in the network.
    pub overflow_layer: Option<usize>,
}

/// Theory of a network stage by stage at one point of the grid, where no depth scale describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct StagesRecord {
    /// The point of the grid.
    pub point: GridPoint,
    /// Stages in order: all, or those before the unknown one.
    pub stages: Vec<StageRecord>,
    /// First stage that theory does not cover, counted from 1, and the reason.
    pub unknown: Option<(usize, String)>,
}

/// Theory of one stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageRecord {
    /// The stage, counted from 1.
    pub stage: usize,
    /// Natural logarithm of the pre-activations' mean square; infinite where they vanish or grow beyond all numbers.
    pub ln_q: f64,
    /// Correlation of the pre-activations of two inputs; `None` where they vanish.
    pub c: Option<f64>,
    /// Natural logarithm of the mean squared gradient, relative to the last stage.
    pub ln_gradient: f64,
    /// Relative standard error of the mean square, where it was sampled.
    pub sampling_error: Option<f64>,
}

/// Theory curve over the phase diagram: a multiple of a depth scale.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayRecord {
    /// The curve in the experiment file.
    pub overlay: Overlay,
    /// Stage from which the depth scale counts, from 1.
    pub first_stage: usize,
    /// (`sigma_w2`, depth), finely spaced; the depth is `None` if infinite or undefined.
    pub points: Vec<(f64, Option<f64>)>,
}

/// Mean-field theory over one slice of the phase diagram: one network and one `sigma_b2`.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceTheory {
    /// Index of the network.
    pub variant: usize,
    /// Variance of the biases.
    pub sigma_b2: f64,
    /// Critical `sigma_w2`; `None` if there is none.
    pub critical: Option<f64>,
    /// Theory curves.
    pub overlays: Vec<OverlayRecord>,
}

impl SliceTheory {
    /// True if `point` belongs to the slice.
    pub fn covers(&self, point: GridPoint) -> bool {
        point.shares_slice(&GridPoint { variant: self.variant, sigma_b2: self.sigma_b2, ..point })
    }
}

/// One of the networks that a grid compares.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantRecord {
    /// Name: the settings in which the networks differ, such as `relu, width 64`; empty for a single network.
    pub name: String,
    /// Activation of the hidden layers.
    pub activation: String,
    /// Initialisation, if it has a scale of its own: `pytorch`.
    pub scheme: Option<String>,
    /// Short text: `tanh MLP, width 784, 49 hidden layers`.
    pub description: String,
    /// Reason why no depth scale of mean-field theory describes it, as the end of a sentence; `None` where one does.
    pub theory_gap: Option<String>,
}

/// All results of a run, as input of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The experiment's name.
    pub name: String,
    /// One-sentence description.
    pub description: String,
    /// The dataset's name.
    pub dataset: String,
    /// Channels, height and width of a sample.
    pub shape: [usize; 3],
    /// The networks that the grid compares, usually one, indexed by [`GridPoint::variant`].
    pub variants: Vec<VariantRecord>,
    /// Kind of the networks, which says what a depth counts.
    pub kind: NetworkKind,
    /// Depth of the network, the readout included.
    pub depth: usize,
    /// Number of layers with reconstructions, at depths `1..=layers`.
    pub layers: usize,
    /// Training samples of each decoder.
    pub train_samples: usize,
    /// Noise on each activation that ridge decoders assume; `None` for trained decoders.
    pub noise: Option<f64>,
    /// Probe samples.
    pub probe_samples: usize,
    /// Independent initialisations of each point.
    pub seeds: usize,
    /// Estimators. The chart shows the first one.
    pub estimators: Vec<EstimatorSpec>,
    /// Cut-off rules. The chart shows the first one.
    pub rules: Vec<CutoffRule>,
    /// Computed cells, in grid order.
    pub cells: Vec<CellRecord>,
    /// Number of cells in the grid.
    pub cells_planned: usize,
    /// Success threshold: accuracy on the test samples, in `[0, 1]`; `None` without trainings.
    pub success: Option<f64>,
    /// Names of the training recipes.
    pub recipes: Vec<String>,
    /// Depths of the training grid.
    pub train_depths: Vec<usize>,
    /// Finished trainings, ordered by recipe, `sigma_b2`, `sigma_w2`, initialisation and depth.
    pub trainings: Vec<TrainingRecord>,
    /// Predictor scores of the trained networks.
    pub scores: Vec<ScoreRecord>,
    /// Mean-field theory at each point of the grid.
    pub theory: Vec<TheoryRecord>,
    /// Mean-field theory over each slice of the phase diagram.
    pub curves: Vec<SliceTheory>,
    /// Theory stage by stage at some of the points without a depth scale.
    pub stages: Vec<StagesRecord>,
    /// The resolved experiment file.
    pub experiment_toml: String,
    /// Names and values that describe machine, version and backend.
    pub environment: Vec<(String, String)>,
    /// Command that reproduces this run.
    pub command: String,
}

impl RunRecord {
    /// Initialisation of the network of `point`, if it has a scale of its own: `pytorch`.
    pub fn scheme(&self, point: GridPoint) -> Option<&str> {
        self.variants.get(point.variant).and_then(|variant| variant.scheme.as_deref())
    }

    /// Mean-field theory over the slice of `point`.
    pub fn curves(&self, point: GridPoint) -> Option<&SliceTheory> {
        self.curves.iter().find(|curves| curves.covers(point))
    }

    /// Short text about the network of `point`: `tanh MLP, width 784, 49 hidden layers`.
    pub fn network(&self, point: GridPoint) -> &str {
        self.variants.get(point.variant).map_or("", |variant| &variant.description)
    }

    /// Short text about all networks: that of the only one, or their descriptions in a list.
    pub fn networks(&self) -> String {
        let texts: Vec<_> = self.variants.iter().map(|one| one.description.as_str()).collect();
        texts.join("; ")
    }

    /// True if the grid compares several networks.
    pub fn has_variants(&self) -> bool {
        self.variants.len() > 1
    }

    /// Name of the network of `point` among several; `None` if there is only one.
    pub fn variant_name(&self, point: GridPoint) -> Option<&str> {
        let variant = self.variants.get(point.variant).filter(|_| self.has_variants());
        variant.map(|variant| variant.name.as_str())
    }

    /// Pairs of an estimator and a rule that applies to it, the leading pair first.
    pub fn pairs(&self) -> Vec<(EstimatorSpec, CutoffRule)> {
        self.estimators
            .iter()
            .flat_map(|&estimator| self.rules.iter().map(move |&rule| (estimator, rule)))
            .filter(|(estimator, rule)| rule.applies_to(estimator))
            .collect()
    }
}
