//! Collector of the selected samples of a split; it processes streams, so no file is in memory as a whole.

use ndarray::Array2;

use crate::cifar::{PLANE, luma};
use crate::dataset::Samples;
use crate::select::Selection;

/// Conversion of the bytes of an image to a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// Each byte divided by 255.
    Scale,
    /// Luma of the red, green and blue planes, divided by 255.
    Grey,
}

/// Receives all labels and images of a split in file order.
pub(crate) struct Collector {
    selection: Selection,
    conversion: Conversion,
    samples: Samples,
    n_labels: usize,
    n_images: usize,
}

impl Collector {
    /// Allocates the selected samples with `width` numbers each.
    pub(crate) fn new(selection: Selection, conversion: Conversion, width: usize) -> Self {
        let samples = Samples {
            images: Array2::zeros((selection.len(), width)),
            labels: vec![0; selection.len()],
        };
        Self { selection, conversion, samples, n_labels: 0, n_images: 0 }
    }

    /// Number of samples that the files must contain.
    pub(crate) fn available(&self) -> usize {
        self.selection.available()
    }

    /// Adds the next label.
    pub(crate) fn label(&mut self, label: u8) {
        if let Some(slot) = self.selection.slot(self.n_labels) {
            self.samples.labels[slot] = label;
        }
        self.n_labels += 1;
    }

    /// Adds the next image.
    pub(crate) fn image(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.selection.slot(self.n_images) {
            let mut row = self.samples.images.row_mut(slot);
            match self.conversion {
                Conversion::Scale => {
                    row.iter_mut().zip(bytes).for_each(|(value, byte)| *value = scale(*byte))
                }
                Conversion::Grey => row.indexed_iter_mut().for_each(|(i, value)| {
                    *value = scale(luma(bytes[i], bytes[PLANE + i], bytes[2 * PLANE + i]));
                }),
            }
        }
        self.n_images += 1;
    }

    /// Returns the samples after all labels and images have been added.
    pub(crate) fn finish(self) -> Samples {
        assert!(
            self.n_labels == self.available() && self.n_images == self.available(),
            "the readers count samples"
        );
        self.samples
    }
}

fn scale(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}
