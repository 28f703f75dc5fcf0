//! Depth scales of the spatial frequencies of a circular convolution.

use anyhow::Result;
use isobath_architecture::Activation;
use isobath_meanfield::{ModeScale, SpatialVariance, Theory};
use serde_json::json;

use super::{architecture::Size, out_of_range, table};
use crate::commands::{Usage, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Weight variance times the fan-in; default: the critical one
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_w2: Option<f64>,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Rows and columns of the kernel, over which the weight variance is uniform
    #[arg(long, default_value = "3x3", value_name = "ROWSxCOLUMNS")]
    kernel: Size,
    /// Rows and columns of the image
    #[arg(long, default_value = "28x28", value_name = "ROWSxCOLUMNS")]
    size: Size,
    /// Number of groups of waves to print, the slowest first
    #[arg(long, default_value_t = 10)]
    most: usize,
    /// Print JSON for every wave
    #[arg(long)]
    json: bool,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { activation, sigma_b2, kernel, size, .. } = *arguments;
    if size.0[0] * size.0[1] > 1 << 20 {
        return Err(Usage("--size has more than 2^20 pixels".to_owned()).into());
    }
    let critical = || isobath_meanfield::critical_sigma_w2(activation, sigma_b2);
    let sigma_w2 = arguments.sigma_w2.map_or_else(critical, Ok).map_err(out_of_range)?;
    let theory = Theory::new(activation, sigma_w2, sigma_b2).map_err(out_of_range)?;
    let point = theory.fixed_point().map_err(out_of_range)?;
    let variance = SpatialVariance::uniform(kernel.0).map_err(out_of_range)?;
    let mut modes = point.mode_scales(&variance, size.0);
    if arguments.json {
        println!(
            "{}",
            json!({
                "activation": activation.to_string(), "sigma_w2": sigma_w2, "sigma_b2": sigma_b2,
                "kernel": kernel.0, "size": size.0, "modes": modes,
            })
        );
        return Ok(exit::DONE);
    }
    println!("{activation}, sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}: circular convolution");
    println!("{}", table::line(["waves", "number", "lambda", "xi_c", "xi_q"]));
    modes.sort_by(|a, b| b.lambda.total_cmp(&a.lambda));
    let is_same = |a: &ModeScale, b: &ModeScale| (a.lambda - b.lambda).abs() < 1e-12;
    for group in modes.chunk_by(is_same).take(arguments.most) {
        let ModeScale { waves: [down, across], lambda, xi_c, xi_q } = group[0];
        let numbers = [lambda, xi_c, xi_q].map(table::short);
        let cells = [format!("{down}x{across}"), group.len().to_string()];
        println!("{}", table::line(cells.into_iter().chain(numbers)));
    }
    Ok(exit::DONE)
}
