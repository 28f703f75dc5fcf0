//! Identity and description of predictors and of their scores.

use std::{borrow::Cow, fmt};

use crate::Scope;

/// Identity of a predictor. [`PREDICTORS`](crate::PREDICTORS) lists all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PredictorId(&'static str);

impl PredictorId {
    /// The id `text`; each predictor defines its own, once.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The id as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Predictor with this id.
    pub fn info(self) -> Option<&'static PredictorInfo> {
        crate::PREDICTORS.iter().copied().find(|info| info.id == self)
    }
}

impl fmt::Display for PredictorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Identity of a score: the name under which a run stores it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScoreId(Cow<'static, str>);

impl ScoreId {
    /// A fixed id.
    pub(crate) const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// An id that depends on a predictor's settings.
    pub(crate) const fn computed(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The stored name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Data that a predictor reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Nothing but the network's description.
    Description,
    /// The theory of infinitely wide networks.
    Theory,
    /// The network and samples, before any training.
    Initialisation,
    /// The reconstructions of a cascade.
    Cascade,
    /// The first steps of the training.
    Training,
}

impl Evidence {
    /// Every kind of evidence.
    pub const ALL: [Self; 5] =
        [Self::Description, Self::Theory, Self::Initialisation, Self::Cascade, Self::Training];

    /// Words for a legend.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Description => "description of the network",
            Self::Theory => "theory",
            Self::Initialisation => "network at its initialisation",
            Self::Cascade => "cascade",
            Self::Training => "short training",
        }
    }
}

/// Order of magnitude of a predictor's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CostClass {
    /// No matrix product.
    Free,
    /// One forward pass of a batch.
    Forward,
    /// One forward and one backward pass of a batch.
    ForwardBackward,
    /// Many passes: a short training, or a cascade.
    Training,
}

/// Sense in which a score speaks for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A larger score means trainable.
    HigherIsBetter,
    /// A smaller score means trainable.
    LowerIsBetter,
}

/// Description of a predictor.
#[derive(Debug)]
pub struct PredictorInfo {
    /// Identity.
    pub id: PredictorId,
    /// Name in tables and figures.
    pub label: &'static str,
    /// Data that it reads.
    pub evidence: Evidence,
    /// Networks covered by one prediction.
    pub scope: Scope,
    /// Order of magnitude of its cost.
    pub cost: CostClass,
    /// Source of the method.
    pub source: &'static str,
    /// Scores with a fixed name.
    pub scores: &'static [ScoreInfo],
    /// Finds scores whose names depend on settings, by the stored name.
    pub(crate) parse: fn(&str) -> Option<ScoreInfo>,
}

impl PredictorInfo {
    /// One of this predictor's scores by its stored name.
    pub fn score(&self, name: &str) -> Option<ScoreInfo> {
        let fixed = self.scores.iter().find(|score| score.id.as_str() == name);
        fixed.cloned().or_else(|| (self.parse)(name))
    }
}

/// Parser of predictors whose scores all have fixed names.
pub(crate) const fn no_other_scores(_: &str) -> Option<ScoreInfo> {
    None
}

/// Description of one score of a predictor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreInfo {
    /// Identity, as stored.
    pub id: ScoreId,
    /// Predictor that gives it.
    pub predictor: PredictorId,
    /// Name in tables and figures.
    pub label: Cow<'static, str>,
    /// Unit: `nats`, `log2 layers`, `1`.
    pub unit: &'static str,
    /// Sense in which it speaks for the network.
    pub direction: Direction,
    /// Meaning of a larger score, with its source, in a sentence.
    pub meaning: &'static str,
}

impl ScoreInfo {
    /// A score with a fixed name, larger where the network is trainable.
    pub(crate) const fn fixed(
        predictor: PredictorId,
        [name, label]: [&'static str; 2],
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            id: ScoreId::fixed(name),
            predictor,
            label: Cow::Borrowed(label),
            unit,
            direction: Direction::HigherIsBetter,
            meaning,
        }
    }

    /// A score whose name depends on settings and is its label, larger where the network is trainable.
    pub(crate) fn computed(
        predictor: PredictorId,
        name: String,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        let (id, label) = (ScoreId::computed(name.clone()), Cow::Owned(name));
        Self { id, predictor, label, unit, direction: Direction::HigherIsBetter, meaning }
    }

    /// Score of any predictor by its stored name.
    pub fn find(name: &str) -> Option<Self> {
        crate::PREDICTORS.iter().find_map(|info| info.score(name))
    }

    /// Predictor that gives this score.
    ///
    /// # Panics
    /// Never: every score belongs to a registered predictor.
    pub fn predictor_info(&self) -> &'static PredictorInfo {
        self.predictor.info().expect("registered")
    }
}
