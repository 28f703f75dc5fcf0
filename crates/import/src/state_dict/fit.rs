//! Matches a state dict with the layers of a described network.

use std::fmt;

use isobath_architecture::{Conv2dLayer, Layer, NetworkSpec};
use isobath_network::Network;

use super::{
    ParameterInfo, StateDict,
    modules::{Linear, Norm, is_numbered, linears},
};
use crate::{
    Error, Result,
    built::{self, Built},
    weighted::{BatchNorm, Weighted},
};

/// `PyTorch`'s default of the number that is added to the variance of a batch normalisation.
const EPSILON: f64 = 1e-5;

/// A described network with the parameters of a state dict.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The network. Convolutions have biases where their batch normalisation gave them some.
    pub network: Network,
    /// Parameters of each layer with weights, in order.
    pub matches: Vec<LayerMatch>,
}

/// Names of the parameters that a layer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerMatch {
    /// The layer, counted from 1.
    pub layer: usize,
    /// The layer of its branch, if it is a residual block, counted from 1.
    pub branch_layer: Option<usize>,
    /// Full names, those of a folded batch normalisation included.
    pub parameters: Vec<String>,
}

/// A layer with weights in a network.
#[derive(Clone, Copy)]
struct Slot<'a> {
    layer: &'a Layer,
    index: usize,
    branch_index: Option<usize>,
}

impl fmt::Display for Slot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer {}", self.index + 1)?;
        if let Some(index) = self.branch_index {
            write!(f, ", branch layer {}", index + 1)?;
        }
        match self.layer {
            Layer::Dense(layer) => write!(f, " (dense, {} to {})", layer.inputs, layer.outputs),
            Layer::Conv2d(layer) => {
                write!(f, " (conv, {} to {} channels)", layer.input.channels, layer.out_channels)
            }
            Layer::Pool(_) | Layer::Residual(_) => Ok(()),
        }
    }
}

impl Slot<'_> {
    /// Shape of the weights.
    fn weight_shape(&self) -> Vec<usize> {
        match self.layer {
            Layer::Dense(layer) => vec![layer.outputs, layer.inputs],
            Layer::Conv2d(layer) => {
                let [rows, columns] = layer.window.kernel;
                vec![layer.out_channels, layer.input.channels, rows, columns]
            }
            Layer::Pool(_) | Layer::Residual(_) => Vec::new(),
        }
    }
}

/// Layers with weights, in order.
fn slots(spec: &NetworkSpec) -> Vec<Slot<'_>> {
    let mut slots = Vec::new();
    for (index, layer) in spec.layers().iter().enumerate() {
        match layer {
            Layer::Dense(_) | Layer::Conv2d(_) => {
                slots.push(Slot { layer, index, branch_index: None });
            }
            Layer::Pool(_) => {}
            Layer::Residual(block) => {
                let branch = block.branch.iter().enumerate();
                let weighted = branch.filter(|(_, layer)| layer.weight_layers() > 0);
                slots.extend(weighted.map(|(branch_index, layer)| Slot {
                    layer,
                    index,
                    branch_index: Some(branch_index),
                }));
            }
        }
    }
    slots
}

impl StateDict {
    /// Matches the parameters with the layers of `spec`, first in order, then by their shapes, and gives them to the
    /// network.
    ///
    /// Parameters of a safetensors file are in the natural order of their names, since the file does not keep that of the
    /// model. A batch normalisation is folded into the layer before it with its running statistics, as `PyTorch` computes
    /// it in evaluation; its function must come after it. Layers without biases get zeros.
    ///
    /// # Errors
    /// One that names the parameter, its shape and the layer that it should fit.
    pub fn fit(&mut self, spec: &NetworkSpec) -> Result<Fitted> {
        let infos: Vec<&ParameterInfo> = self.parameters().collect();
        let slots = slots(spec);
        let linears = linears(&infos, self.is_in_order())?;
        let linears = assign(&self.file, &infos, &slots, linears, self.is_in_order())?;
        let names =
            |linear: &Linear| numbers(linear).map(|index| infos[index].name.clone()).collect();
        let of_slots = slots.iter().zip(&linears);
        let matches = of_slots
            .map(|(slot, linear)| LayerMatch {
                layer: slot.index + 1,
                branch_layer: slot.branch_index.map(|index| index + 1),
                parameters: names(linear),
            })
            .collect();
        let mut weighted = Vec::with_capacity(slots.len());
        for (slot, linear) in slots.iter().zip(linears) {
            weighted.push(self.weighted(slot, linear)?);
        }
        let mut weighted = weighted.into_iter();
        let layers = spec.layers().iter().map(|layer| build(layer, &mut weighted)).collect();
        Ok(Fitted { network: built::network(layers)?, matches })
    }

    /// Parameters of one layer.
    fn weighted(&mut self, slot: &Slot<'_>, linear: Linear) -> Result<Weighted> {
        let outputs = slot.weight_shape()[0];
        let weights = self.values(linear.weight)?;
        let bias = linear.bias.map(|index| self.bias(slot, index, outputs)).transpose()?;
        let mut weighted = Weighted { weights, bias, outputs };
        if let Some(norm) = &linear.norm {
            self.fold(&mut weighted, norm)?;
            return Ok(weighted);
        }
        match (slot.layer, linear.bias) {
            (Layer::Conv2d(Conv2dLayer { bias: false, .. }), Some(bias)) => {
                let parameter = self.parameters[bias].info.name.clone();
                Err(Error::Bias { layer: slot.to_string(), parameter })
            }
            (Layer::Conv2d(Conv2dLayer { bias: true, .. }), None) => {
                weighted.bias = Some(vec![0.0; outputs]);
                Ok(weighted)
            }
            _ => Ok(weighted),
        }
    }

    /// Biases of a layer.
    fn bias(&mut self, slot: &Slot<'_>, index: usize, outputs: usize) -> Result<Vec<f32>> {
        let info = &self.parameters[index].info;
        if info.shape == [outputs] {
            return self.values(index);
        }
        let (parameter, actual) = (info.name.clone(), info.shape[..].into());
        Err(Error::Fit {
            parameter,
            actual,
            layer: slot.to_string(),
            expected: [outputs][..].into(),
        })
    }

    /// Folds a batch normalisation into the parameters of the layer before it.
    fn fold(&mut self, weighted: &mut Weighted, norm: &Norm) -> Result<()> {
        let failed = |state: &Self, problem: &str| Error::BatchNorm {
            parameter: state.parameters[norm.mean].info.name.clone(),
            features: weighted.outputs,
            problem: problem.to_owned(),
        };
        let all = [Some(norm.mean), Some(norm.variance), norm.weight, norm.bias];
        for index in all.into_iter().flatten() {
            if self.parameters[index].info.shape != [weighted.outputs] {
                let name = &self.parameters[index].info.name;
                return Err(failed(self, &format!("`{name}` has another number of features")));
            }
        }
        let batch_norm = BatchNorm {
            mean: self.values(norm.mean)?,
            variance: self.values(norm.variance)?,
            weight: norm.weight.map(|index| self.values(index)).transpose()?,
            bias: norm.bias.map(|index| self.values(index)).transpose()?,
        };
        let affine = batch_norm.affine(EPSILON);
        let affine = affine.ok_or_else(|| failed(self, "a running variance is negative"))?;
        if weighted.fold(&affine) {
            return Ok(());
        }
        Err(Error::BatchNorm {
            parameter: self.parameters[norm.mean].info.name.clone(),
            features: weighted.outputs,
            problem: "the product with the weights overflows f32".to_owned(),
        })
    }
}

/// Numbers of all parameters of a layer.
fn numbers(linear: &Linear) -> impl Iterator<Item = usize> {
    let norm = linear.norm.as_ref();
    let norm = norm.map(|norm| [norm.weight, norm.bias, Some(norm.mean), Some(norm.variance)]);
    let own = [Some(linear.weight), linear.bias];
    own.into_iter().chain(norm.into_iter().flatten()).flatten()
}

/// A layer with the next parameters.
fn build(layer: &Layer, weighted: &mut dyn Iterator<Item = Weighted>) -> Built {
    let next = |weighted: &mut dyn Iterator<Item = Weighted>| {
        weighted.next().expect("one for each layer with weights")
    };
    match layer {
        Layer::Dense(layer) => Built::Dense(*layer, next(weighted)),
        Layer::Conv2d(layer) => Built::Conv2d(*layer, next(weighted)),
        Layer::Pool(layer) => Built::Pool(*layer),
        Layer::Residual(block) => Built::Residual {
            before: block.before,
            branch: block.branch.iter().map(|layer| build(layer, weighted)).collect(),
            after: block.after,
        },
    }
}

/// One weighted module for each slot.
fn assign(
    file: &str,
    infos: &[&ParameterInfo],
    slots: &[Slot<'_>],
    linears: Vec<Linear>,
    is_in_order: bool,
) -> Result<Vec<Linear>> {
    let shape = |linear: &Linear| &infos[linear.weight].shape;
    let fits = |(slot, linear): (&Slot<'_>, &Linear)| slot.weight_shape() == *shape(linear);
    let is_sequence = slots.len() == linears.len() && slots.iter().zip(&linears).all(fits);
    if is_sequence && is_in_order {
        return Ok(linears);
    }
    let mut left: Vec<Option<&Linear>> = linears.iter().map(Some).collect();
    let mut assigned: Vec<Linear> = Vec::with_capacity(slots.len());
    for slot in slots {
        let expected = slot.weight_shape();
        let found = left.iter_mut().find(|linear| linear.is_some_and(|l| *shape(l) == expected));
        match found.and_then(Option::take) {
            Some(linear) => assigned.push(linear.clone()),
            None => return Err(misfit(file, infos, slot, linears.get(assigned.len()))),
        }
    }
    if let Some(linear) = left.into_iter().flatten().next() {
        let info = infos[linear.weight];
        let (parameter, shape) = (info.name.clone(), info.shape[..].into());
        return Err(Error::Left { parameter, shape, layers: slots.len() });
    }
    unambiguous(file, infos, &assigned)?;
    Ok(assigned)
}

/// Error for a layer that no parameters are left for; `next` is next in the order of the file.
fn misfit(file: &str, infos: &[&ParameterInfo], slot: &Slot<'_>, next: Option<&Linear>) -> Error {
    let (layer, expected) = (slot.to_string(), slot.weight_shape()[..].into());
    let Some(next) = next.map(|linear| infos[linear.weight]) else {
        return Error::Missing { file: file.to_owned(), layer, expected };
    };
    let (parameter, actual) = (next.name.clone(), next.shape[..].into());
    if actual == expected {
        return Error::Missing { file: file.to_owned(), layer, expected };
    }
    Error::Fit { parameter, actual, layer, expected }
}

/// Checks that weights of one shape differ in the numbers of their names only, since nothing else gives their order.
fn unambiguous(file: &str, infos: &[&ParameterInfo], linears: &[Linear]) -> Result<()> {
    let mut first_of_shape = std::collections::HashMap::new();
    for linear in linears {
        let shape = &infos[linear.weight].shape;
        let first = *first_of_shape.entry(shape).or_insert(linear);
        if !is_numbered(&first.name, &linear.name) {
            return Err(Error::Order {
                file: file.to_owned(),
                first: infos[first.weight].name.clone(),
                second: infos[linear.weight].name.clone(),
                shape: shape[..].into(),
            });
        }
    }
    Ok(())
}
