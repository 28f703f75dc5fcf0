//! Theory of a whole network, stage by stage.

use std::path::{Path, PathBuf};

use anyhow::Result;
use isobath_architecture::{Initialisation, Layer, NetworkSpec, Shape};
use isobath_datasets::{DatasetName, LoadRequest};
use isobath_experiment::{GridPoint, Plan};
use isobath_meanfield::{NetworkInputs, NetworkProfile, StageProfile, network_profile};
use ndarray::s;
use serde_json::{Value, json};

use super::{described_network, out_of_range, table};
use crate::commands::{GlobalArgs, exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Experiment file, each of whose networks is shown at its first grid point; default: the network that the options
    /// describe
    file: Option<PathBuf>,
    #[command(flatten)]
    network: described_network::Arguments,
    /// Two samples of this dataset as inputs; default: noise
    #[arg(long)]
    dataset: Option<DatasetName>,
    /// Cosine of the two inputs without a dataset, which have mean square one
    #[arg(long, default_value_t = 0.6, value_name = "NUMBER", allow_negative_numbers = true)]
    cosine: f64,
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

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let (inputs, networks) = if let Some(file) = &arguments.file {
        from_file(global, arguments, file)?
    } else {
        let inputs = inputs(global, arguments, arguments.network.input)?;
        let (spec, initialisation) = arguments.network.network(inputs.shape())?;
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
            if let (Some(fields), Some(label)) = (object.as_object_mut(), label) {
                fields.insert("network".to_owned(), label.as_str().into());
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
        print_legend(arguments);
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
) -> Result<(NetworkInputs, Vec<Network>)> {
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
    Ok((inputs(global, arguments, shape)?, networks))
}

/// Samples of the dataset, or noise of the given shape.
fn inputs(global: &GlobalArgs, arguments: &Arguments, noise: Shape) -> Result<NetworkInputs> {
    let Some(name) = arguments.dataset else {
        return NetworkInputs::noise(noise, 1.0, arguments.cosine).map_err(out_of_range);
    };
    let data = isobath_datasets::load(&LoadRequest {
        name,
        folder: global.data.clone(),
        train: Some(1),
        test: Some(2),
        grayscale: false,
        seed: 1,
    })?;
    let shape = Shape::new(data.shape.channels, data.shape.height, data.shape.width);
    let images = data.test.images.slice(s![..2.min(data.test.len()), ..]);
    Ok(NetworkInputs::samples(shape, images)?)
}

/// Meaning of the columns, and where the inputs come from.
fn print_legend(arguments: &Arguments) {
    println!(
        "q: mean square of the pre-activations; growth: q over that of the stage before; c: correlation of the \
         pre-activations of two inputs; chi: growth of squared gradients through the stage; ln grad: ln of the squared \
         gradient over that of the last stage; error: standard error of a sampled q"
    );
    match arguments.dataset {
        Some(name) => println!("inputs: two held-out samples of {name}"),
        None if arguments.file.is_some() => println!(
            "inputs: noise of cosine {}, not the data of the file; --dataset NAME uses two samples of a dataset",
            arguments.cosine
        ),
        None => println!("inputs: noise of cosine {}", arguments.cosine),
    }
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
