use anyhow::Result;
use isobath_architecture::Activation;
use isobath_meanfield::{CriticalCrossing, CriticalPoint, critical_crossings, critical_point};
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
    /// Print JSON: one object with all crossings of the critical line, or an array for several points
    #[arg(long)]
    json: bool,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { activation, sigma_b2, json } = arguments;
    let points: Vec<_> = expand("sigma-b2", sigma_b2)?
        .into_iter()
        .map(|sigma_b2| (sigma_b2, critical_point(*activation, sigma_b2)))
        .collect();
    if let [(sigma_b2, Err(error))] = &points[..] {
        let crossings = critical_crossings(*activation, *sigma_b2).map_err(out_of_range)?;
        if crossings.is_empty() {
            return Err(out_of_range(error.clone()));
        }
        if !*json {
            println!("{error}");
            print_crossings(&crossings);
            return Ok(exit::DONE);
        }
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
        let crossings = critical_crossings(*activation, *sigma_b2).map_err(out_of_range)?;
        if crossings.len() > 1 {
            print_crossings(&crossings);
        }
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

/// Lists all points with `chi_1 = 1`.
fn print_crossings(crossings: &[CriticalCrossing]) {
    println!("chi_1 = 1 at");
    for CriticalCrossing { point, is_stable } in crossings {
        let kind = if *is_stable { "stable" } else { "unstable: lengths move away from it" };
        println!("  sigma_w2 = {:.6}, length q = {:.6} ({kind})", point.sigma_w2, point.q_star);
    }
}

fn object(
    activation: Activation,
    sigma_b2: f64,
    point: &isobath_meanfield::Result<CriticalPoint>,
) -> Value {
    let crossing = |CriticalCrossing { point, is_stable }: &CriticalCrossing| json!({ "sigma_w2": point.sigma_w2, "q": point.q_star, "is_stable": is_stable });
    // Out of range there is none; the point has the error.
    let crossings = critical_crossings(activation, sigma_b2).unwrap_or_default();
    let crossings: Vec<Value> = crossings.iter().map(crossing).collect();
    let activation = activation.to_string();
    match point {
        Ok(CriticalPoint { sigma_w2, q_star, .. }) => json!({
            "activation": activation, "sigma_b2": sigma_b2, "sigma_w2": sigma_w2, "q_star": q_star,
            "crossings": crossings,
        }),
        Err(error) => json!({
            "activation": activation, "sigma_b2": sigma_b2, "error": error.to_string(),
            "crossings": crossings,
        }),
    }
}
