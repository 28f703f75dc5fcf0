//! Residual networks. They have no fixed point; the table shows the state after `--depth` blocks.

use anyhow::Result;
use isobath_meanfield::{
    AsymptoticLaw, Branch, PostActivation, Residual, ResidualLayer, StreamMoments,
};
use serde_json::{Value, json};

use super::{out_of_range, point::TheoryQuery, table};

/// Initial streams: mean square one, cosine one half.
pub(super) const START: StreamMoments = StreamMoments::centred(1.0, 0.5);

/// State of one point after its blocks.
struct Blocks {
    sigma_w2: f64,
    layers: isobath_meanfield::Result<Vec<ResidualLayer>>,
}

pub(super) fn print(query: &TheoryQuery, branch: Branch) -> Result<()> {
    let TheoryQuery { activation, sigma_b2, depth, .. } = *query;
    let mut points = Vec::new();
    for &sigma_w2 in &query.sigma_w2 {
        let network =
            Residual::new(activation, sigma_w2, sigma_b2, branch).map_err(out_of_range)?;
        points.push(Blocks { sigma_w2, layers: network.profile(START, depth) });
    }
    if query.json {
        let objects: Vec<Value> = points.iter().map(|point| object(query, branch, point)).collect();
        println!("{}", Value::from(objects));
        return Ok(());
    }
    println!("{activation}, sigma_b2 = {sigma_b2}{}", query.architecture.words());
    println!("after {depth} blocks, from a stream of mean square 1 and two inputs of cosine 0.5");
    println!("{}", table::line(["sigma_w2", "p", "e", "q", "chi", "ln gain"]));
    for point in &points {
        match &point.layers {
            Ok(layers) => println!("{}", table::line(cells(point.sigma_w2, layers))),
            Err(error) => println!("{:>10} {error}", point.sigma_w2),
        }
    }
    for &sigma_w2 in &query.sigma_w2 {
        print_laws(&Residual::new(activation, sigma_w2, sigma_b2, branch)?, sigma_w2);
    }
    Ok(())
}

fn cells(sigma_w2: f64, layers: &[ResidualLayer]) -> Vec<String> {
    let mut cells = vec![sigma_w2.to_string()];
    if let Some(last) = layers.last() {
        cells.extend([last.p[0], last.e, last.q[0], last.chi, ln_gain(layers)].map(table::short));
    }
    cells
}

/// Logarithm of the growth of squared gradients from the last block to the first.
fn ln_gain(layers: &[ResidualLayer]) -> f64 {
    layers.iter().map(|layer| layer.chi.ln()).sum()
}

fn print_laws(network: &Residual, sigma_w2: f64) {
    let Some(laws) = network.asymptotics() else { return };
    println!(
        "sigma_w2 = {sigma_w2}, at large depth l: p {}, |e - {}| {}, squared gradients {}",
        words(laws.p),
        table::short(laws.e_star),
        words(laws.gap),
        words(laws.gradient)
    );
}

fn words(law: AsymptoticLaw) -> String {
    match law {
        AsymptoticLaw::Power { coefficient: Some(factor), exponent } => {
            format!("= {} l^{}", table::short(factor), table::short(exponent))
        }
        AsymptoticLaw::Power { coefficient: None, exponent } => {
            format!("~ l^{}", table::short(exponent))
        }
        AsymptoticLaw::Exponential { rate } => format!("~ exp({} l)", table::short(rate)),
        AsymptoticLaw::RootExponential { rate } => format!("~ exp({} sqrt(l))", table::short(rate)),
    }
}

fn object(query: &TheoryQuery, branch: Branch, point: &Blocks) -> Value {
    let TheoryQuery { activation, sigma_b2, .. } = *query;
    let sigma_w2 = point.sigma_w2;
    let laws =
        Residual::new(activation, sigma_w2, sigma_b2, branch).ok().and_then(|n| n.asymptotics());
    let (name, sigma_v2, sigma_a2) = match branch {
        Branch::Reduced => ("reduced", None, None),
        Branch::Full { sigma_v2, sigma_a2 } => ("full", Some(sigma_v2), Some(sigma_a2)),
    };
    let mut object = json!({
        "activation": activation.to_string(), "residual": name, "sigma_w2": sigma_w2,
        "sigma_b2": sigma_b2, "sigma_v2": sigma_v2, "sigma_a2": sigma_a2, "laws": laws,
    });
    match &point.layers {
        Ok(layers) => object["layers"] = json!(layers),
        Err(error) => object["error"] = error.to_string().into(),
    }
    object
}

pub(super) fn print_post_activation(query: &TheoryQuery) -> Result<()> {
    let TheoryQuery { activation, sigma_b2, .. } = *query;
    let mut points = Vec::new();
    for &sigma_w2 in &query.sigma_w2 {
        let blocks = PostActivation::new(activation, sigma_w2, sigma_b2).map_err(out_of_range)?;
        points.push((sigma_w2, blocks.fixed_point()));
    }
    if query.json {
        let object = |(sigma_w2, point): &(f64, isobath_meanfield::PostActivationPoint)| {
            let mut object = json!(point);
            object["activation"] = activation.to_string().into();
            object["sigma_w2"] = (*sigma_w2).into();
            object["sigma_b2"] = sigma_b2.into();
            object
        };
        println!("{}", Value::from(points.iter().map(object).collect::<Vec<_>>()));
        return Ok(());
    }
    println!("{activation}, sigma_b2 = {sigma_b2}{}", query.architecture.words());
    println!("{}", table::line(["sigma_w2", "p*", "chi", "\u{b1} ln chi", "xi_c"]));
    for (sigma_w2, point) in points {
        let numbers = [point.p_star, point.chi, point.ln_chi_error, point.xi_c];
        let cells = std::iter::once(sigma_w2.to_string()).chain(numbers.map(table::short));
        println!("{}", table::line(cells));
    }
    Ok(())
}
