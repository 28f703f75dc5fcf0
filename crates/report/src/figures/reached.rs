//! Depths of cascade and training, as figures that compare networks draw them.

use isobath_analysis::{frontier::PointFrontier, points::Reach};
use isobath_entropy::cutoff::CutoffRule;
use isobath_scoring::Side;
use isobath_store::RunRecord;

use crate::{depth_words::network_depth, reach_words::reach_words};

/// A depth with its bar.
pub(super) struct Reached {
    /// Depth in layers.
    pub(super) depth: f64,
    /// Ends of the bar.
    pub(super) range: Option<(f64, f64)>,
    /// True for a lower bound, or a depth beyond the network or the depths tried.
    pub(super) is_open: bool,
    /// True for a depth beyond the network, drawn at its last layer.
    pub(super) is_beyond: bool,
    /// Text for the hover target.
    pub(super) words: String,
}

impl Reached {
    /// Depth that a cascade reaches by `rule` in a network of `layers` layers; `None` without a cut-off.
    pub(super) fn by_cascade(reach: &Reach, rule: CutoffRule, layers: usize) -> Option<Self> {
        let (depth, range, is_beyond) = match reach {
            Reach::Measured { depth, .. } => {
                (depth.mean, depth.is_wide().then_some((depth.low, depth.high)), false)
            }
            Reach::Beyond { .. } => (layers as f64, None, true),
            Reach::Unknown { .. } => return None,
        };
        let is_open = is_beyond || reach.is_lower_bound();
        Some(Self { depth, range, is_open, is_beyond, words: reach_words(reach, rule, layers) })
    }

    /// Greatest depth that trains: the median over initialisations, with their range.
    pub(super) fn by_training(run: &RunRecord, found: &PointFrontier) -> Self {
        let trained = &found.trained;
        let (low, high) = trained.range;
        let is_open = trained.censored == Some(Side::Deeper);
        let limit = if is_open { "at least " } else { "" };
        Self {
            depth: trained.deepest_success,
            range: (high > low).then_some((low, high)),
            is_open,
            is_beyond: false,
            words: format!("trains to {limit}{}", network_depth(run, trained.deepest_success)),
        }
    }

    /// Greatest depth that the figure must show.
    pub(super) fn top(&self) -> f64 {
        self.range.map_or(self.depth, |(_, high)| high)
    }
}
