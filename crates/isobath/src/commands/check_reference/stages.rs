//! Stored computations of networks of any layers: the format `conv-cascade-1`, which describes itself in its field `doc`.

use anyhow::{Context, Result, bail, ensure};
use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Layer, NetworkSpec, PoolKind, PoolLayer,
    ResidualLayer, Shape, Window,
};
use isobath_cascade::{ConvTranspose2d, Decoder, DecoderKind, DecoderLayer};
use isobath_network::{Conv2dParameters, DenseParameters, LayerParameters, Network};
use ndarray::{Array1, Array2, Array4};
use serde::Deserialize;

use super::{computation::Computation, files::Files, training::TrainingDescription};

/// Name of the format.
pub(super) const FORMAT: &str = "conv-cascade-1";

/// Largest size that a description may have.
const LARGEST: usize = 10_000;

/// Most numbers of a sample.
const MOST_NUMBERS: usize = 1 << 30;

/// Fields of the description that tell the network and its decoders.
#[derive(Debug, Deserialize)]
struct Description {
    input_shape: Vec<usize>,
    cascade_stages: usize,
    stages: Vec<Stage>,
    training: Option<TrainingDescription>,
}

/// A stage of the network, or a layer of a residual block's branch.
#[derive(Debug, Deserialize)]
struct Stage {
    #[serde(flatten)]
    kind: Kind,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    /// Name of its parameters, if it has any.
    tensors: Option<String>,
    decoder: Option<DecoderStages>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    Dense {
        activation: Activation,
    },
    Conv2d {
        out_channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
        activation: Activation,
        wrap: [usize; 2],
    },
    AvgPool(PoolWindow),
    MaxPool(PoolWindow),
    Residual {
        before: Activation,
        branch: Vec<Stage>,
        after: Activation,
    },
}

#[derive(Debug, Deserialize)]
struct PoolWindow {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Option<Padding>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Padding {
    mode: PaddingMode,
    size: [usize; 2],
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaddingMode {
    None,
    Zero,
    Circular,
}

/// Decoder of a stage.
#[derive(Debug, Deserialize)]
struct DecoderStages {
    layers: Vec<DecoderStage>,
}

#[derive(Debug, Deserialize)]
struct DecoderStage {
    #[serde(flatten)]
    kind: DecoderStageKind,
    tensors: String,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    activation: Activation,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum DecoderStageKind {
    Dense,
    ConvTranspose2d {
        kernel: [usize; 2],
        stride: [usize; 2],
        start: [usize; 2],
        geometry: Geometry,
    },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Geometry {
    Published,
    Aligned,
    Circular,
}

/// Reads the computation.
///
/// # Errors
/// When the files do not describe one.
pub(super) fn read(files: Files) -> Result<Computation> {
    let Description { input_shape, cascade_stages, stages, training } = files.describe()?;
    ensure!(
        (1..=stages.len()).contains(&cascade_stages),
        "`cascade_stages` = {cascade_stages} must be 1 to {}, the number of stages",
        stages.len()
    );
    let decoded = &stages[..cascade_stages];
    let (mut layers, mut parameters) = (Vec::new(), Vec::new());
    for (index, stage) in stages.iter().enumerate() {
        let name = || format!("stage {index}");
        layers.push(stage.layer().with_context(name)?);
        parameters.push(stage.parameters(&files).with_context(name)?);
    }
    let spec = NetworkSpec::new(layers)?;
    check_shapes(&spec, &stages)?;
    ensure!(stages[0].input_shape == input_shape, "stage 0 must read samples of `input_shape`");
    let decoders = |prefix: &str| -> Result<Vec<Decoder>> {
        let decoders = decoded.iter().enumerate().map(|(index, stage)| {
            stage.decoder(&files, prefix).with_context(|| format!("decoder of stage {index}"))
        });
        decoders.collect()
    };
    let outputs = decoded.iter().map(|stage| stage.output_shape.clone());
    let (settings, expected) = (files.describe()?, files.describe()?);
    let names = stages.iter().map(Stage::names).collect();
    Ok(Computation {
        training: training.map(|training| training.with_names(names)),
        network: Network::with_parameters(spec, parameters)?,
        train: files.samples("train_inputs", &input_shape)?,
        probe: files.samples("test_inputs", &input_shape)?,
        initial: decoders("decoder_init")?,
        trained: decoders("decoder_final")?,
        shapes: std::iter::once(input_shape.clone()).chain(outputs).collect(),
        settings,
        expected,
        files,
    })
}

/// Checks the shapes that the description states.
fn check_shapes(spec: &NetworkSpec, stages: &[Stage]) -> Result<()> {
    for (index, (layer, stage)) in spec.layers().iter().zip(stages).enumerate() {
        let pairs = [
            ("input_shape", &stage.input_shape, layer.input_shape()),
            ("output_shape", &stage.output_shape, layer.output_shape()),
        ];
        for (name, stated, actual) in pairs {
            let stated = shape(stated)?;
            let is_same =
                stated == actual || (actual.is_flat() && stated.numbers() == actual.numbers());
            ensure!(is_same, "stage {index}: `{name}` is {stated}, the stage has {actual}");
        }
    }
    Ok(())
}

/// `[channels, height, width]` or `[units]`.
fn shape(sizes: &[usize]) -> Result<Shape> {
    let numbers = sizes.iter().fold(1, |numbers: usize, &size| numbers.saturating_mul(size));
    ensure!(
        (1..=MOST_NUMBERS).contains(&numbers),
        "a shape must have 1 to {MOST_NUMBERS} numbers, not {sizes:?}"
    );
    match *sizes {
        [units] => Ok(Shape::flat(units)),
        [channels, height, width] => Ok(Shape::new(channels, height, width)),
        _ => bail!("a shape is [channels, height, width] or [units], not {sizes:?}"),
    }
}

impl Stage {
    /// The layer; its sizes are checked in a network.
    fn layer(&self) -> Result<Layer> {
        let (input, output) = (shape(&self.input_shape)?, shape(&self.output_shape)?);
        Ok(match &self.kind {
            &Kind::Dense { activation } => {
                let (inputs, outputs) = (input.numbers(), output.numbers());
                Layer::Dense(DenseLayer { inputs, outputs, activation })
            }
            &Kind::Conv2d { out_channels, kernel, stride, padding, activation, wrap } => {
                ensure!(wrap[0] == wrap[1], "`wrap` must be the same in both directions");
                let (boundary, padding) = padding.read();
                let window = Window { kernel, stride, padding };
                Layer::Conv2d(Conv2dLayer {
                    boundary,
                    wrap_after: wrap[0],
                    ..Conv2dLayer::new(input, out_channels, window, activation)
                })
            }
            Kind::AvgPool(window) => Layer::Pool(window.layer(input, PoolKind::Average)?),
            Kind::MaxPool(window) => Layer::Pool(window.layer(input, PoolKind::Max)?),
            Kind::Residual { before, branch, after } => {
                let function =
                    |&function: &Activation| Some(function).filter(|f| *f != Activation::Linear);
                let branch = branch.iter().map(Self::layer).collect::<Result<_>>()?;
                let (before, after) = (function(before), function(after));
                Layer::Residual(ResidualLayer { before, branch, after })
            }
        })
    }

    fn parameters(&self, files: &Files) -> Result<LayerParameters> {
        let tensor = |what: &str, shape: &[usize]| {
            let name = self.tensors.as_deref().context("`tensors` is missing")?;
            files.tensor(&format!("net.{name}.{what}"), shape)
        };
        let (input, output) = (shape(&self.input_shape)?, shape(&self.output_shape)?);
        Ok(match &self.kind {
            Kind::Dense { .. } => {
                let shape = [output.numbers(), input.numbers()];
                let weights = Array2::from_shape_vec(shape, tensor("weight", &shape)?)?;
                let bias = Array1::from_vec(tensor("bias", &shape[..1])?);
                DenseParameters { weights, bias }.into()
            }
            &Kind::Conv2d { out_channels, kernel: [rows, columns], .. } => {
                let shape = [out_channels, input.channels, rows, columns];
                let weights = Array4::from_shape_vec(shape, tensor("weight", &shape)?)?;
                let bias = Some(Array1::from_vec(tensor("bias", &shape[..1])?));
                Conv2dParameters { weights, bias }.into()
            }
            Kind::AvgPool(_) | Kind::MaxPool(_) => LayerParameters::Pool,
            Kind::Residual { branch, .. } => {
                let branch = branch.iter().map(|stage| stage.parameters(files));
                LayerParameters::Residual(branch.collect::<Result<_>>()?)
            }
        })
    }

    /// Names of the arrays of parameters, in the network's order.
    fn names(&self) -> Vec<String> {
        match (&self.kind, &self.tensors) {
            (Kind::Residual { branch, .. }, _) => branch.iter().flat_map(Self::names).collect(),
            (Kind::Dense { .. } | Kind::Conv2d { .. }, Some(name)) => {
                ["weight", "bias"].map(|what| format!("{name}.{what}")).to_vec()
            }
            (Kind::Dense { .. } | Kind::Conv2d { .. }, None)
            | (Kind::AvgPool(_) | Kind::MaxPool(_), _) => Vec::new(),
        }
    }

    fn decoder(&self, files: &Files, prefix: &str) -> Result<Decoder> {
        let DecoderStages { layers } = self.decoder.as_ref().context("`decoder` is missing")?;
        let (first, last) = (layers.first(), layers.last());
        ensure!(
            first.is_some_and(|layer| layer.input_shape == self.output_shape)
                && last.is_some_and(|layer| layer.output_shape == self.input_shape),
            "it must lead from the stage's `output_shape` to its `input_shape`"
        );
        let layers = layers.iter().map(|layer| layer.read(files, prefix));
        Ok(Decoder { layers: layers.collect::<Result<_>>()? })
    }
}

impl Padding {
    fn read(self) -> (Boundary, [usize; 2]) {
        let Self { mode, size } = self;
        match mode {
            PaddingMode::None => (Boundary::Zero, [0, 0]),
            PaddingMode::Zero => (Boundary::Zero, size),
            PaddingMode::Circular => (Boundary::Circular, size),
        }
    }
}

impl PoolWindow {
    fn layer(&self, input: Shape, kind: PoolKind) -> Result<PoolLayer> {
        let (boundary, padding) = self.padding.map_or((Boundary::Zero, [0, 0]), Padding::read);
        ensure!(boundary == Boundary::Zero, "a pool has no circular padding");
        let Self { kernel, stride, .. } = *self;
        let window = Window { kernel, stride, padding };
        Ok(PoolLayer { input, kind, window, ceil: false })
    }
}

impl DecoderStage {
    fn read(&self, files: &Files, prefix: &str) -> Result<DecoderLayer> {
        let Self { tensors, activation, .. } = self;
        let (input, output) = (shape(&self.input_shape)?, shape(&self.output_shape)?);
        let kind = match self.kind {
            DecoderStageKind::Dense => {
                DecoderKind::Dense { inputs: input.numbers(), outputs: output.numbers() }
            }
            DecoderStageKind::ConvTranspose2d { kernel, stride, start, geometry } => {
                let sizes = [kernel, stride, start.map(|start| start.saturating_add(1))];
                ensure!(
                    sizes.iter().flatten().all(|size| (1..=LARGEST).contains(size)),
                    "`kernel` and `stride` must be 1 to {LARGEST}, and `start` less"
                );
                let boundary = match geometry {
                    Geometry::Published | Geometry::Aligned => Boundary::Zero,
                    Geometry::Circular => Boundary::Circular,
                };
                let conv = ConvTranspose2d { input, output, kernel, stride, start, boundary };
                DecoderKind::ConvTranspose2d(conv)
            }
        };
        let units = match kind {
            DecoderKind::Dense { outputs, .. } => outputs,
            DecoderKind::ConvTranspose2d(conv) => conv.output.channels,
        };
        let weights = files.tensor(&format!("{prefix}.{tensors}.weight"), &kind.weight_shape())?;
        let bias = files.tensor(&format!("{prefix}.{tensors}.bias"), &[units])?;
        Ok(DecoderLayer { kind, activation: *activation, weights, bias })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use isobath_cascade::{CascadeParams, DecoderForm};
    use serde_json::Value;

    use super::*;

    /// Decoders of the stored computations have the geometry of one of our forms.
    #[test]
    fn forms_give_the_stored_geometries() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let folder = std::env::var_os("ISOBATH_SHARED").map_or(folder, Into::into);
        for name in ["conv_torus", "conv_vgg"] {
            let path = folder.join("reference").join(name);
            if !path.with_extension("json").exists() {
                eprintln!("skipped: {} is not there", path.display());
                continue;
            }
            let files = Files::read(&path).unwrap();
            let json: Value = files.describe().unwrap();
            let computation = read(files).unwrap();
            for (index, decoder) in computation.initial.iter().enumerate() {
                let form = match json["stages"][index]["decoder"]["form"].as_str().unwrap() {
                    "published" => DecoderForm::Published,
                    _ => DecoderForm::Aligned,
                };
                let params = CascadeParams { form, ..CascadeParams::default() }.check().unwrap();
                let derived = params.decoder_kinds(&computation.network.spec().layers()[index]);
                let stored: Vec<_> =
                    decoder.layers.iter().map(|layer| (layer.kind, layer.activation)).collect();
                assert_eq!(derived, stored, "{name}, stage {index}");
            }
        }
    }
}
