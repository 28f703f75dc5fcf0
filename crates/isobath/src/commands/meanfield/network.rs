//! Theory of a whole network, stage by stage.

use std::path::{Path, PathBuf};

use anyhow::Result;
use isobath_architecture::{Initialisation, Layer, NetworkSpec, Shape};
use isobath_datasets::{Dataset, DatasetSource, Scale};
use isobath_experiment::{GridPoint, Plan};
use isobath_meanfield::{NetworkInputs, NetworkProfile, StageProfile, network_profile};
use ndarray::s;
use serde_json::{Value, json};

use super::{dataset, described_network, out_of_range, table};
use crate::commands::{GlobalArgs, exit, run, with_causes};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Experiment file, each of whose networks is shown at its first grid point; default: the network that the options
    /// describe
    file: Option<PathBuf>,
    #[command(flatten)]
    network: described_network::Arguments,
    /// Two held-out samples of this dataset as inputs: a name, the path of your own data, or a table such as
    /// { path = "x.csv", labels = "y" }; default: the data of the experiment file, without a file noise
    #[arg(long, value_parser = dataset::source)]
    dataset: Option<DatasetSource>,
    /// Two inputs of noise with this cosine and mean square one, in place of the data of the experiment file [default: 0.6]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, conflicts_with = "dataset")]
    cosine: Option<f64>,
    /// Print JSON: one object, or an array for several networks
    #[arg(long)]
    json: bool,
}

/// A network with the words that tell it from others of its file.
struct Network {
    label: Option<String>,
    spec: NetworkSpec,
    initialisation: Initialisation,
}

/// Cosine of noise if none is given.
const COSINE: f64 = 0.6;

/// Inputs, and where they come from.
struct Inputs {
    inputs: NetworkInputs,
    source: String,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let (Inputs { inputs, source }, networks) = if let Some(file) = &arguments.file {
        from_file(global, arguments, file)?
    } else {
        let inputs = match &arguments.dataset {
            Some(source) => of_dataset(global, source)?,
            None => Inputs::noise(arguments.network.input, arguments.cosine)?,
        };
        let (spec, initialisation) = arguments.network.network(inputs.inputs.shape())?;
        (inputs, vec![Network { label: None, spec, initialisation }])
    };
    let mut objects = Vec::with_capacity(networks.len());
    for Network { label, spec, initialisation } in &networks {
        let mut profile = network_profile(spec, initialisation, &inputs).map_err(out_of_range)?;
        // The fixed point is that of the layer map alone, without the skip connections of residual blocks.
        if spec.layers().iter().any(|layer| matches!(layer, Layer::Residual(_))) {
            profile.fixed_point = None;
        }
        if arguments.json {
            let mut object = json!(profile);
            object["inputs"] = source.as_str().into();
            if let Some(label) = label {
                object["network"] = label.as_str().into();
            }
            objects.push(object);
            continue;
        }
        if let Some(label) = label {
            println!("{label}");
        }
        print(spec, &profile);
    }
    if !arguments.json {
        print_legend(&source);
    }
    if arguments.json {
        match &objects[..] {
            [one] => println!("{one}"),
            several => println!("{}", Value::from(several)),
        }
    }
    Ok(exit::DONE)
}

/// Networks of an experiment file, at their first grid points or at the given weight variance.
fn from_file(
    global: &GlobalArgs,
    arguments: &Arguments,
    file: &Path,
) -> Result<(Inputs, Vec<Network>)> {
    let plan = Plan::new(isobath_experiment::read(file, &[])?)?;
    let shape = Shape::new(plan.shape.channels, plan.shape.height, plan.shape.width);
    let of_variants = plan.points.chunk_by(|a, b| a.variant == b.variant);
    let networks = of_variants.map(|points| {
        let point = points[0];
        let sigma_w2 = arguments.network.sigma_w2.unwrap_or(point.sigma_w2);
        let point = GridPoint { sigma_w2, ..point };
        let variant = plan.variant(point);
        let (label, spec) = (Some(plan.describe(point)), variant.network.clone());
        Network { label, spec, initialisation: variant.initialisation(point) }
    });
    let networks = networks.collect();
    let inputs = match (&arguments.dataset, arguments.cosine) {
        (Some(source), _) => of_dataset(global, source)?,
        (None, Some(cosine)) => Inputs::noise(shape, Some(cosine))?,
        (None, None) => of_plan(global, &plan, shape)?,
    };
    Ok((inputs, networks))
}

impl Inputs {
    fn noise(shape: Shape, cosine: Option<f64>) -> Result<Self> {
        let cosine = cosine.unwrap_or(COSINE);
        let inputs = NetworkInputs::noise(shape, 1.0, cosine).map_err(out_of_range)?;
        Ok(Self { inputs, source: format!("noise of cosine {cosine}") })
    }

    /// The first two held-out samples.
    fn samples(data: &Dataset, source: &DatasetSource) -> Result<Self> {
        let shape = Shape::new(data.shape.channels, data.shape.height, data.shape.width);
        let images = data.test.images.slice(s![..2.min(data.test.len()), ..]);
        let inputs = NetworkInputs::samples(shape, images)?;
        Ok(Self { inputs, source: format!("two held-out samples of {source}") })
    }
}

fn of_dataset(global: &GlobalArgs, source: &DatasetSource) -> Result<Inputs> {
    Inputs::samples(&dataset::load(global, source, 2, false, 1)?, source)
}

/// Two probe samples of the plan's own data as its cells see them; noise of the given shape where the data are missing.
fn of_plan(global: &GlobalArgs, plan: &Plan, shape: Shape) -> Result<Inputs> {
    let section = &plan.file.data;
    // Only statistics need all training samples.
    let train = if section.scale == Scale::Standardize { section.train } else { Some(1) };
    match run::load_samples(global, plan, train, 2.min(section.probe()), plan.file.seed) {
        Ok(mut data) => {
            if let Some(scale) = section.scale.fit(&data) {
                scale.apply(&mut data);
            }
            Inputs::samples(&data, &section.dataset)
        }
        Err(error) if are_missing(&error) => {
            let Inputs { inputs, source } = Inputs::noise(shape, None)?;
            let source = format!("{source}, because the data are missing: {}", with_causes(&error));
            Ok(Inputs { inputs, source })
        }
        Err(error) => Err(error),
    }
}

/// True if a dataset has to be fetched first, or the user's own data are not there.
fn are_missing(error: &anyhow::Error) -> bool {
    use isobath_datasets::Error;
    match error.downcast_ref() {
        Some(Error::Missing { .. }) => true,
        Some(Error::Io { source, .. }) => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Meaning of the columns, and where the inputs come from.
fn print_legend(source: &str) {
    println!(
        "q: mean square of the pre-activations; growth: q over that of the stage before; c: correlation of the \
         pre-activations of two inputs; chi: growth of squared gradients through the stage; ln grad: ln of the squared \
         gradient over that of the last stage; error: standard error of a sampled q"
    );
    println!("inputs: {source}");
}

fn print(spec: &NetworkSpec, profile: &NetworkProfile) {
    println!("{}", table::line(["stage", "kind", "q", "growth", "c", "chi", "ln grad", "error"]));
    for (stage, layer) in profile.stages.iter().zip(spec.layers()) {
        let StageProfile { q, growth, c, chi, ln_gradient, sampling_error, .. } = *stage;
        let optional = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), table::short);
        let kind = match layer {
            Layer::Dense(_) => "dense",
            Layer::Conv2d(_) => "conv",
            Layer::Pool(_) => "pool",
            Layer::Residual(_) => "block",
        };
        let head = [stage.stage.to_string(), kind.to_owned()];
        let numbers = [Some(q), Some(growth), c, Some(chi), Some(ln_gradient), sampling_error];
        println!("{}", table::line(head.into_iter().chain(numbers.map(optional))));
    }
    if let Some(unknown) = &profile.unknown {
        println!("stage {} and later are not known: {}", unknown.stage, unknown.reason);
    }
    if let Some(stage) = profile.overflow_stage {
        println!("f32 overflows at stage {stage}");
    }
    if let Some(stage) = profile.underflow_stage {
        println!("f32 underflows at stage {stage}");
    }
    if let Some(point) = profile.fixed_point {
        let q_star = point.q_star.map_or_else(|| "any".to_owned(), table::short);
        let [c_star, xi_c] = [point.c_star, point.xi_c].map(table::short);
        println!("fixed point: {}, q* = {q_star}, c* = {c_star}, xi_c = {xi_c}", point.phase);
    }
}
