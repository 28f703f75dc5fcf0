use anyhow::Result;
use isobath_architecture::Activation;
use isobath_meanfield::{MOST_USABLE, UsableRange, usable_sigma_w2};
use serde_json::{Value, json};

use super::out_of_range;
use crate::commands::exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation functions, joined by commas
    #[arg(long, value_delimiter = ',', default_value = "tanh")]
    activation: Vec<Activation>,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Number of layers
    #[arg(long)]
    depth: u32,
    /// Multiple of `xi_c` that must reach the depth
    #[arg(long, default_value_t = 6.0, value_name = "NUMBER")]
    factor: f64,
    /// Print JSON: one object per activation, in an array
    #[arg(long)]
    json: bool,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let &Arguments { sigma_b2, depth, factor, json, .. } = arguments;
    let range = |&activation: &Activation| {
        (activation, usable_sigma_w2(activation, sigma_b2, f64::from(depth), factor))
    };
    let ranges: Vec<_> = arguments.activation.iter().map(range).collect();
    if let [(_, Err(error))] = &ranges[..] {
        return Err(out_of_range(error.clone()));
    }
    if json {
        let object = |(activation, range): &(
            Activation,
            isobath_meanfield::Result<UsableRange>,
        )| {
            let activation = activation.to_string();
            match range {
                Ok(range) => {
                    json!({ "activation": activation, "sigma_b2": sigma_b2, "depth": depth, "range": range })
                }
                Err(error) => json!({ "activation": activation, "error": error.to_string() }),
            }
        };
        println!("{}", Value::from(ranges.iter().map(object).collect::<Vec<_>>()));
        return Ok(exit::DONE);
    }
    println!(
        "sigma_w2 for {depth} layers at sigma_b2 = {sigma_b2}: {factor} xi_c is at least {depth}"
    );
    for (activation, range) in &ranges {
        match range {
            Ok(UsableRange { low, high, critical }) => {
                let high = high
                    .map_or_else(|| format!("{MOST_USABLE} or more"), |high| format!("{high:.4}"));
                println!("{activation:>12}  {low:.4} to {high}, critical at {critical:.4}");
            }
            Err(error) => println!("{activation:>12}  {error}"),
        }
    }
    Ok(exit::DONE)
}
