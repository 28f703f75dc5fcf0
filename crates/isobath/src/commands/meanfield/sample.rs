//! Comparison of random networks with the theory.
//!
//! The networks of crate `network` run on their own backend. Theory predicts their mean squares, covariances and
//! gradients at infinite width. The deviation is of order depth over width; the last column shows it.

use anyhow::Result;
use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_meanfield::{PairStart, Theory};
use isobath_network::{
    BackwardPass, Batch, DeviceLayer, GradientVisitor, Layout, Network, ParameterGradient, Trace,
    Workspace,
};
use isobath_tensor::{Backend, Cpu, HostBuffer};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde_json::json;

use super::{out_of_range, table};
use crate::commands::{Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Weight variance times the fan-in
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_w2: f64,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Widths of the networks
    #[arg(long, value_delimiter = ',', default_value = "100,200,400", value_name = "NUMBERS")]
    width: Vec<usize>,
    /// Number of layers
    #[arg(long, default_value_t = 10)]
    depth: usize,
    /// Random networks per width
    #[arg(long, default_value_t = 40)]
    networks: usize,
    /// Cosine of the two inputs, which have mean square one
    #[arg(long, default_value_t = 0.6, value_name = "NUMBER", allow_negative_numbers = true)]
    cosine: f64,
    /// Seed of the first network
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON for every layer
    #[arg(long)]
    json: bool,
}

/// A mean over networks with its standard error and the theoretical value.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Compared {
    theory: f64,
    mean: f64,
    error: f64,
}

/// Results of one layer at one width.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct LayerRow {
    layer: usize,
    /// Length of the first input.
    q: Compared,
    /// Covariance of both inputs.
    covariance: Compared,
    /// Gradient ratio `|dE/dh_l|^2 / |dE/dh_depth|^2` of the first input.
    gradient: Compared,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { activation, sigma_w2, sigma_b2, depth, networks, json, .. } = *arguments;
    check(arguments)?;
    let theory = Theory::new(activation, sigma_w2, sigma_b2).map_err(out_of_range)?;
    let mut widths = Vec::new();
    for &width in &arguments.width {
        widths.push((width, measure(arguments, &theory, width)?));
    }
    if json {
        let widths: Vec<_> = widths
            .iter()
            .map(|(width, layers)| json!({ "width": width, "layers": layers }))
            .collect();
        println!(
            "{}",
            json!({
                "activation": activation.to_string(), "sigma_w2": sigma_w2, "sigma_b2": sigma_b2,
                "networks": networks, "seed": arguments.seed, "cosine": arguments.cosine,
                "widths": widths,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{activation}, sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: layer {depth}, mean \u{b1} standard error over \
         {networks} networks"
    );
    println!(
        "{:>8} {:>22} {:>22} {:>22} {:>18}",
        "width", "q", "covariance", "gradient ratio", "(q/q_inf - 1) N/L"
    );
    for (width, layers) in &widths {
        let Some(last) = layers.last() else { continue };
        let gradient = layers[0].gradient;
        let scale = *width as f64 / depth as f64;
        let (trend, error) =
            ((last.q.mean / last.q.theory - 1.0) * scale, last.q.error / last.q.theory * scale);
        println!(
            "{width:>8} {:>22} {:>22} {:>22} {:>18}",
            table::with_error(last.q.mean, last.q.error),
            table::with_error(last.covariance.mean, last.covariance.error),
            table::with_error(gradient.mean, gradient.error),
            format!("{trend:.2} \u{b1} {error:.2}")
        );
    }
    if let Some(last) = widths.first().and_then(|(_, layers)| layers.last().zip(layers.first())) {
        let (last, first) = last;
        let theory = [last.q, last.covariance, first.gradient].map(|c| table::short(c.theory));
        println!("{:>8} {:>22} {:>22} {:>22}", "infinite", theory[0], theory[1], theory[2]);
    }
    Ok(exit::DONE)
}

fn check(arguments: &Arguments) -> Result<()> {
    let Arguments { depth, networks, cosine, .. } = *arguments;
    let message = if !(1..=10_000).contains(&depth) {
        format!("--depth {depth} must be from 1 to 10000")
    } else if !(2..=100_000).contains(&networks) {
        format!("--networks {networks} must be from 2 to 100000, as a standard error needs two")
    } else if !(-1.0..=1.0).contains(&cosine) {
        format!("--cosine {cosine} must be from -1 to 1")
    } else if let Some(width) = arguments.width.iter().find(|w| !(2..=16_384).contains(*w)) {
        format!("--width {width} must be from 2 to 16384")
    } else {
        return Ok(());
    };
    Err(Usage(message).into())
}

/// Two inputs of mean square one with the given cosine, exact for even widths.
fn inputs(width: usize, cosine: f64) -> Array2<f32> {
    let across = (1.0 - cosine * cosine).sqrt();
    Array2::from_shape_fn((2, width), |(i, j)| {
        let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
        if i == 0 { 1.0 } else { (cosine + across * sign) as f32 }
    })
}

fn measure(arguments: &Arguments, theory: &Theory, width: usize) -> Result<Vec<LayerRow>> {
    let Arguments { activation, sigma_w2, sigma_b2, depth, networks, seed, .. } = *arguments;
    let inputs = inputs(width, arguments.cosine);
    let spec = MlpParams::new(depth + 1, WidthRule::Fixed(width), activation);
    let spec = spec.check(width, 2)?.spec();
    let variances = Variances::new(sigma_w2, sigma_b2)?;
    let samples = (0..networks as u64)
        .into_par_iter()
        .map(|index| {
            let network = Network::random(spec.clone(), variances, seed.wrapping_add(index));
            Sample::measure(&network, &inputs, depth)
        })
        .collect::<Result<Vec<_>>>()?;

    let square = |i: usize, j: usize| {
        f64::from(inputs.row(i).dot(&inputs.row(j))) / width as f64 * sigma_w2 + sigma_b2
    };
    let (q_a, q_b) = (square(0, 0), square(1, 1));
    let start = PairStart { q_a, q_b, c: (square(0, 1) / (q_a * q_b).sqrt()).clamp(-1.0, 1.0) };
    let lengths = [q_a, q_b].map(|q| theory.length_profile(q, depth));
    let [lengths_a, lengths_b] = [lengths[0].clone()?, lengths[1].clone()?];
    let correlations = theory.correlation_profile(start, depth)?;
    let gradients = theory.gradient_profile(q_a, depth)?;
    let compared = |theory: f64, pick: &dyn Fn(&Sample) -> f64| {
        let values: Vec<f64> = samples.iter().map(pick).collect();
        Compared::of(theory, &values)
    };
    Ok((0..depth)
        .map(|l| {
            let covariance = correlations[l] * (lengths_a[l] * lengths_b[l]).sqrt();
            LayerRow {
                layer: l + 1,
                q: compared(lengths_a[l], &|sample| sample.layers[l].0),
                covariance: compared(covariance, &|sample| sample.layers[l].1),
                gradient: compared(gradients[l].exp(), &|sample| sample.gradients[l]),
            }
        })
        .collect())
}

impl Compared {
    fn of(theory: f64, values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { theory, mean, error: (variance / n).sqrt() }
    }
}

/// Forward and backward statistics of one network.
struct Sample {
    /// Length and covariance of each layer's pre-activations.
    layers: Vec<(f64, f64)>,
    /// Squared gradients of each layer relative to the last one's.
    gradients: Vec<f64>,
}

impl Sample {
    fn measure(network: &Network, inputs: &Array2<f32>, depth: usize) -> Result<Self> {
        let backend = Cpu::new();
        let (samples, width) = inputs.dim();
        let transposed: Vec<f32> = inputs.t().iter().copied().collect();
        let input = backend.upload(&transposed)?;
        let batch = Batch::new(samples, Layout::UnitsMajor);
        let mut tape: Vec<(DeviceLayer<Cpu>, Trace<Cpu>)> = Vec::with_capacity(depth);
        let mut workspace = Workspace::new(&backend, network.spec().layers(), 1, samples)?;
        for index in 0..depth {
            let layer = network.upload_layer(&backend, index)?;
            let mut trace = Trace::new(&backend, width * samples)?;
            let x = tape.last().map_or(&input, |(_, trace)| &trace.output);
            layer.forward_traced(&backend, batch, x, &mut trace, &mut workspace)?;
            tape.push((layer, trace));
        }
        let moments = |(_, trace): &(_, Trace<Cpu>)| {
            let u = trace.pre_activation.as_slice();
            let u = ArrayView2::from_shape((width, samples), &u[..width * samples])?;
            let mean = |i: usize, j: usize| f64::from(u.column(i).dot(&u.column(j))) / width as f64;
            Ok((mean(0, 0), mean(0, 1)))
        };
        let layers = tape.iter().map(moments).collect::<Result<_>>()?;
        let shape = [width, samples];
        Ok(Self { layers, gradients: gradients(&backend, tape, &input, shape, &mut workspace)? })
    }
}

/// Mean squares of the derivative with respect to each layer's pre-activations for the first sample, from a derivative of
/// ones at the last layer: weights are isotropic, so all directions there are equivalent.
fn gradients(
    backend: &Cpu,
    mut tape: Vec<(DeviceLayer<Cpu>, Trace<Cpu>)>,
    input: &HostBuffer<f32>,
    [width, samples]: [usize; 2],
    workspace: &mut Workspace<Cpu>,
) -> Result<Vec<f64>> {
    let batch = Batch::new(samples, Layout::UnitsMajor);
    let mut delta = backend.upload(&vec![1.0; width * samples])?;
    let mut squares = vec![1.0; tape.len()];
    let mut above: Option<DeviceLayer<Cpu>> = None;
    while let Some((mut layer, trace)) = tape.pop() {
        if let Some(DeviceLayer::Dense(above)) = above {
            let mut next = backend.zeros(width * samples)?;
            above.input_gradient(backend, samples, 1.0, &delta, &mut next)?;
            let below = tape.last().map_or(input, |(_, trace)| &trace.output);
            let pass = BackwardPass {
                batch,
                input: below,
                trace: &trace,
                delta: &mut next,
                input_delta: None,
                workspace,
            };
            layer.backward(backend, pass, &mut Ignore)?;
            delta = next;
            let gradient =
                ArrayView2::from_shape((width, samples), &delta.as_slice()[..width * samples])?;
            let first = gradient.column(0);
            squares[tape.len()] = f64::from(first.dot(&first)) / width as f64;
        }
        above = Some(layer);
    }
    Ok(squares)
}

/// Visitor that leaves the parameters alone.
struct Ignore;

impl GradientVisitor<Cpu> for Ignore {
    type Error = isobath_tensor::Error;

    fn visit(&mut self, _: ParameterGradient<'_, Cpu>) -> isobath_tensor::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_the_requested_cosine() {
        let x = inputs(10, 0.3);
        let mean = |i: usize, j: usize| f64::from(x.row(i).dot(&x.row(j))) / 10.0;
        assert!((mean(0, 1) - 0.3).abs() < 1e-6 && (mean(1, 1) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn mean_and_standard_error() {
        let compared = Compared::of(0.0, &[1.0, 2.0, 3.0, 4.0]);
        assert!((compared.mean - 2.5).abs() < 1e-15);
        assert!((compared.error - (5.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
    }
}
