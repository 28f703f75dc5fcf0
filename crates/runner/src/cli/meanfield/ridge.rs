//! What ridge decoders reconstruct from infinitely wide networks, for a dataset.

use std::path::PathBuf;

use anyhow::Result;
use datasets::{DatasetName, LoadRequest};
use entropy::{EstimatorSpec, Profile};
use meanfield::{Ridge, RidgeTheory, Theory};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde_json::{Value, json};
use tensor::{Activation, Cpu};

use super::{
    numbers::{Span, expand},
    out_of_range, plot, table,
};
use crate::cli::{Places, Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The activation
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Variance of the weights times the fan-in; several, or a range from:to:step
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", allow_negative_numbers = true)]
    sigma_w2: Vec<Span>,
    /// Variance of the biases
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// The dataset
    #[arg(long, default_value = "digits")]
    dataset: DatasetName,
    /// Samples the decoders learn from; time grows with the cube, memory with the square
    #[arg(long, default_value_t = 1000)]
    train: usize,
    /// Samples that are reconstructed
    #[arg(long, default_value_t = 200)]
    probe: usize,
    /// Layers
    #[arg(long, default_value_t = 30)]
    depth: usize,
    /// Standard deviation of the noise on each activation
    #[arg(long, default_value_t = 0.03, value_name = "NUMBER", allow_negative_numbers = true)]
    noise: f64,
    /// Units of each layer; default: as many as the input has
    #[arg(long)]
    width: Option<usize>,
    /// Add, to first order, what the fluctuations of kernels of that width do
    #[arg(long)]
    fluctuations: bool,
    /// What is measured on the chained reconstructions
    #[arg(long, value_delimiter = ',', default_value = "reconstruction-error,relative")]
    estimators: Vec<EstimatorSpec>,
    /// Seed of the choice of samples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw the errors into this folder, as PNG and SVG
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
}

/// The prediction at one weight variance.
pub(super) struct Prediction {
    pub(super) sigma_w2: f64,
    /// `1 - R^2` of one decoder from each layer to the input.
    pub(super) direct: Vec<f64>,
    /// `1 - R^2` of the chain of decoders.
    pub(super) chained: Vec<f64>,
    /// Every estimator's profile of the mean chained reconstructions.
    pub(super) profiles: Vec<Profile>,
    /// The ridge in each layer.
    pub(super) lambda: Vec<f64>,
}

pub(super) fn main(places: &Places, arguments: &Arguments) -> Result<u8> {
    let sigma_w2 = expand("sigma-w2", &arguments.sigma_w2)?;
    check(arguments, &sigma_w2)?;
    let data = datasets::load(&LoadRequest {
        name: arguments.dataset,
        folder: places.data.clone(),
        train: Some(arguments.train),
        test: Some(arguments.probe),
        grayscale: true,
        seed: arguments.seed,
    })?;
    let width = arguments.width.unwrap_or_else(|| data.shape.len());
    let ridge = Ridge { noise: arguments.noise, width, fluctuations: arguments.fluctuations };
    let samples = [data.train.images.view(), data.test.images.view()];
    let predictions = sigma_w2
        .into_par_iter()
        .map(|sigma_w2| {
            let theory = Theory::new(arguments.activation, sigma_w2, arguments.sigma_b2);
            let theory = theory.map_err(out_of_range)?;
            predict(theory, ridge, samples, arguments.depth, &arguments.estimators)
        })
        .collect::<Result<Vec<_>>>()?;
    if arguments.json {
        println!("{}", object(arguments, width, &predictions));
    } else {
        print(arguments, width, &predictions);
    }
    if let Some(folder) = &arguments.plot {
        let title = format!(
            "Reconstruction of {} by ridge decoders, {}, σ_b² = {}, width {width}: theory",
            arguments.dataset, arguments.activation, arguments.sigma_b2
        );
        for path in plot::write_ridge(&predictions, &title, arguments.activation, folder)? {
            eprintln!("wrote {}", path.display());
        }
    }
    Ok(exit::DONE)
}

fn check(arguments: &Arguments, sigma_w2: &[f64]) -> Result<()> {
    let message = if sigma_w2.is_empty() {
        "say where: --sigma-w2 1.7, or several, --sigma-w2 1.2,1.7,2.5".to_owned()
    } else if !(2..=20_000).contains(&arguments.train) {
        format!("--train {} must be from 2 to 20000", arguments.train)
    } else if !(2..=20_000).contains(&arguments.probe) {
        format!("--probe {} must be from 2 to 20000", arguments.probe)
    } else if !(1..=100_000).contains(&arguments.depth) {
        format!("--depth {} must be from 1 to 100000", arguments.depth)
    } else {
        return Ok(());
    };
    Err(Usage(message).into())
}

/// Reconstructs the second of `samples` from `depth` layers with decoders that learned from the first.
pub(super) fn predict(
    theory: Theory,
    ridge: Ridge,
    [train, probe]: [ArrayView2<'_, f32>; 2],
    depth: usize,
    estimators: &[EstimatorSpec],
) -> Result<Prediction> {
    let mut layers = RidgeTheory::new(theory, ridge, train, probe).map_err(out_of_range)?;
    let deviation = deviation(probe);
    let (mut direct, mut chained, mut lambda) = (Vec::new(), Vec::new(), Vec::new());
    let mut spreads = [Vec::new(), Vec::new()];
    for _ in 0..depth {
        let layer = layers.next_layer()?;
        direct.push(layer.direct);
        chained.push(layer.chained);
        lambda.push(layer.lambda);
        spreads[0].push(layer.direct_spread.sum() / deviation);
        spreads[1].push(layer.chained_spread.sum() / deviation);
    }
    let profile = |spec: &EstimatorSpec, layers: &[Array2<f32>]| {
        let views: Vec<_> = layers.iter().map(|layer| layer.view()).collect();
        spec.build(Cpu::new()).profile(probe, &views)
    };
    // Networks' reconstructions spread around the mean one, which adds to the mean squared error.
    let error = |layers: &[Array2<f32>], spread: &[f64]| {
        let mean = profile(&EstimatorSpec::ReconstructionError, layers)?.values;
        Ok::<_, entropy::Error>(mean.iter().zip(spread).map(|(e, s)| e + s).collect::<Vec<_>>())
    };
    Ok(Prediction {
        sigma_w2: theory.sigma_w2(),
        direct: error(&direct, &spreads[0])?,
        chained: error(&chained, &spreads[1])?,
        profiles: estimators
            .iter()
            .map(|spec| profile(spec, &chained))
            .collect::<entropy::Result<Vec<_>>>()?,
        lambda,
    })
}

/// `sum_i |x_i - mean|^2`
fn deviation(x: ArrayView2<'_, f32>) -> f64 {
    let x = x.mapv(f64::from);
    let mean = x.sum_axis(Axis(0)) / x.nrows() as f64;
    (x - mean).mapv(|x| x * x).sum()
}

fn print(arguments: &Arguments, width: usize, predictions: &[Prediction]) {
    println!(
        "{}, sigma_b2 = {}: ridge decoders of noise {} at width {width}, {} training and {} probe samples of {}",
        arguments.activation,
        arguments.sigma_b2,
        arguments.noise,
        arguments.train,
        arguments.probe,
        arguments.dataset
    );
    for prediction in predictions {
        println!("sigma_w2 = {}", prediction.sigma_w2);
        let names = prediction.profiles.iter().map(|profile| profile.estimator.clone());
        let head = ["layer", "1-R2", "direct", "lambda"].map(str::to_owned);
        println!("{}", table::line(head.into_iter().chain(names)));
        for l in 0..prediction.direct.len() {
            let fixed = [prediction.chained[l], prediction.direct[l], prediction.lambda[l]];
            let values = prediction.profiles.iter().map(|profile| profile.values[l]);
            let numbers = fixed.into_iter().chain(values).map(table::short);
            println!("{}", table::line(std::iter::once((l + 1).to_string()).chain(numbers)));
        }
    }
}

fn object(arguments: &Arguments, width: usize, predictions: &[Prediction]) -> Value {
    let point = |prediction: &Prediction| {
        let profiles: serde_json::Map<String, Value> = prediction
            .profiles
            .iter()
            .map(|profile| (profile.estimator.clone(), json!(profile.values)))
            .collect();
        json!({
            "sigma_w2": prediction.sigma_w2, "direct": prediction.direct,
            "chained": prediction.chained, "profiles": profiles, "lambda": prediction.lambda,
        })
    };
    json!({
        "activation": arguments.activation.to_string(), "sigma_b2": arguments.sigma_b2,
        "dataset": arguments.dataset.to_string(), "train": arguments.train,
        "probe": arguments.probe, "noise": arguments.noise, "width": width,
        "fluctuations": arguments.fluctuations, "seed": arguments.seed,
        "points": predictions.iter().map(point).collect::<Vec<_>>(),
    })
}
