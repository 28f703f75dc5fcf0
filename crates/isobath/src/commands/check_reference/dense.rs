//! Stored computations of dense networks: `widths`, and tensors `net.0.weight`, `decoder_init.0.bias` and so on with
//! layers counted from 0, `reconstruction.1` and so on with depths counted from 1.

use anyhow::{Result, ensure};
use isobath_architecture::{Activation, DenseLayer, Layer, NetworkSpec};
use isobath_cascade::Decoder;
use isobath_network::{DenseParameters, Network};
use ndarray::{Array1, Array2};
use serde::Deserialize;

use super::{computation::Computation, files::Files};

/// Fields of the description that tell the network.
#[derive(Debug, Deserialize)]
struct Description {
    widths: Vec<usize>,
    activation: Activation,
}

/// Reads the computation.
///
/// # Errors
/// When the files do not describe one.
pub(super) fn read(files: Files) -> Result<Computation> {
    let Description { widths, activation } = files.describe()?;
    ensure!(widths.len() >= 2, "`widths` must list at least two");
    let (settings, expected) = (files.describe()?, files.describe()?);
    Ok(Computation {
        network: network(&files, &widths, activation)?,
        train: files.samples("train_inputs", &widths[..1])?,
        probe: files.samples("test_inputs", &widths[..1])?,
        initial: decoders(&files, &widths, "decoder_init")?,
        trained: decoders(&files, &widths, "decoder_final")?,
        shapes: widths.into_iter().map(|width| vec![width]).collect(),
        settings,
        expected,
        training: None,
        files,
    })
}

fn network(files: &Files, widths: &[usize], activation: Activation) -> Result<Network> {
    let mut layers = Vec::new();
    let mut parameters = Vec::new();
    for (index, pair) in widths.windows(2).enumerate() {
        let &[inputs, outputs] = pair else { unreachable!("windows of two") };
        layers.push(Layer::Dense(DenseLayer { inputs, outputs, activation }));
        let weights = files.tensor(&format!("net.{index}.weight"), &[outputs, inputs])?;
        let bias = files.tensor(&format!("net.{index}.bias"), &[outputs])?;
        let weights = Array2::from_shape_vec((outputs, inputs), weights)?;
        parameters.push(DenseParameters { weights, bias: Array1::from_vec(bias) });
    }
    Ok(Network::with_parameters(NetworkSpec::new(layers)?, parameters)?)
}

fn decoders(files: &Files, widths: &[usize], prefix: &str) -> Result<Vec<Decoder>> {
    let decoder = |(index, pair): (usize, &[usize])| {
        let (outputs, inputs) = (pair[0], pair[1]);
        let weights = files.tensor(&format!("{prefix}.{index}.weight"), &[outputs, inputs])?;
        let bias = files.tensor(&format!("{prefix}.{index}.bias"), &[outputs])?;
        Ok(Decoder::dense(weights, bias, Activation::Tanh))
    };
    widths.windows(2).enumerate().map(decoder).collect()
}
