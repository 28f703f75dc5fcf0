use std::{fmt, ops::Range};

use isobath_tensor::Backend;

/// Role of an array of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// `W_l`
    Weight,
    /// `b_l`
    Bias,
}

/// Name of an array of parameters in its layer: `weight`, or `2.weight` in the second layer of a residual branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterName {
    /// Role of the array.
    pub kind: ParameterKind,
    /// Layer of a residual block's branch, counted from 1.
    pub branch_layer: Option<usize>,
}

impl ParameterName {
    pub(crate) const WEIGHT: Self = Self { kind: ParameterKind::Weight, branch_layer: None };
    pub(crate) const BIAS: Self = Self { kind: ParameterKind::Bias, branch_layer: None };

    /// Name of this array in layer `index` of a residual branch, counted from 0.
    pub(crate) const fn in_branch(self, index: usize) -> Self {
        Self { branch_layer: Some(index + 1), ..self }
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(layer) = self.branch_layer {
            write!(f, "{layer}.")?;
        }
        f.write_str(match self.kind {
            ParameterKind::Weight => "weight",
            ParameterKind::Bias => "bias",
        })
    }
}

/// One array of parameters of one or several networks on a device, each network's after the one before.
#[derive(Debug)]
pub struct ParameterArray<B: Backend> {
    size: usize,
    /// `[networks, size]`
    pub values: B::Buffer<f32>,
}

impl<B: Backend> ParameterArray<B> {
    /// Zeros, `size` for each network.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn zeros(backend: &B, size: usize, networks: usize) -> isobath_tensor::Result<Self> {
        Ok(Self { size, values: backend.zeros(size * networks)? })
    }

    /// Numbers of each network.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Range of one network's numbers, the networks counted from 0.
    pub const fn range(&self, network: usize) -> Range<usize> {
        network * self.size..(network + 1) * self.size
    }

    /// Replaces one network's numbers.
    ///
    /// # Errors
    /// When `numbers` is too long or the device fails.
    pub fn write(
        &mut self,
        backend: &B,
        network: usize,
        numbers: &[f32],
    ) -> isobath_tensor::Result<()> {
        backend.write(&mut self.values, network * self.size, numbers)
    }

    /// Copies the numbers of the given networks to the front of new memory and drops the others.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    pub fn keep(&mut self, backend: &B, networks: &[usize]) -> isobath_tensor::Result<()> {
        let mut kept = backend.zeros(networks.len() * self.size)?;
        for (place, &network) in networks.iter().enumerate() {
            backend.copy(&self.values, self.range(network), &mut kept, place * self.size)?;
        }
        self.values = kept;
        Ok(())
    }

    /// One network's numbers in host memory.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read(&self, backend: &B, network: usize) -> isobath_tensor::Result<Vec<f32>> {
        backend.read(&self.values, self.range(network))
    }
}
