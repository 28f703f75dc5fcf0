use serde::{Deserialize, Serialize};

use crate::{Activation, Error, Result, Shape, Window, shape::check_size};

/// A convolutional layer: cross-correlation with weights `[out_channels, channels, kernel, kernel]`, biases
/// `[out_channels]`.
///
/// `h[o, i, j] = phi(b[o] + sum_{c, u, v} W[o, c, u, v] x[c, s i + u - p, s j + v - p])`, where `x` continues beyond its
/// border as `boundary` says. `s` is the stride and `p` the padding of `window`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2dLayer {
    /// Shape of the input.
    pub input: Shape,
    /// Channels of the output.
    pub out_channels: usize,
    /// Kernel, stride and padding.
    pub window: Window,
    /// Continuation of the input beyond its border.
    pub boundary: Boundary,
    /// Pixels by which the output is continued periodically at each side, as in the code of arXiv:2406.12916; other
    /// networks pad before the product.
    pub wrap_after: usize,
    /// The layer has biases.
    pub bias: bool,
    /// `phi`
    pub activation: Activation,
}

/// Continuation of an image beyond its border.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    /// By zeros.
    #[default]
    Zero,
    /// Periodically.
    Circular,
}

impl Conv2dLayer {
    /// A convolution with biases, zero padding and no wrap.
    pub const fn new(
        input: Shape,
        out_channels: usize,
        window: Window,
        activation: Activation,
    ) -> Self {
        let boundary = Boundary::Zero;
        Self { input, out_channels, window, boundary, wrap_after: 0, bias: true, activation }
    }

    /// Shape of the product, before the wrap.
    pub fn product(&self) -> Shape {
        let [height, width] = self.window.count(self.input.size());
        Shape::new(self.out_channels, height, width)
    }

    /// Shape of the output.
    pub fn output(&self) -> Shape {
        let Shape { channels, height, width } = self.product();
        Shape::new(channels, height + 2 * self.wrap_after, width + 2 * self.wrap_after)
    }

    /// Weights of one output, `k^2 c_in`.
    pub const fn fan_in(&self) -> usize {
        self.window.elements() * self.input.channels
    }

    /// Outputs that a number in the middle of the input reaches at stride 1, `k^2 c_out`.
    pub const fn fan_out(&self) -> usize {
        self.window.elements() * self.out_channels
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.input.check()?;
        check_size("out_channels", self.out_channels, 1_000_000, "1 to 1,000,000")?;
        let size = self.input.size();
        self.window.check(size)?;
        for (axis, size) in size.into_iter().enumerate() {
            let (padding, stride) = (self.window.padding[axis], self.window.stride[axis]);
            if self.boundary == Boundary::Circular && padding > size {
                return Err(Error::CircularPadding { padding, size });
            }
            if self.boundary == Boundary::Circular && !size.is_multiple_of(stride) {
                return Err(Error::CircularStride { stride, size });
            }
        }
        let product = self.product();
        let least = product.height.min(product.width);
        if self.wrap_after > least {
            return Err(Error::Wrap { wrap: self.wrap_after, size: least });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(size: usize, window: Window) -> Conv2dLayer {
        Conv2dLayer::new(Shape::new(3, size, size), 8, window, Activation::Tanh)
    }

    #[test]
    fn shapes() {
        assert_eq!(conv(12, Window::square(3, 2, 1)).output(), Shape::new(8, 6, 6));
        let torus = Conv2dLayer { wrap_after: 1, ..conv(7, Window::square(3, 1, 0)) };
        assert_eq!((torus.product(), torus.output()), (Shape::new(8, 5, 5), Shape::new(8, 7, 7)));
        assert_eq!((torus.fan_in(), torus.fan_out()), (27, 72));
    }

    #[test]
    fn impossible_settings_are_refused() {
        let circular =
            |size, window| Conv2dLayer { boundary: Boundary::Circular, ..conv(size, window) };
        let refused = |layer: Conv2dLayer, message: &str| {
            let error = layer.check().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        assert!(circular(6, Window::square(3, 2, 1)).check().is_ok());
        refused(circular(7, Window::square(3, 2, 1)), "stride");
        refused(circular(2, Window::square(3, 1, 3)), "padding");
        refused(
            Conv2dLayer { out_channels: 0, ..conv(6, Window::square(3, 1, 1)) },
            "out_channels",
        );
        refused(Conv2dLayer { wrap_after: 9, ..conv(6, Window::square(3, 1, 1)) }, "wrap");
        refused(conv(6, Window::square(7, 1, 0)), "kernel");
    }
}
