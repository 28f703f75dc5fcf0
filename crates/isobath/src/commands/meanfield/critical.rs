use anyhow::Result;
use isobath_architecture::Activation;
use isobath_meanfield::{CriticalPoint, critical_point};
use serde_json::{Value, json};

use super::{
    numbers::{Span, expand},
    out_of_range, table,
};
use crate::commands::exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Activation function
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Bias variance; several values or a range from:to:step give a table
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0.05",
        value_name = "NUMBERS",
        allow_negative_numbers = true
    )]
    sigma_b2: Vec<Span>,
    /// Print JSON: one object, or an array for several points
    #[arg(long)]
    json: bool,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { activation, sigma_b2, json } = arguments;
    let points: Vec<_> = expand("sigma-b2", sigma_b2)?
        .into_iter()
        .map(|sigma_b2| (sigma_b2, critical_point(*activation, sigma_b2)))
        .collect();
    if let [(_, Err(error))] = &points[..] {
        return Err(out_of_range(error.clone()));
    }
    if *json {
        let objects: Vec<Value> =
            points.iter().map(|(b, point)| object(*activation, *b, point)).collect();
        match &objects[..] {
            [one] => println!("{one}"),
            several => println!("{}", Value::from(several)),
        }
        return Ok(exit::DONE);
    }
    if let [(sigma_b2, Ok(point))] = &points[..] {
        println!(
            "{activation}, sigma_b2 = {sigma_b2}: critical at sigma_w2 = {:.6}",
            point.sigma_w2
        );
        return Ok(exit::DONE);
    }
    println!("{activation}");
    println!("{}", table::line(["sigma_b2", "sigma_w2", "q*"]));
    for (sigma_b2, point) in &points {
        match point {
            Ok(point) => {
                let cells = [*sigma_b2, point.sigma_w2, point.q_star].map(table::short);
                println!("{}", table::line(cells));
            }
            Err(error) => println!("{} {error}", table::line([table::short(*sigma_b2)])),
        }
    }
    Ok(exit::DONE)
}

fn object(
    activation: Activation,
    sigma_b2: f64,
    point: &isobath_meanfield::Result<CriticalPoint>,
) -> Value {
    let activation = activation.to_string();
    match point {
        Ok(CriticalPoint { sigma_w2, q_star, .. }) => json!({
            "activation": activation, "sigma_b2": sigma_b2, "sigma_w2": sigma_w2, "q_star": q_star,
        }),
        Err(error) => json!({
            "activation": activation, "sigma_b2": sigma_b2, "error": error.to_string(),
        }),
    }
}
