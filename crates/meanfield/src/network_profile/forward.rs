//! One stage after the other: moments, laws, and what the backward pass needs.

use isobath_architecture::{
    Activation, Conv2dLayer, DenseLayer, Initialisation, Layer, PoolKind, PoolLayer, ResidualLayer,
};

use super::{
    UnknownReason,
    gradient::{Pull, Slopes, StagePull},
    moments::{Moments, Pairs},
    population::{Population, Sample},
    state::{Law, State},
    taps::{Taps, divisors},
};

/// Walk through the layers of a network.
pub(super) struct Walk<'a> {
    initialisation: &'a Initialisation,
    /// Channels of each sample. They are equal everywhere, since a stream adds channels of different stages.
    channels: usize,
    /// Number of samples so far; it seeds the next one.
    draws: u64,
}

/// Result of one stage.
pub(super) struct Stage {
    /// Moments of the pre-activations: of a residual block, the sum before its last function; of a pooling layer, its
    /// output.
    pub(super) before: Moments,
    pub(super) state: State,
    pub(super) pull: StagePull,
    /// Relative standard error of the mean square, where it was sampled.
    pub(super) sampling_error: Option<f64>,
}

/// Weights of one layer: variances, and the pixels that each output reads.
struct Weights {
    taps: Taps,
    sigma_w2: f64,
    sigma_b2: f64,
    activation: Activation,
}

/// Largest number of positions whose pairs are all tracked: 32 MB for each matrix of moments.
const MOST_POSITIONS: usize = 2048;
/// Largest number of second moments that are tracked at equal pixels only.
const MOST_MOMENTS: usize = 1 << 22;

impl<'a> Walk<'a> {
    pub(super) const fn new(initialisation: &'a Initialisation, channels: usize) -> Self {
        Self { initialisation, channels, draws: 0 }
    }

    /// Passes stage `index`, counted from 0. `needs_law` if a later stage needs more than moments of its output.
    pub(super) fn stage(
        &mut self,
        layer: &Layer,
        index: usize,
        state: State,
        needs_law: bool,
    ) -> Result<Stage, UnknownReason> {
        let input = layer.input_shape().size();
        let given = state.moments.pixels();
        let is_dense = matches!(layer, Layer::Dense(_));
        let state = if is_dense { state } else { reshaped(state, input) };
        let output = layer.output_shape().size();
        check_size(state.moments.inputs, output, state.moments.pairs)?;
        let mut stage = match layer {
            Layer::Dense(dense) => {
                let weights = self.dense_weights(dense, index, state.moments.pixels())?;
                Ok(self.weights(weights, state, needs_law))
            }
            Layer::Conv2d(conv) => {
                let weights = self.conv_weights(conv, index)?;
                Ok(self.weights(weights, state, needs_law))
            }
            Layer::Pool(pool) => match pool.kind {
                PoolKind::Average => self.average(pool, state, needs_law),
                PoolKind::Max => self.largest(pool, state),
            },
            Layer::Residual(block) => self.residual(block, index, state, needs_law),
        }?;
        // A dense layer's window has as many places as the image before it has pixels.
        stage.pull.reshaped_from = given;
        stage.state.change_to_usable_level();
        Ok(stage)
    }

    fn dense_weights(
        &self,
        dense: &DenseLayer,
        index: usize,
        pixels: usize,
    ) -> Result<Weights, UnknownReason> {
        let layer = Layer::Dense(*dense);
        self.check_mean(&layer, index)?;
        let variances = self.initialisation.variances(&layer, index);
        Ok(Weights {
            taps: Taps::all(pixels),
            sigma_w2: variances.sigma_w2,
            sigma_b2: variances.sigma_b2,
            activation: dense.activation,
        })
    }

    fn conv_weights(&self, conv: &Conv2dLayer, index: usize) -> Result<Weights, UnknownReason> {
        let layer = Layer::Conv2d(*conv);
        self.check_mean(&layer, index)?;
        let variances = self.initialisation.variances(&layer, index);
        let law = self.initialisation.layer(&layer, index).weights.law;
        Ok(Weights {
            taps: Taps::of_convolution(conv, law),
            sigma_w2: variances.sigma_w2,
            sigma_b2: if conv.bias { variances.sigma_b2 } else { 0.0 },
            activation: conv.activation,
        })
    }

    fn check_mean(&self, layer: &Layer, index: usize) -> Result<(), UnknownReason> {
        let law = self.initialisation.layer(layer, index);
        let is_centred = law.weights.mean.abs() <= 0.0 && law.bias.mean.abs() <= 0.0;
        if is_centred { Ok(()) } else { Err(UnknownReason::Mean) }
    }

    fn weights(&mut self, weights: Weights, state: State, needs_law: bool) -> Stage {
        let Weights { taps, sigma_w2, sigma_b2, activation } = weights;
        let factor = sigma_w2 / taps.places as f64;
        let mut before = state.moments.filtered(&taps, factor, sigma_b2);
        before.change_level(before.usable_level());
        let activated =
            State::normal(before.clone()).activated(Some(activation), self.next_sample());
        let (mut state, mut slopes) = activated.expect("normal numbers have a law");
        if needs_law && matches!(state.law, Law::Activated { .. }) {
            let mut population = Population::draw(&before, self.next_sample());
            slopes = Slopes::PerChannel(population.activate(activation, &before));
            state.law = Law::Sampled(population);
        }
        let factors = vec![factor; taps.outputs()];
        let pull = StagePull { pull: Pull::Windows { taps, factors }, reshaped_from: 0, slopes };
        Stage { before, state, pull, sampling_error: None }
    }

    fn average(
        &mut self,
        pool: &PoolLayer,
        state: State,
        needs_law: bool,
    ) -> Result<Stage, UnknownReason> {
        let (taps, divisors) = (Taps::of_pooling(pool), divisors(pool));
        let moments = state.moments.averaged(&taps, &divisors);
        let law = match (&state.law, needs_law) {
            (Law::Normal, _) => Law::Normal,
            (Law::Activated { .. } | Law::Sampled(_) | Law::Unknown, false) => Law::Unknown,
            (Law::Activated { .. } | Law::Sampled(_) | Law::Unknown, true) => {
                let population = state.draw(self.next_sample()).ok_or(UnknownReason::Law)?;
                Law::Sampled(population.averaged(&taps, &divisors, &state.moments, &moments))
            }
        };
        let factors = divisors.iter().map(|divisor| divisor.powi(-2)).collect();
        let slopes = Slopes::Mean(vec![1.0; taps.outputs()]);
        let pull = StagePull { pull: Pull::Windows { taps, factors }, reshaped_from: 0, slopes };
        let before = moments.clone();
        Ok(Stage { before, state: State { moments, law }, pull, sampling_error: None })
    }

    fn largest(&mut self, pool: &PoolLayer, state: State) -> Result<Stage, UnknownReason> {
        let taps = Taps::of_pooling(pool);
        let from = &state.moments;
        let population = state.draw(self.next_sample()).ok_or(UnknownReason::Law)?;
        let to = Moments::zeros(from.inputs, taps.size, from.pairs, from.level);
        let (population, winners) = population.pooled(&taps, from, &to);
        let moments = population.moments(&to);
        let sampling_error = Some(population.relative_error());
        let slopes = Slopes::Mean(vec![1.0; taps.outputs()]);
        let pull = Pull::Largest { winners, pixels: from.pixels() };
        let pull = StagePull { pull, reshaped_from: 0, slopes };
        let before = moments.clone();
        let state = State { moments, law: Law::Sampled(population) };
        Ok(Stage { before, state, pull, sampling_error })
    }

    fn residual(
        &mut self,
        block: &ResidualLayer,
        index: usize,
        stream: State,
        needs_law: bool,
    ) -> Result<Stage, UnknownReason> {
        if block.branch.iter().all(|layer| layer.weight_layers() == 0) {
            return Err(UnknownReason::BranchWithoutWeights);
        }
        let needs_law = needs_law || block.after.is_some();
        let started = stream.clone().activated(block.before, self.next_sample());
        let (mut branch, before_slopes) = started.ok_or(UnknownReason::Law)?;
        branch.change_to_usable_level();
        let mut pulls = Vec::with_capacity(block.branch.len());
        for (place, layer) in block.branch.iter().enumerate() {
            let needs_law = needs_channels(&block.branch[place + 1..], needs_law);
            let stage = self.stage(layer, index, branch, needs_law)?;
            branch = stage.state;
            pulls.push(stage.pull);
        }
        let sum = self.sum(stream, branch, needs_law)?;
        let before = sum.moments.clone();
        let activated = sum.activated(block.after, self.next_sample());
        let (state, slopes) = activated.ok_or(UnknownReason::Law)?;
        let sampling_error = match &state.law {
            Law::Sampled(population) => Some(population.relative_error()),
            Law::Normal | Law::Activated { .. } | Law::Unknown => None,
        };
        let pull = Pull::Residual { before: before_slopes, branch: pulls };
        let pull = StagePull { pull, reshaped_from: 0, slopes };
        Ok(Stage { before, state, pull, sampling_error })
    }

    /// Sum of stream and branch. The branch's last weights are independent of the stream.
    fn sum(
        &mut self,
        mut stream: State,
        mut branch: State,
        needs_law: bool,
    ) -> Result<State, UnknownReason> {
        let moments = stream.moments.plus(&branch.moments);
        let law = match (&stream.law, &branch.law) {
            (Law::Normal, Law::Normal) => Law::Normal,
            _ if !needs_law => Law::Unknown,
            _ => {
                stream.change_level(moments.level);
                branch.change_level(moments.level);
                let mut sum = stream.draw(self.next_sample()).ok_or(UnknownReason::Law)?;
                sum.add(&branch.draw(self.next_sample()).ok_or(UnknownReason::Law)?);
                Law::Sampled(sum)
            }
        };
        Ok(State { moments, law })
    }

    /// An independent sample.
    const fn next_sample(&mut self) -> Sample {
        self.draws += 1;
        Sample { channels: self.channels, seed: self.draws }
    }
}

/// The state as an image of another size, where one of the two is a vector.
fn reshaped(state: State, size: [usize; 2]) -> State {
    if state.moments.size == size {
        return state;
    }
    let moments = state.moments.reshaped(size);
    // Units of a vector are equal in law; pixels of an image may differ, and a mixture of normal laws is not normal.
    let law = match (&state.law, state.moments.pixels()) {
        (Law::Normal, 1) => Law::Normal,
        (Law::Normal | Law::Activated { .. } | Law::Sampled(_) | Law::Unknown, _) => Law::Unknown,
    };
    State { moments, law }
}

/// True if one of these layers needs more than the second moments of its input, or a later one if `after`.
pub(super) fn needs_channels(layers: &[Layer], after: bool) -> bool {
    for layer in layers {
        match layer {
            Layer::Dense(_) | Layer::Conv2d(_) => return false,
            Layer::Pool(pool) => match pool.kind {
                PoolKind::Max => return true,
                PoolKind::Average => {}
            },
            Layer::Residual(block) => {
                if block.before.is_some() || block.after.is_some() {
                    return true;
                }
                if needs_channels(&block.branch, false) {
                    return true;
                }
            }
        }
    }
    after
}

/// Pixels of the largest image that may be sampled; 1 if none is.
pub(super) fn sampled_pixels(layers: &[Layer]) -> usize {
    let images = (0..layers.len()).filter(|&index| needs_channels(&layers[index..], false));
    let pixels = images.map(|index| {
        let (layer, input) = (&layers[index], layers[index].input_shape());
        input.pixels().max(layer.output_shape().pixels())
    });
    pixels.max().unwrap_or(1)
}

/// Pairs of pixels that the network's layers need.
pub(super) fn pairs(layers: &[Layer]) -> Pairs {
    let needs_all = layers.iter().any(|layer| match layer {
        Layer::Dense(_) | Layer::Conv2d(_) => false,
        Layer::Pool(_) => true,
        Layer::Residual(block) => pairs(&block.branch) == Pairs::AllPixels,
    });
    if needs_all { Pairs::AllPixels } else { Pairs::SamePixel }
}

/// Checks that the moments of a layer fit into memory.
pub(super) fn check_size(
    inputs: usize,
    size: [usize; 2],
    pairs: Pairs,
) -> Result<(), UnknownReason> {
    let pixels = size[0] * size[1];
    let is_small = match pairs {
        Pairs::AllPixels => inputs * pixels <= MOST_POSITIONS,
        Pairs::SamePixel => inputs * inputs * pixels <= MOST_MOMENTS,
    };
    if is_small { Ok(()) } else { Err(UnknownReason::Size { inputs, pixels }) }
}
