//! Theory for the samples of a dataset.

use anyhow::Result;
use isobath_architecture::Activation;
use isobath_datasets::DatasetSource;
use isobath_meanfield::{LayerStatistics, Spread, Theory};
use ndarray::s;
use serde_json::json;

use super::{dataset, out_of_range, table};
use crate::commands::{GlobalArgs, Usage, exit};

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
    /// Dataset: a name, or the path of your own data, or a table such as { path = "x.csv", labels = "y" }
    #[arg(long, default_value = "digits", value_parser = dataset::source)]
    dataset: DatasetSource,
    /// Convert colour images to grayscale, as the paper does
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    grayscale: bool,
    /// Number of samples; all pairs are computed
    #[arg(long, default_value_t = 200)]
    samples: usize,
    /// Number of layers
    #[arg(long, default_value_t = 20)]
    depth: usize,
    /// Seed of a generated dataset
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let Arguments {
        activation,
        sigma_w2,
        sigma_b2,
        ref dataset,
        grayscale,
        samples,
        depth,
        seed,
        json,
    } = *arguments;
    if !(1..=10_000).contains(&samples) || !(1..=100_000).contains(&depth) {
        let message = "--samples must be from 1 to 10000, --depth from 1 to 100000";
        return Err(Usage(message.to_owned()).into());
    }
    let theory = Theory::new(activation, sigma_w2, sigma_b2).map_err(out_of_range)?;
    let data = dataset::load(global, dataset, samples, grayscale, seed)?;
    let inputs = data.test.images.slice(s![..samples.min(data.test.len()), ..]);
    let layers = theory.data_profile(inputs, depth)?;
    // A grey image has one channel, whether it was converted or not.
    let grey = if data.shape.channels == 1 { " (grey)" } else { " (colour)" };
    if json {
        let activation = activation.to_string();
        println!(
            "{}",
            json!({
                "activation": activation, "sigma_w2": sigma_w2, "sigma_b2": sigma_b2,
                "dataset": dataset.to_string(), "samples": inputs.nrows(), "layers": layers,
            })
        );
        return Ok(exit::DONE);
    }
    println!(
        "{activation}, sigma_w2 = {sigma_w2}, sigma_b2 = {sigma_b2}, {} samples of {dataset}{grey}: mean, 5% and 95%",
        inputs.nrows()
    );
    let head = ["layer", "q", "5%", "95%", "c", "5%", "95%", "ln grad"];
    println!("{}", table::line(head));
    for LayerStatistics { layer, q, c, ln_gradient } in layers {
        let spread = |Spread { mean, low, high }: Spread| [mean, low, high].map(table::short);
        let cells = std::iter::once(layer.to_string()).chain(spread(q)).chain(spread(c));
        println!("{}", table::line(cells.chain([table::short(ln_gradient.mean)])));
    }
    Ok(exit::DONE)
}
