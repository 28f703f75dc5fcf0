//! Schemes of common frameworks, by their names there.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ArrayLaw, Fan, Law, LayerLaw, scheme::rounded};

/// Name of a framework's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemeName {
    /// Default of PyTorch's linear and convolutional layers: weights and biases `U(+-1 / sqrt(fan_in))`.
    Pytorch,
    /// `torch.nn.init.kaiming_normal_`: `N(0, gain^2 / fan)` (He et al., arXiv:1502.01852).
    KaimingNormal,
    /// `torch.nn.init.kaiming_uniform_`: the same variance.
    KaimingUniform,
    /// `torch.nn.init.xavier_normal_`: `N(0, 2 gain^2 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    XavierNormal,
    /// `torch.nn.init.xavier_uniform_`: the same variance.
    XavierUniform,
    /// `torch.nn.init.orthogonal_`: a semi-orthogonal matrix times the gain.
    Orthogonal,
    /// Keras's and Flax's `lecun_normal`: truncated, variance `1 / fan_in`.
    LecunNormal,
    /// Keras's `he_normal`: truncated, variance `2 / fan_in`.
    HeNormal,
    /// Keras's `he_uniform`: variance `2 / fan_in`.
    HeUniform,
    /// Keras's `glorot_normal`: truncated, variance `2 / (fan_in + fan_out)`.
    GlorotNormal,
    /// Keras's `glorot_uniform`, the default of its dense layers: variance `2 / (fan_in + fan_out)`.
    GlorotUniform,
    /// `Xavier` of `mxnet`: with the mean of fan-in and fan-out, variance `magnitude / fan` if normal and a third of it if
    /// uniform.
    MxnetXavier,
    /// Sine networks (Sitzmann et al., arXiv:2006.09661) with their frequency `omega` multiplied into weights and biases: the
    /// first layer `U(+-omega / fan_in)`, others `U(+-sqrt(6 / fan_in))`, biases `omega U(+-1 / sqrt(fan_in))`.
    Siren,
    /// `randn`: standard normal weights and biases, whatever the fan-in.
    Randn,
}

impl SchemeName {
    /// All names.
    pub const ALL: [Self; 14] = [
        Self::Pytorch,
        Self::KaimingNormal,
        Self::KaimingUniform,
        Self::XavierNormal,
        Self::XavierUniform,
        Self::Orthogonal,
        Self::LecunNormal,
        Self::HeNormal,
        Self::HeUniform,
        Self::GlorotNormal,
        Self::GlorotUniform,
        Self::MxnetXavier,
        Self::Siren,
        Self::Randn,
    ];

    /// Kebab-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pytorch => "pytorch",
            Self::KaimingNormal => "kaiming-normal",
            Self::KaimingUniform => "kaiming-uniform",
            Self::XavierNormal => "xavier-normal",
            Self::XavierUniform => "xavier-uniform",
            Self::Orthogonal => "orthogonal",
            Self::LecunNormal => "lecun-normal",
            Self::HeNormal => "he-normal",
            Self::HeUniform => "he-uniform",
            Self::GlorotNormal => "glorot-normal",
            Self::GlorotUniform => "glorot-uniform",
            Self::MxnetXavier => "mxnet-xavier",
            Self::Siren => "siren",
            Self::Randn => "randn",
        }
    }

    /// Default of the setting `scale`: a gain, a magnitude or the frequency of sine networks; `None` for schemes without.
    pub(super) const fn default_scale(self) -> Option<f64> {
        match self {
            Self::KaimingNormal | Self::KaimingUniform => Some(std::f64::consts::SQRT_2),
            Self::XavierNormal | Self::XavierUniform | Self::Orthogonal => Some(1.0),
            Self::MxnetXavier => Some(3.0),
            Self::Siren => Some(30.0),
            Self::Pytorch
            | Self::LecunNormal
            | Self::HeNormal
            | Self::HeUniform
            | Self::GlorotNormal
            | Self::GlorotUniform
            | Self::Randn => None,
        }
    }

    /// Name of the setting `scale` in this scheme.
    pub(super) const fn scale_name(self) -> &'static str {
        match self {
            Self::MxnetXavier => "magnitude",
            Self::Siren => "omega",
            _ => "gain",
        }
    }
}

/// Biases of a named scheme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bias {
    /// Zeros.
    Zeros,
    /// PyTorch's default, `U(+-1 / sqrt(fan_in))`, which stays if only the weights are initialised again.
    Pytorch,
    /// Normal with this standard deviation.
    Std(f64),
}

impl Bias {
    /// Law of the biases of a layer.
    pub(super) fn law(self, fan_in: f64) -> ArrayLaw {
        match self {
            Self::Zeros => ArrayLaw::new(Law::Normal, 0.0),
            Self::Pytorch => ArrayLaw::new(Law::Uniform, (3.0 * fan_in).sqrt().recip()),
            Self::Std(std) => ArrayLaw::new(Law::Normal, std),
        }
    }
}

/// A framework's scheme with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamedScheme {
    /// The scheme.
    pub name: SchemeName,
    /// Gain, magnitude or frequency; unused by schemes without.
    pub scale: f64,
    /// Kaiming: the fan that keeps its variance.
    pub fan: Fan,
    /// The law of `mxnet-xavier`.
    pub law: Law,
    /// Biases, except those of `pytorch`, `siren` and `randn`, which are part of the scheme.
    pub bias: Bias,
}

impl NamedScheme {
    /// The scheme with the framework's defaults; biases are zero unless the scheme has its own.
    pub fn new(name: SchemeName) -> Self {
        let scale = name.default_scale().unwrap_or(1.0);
        let law = if name == SchemeName::MxnetXavier { Law::Uniform } else { Law::Normal };
        Self { name, scale, fan: Fan::In, law, bias: Bias::Zeros }
    }

    /// Laws of the parameters of a layer with the given fan-in and fan-out, layer `index` from 0.
    pub(super) fn layer(&self, [fan_in, fan_out]: [usize; 2], index: usize) -> LayerLaw {
        let [fan_in, fan_out] = [fan_in, fan_out].map(|fan| fan.max(1) as f64);
        let weights = |law, variance: f64| ArrayLaw::new(law, variance.sqrt());
        let sum = fan_in + fan_out;
        let square = self.scale * self.scale;
        let fan = match self.fan {
            Fan::In => fan_in,
            Fan::Out => fan_out,
        };
        let weights = match self.name {
            SchemeName::Pytorch => weights(Law::Uniform, 1.0 / (3.0 * fan_in)),
            SchemeName::KaimingNormal => weights(Law::Normal, square / fan),
            SchemeName::KaimingUniform => weights(Law::Uniform, square / fan),
            SchemeName::XavierNormal => weights(Law::Normal, 2.0 * square / sum),
            SchemeName::XavierUniform => weights(Law::Uniform, 2.0 * square / sum),
            SchemeName::Orthogonal => weights(Law::Orthogonal, square / fan_in.max(fan_out)),
            SchemeName::LecunNormal => weights(Law::TruncatedNormal, 1.0 / fan_in),
            SchemeName::HeNormal => weights(Law::TruncatedNormal, 2.0 / fan_in),
            SchemeName::GlorotNormal => weights(Law::TruncatedNormal, 2.0 / sum),
            SchemeName::GlorotUniform => weights(Law::Uniform, 2.0 / sum),
            SchemeName::MxnetXavier => {
                let share = if self.law == Law::Uniform { 3.0 } else { 1.0 };
                weights(self.law, 2.0 * self.scale / (share * sum))
            }
            SchemeName::Siren if index == 0 => {
                weights(Law::Uniform, square / (3.0 * fan_in * fan_in))
            }
            SchemeName::HeUniform | SchemeName::Siren => weights(Law::Uniform, 2.0 / fan_in),
            SchemeName::Randn => weights(Law::Normal, 1.0),
        };
        let bias = match self.name {
            SchemeName::Pytorch => Bias::Pytorch.law(fan_in),
            SchemeName::Siren => {
                let law = Bias::Pytorch.law(fan_in);
                ArrayLaw { std: self.scale * law.std, ..law }
            }
            SchemeName::Randn => Bias::Std(1.0).law(fan_in),
            _ => self.bias.law(fan_in),
        };
        LayerLaw { weights, bias }
    }
}

impl fmt::Display for NamedScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::new(self.name);
        f.write_str(self.name.name())?;
        if self.scale.to_bits() != default.scale.to_bits() {
            write!(f, " {} {}", self.name.scale_name(), rounded(self.scale))?;
        }
        if self.fan != default.fan {
            f.write_str(" fan-out")?;
        }
        if self.law != default.law {
            write!(f, " {}", self.law.name())?;
        }
        match self.bias {
            Bias::Zeros => Ok(()),
            Bias::Pytorch => f.write_str(" pytorch biases"),
            Bias::Std(std) => write!(f, " biases {std}"),
        }
    }
}
