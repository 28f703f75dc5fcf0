use serde::{Deserialize, Serialize};

use crate::{Error, Result, Shape, Window};

/// A pooling layer: each channel on its own, no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLayer {
    /// Shape of the input.
    pub input: Shape,
    /// Value of a window.
    pub kind: PoolKind,
    /// Kernel, stride and padding.
    pub window: Window,
    /// The last window may reach beyond the border, as in `PyTorch`'s `ceil_mode`.
    pub ceil: bool,
}

/// Value of a pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// The largest number; padding is negative infinity.
    Max,
    /// The mean. Padding counts as zeros, but not what lies beyond it.
    #[serde(alias = "avg")]
    Average,
}

impl PoolLayer {
    /// A pooling layer whose windows do not overlap and lie within the image.
    pub const fn new(input: Shape, kind: PoolKind, kernel: usize) -> Self {
        Self { input, kind, window: Window::square(kernel, kernel, 0), ceil: false }
    }

    /// Shape of the output.
    pub fn output(&self) -> Shape {
        let size = self.input.size();
        let count = if self.ceil { Window::count_ceil } else { Window::count };
        let [height, width] = count(&self.window, size);
        Shape::new(self.input.channels, height, width)
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.input.check()?;
        self.window.check(self.input.size())?;
        for (&kernel, &padding) in self.window.kernel.iter().zip(&self.window.padding) {
            if 2 * padding > kernel {
                return Err(Error::PoolPadding { padding, kernel });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let pool = PoolLayer::new(Shape::new(4, 7, 8), PoolKind::Max, 2);
        assert_eq!(pool.output(), Shape::new(4, 3, 4));
        assert_eq!(PoolLayer { ceil: true, ..pool }.output(), Shape::new(4, 4, 4));
    }

    #[test]
    fn padding_is_at_most_half_of_the_kernel() {
        let pool = PoolLayer::new(Shape::new(4, 8, 8), PoolKind::Average, 3);
        let padded = |padding| PoolLayer { window: Window::square(3, 2, padding), ..pool };
        assert!(padded(1).check().is_ok());
        let error = padded(2).check().unwrap_err().to_string();
        assert!(error.contains("half"), "{error}");
    }
}
