//! Class prototypes: the input that the decoders assign to an output.

use isobath_network::ForwardBackend;
use ndarray::Array2;

use crate::{Decoders, Result};

/// Network output that is decoded as the prototype of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassLevels {
    /// Value of the class.
    pub on: f32,
    /// Value of every other class.
    pub off: f32,
}

impl ClassLevels {
    /// 1 for the class, 0 for the others.
    pub const ONE_HOT: Self = Self { on: 1.0, off: 0.0 };
}

impl Decoders {
    /// Decodes an output for each of `classes`, counted from 0, through all decoders to the input: `[classes, w_0]`. The
    /// output has the value `on` at its class and `off` at all others of the `outputs`. The last decoder has to be that of
    /// the layer with these outputs.
    ///
    /// Thurn, Jefferson and Erdmenger, arXiv:2406.12916, decode 1 for the class and -1 elsewhere in a network of tanh.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn prototypes<B: ForwardBackend>(
        &self,
        backend: &B,
        outputs: usize,
        classes: &[usize],
        levels: ClassLevels,
    ) -> Result<Array2<f32>> {
        let output = |(row, column)| {
            if classes[row] == column { levels.on } else { levels.off }
        };
        let activations = Array2::from_shape_fn((classes.len(), outputs), output);
        self.decode(backend, self.len(), activations.view())
    }
}
