use anyhow::Result;
use clap::{Args, Subcommand};
use meanfield::{FixedPoint, Theory, critical_point};
use serde_json::{Value, json};
use tensor::Activation;

use super::{Usage, exit};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    point: Point,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Where order and chaos meet: the critical weight variance of a bias variance
    Critical(Critical),
}

#[derive(Debug, Args)]
struct Point {
    /// The activation
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Variance of the weights times the fan-in; several, joined by commas, give a table
    #[arg(long, value_delimiter = ',', value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_w2: Vec<f64>,
    /// Variance of the biases
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Print JSON: an object, or an array of them for several points
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Critical {
    /// The activation
    #[arg(long, default_value = "tanh")]
    activation: Activation,
    /// Variance of the biases
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    match &arguments.command {
        Some(Command::Critical(critical)) => print_critical(critical),
        None => print_points(&arguments.point),
    }
}

fn print_critical(arguments: &Critical) -> Result<u8> {
    let Critical { activation, sigma_b2, json } = *arguments;
    let point = critical_point(activation, sigma_b2).map_err(out_of_range)?;
    if json {
        println!(
            "{}",
            json!({
                "activation": activation.to_string(),
                "sigma_b2": sigma_b2,
                "sigma_w2": point.sigma_w2,
                "q_star": point.q_star,
            })
        );
    } else {
        println!(
            "{activation}, sigma_b2 = {sigma_b2}: critical at sigma_w2 = {:.6}",
            point.sigma_w2
        );
    }
    Ok(exit::DONE)
}

fn print_points(arguments: &Point) -> Result<u8> {
    let Point { activation, sigma_w2, sigma_b2, json } = arguments;
    if sigma_w2.is_empty() {
        let message =
            "say where: --sigma-w2 1.7, or several, --sigma-w2 1.5,1.7,2; or `meanfield critical`";
        return Err(Usage(message.to_owned()).into());
    }
    let mut points = Vec::new();
    for &sigma_w2 in sigma_w2 {
        let theory = Theory::new(*activation, sigma_w2, *sigma_b2).map_err(out_of_range)?;
        points.push((sigma_w2, theory.fixed_point()));
    }
    if let [(_, Err(error))] = &points[..] {
        return Err(error.clone().into());
    }
    if *json {
        let object = |(sigma_w2, point): &(f64, meanfield::Result<FixedPoint>)| {
            object(*activation, *sigma_w2, *sigma_b2, point.as_ref())
        };
        let objects: Vec<Value> = points.iter().map(object).collect();
        match &objects[..] {
            [one] => println!("{one}"),
            several => println!("{}", Value::from(several)),
        }
        return Ok(exit::DONE);
    }
    println!("{activation}, sigma_b2 = {sigma_b2}");
    let head = ["sigma_w2", "phase", "q*", "chi_1", "c*", "chi(c*)", "xi_c", "xi_q"];
    println!("{}", head.map(|name| format!("{name:>10}")).join(" "));
    for (sigma_w2, point) in &points {
        match point {
            Ok(point) => println!("{sigma_w2:>10} {}", row(point)),
            Err(error) => println!("{sigma_w2:>10} {:>10} {error}", "none"),
        }
    }
    if let Some(note) = points.iter().find_map(|(sigma_w2, point)| {
        point.as_ref().ok().and_then(|_| basin(*activation, *sigma_w2))
    }) {
        println!("{note}");
    }
    Ok(exit::DONE)
}

/// A variance outside its range is a matter of the command line.
fn out_of_range(error: meanfield::Error) -> anyhow::Error {
    match error {
        meanfield::Error::OutOfRange { .. } => Usage(error.to_string()).into(),
        other => other.into(),
    }
}

/// The numbers of a point, as the table has them.
fn row(point: &FixedPoint) -> String {
    let numbers = [point.chi_1, point.c_star, point.chi_c_star, point.xi_c, point.xi_q];
    let numbers = numbers.map(|x| format!("{:>10}", short(x))).join(" ");
    let q_star = point.q_star.map_or_else(|| "any".to_owned(), short);
    format!("{:>10} {q_star:>10} {numbers}", point.phase)
}

/// What to know of activations whose lengths have a second, unstable fixed point.
fn basin(activation: Activation, sigma_w2: f64) -> Option<&'static str> {
    let two = matches!(activation, Activation::Gelu | Activation::Silu) && sigma_w2 > 2.0;
    two.then_some("note: above sigma_w2 = 2 this q* holds for short inputs only; longer ones grow without bound")
}

/// Six significant digits.
fn short(x: f64) -> String {
    if !x.is_finite() || x.abs() >= 1e6 || (x.abs() < 1e-3 && x.abs() > 0.0) {
        return format!("{x:.3e}");
    }
    let digits = if x.abs() < 1.0 { 6 } else { 5_usize.saturating_sub(x.abs().log10() as usize) };
    format!("{x:.digits$}")
}

fn object(
    activation: Activation,
    sigma_w2: f64,
    sigma_b2: f64,
    point: Result<&FixedPoint, &meanfield::Error>,
) -> Value {
    let mut object =
        json!({ "activation": activation.to_string(), "sigma_w2": sigma_w2, "sigma_b2": sigma_b2 });
    let Some(fields) = object.as_object_mut() else { return object };
    match point {
        Ok(point) => {
            if let Ok(Value::Object(numbers)) = serde_json::to_value(point) {
                fields.extend(numbers);
            }
            if let Some(note) = basin(activation, sigma_w2) {
                fields.insert("note".to_owned(), note.into());
            }
        }
        Err(error) => {
            fields.insert("error".to_owned(), error.to_string().into());
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        for (x, text) in
            [(0.5, "0.500000"), (74.918_27, "74.9183"), (1e-5, "1.000e-5"), (4911.675, "4911.68")]
        {
            assert_eq!(short(x), text);
        }
        assert_eq!(short(f64::INFINITY), "inf");
    }
}
