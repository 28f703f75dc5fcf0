use isobath_architecture::{Activation, Layer};
use isobath_tensor::{Optimizer, Precision};
use serde::{Deserialize, Serialize};

use crate::{
    CascadeBackend, DecoderForm, DecoderKind, Error, GradientCascade, Reconstructor, Result,
    RidgeCascade,
    decoder_layer::DecoderLayerSpec,
    inverse::{decoder_layers, linear_layer},
};

/// Method of finding decoders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Method {
    /// By gradient descent on minibatches, as published.
    #[default]
    Gradient,
    /// In closed form: linear, and best under noise on the activations.
    Ridge,
}

/// `noise` of ridge decoders by default.
pub const DEFAULT_NOISE: f64 = 0.03;
/// `max_samples` of ridge decoders by default.
pub const DEFAULT_MAX_SAMPLES: usize = 4000;

/// Settings of a cascade, as an experiment file has them. [`check`](Self::check) makes them usable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CascadeParams {
    /// Method of finding decoders.
    pub method: Method,
    /// Gradient: passes over the training samples.
    pub epochs: usize,
    /// Gradient: samples per minibatch.
    pub batch: usize,
    /// Gradient: stops a decoder's training after so many minibatches, whatever the epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Gradient: the optimiser.
    pub optimizer: Optimizer,
    /// Activation of the decoders' output: tanh by default, and always linear for ridge decoders and pooling layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Geometry of the decoders of layers that are not dense.
    #[serde(skip_serializing_if = "DecoderForm::is_aligned")]
    pub form: DecoderForm,
    /// Ridge: the standard deviation of the noise that each activation is taken to carry, [`DEFAULT_NOISE`] unless told
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Ridge: uses only the first so many training samples, [`DEFAULT_MAX_SAMPLES`] by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_samples: Option<usize>,
    /// Gradient: precision of the decoders' training. Reconstruction always uses f32.
    pub precision: Precision,
    /// Precision of the network's own products.
    #[serde(skip_serializing_if = "Precision::is_f32")]
    pub forward_precision: Precision,
}

impl Default for CascadeParams {
    /// The published settings: one epoch of Adam at 1e-3, batch 64, tanh.
    fn default() -> Self {
        Self {
            method: Method::Gradient,
            epochs: 1,
            batch: 64,
            max_steps: None,
            optimizer: Optimizer::adam(1e-3),
            activation: None,
            form: DecoderForm::Aligned,
            noise: None,
            max_samples: None,
            precision: Precision::F32,
            forward_precision: Precision::F32,
        }
    }
}

impl CascadeParams {
    /// The settings, checked, with the method's defaults filled in.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::Optimizer`] naming the setting, its value and its range;
    /// [`Error::Inapplicable`] for a setting of another method.
    pub fn check(self) -> Result<CascadeValidParams> {
        let filled = match self.method {
            Method::Gradient => {
                refuse("noise", self.noise, Method::Gradient)?;
                refuse("max_samples", self.max_samples, Method::Gradient)?;
                Self { activation: self.activation.or(Some(Activation::Tanh)), ..self }
            }
            Method::Ridge => self.check_ridge()?,
        };
        between("epochs", filled.epochs, 100_000, "1 to 100,000")?;
        between("batch", filled.batch, 10_000_000, "1 to 10,000,000")?;
        between("max_steps", filled.max_steps.unwrap_or(1), 100_000_000, "1 to 100,000,000")?;
        between("max_samples", filled.max_samples.unwrap_or(1), 10_000_000, "1 to 10,000,000")?;
        filled.optimizer.check().map_err(Error::Optimizer)?;
        Ok(CascadeValidParams(filled))
    }

    /// The settings of ridge decoders filled in; those of gradient decoders must be as if never written.
    fn check_ridge(self) -> Result<Self> {
        let Self { epochs, batch, optimizer, .. } = Self::default();
        let changed = |is_changed: bool, value: String| is_changed.then_some(value);
        let ridge = Method::Ridge;
        refuse("epochs", changed(self.epochs != epochs, self.epochs.to_string()), ridge)?;
        refuse("batch", changed(self.batch != batch, self.batch.to_string()), ridge)?;
        refuse("max_steps", self.max_steps, ridge)?;
        let is_other = self.optimizer != optimizer;
        refuse("optimizer", changed(is_other, "{ kind = .. }".to_owned()), ridge)?;
        let other = self.activation.filter(|activation| *activation != Activation::Linear);
        refuse("activation", other, ridge)?;
        let noise = self.noise.unwrap_or(DEFAULT_NOISE);
        if !(noise.is_finite() && noise >= 0.0) {
            let range = "finite and not negative";
            return Err(Error::OutOfRange { name: "noise", value: noise.to_string(), range });
        }
        Ok(Self {
            activation: Some(Activation::Linear),
            noise: Some(noise),
            max_samples: self.max_samples.or(Some(DEFAULT_MAX_SAMPLES)),
            ..self
        })
    }
}

/// Checks that `value` is 1 to `most`, in words `range`.
fn between(name: &'static str, value: usize, most: usize, range: &'static str) -> Result<()> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::OutOfRange { name, value: value.to_string(), range })
}

/// Refuses a setting that belongs to the other method, where there is one.
fn refuse(name: &'static str, value: Option<impl ToString>, method: Method) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let (method, advice) = match (method, name) {
        (Method::Gradient, "max_samples") => ("gradient", "use max_steps, or train in [data]"),
        (Method::Gradient, _) => ("gradient", "leave it out, or set method = \"ridge\""),
        (Method::Ridge, "max_steps") => ("ridge", "use max_samples"),
        (Method::Ridge, "activation") => ("ridge", "leave it out: its decoders are linear"),
        (Method::Ridge, _) => ("ridge", "leave it out"),
    };
    Err(Error::Inapplicable { name, value: value.to_string(), method, advice })
}

/// Checked settings of a cascade.
#[derive(Clone, Debug, PartialEq)]
pub struct CascadeValidParams(CascadeParams);

impl CascadeValidParams {
    /// The settings.
    pub const fn params(&self) -> &CascadeParams {
        &self.0
    }

    /// The cascade by the method these settings name, to run on `backend`.
    pub fn build<B: CascadeBackend>(self, backend: B) -> Box<dyn Reconstructor> {
        match self.0.method {
            Method::Gradient => Box::new(GradientCascade::new(backend, self)),
            Method::Ridge => Box::new(RidgeCascade::new(backend, self)),
        }
    }

    /// Minibatches each decoder is trained on by gradient descent, given so many samples.
    pub fn steps(&self, samples: usize) -> usize {
        let all = samples.div_ceil(self.0.batch).saturating_mul(self.0.epochs);
        self.0.max_steps.map_or(all, |most| most.min(all))
    }

    /// Number of training samples used out of `available`, taken from the start.
    pub fn samples(&self, available: usize) -> usize {
        match self.0.method {
            Method::Gradient => self.steps(available).saturating_mul(self.0.batch).min(available),
            Method::Ridge => self.0.max_samples.unwrap_or(available).min(available),
        }
    }

    /// Linear maps of the layers of the decoder of `layer`, each with its activation, in the order of application. There is
    /// one, but for residual blocks in the published form.
    pub fn decoder_kinds(&self, layer: &Layer) -> Vec<(DecoderKind, Activation)> {
        let layers = self.decoder_layers(layer).into_iter();
        layers.map(|DecoderLayerSpec { kind, activation }| (kind, activation)).collect()
    }

    /// Layers of the decoder of `layer`, in the order of application.
    pub(crate) fn decoder_layers(&self, layer: &Layer) -> Vec<DecoderLayerSpec> {
        match self.0.method {
            Method::Gradient => decoder_layers(layer, self.0.form, self.activation()),
            // Only one layer has a closed form.
            Method::Ridge => vec![linear_layer(layer, self.0.form)],
        }
    }

    /// Activation of the decoders' output.
    pub(crate) fn activation(&self) -> Activation {
        self.0.activation.unwrap_or(Activation::Tanh)
    }

    /// Standard deviation of the noise that ridge decoders assume; the default for gradient decoders, whose linear yardstick
    /// assumes it.
    pub(crate) fn noise(&self) -> f64 {
        self.0.noise.unwrap_or(DEFAULT_NOISE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_epochs_of_minibatches_up_to_max_steps() {
        let params = CascadeParams { epochs: 2, ..CascadeParams::default() };
        assert_eq!(params.clone().check().unwrap().steps(100), 4);
        assert_eq!(CascadeParams { max_steps: Some(3), ..params }.check().unwrap().steps(100), 3);
    }

    #[test]
    fn only_the_samples_of_the_minibatches_are_used() {
        let params = CascadeParams { max_steps: Some(3), ..CascadeParams::default() };
        let used = |params: &CascadeParams, n| params.clone().check().unwrap().samples(n);
        assert_eq!(used(&params, 1000), 192);
        assert_eq!(used(&params, 150), 150);
        assert_eq!(used(&CascadeParams::default(), 1000), 1000);
        let ridge = CascadeParams { method: Method::Ridge, ..CascadeParams::default() };
        assert_eq!(used(&ridge, 60_000), DEFAULT_MAX_SAMPLES);
        assert_eq!(used(&CascadeParams { max_samples: Some(500), ..ridge }, 60_000), 500);
    }

    #[test]
    fn defaults_are_the_methods() {
        let checked = CascadeParams::default().check().unwrap();
        assert_eq!(checked.params().activation, Some(Activation::Tanh));
        assert_eq!((checked.params().noise, checked.params().max_samples), (None, None));
        let ridge = CascadeParams { method: Method::Ridge, ..CascadeParams::default() };
        let checked = ridge.check().unwrap();
        assert_eq!(checked.params().activation, Some(Activation::Linear));
        assert_eq!(checked.params().noise, Some(DEFAULT_NOISE));
        // What was filled in is as good as written.
        assert_eq!(checked.params().clone().check().unwrap(), checked);
    }

    #[track_caller]
    fn check_refused(params: CascadeParams, message: &str) {
        let error = params.check().expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn impossible_settings_are_refused() {
        let good = CascadeParams::default;
        check_refused(CascadeParams { epochs: 0, ..good() }, "epochs = 0");
        check_refused(CascadeParams { batch: 0, ..good() }, "batch = 0");
        check_refused(CascadeParams { max_steps: Some(0), ..good() }, "max_steps = 0");
        check_refused(CascadeParams { optimizer: Optimizer::adam(-1.0), ..good() }, "lr = -1");
        check_refused(CascadeParams { noise: Some(0.1), ..good() }, "set method = \"ridge\"");
        check_refused(CascadeParams { max_samples: Some(9), ..good() }, "use max_steps");
        check_refused(
            CascadeParams { optimizer: Optimizer::momentum(0.1, 1.0), ..good() },
            "momentum = 1",
        );
    }

    #[test]
    fn the_networks_precision_is_for_both_methods() {
        for method in [Method::Gradient, Method::Ridge] {
            let forward_precision = Precision::Tf32;
            let params = CascadeParams { method, forward_precision, ..CascadeParams::default() };
            assert_eq!(params.check().unwrap().params().forward_precision, Precision::Tf32);
        }
    }

    #[test]
    fn ridge_decoders_refuse_settings_of_gradient_decoders() {
        let ridge = || CascadeParams { method: Method::Ridge, ..CascadeParams::default() };
        for noise in [-0.1, f64::NAN, f64::INFINITY] {
            check_refused(CascadeParams { noise: Some(noise), ..ridge() }, "noise = ");
        }
        check_refused(CascadeParams { max_samples: Some(0), ..ridge() }, "max_samples = 0");
        check_refused(CascadeParams { max_steps: Some(5), ..ridge() }, "use max_samples");
        check_refused(CascadeParams { epochs: 2, ..ridge() }, "epochs = 2 means nothing");
        check_refused(CascadeParams { batch: 2, ..ridge() }, "batch = 2 means nothing");
        let optimizer = Optimizer::sgd(0.1);
        check_refused(CascadeParams { optimizer, ..ridge() }, "optimizer = ");
        let activation = Some(Activation::Tanh);
        check_refused(CascadeParams { activation, ..ridge() }, "its decoders are linear");
    }
}
