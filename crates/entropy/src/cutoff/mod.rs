//! Depths read off profiles.
//!
//! | rule | depth | when the profile ends too early |
//! |---|---|---|
//! | `saturation` | the deepest layer whose value still differs from the last one's | [`Depth::Beyond`] |
//! | `saturation-published` | the same as the published code has it, for comparison | never noticed |
//! | `decay` | the scale `lambda` of an exponential fit, to be compared with `xi_c` | [`Depth::Beyond`] |
//! | `threshold` | the first layer whose value exceeds a limit | [`Depth::Beyond`] |
//!
//! A profile that is flat from the first layer on says that the information is lost before it: depth 0. Saturation
//! cannot tell that from a network that loses nothing at all; `threshold` on `reconstruction-error` can.

mod curve;
mod decay;
mod depth;
mod published;
mod rule;
mod saturation;
mod threshold;

pub(crate) use curve::mean as mean_curve;
pub use decay::DecayFit;
pub use depth::{Depth, Verdict};
pub use published::{PublishedCutoffs, published_cutoffs};
pub use rule::{CutoffRule, DEFAULT_ERROR, DEFAULT_RTOL, DEFAULT_SKIP_LAST, RuleDescriptor};

use crate::{Error, Profile, Result};

/// The depth that `rule` reads off `profile`.
///
/// `saturation` and `saturation-published` look at the median over samples of `S_l / S_L` where the profile has values
/// per sample, and at the layers' own values otherwise; `decay` and `threshold` look at the layers' values.
///
/// # Errors
/// [`Error::Setting`] when the rule's settings are out of range, [`Error::NothingLeft`] when it leaves out every layer,
/// and whatever [`Profile::check`] finds.
pub fn verdict(rule: &CutoffRule, profile: &Profile) -> Result<Verdict> {
    check(rule, profile)?;
    Ok(judge(rule, profile, None))
}

/// Checks that [`judge`] can give an answer.
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

/// The verdict on a checked profile, of the samples drawn in `resample` instead of each once where given.
pub(crate) fn judge(rule: &CutoffRule, profile: &Profile, resample: Option<&[usize]>) -> Verdict {
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
        CutoffRule::Decay => decay::verdict(&curve::mean(profile, resample)),
        CutoffRule::Threshold { error, interpolate } => {
            threshold::depth(&curve::mean(profile, resample), error, interpolate).into()
        }
    }
}
