//! Activations, decoders and reconstructions.

use anyhow::{Result, ensure};
use isobath_cascade::{
    Cascade, GradientCascade, InitialDecoders, Job, LayerFit, Reconstructor, Silent,
};
use isobath_tensor::{FullBackend, Precision};
use ndarray::Array2;

use super::{
    computation::{Computation, Expected},
    line::{Line, Tolerances, pairs},
};

/// Trains the stored initial decoders and reconstructs the test samples.
pub(super) fn run<B: FullBackend>(computation: &Computation, backend: B) -> Result<Cascade> {
    let Computation { network, train, probe, initial, settings, .. } = computation;
    let job = Job {
        network,
        layers: computation.layers(),
        train: train.view(),
        order: None,
        probe: probe.view(),
        initial: InitialDecoders::Given(initial),
    };
    let cascade = GradientCascade::new(backend, settings.params().check()?);
    Ok(cascade.reconstruct(&job, &Silent)?)
}

/// Compares all results but entropies.
pub(super) fn compare<B: FullBackend>(
    computation: &Computation,
    backend: &B,
    cascade: &Cascade,
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let Computation { files, shapes, probe, expected, .. } = computation;
    let activations = activations(computation, backend)?;
    let mut lines = Vec::new();
    for (depth, actual) in activations.iter().enumerate().skip(1) {
        let name = format!("activation.{depth}");
        if files.has(&name)? {
            let stored = files.samples(&name, &shapes[depth])?;
            ensure!(
                stored.dim() == actual.dim(),
                "`{name}` must have as many samples as `test_inputs`"
            );
            let pairs = pairs(actual.iter().copied(), stored.iter().copied());
            lines.push(Line::new(format!("activation {depth}"), tolerances.numbers, pairs));
        }
    }
    for (index, trained) in computation.trained.iter().enumerate() {
        let actual = cascade.decoders.get(index)?;
        let pairs = pairs(actual.parameters(), trained.parameters());
        lines.push(Line::new(format!("decoder {}", index + 1), tolerances.numbers, pairs));
    }
    for (depth, actual) in (1..).zip(&cascade.reconstructions) {
        let shape = [&[probe.nrows()], &shapes[0][..]].concat();
        let stored = files.tensor(&format!("reconstruction.{depth}"), &shape)?;
        let pairs = pairs(actual.iter().copied(), stored);
        lines.push(Line::new(format!("reconstruction {depth}"), tolerances.numbers, pairs));
    }
    lines.extend(compare_losses(computation, cascade, tolerances)?);
    if let Some(errors) = &expected.decoder_test_mse {
        check_length("decoder_test_mse", errors, computation.layers())?;
        let mut actual = Vec::new();
        for (index, pair) in activations.windows(2).enumerate() {
            let decoded = cascade.decoders.get(index)?.apply(backend, pair[1].view())?;
            let squares = (&decoded - &pair[0]).mapv(|x| f64::from(x).powi(2));
            actual.push(squares.mean().unwrap_or(0.0));
        }
        let pairs = actual.into_iter().zip(errors.iter().copied());
        lines.push(Line::new("decoder errors", tolerances.relative, pairs));
    }
    Ok(lines)
}

/// Compares the decoders' losses.
fn compare_losses(
    computation: &Computation,
    cascade: &Cascade,
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let Expected { decoder_train_loss_first: first, decoder_train_loss_last: last, .. } =
        &computation.expected;
    let mut lines = Vec::new();
    for (name, field, expected, loss) in [
        (
            "first losses",
            "decoder_train_loss_first",
            first,
            (|fit| fit.first_loss) as fn(&LayerFit) -> f64,
        ),
        ("last losses", "decoder_train_loss_last", last, |fit| fit.last_loss),
    ] {
        if let Some(expected) = expected {
            check_length(field, expected, computation.layers())?;
            let pairs = cascade.fits.iter().map(loss).zip(expected.iter().copied());
            lines.push(Line::new(name, tolerances.relative, pairs));
        }
    }
    if computation.files.has("decoder_loss")? {
        let steps = cascade.losses.first().map_or(0, Vec::len);
        let stored = computation.files.tensor("decoder_loss", &[computation.layers(), steps])?;
        let pairs = cascade.losses.iter().flatten().copied().zip(stored.into_iter().map(f64::from));
        lines.push(Line::new("all losses", tolerances.relative, pairs));
    }
    Ok(lines)
}

/// Checks that a list of the description has one number for each layer.
pub(super) fn check_length(field: &str, list: &[f64], layers: usize) -> Result<()> {
    let numbers = list.len();
    ensure!(numbers == layers, "`{field}` has {numbers} numbers for {layers} layers with decoders");
    Ok(())
}

/// The test samples and their activations behind each layer that has a decoder.
fn activations<B: FullBackend>(computation: &Computation, backend: &B) -> Result<Vec<Array2<f32>>> {
    let Computation { network, probe, .. } = computation;
    let samples = probe.nrows();
    let mut all = vec![probe.clone()];
    for index in 0..computation.layers() {
        let layer = network.upload_layer(backend, index)?;
        let x = backend.upload(&all[index].iter().copied().collect::<Vec<f32>>())?;
        let mut y = backend.zeros(samples * layer.outputs())?;
        layer.forward(backend, Precision::F32, samples, &x, &mut y)?;
        all.push(Array2::from_shape_vec((samples, layer.outputs()), backend.download(&y)?)?);
    }
    Ok(all)
}
