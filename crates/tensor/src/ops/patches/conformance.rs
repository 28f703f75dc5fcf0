use crate::{
    Axes, Boundary, FullBackend, Patches, PatchesConfig, Reference, Result,
    conformance::{Finding, Report, Suite, Tally},
    random::StreamRng,
};

pub(crate) fn run<B: FullBackend>(suite: &Suite<'_, B>, report: &mut Report) -> Result<()> {
    report.add(suite.patches()?);
    report.add(suite.reordered()?);
    report.add(suite.patches_adjoint()?);
    let b = suite.backend;
    let config = PatchesConfig {
        samples: 2,
        axes: [Axes::SampleUnitPixel, Axes::SamplePixelUnit],
        ..suite.patches_config(0)
    };
    let [of_images, of_patches] = [config.images().len(), config.patches().len()];
    let (long, mut short) = (b.zeros(of_images)?, b.zeros(of_patches - 1)?);
    report.refused("patches", b.patches(&config, &long, &mut short));
    let (long, mut short) = (b.zeros(of_patches)?, b.zeros(of_images - 1)?);
    report.refused("patches_adjoint", b.patches_adjoint(&config, &long, &mut short));
    Ok(())
}

impl<B: FullBackend> Suite<'_, B> {
    /// Random sizes, with patches that reach beyond the image.
    pub(crate) fn patches_config(&self, case: usize) -> PatchesConfig {
        let mut rng = StreamRng::new(self.seed, 2000 + case as u64);
        let mut within =
            |least: usize, most: usize| least + rng.below((most - least) as u64 + 1) as usize;
        let mut pair = |least, most| [within(least, most), within(least, most)];
        let [image, grid, kernel] = [pair(1, 9), pair(1, 9), pair(1, 5)];
        let [stride, spread] = [pair(1, 3), pair(1, 3)];
        let origin = pair(0, 6).map(|origin| origin as isize - 1);
        let [channels, samples] = [pair(1, 5)[0], pair(1, 40)[0]];
        let boundary = [Boundary::Zero, Boundary::Circular][within(0, 1)];
        let axes = [within(0, 2), within(0, 2)].map(|index| Axes::ALL[index]);
        PatchesConfig {
            channels,
            image,
            grid,
            kernel,
            stride,
            spread,
            origin,
            boundary,
            samples,
            axes,
        }
    }

    fn patches(&self) -> Result<Finding> {
        self.check_copies("patches", |case| self.patches_config(case))
    }

    /// Patches of one pixel, in every order of axes.
    fn reordered(&self) -> Result<Finding> {
        self.check_copies("patches of one pixel", |case| {
            let mut rng = StreamRng::new(self.seed, 2100 + case as u64);
            let mut within = |most: u64| 1 + rng.below(most) as usize;
            let (channels, image, samples) = (within(20), [within(9), within(9)], within(70));
            let axes = [Axes::ALL[case % 3], Axes::ALL[case / 3 % 3]];
            PatchesConfig::pixels(channels, image, samples, axes)
        })
    }

    fn check_copies(
        &self,
        op: &'static str,
        config: impl Fn(usize) -> PatchesConfig,
    ) -> Result<Finding> {
        let mut tally = Tally::new(op, 0.0);
        for case in 0..self.cases {
            let config = config(case);
            let len = config.patches().len();
            let (images, reference) = self.upload(&self.normal(1, config.images().len(), 1.0))?;
            let (mut patches, mut expected) = self.upload(&vec![f32::NAN; len])?;
            self.backend.patches(&config, &images, &mut patches)?;
            Reference.patches(&config, &reference, &mut expected)?;
            let actual = self.backend.download(&patches)?;
            tally.add(&actual, expected.as_slice(), 1.0, || format!("{config:?}"));
        }
        Ok(tally.finding)
    }

    fn patches_adjoint(&self) -> Result<Finding> {
        let mut tally = Tally::new("patches_adjoint", 2e-6);
        for case in 0..self.cases {
            let config = self.patches_config(case);
            let len = config.images().len();
            let (patches, reference) = self.upload(&self.normal(1, config.patches().len(), 1.0))?;
            let (mut images, mut expected) = self.upload(&vec![f32::NAN; len])?;
            self.backend.patches_adjoint(&config, &patches, &mut images)?;
            Reference.patches_adjoint(&config, &reference, &mut expected)?;
            let actual = self.backend.download(&images)?;
            // The most terms that a sum can have.
            let terms = (config.elements() * config.count()) as f64;
            tally.add(&actual, expected.as_slice(), terms.sqrt(), || format!("{config:?}"));
        }
        Ok(tally.finding)
    }
}
