use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Shape of one sample between layers. In memory, numbers lie in the order channel, row, column; a dense layer reads
/// them flattened in this order, as `PyTorch` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows of each channel.
    pub height: usize,
    /// Columns of each channel.
    pub width: usize,
}

impl Shape {
    /// `channels` images of `height` rows and `width` columns.
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// A vector of `width` numbers: that many channels of one pixel.
    pub const fn flat(width: usize) -> Self {
        Self::new(width, 1, 1)
    }

    /// Numbers in a sample.
    pub const fn numbers(&self) -> usize {
        self.channels * self.pixels()
    }

    /// Positions in a channel.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Rows and columns.
    pub const fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// True for a vector.
    pub const fn is_flat(&self) -> bool {
        self.pixels() == 1
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_size("channels", self.channels, 1_000_000, "1 to 1,000,000")?;
        check_size("height", self.height, 10_000, "1 to 10,000")?;
        check_size("width", self.width, 10_000, "1 to 10,000")
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_flat() {
            write!(f, "{}", self.channels)
        } else {
            write!(f, "{}x{}x{}", self.channels, self.height, self.width)
        }
    }
}

/// Checks that a number is between 1 and `most`.
pub(crate) fn check_size(
    name: &'static str,
    value: usize,
    most: usize,
    range: &'static str,
) -> Result<()> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(Error::OutOfRange { name, value: value.to_string(), range })
    }
}
