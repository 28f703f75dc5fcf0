use serde::{Deserialize, Serialize};

use crate::{Activation, Error, Layer, Result, Shape, network_spec::check_chain};

/// A residual block: `h = after(x + F(before(x)))`, where `F` is the branch.
///
/// `before` gives the pre-activation block `x + F(phi(x))` (Yang and Schoenholz, arXiv:1712.08969), `after` the block
/// `tanh(x + F(x))` of arXiv:2406.12916. The shortcut sees `x` itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidualLayer {
    /// Function at the start of the branch.
    pub before: Option<Activation>,
    /// Layers of the branch, first layer first; no residual blocks among them.
    pub branch: Vec<Layer>,
    /// Function of the sum.
    pub after: Option<Activation>,
}

impl ResidualLayer {
    /// Most layers in a branch: their random draws have places of their own.
    pub const MOST_LAYERS: usize = 64;

    /// Shape of the input and the output.
    pub fn shape(&self) -> Shape {
        self.branch.first().map_or(Shape::flat(0), Layer::input_shape)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let count = self.branch.len();
        if !(1..=Self::MOST_LAYERS).contains(&count) {
            let value = count.to_string();
            return Err(Error::OutOfRange { name: "branch layers", value, range: "1 to 64" });
        }
        if self.branch.iter().any(|layer| matches!(layer, Layer::Residual(_))) {
            return Err(Error::NestedResidual);
        }
        check_chain(&self.branch)?;
        let (input, output) = (self.shape(), self.branch[count - 1].output_shape());
        if input == output { Ok(()) } else { Err(Error::Shortcut { input, output }) }
    }
}
