//! Reconstructions of ridge decoders from infinitely wide networks for a dataset, compared with real networks.

mod approach;
mod measure;
mod predict;
mod print;

use std::path::PathBuf;

use anyhow::Result;
use isobath_architecture::Activation;
use isobath_datasets::{DatasetName, LoadRequest};
use isobath_entropy::EstimatorSpec;
use isobath_meanfield::{Ridge, Theory};
use rayon::prelude::*;

pub(super) use self::{approach::Approach, measure::Measured, predict::Prediction, print::numbers};
use super::{
    numbers::{Span, expand},
    out_of_range, plot,
};
use isobath_experiment::RidgeFigure;
use isobath_runner::Progress;

use crate::commands::{GlobalArgs, Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Weight variance times the fan-in; several values, or a range from:to:step
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", allow_negative_numbers = true)]
    sigma_w2: Vec<Span>,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Dataset
    #[arg(long, default_value = "digits")]
    dataset: DatasetName,
    /// Convert colour images to grayscale, as the paper does
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    grayscale: bool,
    /// Number of training samples of the decoders; time grows with the cube, memory with the square
    #[arg(long, default_value_t = 1000)]
    train: usize,
    /// Number of reconstructed samples
    #[arg(long, default_value_t = 200)]
    probe: usize,
    /// Number of layers
    #[arg(long, default_value_t = 30)]
    depth: usize,
    /// Standard deviation of the noise on each activation
    #[arg(long, default_value_t = 0.03, value_name = "NUMBER", allow_negative_numbers = true)]
    noise: f64,
    /// Units per layer [default: the width of the input]
    #[arg(long)]
    width: Option<usize>,
    /// Include first-order fluctuations of the kernels at that width
    #[arg(long)]
    fluctuations: bool,
    /// Estimators to evaluate on the chained reconstructions
    #[arg(long, value_delimiter = ',', default_value = "reconstruction-error,relative")]
    estimators: Vec<EstimatorSpec>,
    /// Also measure real networks of these widths; their noise is scaled to the same ratio to the layer's signal as at
    /// --width units, so that all have the same infinite-width limit
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS")]
    measure: Vec<usize>,
    /// Number of random networks per measured width
    #[arg(long, default_value_t = 4)]
    networks: usize,
    /// Seed of the choice of samples and of the networks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw the profiles into this folder as PNG and SVG
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
}

/// Predictions and measurements.
pub(super) struct RidgeProfiles {
    /// Width that the figure's noise refers to.
    pub(super) width: usize,
    pub(super) points: Vec<Point>,
}

/// Results at one weight variance.
pub(super) struct Point {
    pub(super) prediction: Prediction,
    /// Measurements by width, in the requested order.
    pub(super) measured: Vec<Measured>,
    /// Convergence of each estimator, layer by layer; empty without measurements.
    pub(super) approach: Vec<Vec<Approach>>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let figure = arguments.figure()?;
    check(&figure).map_err(Usage)?;
    let answer = answer(global, &figure)?;
    if arguments.json {
        println!("{}", numbers(&figure, &answer));
    } else {
        print::print(&figure, &answer);
    }
    if let Some(folder) = &arguments.plot {
        for path in plot::write_ridge(&figure, &answer, folder)? {
            eprintln!("wrote {}", path.display());
        }
    }
    Ok(exit::DONE)
}

impl Arguments {
    fn figure(&self) -> Result<RidgeFigure> {
        Ok(RidgeFigure {
            activation: self.activation,
            sigma_w2: expand("sigma-w2", &self.sigma_w2)?,
            sigma_b2: self.sigma_b2,
            dataset: self.dataset,
            grayscale: self.grayscale,
            train: self.train,
            probe: self.probe,
            depth: self.depth,
            noise: self.noise,
            width: self.width,
            fluctuations: self.fluctuations,
            estimators: self.estimators.clone(),
            measure: self.measure.clone(),
            networks: self.networks,
            seed: self.seed,
        })
    }
}

/// Checks the settings.
///
/// # Errors
/// Names the setting, its value and its range.
pub(super) fn check(figure: &RidgeFigure) -> Result<(), String> {
    let within = |name: &str, value: usize, least: usize, most: usize| {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(format!("{name} = {value} must be from {least} to {most}"))
    };
    if figure.sigma_w2.is_empty() {
        return Err("sigma_w2 is empty; list values, for example 1.2, 1.76, 2.5".to_owned());
    }
    if figure.estimators.is_empty() {
        return Err(
            "estimators is empty; list estimators, for example \"reconstruction-error\"".to_owned()
        );
    }
    within("train", figure.train, 2, 20_000)?;
    within("probe", figure.probe, 2, 20_000)?;
    within("depth", figure.depth, 1, 100_000)?;
    for &width in &figure.measure {
        within("measure", width, 2, 16_384)?;
    }
    if !figure.measure.is_empty() {
        // A standard error needs two networks.
        within("networks", figure.networks, 2, 100_000)?;
    }
    for &sigma_w2 in &figure.sigma_w2 {
        let theory = Theory::new(figure.activation, sigma_w2, figure.sigma_b2);
        theory.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Computes `figure` on the same samples for infinitely wide and for real networks.
///
/// # Errors
/// If the data are missing, or a prediction or a decoder cannot be computed.
pub(super) fn answer(global: &GlobalArgs, figure: &RidgeFigure) -> Result<RidgeProfiles> {
    let data = isobath_datasets::load(&LoadRequest {
        name: figure.dataset,
        folder: global.data.clone(),
        train: Some(figure.train),
        test: Some(figure.probe),
        grayscale: figure.grayscale,
        seed: figure.seed,
    })?;
    let width = figure.width.unwrap_or_else(|| data.shape.len());
    let ridge = Ridge { noise: figure.noise, width, fluctuations: figure.fluctuations };
    let samples = [data.train.images.view(), data.test.images.view()];
    let predictions = figure
        .sigma_w2
        .par_iter()
        .map(|&sigma_w2| {
            let theory = Theory::new(figure.activation, sigma_w2, figure.sigma_b2);
            let theory = theory.map_err(out_of_range)?;
            Prediction::new(theory, ridge, samples, figure.depth, &figure.estimators)
        })
        .collect::<Result<Vec<_>>>()?;
    let per_network: u64 = figure.measure.iter().map(|&width| measure::work(width)).sum();
    let progress = Progress::new(per_network * (figure.networks * predictions.len()) as u64);
    let points = predictions.into_iter().map(|prediction| {
        let sigma_w2 = prediction.sigma_w2;
        let measured = measure::measure(figure, sigma_w2, width, samples, &progress)?;
        let approach = approaches(&prediction, &measured);
        Ok(Point { prediction, measured, approach })
    });
    let points = points.collect::<Result<_>>()?;
    progress.finish();
    Ok(RidgeProfiles { width, points })
}

/// Convergence of each estimator, layer by layer.
fn approaches(prediction: &Prediction, measured: &[Measured]) -> Vec<Vec<Approach>> {
    if measured.is_empty() {
        return Vec::new();
    }
    let of_layer = |estimator: usize, l: usize| {
        let points: Vec<_> = measured.iter().map(|m| (m.width, m.profiles[estimator][l])).collect();
        Approach::new(prediction.values(estimator)[l], &points)
    };
    let of_estimator =
        |estimator| (0..prediction.chained.len()).map(|l| of_layer(estimator, l)).collect();
    (0..prediction.profiles.len()).map(of_estimator).collect()
}
