use crate::{
    Activation, Axes, Boundary, Convolution, ConvolutionConfig, FullBackend, HostBuffer,
    PatchesConfig, Precision, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
    random::StreamRng,
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.convolve()?);
    report.add(suite.convolve_and_activate()?);
    report.add(suite.convolution_input_gradient()?);
    report.add(suite.convolution_weight_gradient()?);
    let b = suite.backend;
    let config = suite.convolution_config(0);
    let [weights, images, product] = sizes(&config);
    let mut long = b.zeros(config.columns().patches().len().max(weights + images + product))?;
    let (enough, mut short) = (b.zeros(weights + images + product)?, b.zeros(product - 1)?);
    let outcome = b.convolve(&config, &enough, &enough, &mut short, &mut long);
    report.refused("convolve", outcome);
    let mut short = b.zeros(images - 1)?;
    let outcome = b.convolution_input_gradient(&config, 1.0, [&enough; 2], &mut short, &mut long);
    report.refused("convolution_input_gradient", outcome);
    let mut short = b.zeros(weights - 1)?;
    let outcome = b.convolution_weight_gradient(&config, [&enough; 2], &mut short, &mut long);
    report.refused("convolution_weight_gradient", outcome);
    Ok(())
}

/// Numbers of weights, images and product.
const fn sizes(config: &ConvolutionConfig) -> [usize; 3] {
    [config.weights(), config.images().len(), config.product()]
}

/// Random numbers for weights, images and product, on the backend and on the reference.
struct Inputs<B: FullBackend> {
    own: [B::Buffer<f32>; 3],
    reference: [HostBuffer<f32>; 3],
    /// Memory for patches.
    patches: (B::Buffer<f32>, HostBuffer<f32>),
}

impl<B: FullBackend> Suite<'_, B> {
    /// Random sizes: small ones with every geometry, and larger ones of a common layer.
    fn convolution_config(&self, case: usize) -> ConvolutionConfig {
        let mut rng = StreamRng::new(self.seed, 2500 + case as u64);
        let mut within =
            |least: usize, most: usize| least + rng.below((most - least) as u64 + 1) as usize;
        let (patches, precision) = (self.patches_config(case), Precision::F32);
        if case.is_multiple_of(2) {
            return ConvolutionConfig { patches, outputs: within(1, 21), precision };
        }
        let (size, channels, samples) = (within(5, 12), within(1, 37), within(1, 70));
        let patches = PatchesConfig {
            channels,
            image: [size; 2],
            grid: [size; 2],
            kernel: [3; 2],
            stride: [1; 2],
            spread: [1; 2],
            origin: [1; 2],
            boundary: [Boundary::Zero, Boundary::Circular][within(0, 1)],
            samples,
            axes: [Axes::ALL[within(0, 2)], Axes::UnitPixelSample],
        };
        ConvolutionConfig { patches, outputs: within(1, 37), precision }
    }

    fn convolution_inputs(&self, config: &ConvolutionConfig) -> Result<Inputs<B>> {
        let [weights, images, product] = sizes(config);
        let upload = |stream, count| self.upload(&self.normal(stream, count, 1.0));
        let [(a, x), (b, y), (c, z)] =
            [upload(1, weights)?, upload(2, images)?, upload(3, product)?];
        let patches = self.upload(&vec![f32::NAN; config.columns().patches().len()])?;
        Ok(Inputs { own: [a, b, c], reference: [x, y, z], patches })
    }

    fn convolve(&self) -> Result<Finding> {
        let mut tally = Tally::new("convolve", 6e-6);
        for case in 0..self.cases {
            let config = self.convolution_config(case);
            let Inputs { own, reference, mut patches } = self.convolution_inputs(&config)?;
            let (mut z, mut expected) = self.upload(&vec![f32::NAN; config.product()])?;
            self.backend.convolve(&config, &own[0], &own[1], &mut z, &mut patches.0)?;
            let [weights, images, _] = &reference;
            Reference.convolve(&config, weights, images, &mut expected, &mut patches.1)?;
            let actual = self.backend.download(&z)?;
            let scale = (config.patches.elements() as f64).sqrt();
            tally.add(&actual, expected.as_slice(), scale, || format!("{config:?}"));
        }
        Ok(tally.finding)
    }

    fn convolve_and_activate(&self) -> Result<Finding> {
        let mut tally = Tally::new("convolve_and_activate", 6e-6);
        for case in 0..self.cases {
            let config = self.convolution_config(case);
            let Inputs { own, reference, mut patches } = self.convolution_inputs(&config)?;
            let (bias, reference_bias) = self.upload(&self.normal(4, config.outputs, 1.0))?;
            let nothing = vec![f32::NAN; config.product()];
            let [(mut z, mut expected_z), (mut y, mut expected)] =
                [self.upload(&nothing)?, self.upload(&nothing)?];
            let activation = [Activation::Tanh, Activation::Gelu][case % 2];
            self.backend.convolve_and_activate(
                &config,
                activation,
                [&own[0], &bias],
                &own[1],
                [&mut z, &mut y],
                &mut patches.0,
            )?;
            Reference.convolve_and_activate(
                &config,
                activation,
                [&reference[0], &reference_bias],
                &reference[1],
                [&mut expected_z, &mut expected],
                &mut patches.1,
            )?;
            let scale = (config.patches.elements() as f64).sqrt();
            for (actual, expected) in [(&z, &expected_z), (&y, &expected)] {
                let actual = self.backend.download(actual)?;
                tally.add(&actual, expected.as_slice(), scale, || format!("{config:?}"));
            }
        }
        Ok(tally.finding)
    }

    fn convolution_input_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("convolution_input_gradient", 6e-6);
        for case in 0..self.cases {
            let config = self.convolution_config(case);
            let Inputs { own, reference, mut patches } = self.convolution_inputs(&config)?;
            let (mut images, mut expected) = self.upload(&vec![f32::NAN; config.images().len()])?;
            let scale = 0.5;
            let factors = [&own[0], &own[2]];
            self.backend.convolution_input_gradient(
                &config,
                scale,
                factors,
                &mut images,
                &mut patches.0,
            )?;
            Reference.convolution_input_gradient(
                &config,
                scale,
                [&reference[0], &reference[2]],
                &mut expected,
                &mut patches.1,
            )?;
            let actual = self.backend.download(&images)?;
            // The most terms that a sum can have.
            let terms = config.outputs * config.patches.window() * config.patches.count();
            let scale = (terms as f64).sqrt();
            tally.add(&actual, expected.as_slice(), scale, || format!("{config:?}"));
        }
        Ok(tally.finding)
    }

    fn convolution_weight_gradient(&self) -> Result<Finding> {
        let mut tally = Tally::new("convolution_weight_gradient", 6e-6);
        for case in 0..self.cases {
            let config = self.convolution_config(case);
            let Inputs { own, reference, mut patches } = self.convolution_inputs(&config)?;
            let (mut gradient, mut expected) = self.upload(&vec![f32::NAN; config.weights()])?;
            self.backend.convolution_weight_gradient(
                &config,
                [&own[2], &own[1]],
                &mut gradient,
                &mut patches.0,
            )?;
            Reference.convolution_weight_gradient(
                &config,
                [&reference[2], &reference[1]],
                &mut expected,
                &mut patches.1,
            )?;
            let actual = self.backend.download(&gradient)?;
            let scale = (config.width() as f64).sqrt();
            tally.add(&actual, expected.as_slice(), scale, || format!("{config:?}"));
        }
        Ok(tally.finding)
    }
}
