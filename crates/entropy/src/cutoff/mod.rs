//! Cut-offs: depths read from profiles.
//!
//! | rule | depth | if the profile ends too early |
//! |---|---|---|
//! | `saturation` | the deepest layer whose value differs from the last layer's | [`Depth::Beyond`] |
//! | `saturation-published` | as in the published code, for comparison | not detected |
//! | `decay` | the scale `lambda` of an exponential fit, comparable with `xi_c` | [`Depth::Beyond`] |
//! | `threshold` | the first layer whose value exceeds a threshold | [`Depth::Beyond`] |
//!
//! A profile that is flat from the first layer on has depth 0: the information is lost before that layer. `saturation` cannot
//! distinguish this from a network that loses nothing; `threshold` on `reconstruction-error` can.

mod curve;
mod decay;
mod depth;
mod published;
mod rule;
mod saturation;
mod threshold;

pub(crate) use curve::mean as mean_curve;
pub use decay::DecayFit;
pub use depth::{Cutoff, Depth};
pub use published::{PublishedCutoffs, published_cutoffs};
pub use rule::{CutoffRule, DEFAULT_ERROR, DEFAULT_RTOL, DEFAULT_SKIP_LAST, RuleDescriptor};

use crate::{Error, Profile, Result};

/// Finds the cut-off of `profile` by `rule`.
///
/// `saturation` and `saturation-published` use the median over samples of `S_l / S_L` if the profile has values per sample,
/// otherwise the layer values. `decay` and `threshold` use the layer values.
///
/// # Errors
/// [`Error::Setting`] if the rule's settings are out of range, [`Error::NothingLeft`] if it skips every layer, and the errors
/// of [`Profile::check`].
pub fn find(rule: &CutoffRule, profile: &Profile) -> Result<Cutoff> {
    check(rule, profile)?;
    Ok(evaluate(rule, profile, None))
}

/// Checks the arguments of [`evaluate`].
pub(crate) fn check(rule: &CutoffRule, profile: &Profile) -> Result<()> {
    rule.check()?;
    profile.check()?;
    match *rule {
        CutoffRule::SaturationPublished { skip_last, .. } if skip_last >= profile.depth() => {
            Err(Error::NothingLeft { layers: profile.depth(), skip_last })
        }
        _ => Ok(()),
    }
}

/// Finds the cut-off of a checked profile. `resample` selects the samples by index; `None` uses each sample once.
pub(crate) fn evaluate(rule: &CutoffRule, profile: &Profile, resample: Option<&[usize]>) -> Cutoff {
    let depth = profile.depth();
    match *rule {
        CutoffRule::Saturation { rtol } => match curve::normalised(profile, depth, resample) {
            Some(curve) => saturation::depth(&curve, rtol).into(),
            None => Depth::Beyond(depth).into(),
        },
        CutoffRule::SaturationPublished { rtol, skip_last } => {
            let scanned = depth - skip_last;
            let curve = curve::normalised(profile, scanned, resample);
            let index = curve.map_or(scanned, |curve| published::index(&curve, rtol));
            Depth::Layer((index + 1).min(scanned) as f64).into()
        }
        CutoffRule::Decay => decay::cutoff(&curve::mean(profile, resample)),
        CutoffRule::Threshold { error, interpolate } => {
            threshold::depth(&curve::mean(profile, resample), error, interpolate).into()
        }
    }
}
