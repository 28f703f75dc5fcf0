use network::{Network, Variances};
use trainer::Labelled;

use crate::Result;

/// A network before its training, and what may be looked at to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The network at its initialisation.
    pub network: &'a Network,
    /// What its parameters were drawn from.
    pub variances: Variances,
    /// The samples it would be trained on.
    pub train: Labelled<'a>,
    /// Samples held out from training.
    pub held_out: Labelled<'a>,
    /// The cell's seed: whatever a predictor draws is a function of it.
    pub seed: u64,
}

/// One thing that a predictor says of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Its name in tables: `xi_c`, `gradient-ratio`.
    pub name: String,
    /// What a larger score means and where it is from, in a sentence.
    pub meaning: &'static str,
}

/// What one quantity comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Networks of this family are trainable down to this many layers; infinite where there is no limit. A network of `L`
    /// layers has the score `log2(depth / L)`.
    Depth(f64),
    /// The score of this network. A larger one means trainable; never NaN.
    Score(f64),
    /// The scores of networks of 1, 2, ... layers that begin as this one does.
    Profile(Vec<f64>),
}

/// How many networks one look covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One network.
    Network,
    /// All networks that differ in depth alone and share their first layers: the deepest one is looked at.
    Family,
}

/// What a look at a network has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// One for each of the predictor's quantities, in their order.
    pub judgements: Vec<Judgement>,
    /// Floating-point operations of the matrix products it took.
    pub flops: u64,
}

/// Judges networks before they are trained.
pub trait Predictor: Send + Sync {
    /// What it says of each network.
    fn quantities(&self) -> Vec<Quantity>;

    /// How many networks one look covers.
    fn scope(&self) -> Scope {
        Scope::Network
    }

    /// Looks at a network.
    ///
    /// # Errors
    /// When the device fails. A quantity that is not defined for a network is no error: its score is negative infinity.
    fn judge(&self, subject: &Subject<'_>) -> Result<Findings>;
}
