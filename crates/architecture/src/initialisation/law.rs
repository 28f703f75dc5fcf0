use serde::{Deserialize, Serialize};

/// Law of random numbers, up to their scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// Normal.
    #[default]
    Normal,
    /// Uniform around the mean.
    Uniform,
    /// Normal, cut off at two standard deviations before scaling.
    TruncatedNormal,
    /// Columns or rows of a random orthogonal matrix (Saxe et al., arXiv:1312.6120), whichever are the fewer.
    Orthogonal,
    /// For convolutions: zero but at the centre of the kernel, which is orthogonal (Xiao et al., arXiv:1806.05393). For dense
    /// layers: orthogonal.
    DeltaOrthogonal,
}

impl Law {
    /// All laws.
    pub const ALL: [Self; 5] = [
        Self::Normal,
        Self::Uniform,
        Self::TruncatedNormal,
        Self::Orthogonal,
        Self::DeltaOrthogonal,
    ];

    /// Kebab-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Uniform => "uniform",
            Self::TruncatedNormal => "truncated-normal",
            Self::Orthogonal => "orthogonal",
            Self::DeltaOrthogonal => "delta-orthogonal",
        }
    }
}

/// Number of units that a scale refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fan {
    /// Inputs of a unit.
    #[default]
    In,
    /// Units that an input reaches.
    Out,
}

/// Law of one array of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrayLaw {
    /// The law.
    pub law: Law,
    /// Mean. Zero in mean-field theory.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl ArrayLaw {
    /// Law with mean zero.
    pub const fn new(law: Law, std: f64) -> Self {
        Self { law, mean: 0.0, std }
    }
}

/// Laws of one layer's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerLaw {
    /// Weights.
    pub weights: ArrayLaw,
    /// Biases.
    pub bias: ArrayLaw,
}
