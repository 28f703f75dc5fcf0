//! Convolutions without patches in memory.
//!
//! Products of a forward pass and those of the derivative of the images are the same work: each pixel of the result sums
//! products of weights with pixels that [`Links`] lists. Threads share pixels and samples ([`gather`]). The weights'
//! gradient sums over all pixels instead; threads share the weights ([`weights`]). Factors of lower precision go through
//! patches, where products with them are.

mod gather;
mod links;
mod units_major;
mod weights;

use super::{Convolution, ConvolutionConfig, by_patches, check_convolution};
use crate::{Activation, Backward, Cpu, HostBuffer, Precision, Result, backend::expect_len};

use gather::{Epilogue, Gather, Weights};
use links::Links;
use units_major::units_major;

impl Convolution for Cpu {
    fn scratch(&self, config: &ConvolutionConfig) -> usize {
        if is_direct(config) { 0 } else { config.columns().patches().len() }
    }

    fn convolve(
        &self,
        config: &ConvolutionConfig,
        weights: &HostBuffer<f32>,
        images: &HostBuffer<f32>,
        z: &mut HostBuffer<f32>,
        patches: &mut HostBuffer<f32>,
    ) -> Result<()> {
        check_convolution(self, "convolve", config, [weights, images, z])?;
        if !is_direct(config) {
            return by_patches::convolve(self, config, [weights, images], z, patches);
        }
        let epilogue = Epilogue::Scale(1.0);
        self.forward(config, weights.as_slice(), images.as_slice(), z.as_mut_slice(), epilogue);
        Ok(())
    }

    fn convolve_and_activate(
        &self,
        config: &ConvolutionConfig,
        activation: Activation,
        [weights, bias]: [&HostBuffer<f32>; 2],
        images: &HostBuffer<f32>,
        [z, y]: [&mut HostBuffer<f32>; 2],
        patches: &mut HostBuffer<f32>,
    ) -> Result<()> {
        if !is_direct(config) {
            self.convolve(config, weights, images, z, patches)?;
            return self.activate(activation, [config.outputs, config.width()], bias, z, y);
        }
        check_convolution(self, "convolve", config, [weights, images, z])?;
        expect_len("convolve", "bias", config.outputs, bias.as_slice().len())?;
        expect_len("convolve", "y", config.product(), y.as_slice().len())?;
        let y = &mut y.as_mut_slice()[..config.product()];
        let epilogue = Epilogue::Activate { bias: bias.as_slice(), activation, y };
        self.forward(config, weights.as_slice(), images.as_slice(), z.as_mut_slice(), epilogue);
        Ok(())
    }

    fn convolution_input_gradient(
        &self,
        config: &ConvolutionConfig,
        scale: f32,
        [weights, delta]: [&HostBuffer<f32>; 2],
        images: &mut HostBuffer<f32>,
        scratch: &mut HostBuffer<f32>,
    ) -> Result<()> {
        let op = "convolution_input_gradient";
        check_convolution(self, op, config, [weights, &*images, delta])?;
        if !is_direct(config) {
            let factors = [weights, delta];
            return by_patches::input_gradient(self, config, scale, factors, images, scratch);
        }
        let patches = &config.patches;
        let links = Links::of_pixels(patches);
        let weights = Weights {
            numbers: weights.as_slice(),
            rows: patches.channels,
            units: config.outputs,
            elements: patches.window(),
            strides: [patches.window(), patches.elements()],
        };
        let gather = Gather { links, weights, samples: patches.samples };
        let (delta, epilogue) = (&delta.as_slice()[..config.product()], Epilogue::Scale(scale));
        let run = |images: &mut [f32]| gather.run(self.level(), delta, images, epilogue);
        units_major::write(config.images(), images.as_mut_slice(), run);
        Ok(())
    }

    fn convolution_weight_gradient(
        &self,
        config: &ConvolutionConfig,
        [delta, images]: [&HostBuffer<f32>; 2],
        gradient: &mut HostBuffer<f32>,
        patches: &mut HostBuffer<f32>,
    ) -> Result<()> {
        let op = "convolution_weight_gradient";
        check_convolution(self, op, config, [&*gradient, images, delta])?;
        if !is_direct(config) {
            let factors = [delta, images];
            return by_patches::weight_gradient(self, config, factors, gradient, patches);
        }
        let images = units_major(config.images(), images.as_slice());
        let delta = &delta.as_slice()[..config.product()];
        weights::gradient(self.level(), config, [delta, &images], gradient.as_mut_slice());
        Ok(())
    }
}

/// True for factors in f32, whose products need no patches.
const fn is_direct(config: &ConvolutionConfig) -> bool {
    matches!(config.precision, Precision::F32)
}

impl Cpu {
    /// The product and its epilogue.
    fn forward(
        self,
        config: &ConvolutionConfig,
        weights: &[f32],
        images: &[f32],
        z: &mut [f32],
        epilogue: Epilogue<'_>,
    ) {
        let patches = &config.patches;
        let weights = Weights {
            numbers: weights,
            rows: config.outputs,
            units: patches.channels,
            elements: patches.window(),
            strides: [patches.elements(), patches.window()],
        };
        let links = Links::of_patches(patches);
        let images = units_major(config.images(), images);
        let gather = Gather { links, weights, samples: patches.samples };
        gather.run(self.level(), &images, &mut z[..config.product()], epilogue);
    }
}
