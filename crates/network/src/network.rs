use isobath_architecture::{Initialisation, NetworkSpec};

use crate::{
    DeviceLayer, Error, ForwardBackend, LayerParameters, Result,
    source::{DrawnLayer, LayerSource},
};

/// A network with parameters.
#[derive(Clone, Debug)]
pub struct Network {
    spec: NetworkSpec,
    source: Source,
}

/// Source of a network's parameters.
#[derive(Clone, Debug)]
enum Source {
    /// Drawn at each use.
    Drawn { initialisation: Initialisation, seed: u64 },
    /// Given, first layer first.
    Given(Vec<LayerParameters>),
}

impl Network {
    /// A random network. Layer `l`'s parameters are a function of `(seed, l)`, its shape and its initialisation alone, so
    /// networks of different depth under one seed share their first layers.
    pub fn random(spec: NetworkSpec, initialisation: impl Into<Initialisation>, seed: u64) -> Self {
        Self { spec, source: Source::Drawn { initialisation: initialisation.into(), seed } }
    }

    /// A network with the given parameters.
    ///
    /// # Errors
    /// When they do not fit the description.
    pub fn with_parameters<P: Into<LayerParameters>>(
        spec: NetworkSpec,
        parameters: Vec<P>,
    ) -> Result<Self> {
        if parameters.len() != spec.depth() {
            return Err(Error::LayerCount { expected: spec.depth(), given: parameters.len() });
        }
        let parameters: Vec<LayerParameters> = parameters.into_iter().map(Into::into).collect();
        for (index, (layer, given)) in spec.layers().iter().zip(&parameters).enumerate() {
            given.check(layer, index)?;
        }
        Ok(Self { spec, source: Source::Given(parameters) })
    }

    /// The description.
    pub const fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// The initialisation of random parameters; `None` for given ones.
    pub const fn initialisation(&self) -> Option<&Initialisation> {
        match &self.source {
            Source::Drawn { initialisation, .. } => Some(initialisation),
            Source::Given(_) => None,
        }
    }

    /// Parameters of layer `index`, counted from 0, in host memory.
    ///
    /// # Panics
    /// When there is no such layer.
    pub fn parameters(&self, index: usize) -> LayerParameters {
        match self.layer_source(index) {
            LayerSource::Given(parameters) => parameters.clone(),
            LayerSource::Drawn(source) => LayerParameters::draw(&self.spec.layers()[index], source),
        }
    }

    /// Layer `index`, counted from 0, on `backend`. Random parameters are drawn on the device.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    ///
    /// # Panics
    /// When there is no such layer.
    pub fn upload_layer<B: ForwardBackend>(
        &self,
        backend: &B,
        index: usize,
    ) -> Result<DeviceLayer<B>> {
        DeviceLayer::upload(backend, &[self], index)
    }

    /// The source of the parameters of layer `index`, counted from 0.
    pub(crate) fn layer_source(&self, index: usize) -> LayerSource<'_> {
        match &self.source {
            Source::Given(parameters) => LayerSource::Given(&parameters[index]),
            Source::Drawn { initialisation, seed } => {
                LayerSource::Drawn(DrawnLayer { initialisation, seed: *seed, index, place: index })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::{Activation, MlpParams, Variances, WidthRule};

    use super::*;
    use crate::DenseParameters;

    fn network(depth: usize) -> Network {
        let params = MlpParams::new(depth, WidthRule::Fixed(40), Activation::Tanh);
        let spec = params.check(30, 10).unwrap().spec();
        Network::random(spec, Variances::new(1.5, 0.05).unwrap(), 9)
    }

    #[test]
    fn deeper_networks_share_their_first_layers() {
        let (shallow, deep) = (network(3), network(9));
        assert_eq!(shallow.parameters(1), deep.parameters(1));
        let weights = |index| {
            let LayerParameters::Dense(DenseParameters { weights, .. }) = deep.parameters(index)
            else {
                panic!("a dense layer")
            };
            weights
        };
        assert_ne!(weights(1), weights(2));
    }

    #[test]
    fn parameters_must_fit() {
        let spec = network(2).spec().clone();
        let good: Vec<_> = (0..2).map(|index| network(2).parameters(index)).collect();
        assert!(Network::with_parameters(spec.clone(), good.clone()).is_ok());
        let error = Network::with_parameters(spec.clone(), good[..1].to_vec())
            .expect_err("one layer is missing");
        assert!(error.to_string().contains("1 layers"), "{error}");
        let swapped = vec![good[1].clone(), good[0].clone()];
        let error = Network::with_parameters(spec, swapped).expect_err("shapes do not fit");
        assert!(error.to_string().contains("layer 1: weights"), "{error}");
    }
}
