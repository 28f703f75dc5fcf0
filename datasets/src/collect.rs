//! Gathers the kept samples of a split while its files stream past, so that nothing is in memory twice.

use ndarray::Array2;

use crate::cifar::{PLANE, luma};
use crate::dataset::Samples;
use crate::select::Selection;

/// How the bytes of an image become a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// Each byte over 255.
    Scale,
    /// The luma of planes of red, green and blue, over 255.
    Grey,
}

/// Receives labels and images in the file's order, each as often as the file has samples.
pub(crate) struct Collector {
    selection: Selection,
    conversion: Conversion,
    samples: Samples,
    n_labels: usize,
    n_images: usize,
}

impl Collector {
    /// Makes room for the selection's samples of `width` numbers each.
    pub(crate) fn new(selection: Selection, conversion: Conversion, width: usize) -> Self {
        let samples = Samples {
            images: Array2::zeros((selection.len(), width)),
            labels: vec![0; selection.len()],
        };
        Self { selection, conversion, samples, n_labels: 0, n_images: 0 }
    }

    /// The number of samples that the files must hold.
    pub(crate) fn available(&self) -> usize {
        self.selection.available()
    }

    /// Takes the next label.
    pub(crate) fn label(&mut self, label: u8) {
        if let Some(slot) = self.selection.slot(self.n_labels) {
            self.samples.labels[slot] = label;
        }
        self.n_labels += 1;
    }

    /// Takes the next image.
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

    /// The samples, once every label and image has been taken.
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
