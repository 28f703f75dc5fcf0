//! Points of the phase diagram.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use isobath_architecture::Activation;
use isobath_meanfield::{
    FixedPoint, Growth, JacobianSpectrum, ModeScale, Theory, Weights, growth_sentence,
};
use serde_json::{Value, json};

use super::{
    architecture::{self, Architecture, Size},
    numbers::{Span, expand},
    out_of_range, plot, residual, table,
};
use crate::commands::{Usage, exit};

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Activation function; several joined by commas give a table each
    #[arg(long, value_delimiter = ',', default_value = "tanh")]
    activation: Vec<Activation>,
    /// Weight variance times the fan-in; several values joined by commas, or a range from:to:step, give a table
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", allow_negative_numbers = true)]
    sigma_w2: Vec<Span>,
    /// Bias variance
    #[arg(long, default_value_t = 0.05, value_name = "NUMBER", allow_negative_numbers = true)]
    sigma_b2: f64,
    #[command(flatten)]
    architecture: architecture::Arguments,
    /// Add the spread of the Jacobian's singular values after --depth layers, for this distribution of the weights
    #[arg(long, value_enum)]
    weights: Option<WeightsKind>,
    /// Number of layers, for results that depend on it
    #[arg(long, default_value_t = 50)]
    depth: usize,
    /// Print JSON: one object, or an array for several points; one line for each activation
    #[arg(long)]
    json: bool,
    /// Draw figures into this folder as PNG and SVG
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WeightsKind {
    Gaussian,
    Orthogonal,
}

impl From<WeightsKind> for Weights {
    fn from(kind: WeightsKind) -> Self {
        match kind {
            WeightsKind::Gaussian => Self::Gaussian,
            WeightsKind::Orthogonal => Self::Orthogonal,
        }
    }
}

/// Checked settings of a query.
#[derive(Debug)]
pub(super) struct TheoryQuery {
    pub(super) activation: Activation,
    pub(super) sigma_w2: Vec<f64>,
    pub(super) sigma_b2: f64,
    pub(super) architecture: Architecture,
    pub(super) depth: usize,
    pub(super) json: bool,
}

/// Result at one point.
struct Point {
    sigma_w2: f64,
    state: isobath_meanfield::Result<FixedPoint>,
    spectrum: Option<JacobianSpectrum>,
    modes: Vec<ModeScale>,
    /// Growth of lengths without a fixed point.
    growth: Option<Growth>,
}

/// Maximum number of layers of a profile: enough for any network, and small enough that a typing error fails instead
/// of hanging.
const MAX_LAYERS: usize = 1_000_000;

pub(super) fn main(arguments: &Arguments) -> Result<u8> {
    let Arguments { sigma_b2, depth, json, .. } = *arguments;
    let sigma_w2 = expand("sigma-w2", &arguments.sigma_w2)?;
    if sigma_w2.is_empty() {
        let message = "give --sigma-w2 as a number (1.7), a list (1.5,1.7,2) or a range (0.5:4:0.1); \
                       or use `meanfield critical`";
        return Err(Usage(message.to_owned()).into());
    }
    if !(1..=MAX_LAYERS).contains(&depth) {
        return Err(Usage(format!("--depth {depth} must be from 1 to {MAX_LAYERS}")).into());
    }
    let architecture = arguments.architecture.check()?;
    if matches!(architecture, Architecture::PostActivation) && arguments.plot.is_some() {
        let message = "blocks with the activation after the addition have no figure; omit --plot";
        return Err(Usage(message.to_owned()).into());
    }
    for &activation in &arguments.activation {
        let (sigma_w2, architecture) = (sigma_w2.clone(), architecture.clone());
        let query = TheoryQuery { activation, sigma_w2, sigma_b2, architecture, depth, json };
        match query.architecture {
            Architecture::Residual(branch) => residual::print(&query, branch)?,
            Architecture::PostActivation => residual::print_post_activation(&query)?,
            _ => print(&query, arguments.weights.map(Weights::from))?,
        }
        if let Some(folder) = &arguments.plot {
            for path in plot::write(&query, folder)? {
                eprintln!("wrote {}", path.display());
            }
        }
    }
    Ok(exit::DONE)
}

fn print(query: &TheoryQuery, weights: Option<Weights>) -> Result<()> {
    let TheoryQuery { activation, sigma_b2, .. } = *query;
    let mut points = Vec::new();
    for &sigma_w2 in &query.sigma_w2 {
        points.push(answer(query, sigma_w2, weights)?);
    }
    if let [Point { state: Err(error), growth: None, .. }] = &points[..] {
        return Err(error.clone().into());
    }
    if query.json {
        let objects: Vec<Value> = points.iter().map(|point| object(query, point)).collect();
        match &objects[..] {
            [one] => println!("{one}"),
            several => println!("{}", Value::from(several)),
        }
        return Ok(());
    }
    println!("{activation}, sigma_b2 = {sigma_b2}{}", query.architecture.words());
    let mut head = vec!["sigma_w2", "phase", "q*", "chi_1", "c*", "chi(c*)", "xi_c", "xi_q"];
    if matches!(query.architecture, Architecture::Convolution { .. }) {
        head.extend(["xi_c wave", "shortest"]);
    }
    if weights.is_some() {
        head.extend(["ln m_1", "spread", "isometric"]);
    }
    println!("{}", table::line(head));
    for point in &points {
        match &point.state {
            Ok(state) => println!("{}", table::line(cells(point, state))),
            Err(error) => {
                let growth = point.growth.as_ref();
                let words = growth.map_or_else(
                    || error.to_string(),
                    |growth| growth_sentence(activation, point.sigma_w2, growth),
                );
                println!("{:>10} {:>10} {words}", point.sigma_w2, "none");
            }
        }
    }
    let note = |point: &Point| point.state.is_ok().then(|| basin(activation, point.sigma_w2))?;
    if let Some(note) = points.iter().find_map(note) {
        println!("{note}");
    }
    Ok(())
}

fn answer(query: &TheoryQuery, sigma_w2: f64, weights: Option<Weights>) -> Result<Point> {
    let TheoryQuery { activation, sigma_b2, depth, ref architecture, .. } = *query;
    let theory = Theory::new(activation, sigma_w2, sigma_b2).map_err(out_of_range)?;
    let state = match architecture.fixed_point(activation, sigma_w2, sigma_b2) {
        Err(error @ isobath_meanfield::Error::OutOfRange { .. }) => {
            return Err(out_of_range(error));
        }
        state => state,
    };
    let spectrum = state.as_ref().ok().zip(weights);
    let spectrum = spectrum.map(|(state, weights)| theory.jacobian_at(state, weights, depth));
    let modes = match (&state, architecture) {
        (Ok(state), Architecture::Convolution { kernel, image: Size(image), .. }) => {
            state.mode_scales(kernel, *image)
        }
        _ => Vec::new(),
    };
    // Inputs of mean square 1.
    let growth = match (&state, architecture) {
        (Err(_), Architecture::FullyConnected) => {
            Some(theory.growth(sigma_w2 + sigma_b2, depth).map_err(out_of_range)?)
        }
        _ => None,
    };
    Ok(Point { sigma_w2, state, spectrum, modes, growth })
}

/// Numbers of a point in table order.
fn cells(point: &Point, state: &FixedPoint) -> Vec<String> {
    let q_star = state.q_star.map_or_else(|| "any".to_owned(), table::short);
    let mut cells = vec![point.sigma_w2.to_string(), state.phase.to_string(), q_star];
    let numbers = [state.chi_1, state.c_star, state.chi_c_star, state.xi_c, state.xi_q];
    cells.extend(numbers.map(table::short));
    let waves = || point.modes.iter().skip(1).map(|mode| mode.xi_c);
    if !point.modes.is_empty() {
        cells.push(table::short(waves().fold(0.0, f64::max)));
        cells.push(table::short(waves().fold(f64::INFINITY, f64::min)));
    }
    if let Some(spectrum) = point.spectrum {
        let JacobianSpectrum { ln_mean, relative_variance, isometry_depth } = spectrum;
        cells.extend([ln_mean, relative_variance, isometry_depth].map(table::short));
    }
    cells
}

/// Note for activations whose length map has a second, unstable fixed point.
fn basin(activation: Activation, sigma_w2: f64) -> Option<&'static str> {
    let two = matches!(activation, Activation::Gelu | Activation::Silu) && sigma_w2 > 2.0;
    two.then_some("note: above sigma_w2 = 2 this q* holds for short inputs only; longer ones grow without bound")
}

fn object(query: &TheoryQuery, point: &Point) -> Value {
    let mut object = json!({
        "activation": query.activation.to_string(),
        "sigma_w2": point.sigma_w2,
        "sigma_b2": query.sigma_b2,
    });
    let Some(fields) = object.as_object_mut() else { return object };
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match &point.state {
        Ok(state) => {
            if let Ok(Value::Object(numbers)) = serde_json::to_value(state) {
                for (name, number) in numbers {
                    add(&name, number);
                }
            }
            if let Some(note) = basin(query.activation, point.sigma_w2) {
                add("note", note.into());
            }
        }
        Err(error) => {
            add("error", error.to_string().into());
            if let Some(growth) = point.growth {
                add("growth", json!(growth));
            }
        }
    }
    if let Architecture::Dropout { keep } = query.architecture {
        add("keep", keep.into());
    }
    if !point.modes.is_empty() {
        add("modes", json!(point.modes));
    }
    if let Some(spectrum) = point.spectrum {
        add("depth", query.depth.into());
        add("jacobian", json!(spectrum));
    }
    object
}
