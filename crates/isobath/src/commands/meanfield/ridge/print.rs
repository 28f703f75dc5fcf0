//! Tables and JSON of the results.

use serde_json::{Map, Value, json};

use super::{
    super::table,
    Point, RidgeProfiles,
    measure::{Mean, Measured},
};
use isobath_experiment::RidgeFigure;

pub(super) fn print(figure: &RidgeFigure, answer: &RidgeProfiles) {
    println!(
        "{}, sigma_b2 = {}: ridge decoders with noise {} at width {}, {} training and {} probe samples of {}",
        figure.activation,
        figure.sigma_b2,
        figure.noise,
        answer.width,
        figure.train,
        figure.probe,
        figure.dataset
    );
    for point in &answer.points {
        print_prediction(point);
        for index in 0..point.approach.len() {
            print_measured(figure, point, index);
        }
    }
}

fn print_prediction(Point { prediction, .. }: &Point) {
    println!("sigma_w2 = {}", prediction.sigma_w2);
    let names = prediction.profiles.iter().map(|profile| profile.estimator.to_string());
    let head = ["layer", "1-R2", "direct", "lambda"].map(str::to_owned);
    println!("{}", table::line(head.into_iter().chain(names)));
    for l in 0..prediction.direct.len() {
        let fixed = [prediction.chained[l], prediction.direct[l], prediction.lambda[l]];
        let values = prediction.profiles.iter().map(|profile| profile.values[l]);
        let numbers = fixed.into_iter().chain(values).map(table::short);
        println!("{}", table::line(std::iter::once((l + 1).to_string()).chain(numbers)));
    }
}

/// Prints the `index`-th estimator on real networks.
fn print_measured(figure: &RidgeFigure, point: &Point, index: usize) {
    println!(
        "{} of {} networks of each width, mean \u{b1} standard error; from the two widest, 1/w -> 0 and \
         |measured - infinite| ~ w^-a",
        point.prediction.profiles[index].estimator, figure.networks
    );
    let widths = point.measured.iter().map(|measured| format!("width {}", measured.width));
    let head: String = widths.chain(["1/w -> 0".into(), "a".into()]).map(wide).collect();
    println!("{} {head}", table::line(["layer", "infinite"]));
    for (l, approach) in point.approach[index].iter().enumerate() {
        let measured = point.measured.iter().map(|measured| Some(measured.profiles[index][l]));
        let cells = measured.chain([approach.limit, approach.exponent]);
        let cells: String = cells.map(|mean| wide(mean.map_or("-".into(), with_error))).collect();
        let infinite = table::short(point.prediction.values(index)[l]);
        println!("{} {cells}", table::line([(l + 1).to_string(), infinite]));
    }
}

fn wide(cell: String) -> String {
    format!("{cell:>19}")
}

fn with_error(Mean { mean, error }: Mean) -> String {
    format!("{mean:.4} \u{b1} {error:.4}")
}

/// All results as JSON.
pub(in crate::commands::meanfield) fn numbers(
    figure: &RidgeFigure,
    answer: &RidgeProfiles,
) -> Value {
    json!({
        "activation": figure.activation.to_string(), "sigma_b2": figure.sigma_b2,
        "dataset": figure.dataset.to_string(), "train": figure.train,
        "probe": figure.probe, "noise": figure.noise, "width": answer.width,
        "fluctuations": figure.fluctuations, "networks": figure.networks, "seed": figure.seed,
        "points": answer.points.iter().map(object).collect::<Vec<_>>(),
    })
}

fn object(point: &Point) -> Value {
    let Point { prediction, measured, approach } = point;
    let names = || prediction.profiles.iter().map(|profile| profile.estimator.to_string());
    let profiles: Map<String, Value> =
        names().zip(prediction.profiles.iter().map(|profile| json!(profile.values))).collect();
    let of_width = |measured: &Measured| {
        let profiles: Map<String, Value> =
            names().zip(measured.profiles.iter().map(|layers| json!(layers))).collect();
        json!({ "width": measured.width, "noise": measured.noise, "profiles": profiles })
    };
    let approach: Map<String, Value> =
        names().zip(approach.iter().map(|layers| json!(layers))).collect();
    json!({
        "sigma_w2": prediction.sigma_w2, "direct": prediction.direct,
        "chained": prediction.chained, "profiles": profiles, "lambda": prediction.lambda,
        "measured": measured.iter().map(of_width).collect::<Vec<_>>(), "approach": approach,
    })
}
