use serde::{Deserialize, Serialize};

use crate::{Error, Result, shape::check_size};

/// Window that slides over an image, `[vertical, horizontal]` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Pixels between neighbouring windows.
    pub stride: [usize; 2],
    /// Pixels added at each side of the image.
    pub padding: [usize; 2],
}

impl Window {
    /// A window with the same numbers in both directions.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2] }
    }

    /// Elements of the window.
    pub const fn elements(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Number of windows in an image: `floor((n + 2 p - k) / s) + 1` in each direction.
    pub(crate) fn count(&self, image: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| self.room(image, axis) / self.stride[axis] + 1)
    }

    /// Number of windows where the last one may reach beyond the padding, but has to begin before it ends:
    /// `ceil((n + 2 p - k) / s) + 1`, one less if the last one began in the padding at the end.
    pub(crate) fn count_ceil(&self, image: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let last = self.room(image, axis).div_ceil(self.stride[axis]);
            let begins_inside = last * self.stride[axis] < image[axis] + self.padding[axis];
            if begins_inside { last + 1 } else { last }
        })
    }

    /// `n + 2 p - k`
    const fn room(&self, image: [usize; 2], axis: usize) -> usize {
        image[axis] + 2 * self.padding[axis] - self.kernel[axis]
    }

    /// Checks that at least one window fits into the padded image.
    pub(crate) fn check(&self, image: [usize; 2]) -> Result<()> {
        for (axis, size) in image.into_iter().enumerate() {
            check_size("kernel", self.kernel[axis], 1000, "1 to 1,000")?;
            check_size("stride", self.stride[axis], 1000, "1 to 1,000")?;
            let (kernel, padding) = (self.kernel[axis], self.padding[axis]);
            if padding >= 1000 {
                let value = padding.to_string();
                return Err(Error::OutOfRange { name: "padding", value, range: "below 1,000" });
            }
            if kernel > size + 2 * padding {
                return Err(Error::Window { kernel, padding, size });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_counted_as_pytorch_does() {
        let window = |kernel, stride, padding| Window::square(kernel, stride, padding);
        assert_eq!(window(3, 2, 1).count([28, 27]), [14, 14]);
        assert_eq!(window(5, 1, 0).count([7, 5]), [3, 1]);
        assert_eq!(window(2, 2, 0).count([7, 7]), [3, 3]);
        assert_eq!(window(2, 2, 0).count_ceil([7, 8]), [4, 4]);
        // The fourth window would begin in the padding: torch.nn.MaxPool2d(2, 3, 1, ceil_mode=True) on 8 gives 3.
        assert_eq!(window(2, 3, 1).count_ceil([8, 9]), [3, 4]);
    }

    #[test]
    fn a_window_must_fit() {
        assert!(Window::square(3, 1, 1).check([1, 1]).is_ok());
        let error = Window::square(3, 1, 0).check([2, 8]).unwrap_err().to_string();
        assert!(error.contains("kernel of 3"), "{error}");
        assert!(Window::square(3, 0, 0).check([8, 8]).is_err());
    }
}
