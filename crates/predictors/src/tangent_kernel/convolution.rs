//! Gradients of every sample by some of a convolution's parameters.

use isobath_architecture::Boundary;
use isobath_tensor::PatchesConfig;

/// A convolution's product in one backward pass, with the derivative behind it and the input before it in host memory.
pub(super) struct Convolution<'a> {
    /// The product.
    pub(super) patches: PatchesConfig,
    /// Channels of the product.
    pub(super) outputs: usize,
    /// `[outputs, patches, samples]`
    pub(super) delta: &'a [f32],
    /// `[channels, pixels, samples]`
    pub(super) input: &'a [f32],
}

impl Convolution<'_> {
    /// Gradients by every `stride`-th weight, one list for each sample.
    pub(super) fn weights(&self, stride: usize) -> Vec<Vec<f32>> {
        let elements = self.patches.elements();
        let [rows, columns] = self.patches.kernel;
        let kept = (0..self.outputs * elements).step_by(stride);
        self.collect(kept, |weight, sums| {
            let (output, element) = (weight / elements, weight % elements);
            let (channel, place) = (element / (rows * columns), element % (rows * columns));
            self.add_products(output, channel, [place / columns, place % columns], sums);
        })
    }

    /// Gradients by every `stride`-th bias, one list for each sample.
    pub(super) fn biases(&self, stride: usize) -> Vec<Vec<f32>> {
        let (pixels, samples) = (self.patches.count(), self.patches.samples);
        self.collect((0..self.outputs).step_by(stride), |output, sums| {
            let of_output = &self.delta[output * pixels * samples..][..pixels * samples];
            for of_pixel in of_output.chunks_exact(samples) {
                sums.iter_mut().zip(of_pixel).for_each(|(sum, delta)| *sum += delta);
            }
        })
    }

    /// Calls `add` for each parameter with the sums over pixels of each sample; returns these sums by sample.
    fn collect(
        &self,
        parameters: impl Iterator<Item = usize>,
        add: impl Fn(usize, &mut [f32]),
    ) -> Vec<Vec<f32>> {
        let samples = self.patches.samples;
        let mut by_sample = vec![Vec::new(); samples];
        let mut sums = vec![0.0; samples];
        for parameter in parameters {
            sums.fill(0.0);
            add(parameter, &mut sums);
            by_sample.iter_mut().zip(&sums).for_each(|(list, sum)| list.push(*sum));
        }
        by_sample
    }

    /// Adds the products of the derivative by an output and the pixels that the kernel's element reads.
    fn add_products(&self, output: usize, channel: usize, element: [usize; 2], sums: &mut [f32]) {
        let PatchesConfig { image, grid, samples, .. } = self.patches;
        for row in 0..grid[0] {
            let Some(from_row) = self.pixel(0, row, element[0]) else { continue };
            for column in 0..grid[1] {
                let Some(from_column) = self.pixel(1, column, element[1]) else { continue };
                let patch = (output * grid[0] + row) * grid[1] + column;
                let pixel = (channel * image[0] + from_row) * image[1] + from_column;
                let delta = &self.delta[patch * samples..][..samples];
                let input = &self.input[pixel * samples..][..samples];
                for ((sum, delta), input) in sums.iter_mut().zip(delta).zip(input) {
                    *sum += delta * input;
                }
            }
        }
    }

    /// Row or column of the image that element `element` of patch `patch` reads; `None` beyond a border of zeros.
    fn pixel(&self, axis: usize, patch: usize, element: usize) -> Option<usize> {
        let PatchesConfig { stride, origin, image, boundary, .. } = self.patches;
        let place = (stride[axis] * patch + element).cast_signed() - origin[axis];
        let size = image[axis].cast_signed();
        match boundary {
            Boundary::Zero => (0..size).contains(&place).then(|| place.cast_unsigned()),
            Boundary::Circular => Some(place.rem_euclid(size).cast_unsigned()),
        }
    }
}
