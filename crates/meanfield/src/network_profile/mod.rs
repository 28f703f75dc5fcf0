//! Theory of a whole network, stage by stage: any list of layers, any initialisation.
//!
//! With many channels, the outputs of a dense layer or a convolution are normal over its channels, with covariances that
//! follow from the second moments `S = E[x x']` of its input. `alpha` is a pixel of an input, `beta` a place of the
//! kernel, and `v_beta` its share of the weight variance:
//!
//! ```text
//! K[alpha, alpha'] = sigma_w2 sum_beta v_beta S[alpha + beta, alpha' + beta] + sigma_b2
//! S[alpha, alpha'] = E[phi(u) phi(u')],   u, u' normal with covariances K
//! ```
//!
//! (Xiao et al. arXiv:1806.05393, section on signal propagation; with zero padding, places outside of the image add
//! nothing.) A dense layer after an image is a kernel that covers it: only the mean over pixels of the diagonal enters.
//! Delta-orthogonal kernels have all their variance at the centre, so that pixels do not mix. Average pooling is linear in
//! `S`. All of this is exact for infinitely many channels.
//!
//! **Residual blocks** `after(x + F(before(x)))` add the moments of stream and branch,
//! `S + S_F + E[x] E[F]' + E[F] E[x]'`, exact while the stream is normal (Yang and Schoenholz arXiv:1712.08969; He et al.
//! arXiv:1603.05027 for the order of the layers).
//!
//! **Samples.** The maximum of a window and the stream of blocks with a function after the addition have no closed form.
//! They are represented by 512 to 32,768 channels drawn at random, so that the moments have a standard error;
//! [`StageProfile::sampling_error`] is its size.
//!
//! **Memory.** Without pooling, only pairs of equal pixels are needed: diagonals of `S` evolve independently of each
//! other. Pooling needs all pairs, `(inputs * pixels)^2` numbers, for at most 2048 positions.

mod alike;
mod forward;
mod gradient;
mod inputs;
mod moments;
mod population;
mod state;
mod taps;

use isobath_architecture::{Initialisation, LayerVariances, NetworkSpec};
use serde::Serialize;

pub use self::{
    alike::{AlikeLayers, CircularModes, alike_layers, circular_modes},
    inputs::NetworkInputs,
};
use self::{
    forward::{Stage, Walk, check_size, needs_channels, pairs, sampled_pixels},
    gradient::{Gradient, StagePull},
    moments::Moments,
    population::channels,
};
use crate::{Error, FixedPoint, Result, fixed_point::finite_or_null};

/// Theory of one stage.
///
/// `z` are its pre-activations: of a residual block, the sum before its last function; of a pooling layer, its output.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StageProfile {
    /// Stage, counted from one.
    pub stage: usize,
    /// Variances of its weights and biases, if it has some of its own.
    pub variances: Option<LayerVariances>,
    /// Mean of `z^2` over units, pixels and inputs; zero or infinite beyond the range of a double.
    #[serde(serialize_with = "finite_or_null")]
    pub q: f64,
    /// Natural logarithm of `q`, which has no such limits; minus infinity if `q` is zero.
    #[serde(serialize_with = "finite_or_null")]
    pub ln_q: f64,
    /// `q` divided by that of the stage before; for the first stage, by the inputs' mean square.
    #[serde(serialize_with = "finite_or_null")]
    pub growth: f64,
    /// Correlation of `z` between two inputs, with means over units and pixels, as the mean over all pairs of inputs; `None`
    /// for a single input and where `z` vanishes.
    pub c: Option<f64>,
    /// Factor by which squared gradients grow from `z` of this stage to `z` of the one before, or to the input, for the
    /// first input: `chi_1` where all layers are alike.
    #[serde(serialize_with = "finite_or_null")]
    pub chi: f64,
    /// `ln(E|dE/dz_l|^2 / E|dE/dz_L|^2)` with the last stage's `z_L`, in whose directions the gradient is uniform.
    #[serde(serialize_with = "finite_or_null")]
    pub ln_gradient: f64,
    /// Largest relative standard error of a mean square that was sampled up to this stage; `None` if all is exact.
    pub sampling_error: Option<f64>,
}

/// Theory of a network, as far as it is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkProfile {
    /// Stages in order: all, or those before the unknown one.
    pub stages: Vec<StageProfile>,
    /// First stage of which nothing is known.
    pub unknown: Option<UnknownStage>,
    /// First stage with a typical pre-activation `sqrt(q)` above the largest f32.
    pub overflow_stage: Option<usize>,
    /// First stage with a typical pre-activation below the smallest normal f32.
    pub underflow_stage: Option<usize>,
    /// Stable length and correlation of the hidden layers [that are alike](alike_layers), if they have one.
    pub fixed_point: Option<FixedPoint>,
}

/// First stage that the theory does not cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownStage {
    /// Stage, counted from one.
    pub stage: usize,
    /// Reason.
    pub reason: UnknownReason,
}

/// Reason why theory ends at a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnknownReason {
    /// The weights or biases have a mean.
    #[error("mean-field theory requires weights and biases of mean zero")]
    Mean,
    /// Too many moments.
    #[error(
        "the moments of {inputs} inputs of {pixels} pixels need too much memory; use fewer inputs or smaller images"
    )]
    Size {
        /// Inputs.
        inputs: usize,
        /// Pixels of each.
        pixels: usize,
    },
    /// Stream and branch are not independent.
    #[error(
        "the branch of a residual block has no weights, so it is not independent of the stream"
    )]
    BranchWithoutWeights,
    /// The law of the stage's input is a mixture that is not tracked.
    #[error(
        "the stage needs the law of its input over units, and only second moments of it are known"
    )]
    Law,
}

/// Theory of the stages of `spec` with random parameters, for the given inputs.
///
/// Lengths that grow or vanish without bound are no error.
///
/// # Errors
/// [`Error::InputShape`] if the inputs do not fit the network.
pub fn network_profile(
    spec: &NetworkSpec,
    initialisation: &Initialisation,
    inputs: &NetworkInputs,
) -> Result<NetworkProfile> {
    let expected = spec.shapes()[0];
    let given = inputs.shape();
    let fits = given == expected
        || given.numbers() == expected.numbers() && (given.is_flat() || expected.is_flat());
    if !fits {
        return Err(Error::InputShape { given, expected });
    }
    let fixed_point =
        alike_layers(spec, initialisation).and_then(|alike| alike.theory.fixed_point().ok());
    let mut found = NetworkProfile {
        stages: Vec::with_capacity(spec.depth()),
        unknown: None,
        overflow_stage: None,
        underflow_stage: None,
        fixed_point,
    };
    let pulls = forward(spec, initialisation, inputs, &mut found);
    backward(&pulls, &mut found.stages);
    let first = |is_beyond: &dyn Fn(f64) -> bool| {
        found.stages.iter().find(|stage| is_beyond(0.5 * stage.ln_q)).map(|stage| stage.stage)
    };
    let (most, least) = (f64::from(f32::MAX).ln(), f64::from(f32::MIN_POSITIVE).ln());
    (found.overflow_stage, found.underflow_stage) =
        (first(&|ln_size| ln_size > most), first(&|ln_size| ln_size < least));
    Ok(found)
}

/// Fills in the stages but for their gradients.
fn forward(
    spec: &NetworkSpec,
    initialisation: &Initialisation,
    inputs: &NetworkInputs,
    found: &mut NetworkProfile,
) -> Vec<StagePull> {
    let layers = spec.layers();
    let pairs = pairs(layers);
    let mut pulls = Vec::with_capacity(layers.len());
    if let Err(reason) = check_size(inputs.count(), inputs.shape().size(), pairs) {
        found.unknown = Some(UnknownStage { stage: 1, reason });
        return pulls;
    }
    let channels = channels(inputs.count() * sampled_pixels(layers));
    let mut walk = Walk::new(initialisation, channels);
    let mut state = inputs.state(pairs, needs_channels(layers, false).then_some(channels));
    let mut ln_q_before = mean_length(&state.moments);
    let mut error_so_far: Option<f64> = None;
    for (index, layer) in layers.iter().enumerate() {
        let needs_law = needs_channels(&layers[index + 1..], false);
        let stage = match walk.stage(layer, index, state, needs_law) {
            Ok(stage) => stage,
            Err(reason) => {
                found.unknown = Some(UnknownStage { stage: index + 1, reason });
                return pulls;
            }
        };
        let Stage { before, pull, sampling_error, .. } = stage;
        error_so_far = [error_so_far, sampling_error].into_iter().flatten().reduce(f64::max);
        let ln_q = mean_length(&before);
        found.stages.push(StageProfile {
            stage: index + 1,
            variances: (layer.fan_in() > 0).then(|| initialisation.variances(layer, index)),
            q: ln_q.exp(),
            ln_q,
            growth: (ln_q - ln_q_before).exp(),
            c: mean_correlation(&before),
            chi: 1.0,
            ln_gradient: 0.0,
            sampling_error: error_so_far,
        });
        pulls.push(pull);
        ln_q_before = ln_q;
        state = stage.state;
    }
    pulls
}

/// Fills in the gradients of the stages.
fn backward(pulls: &[StagePull], stages: &mut [StageProfile]) {
    let Some(last) = pulls.last() else { return };
    let mut gradient = Gradient::uniform(last.slopes.pixels());
    let mut ln_gradient = 0.0;
    for index in (0..pulls.len()).rev() {
        stages[index].ln_gradient = ln_gradient;
        gradient = gradient.through(&pulls[index]);
        if index > 0 {
            gradient = gradient.times(&pulls[index - 1].slopes);
        }
        let factor = gradient.total();
        stages[index].chi = factor;
        ln_gradient += factor.ln();
        if factor > 0.0 {
            gradient.divide(factor);
        }
    }
}

/// `ln` of the mean square over inputs and pixels.
fn mean_length(moments: &Moments) -> f64 {
    let inputs = moments.inputs;
    let sum: f64 = (0..inputs).map(|input| moments.trace_mean([input; 2])).sum();
    moments.ln(sum / inputs as f64)
}

/// Mean correlation over pairs of inputs.
fn mean_correlation(moments: &Moments) -> Option<f64> {
    let lengths: Vec<f64> =
        (0..moments.inputs).map(|input| moments.trace_mean([input; 2])).collect();
    let pairs = (0..moments.inputs).flat_map(|a| (0..a).map(move |b| [a, b]));
    let correlation = |[a, b]: [usize; 2]| {
        let scale = lengths[a].sqrt() * lengths[b].sqrt();
        (scale > 0.0).then(|| (moments.trace_mean([a, b]) / scale).clamp(-1.0, 1.0))
    };
    let found: Vec<f64> = pairs.filter_map(correlation).collect();
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

#[cfg(test)]
mod tests;
