//! Mean-field theory of a plan: depth scales at its points, and curves over its slices.

use isobath_experiment::{DepthScale, GridPoint, Overlay, Plan};
use isobath_meanfield::{
    AlikeLayers, FixedPoint, Theory, circular_modes, critical_sigma_w2, growth_sentence,
};
use isobath_store::{GrowthRecord, OverlayRecord, SliceTheory, TheoryRecord};

/// Points of a theory curve.
const CURVE_POINTS: usize = 600;

/// Theory of one point.
pub(crate) fn record(plan: &Plan, point: GridPoint) -> TheoryRecord {
    let deep = plan.deep_part(point);
    let fixed = deep.and_then(|deep| deep.theory.fixed_point().ok());
    let is_whole = plan.variant(point).theory_gap().is_none();
    TheoryRecord {
        point,
        first_stage: deep.filter(|_| fixed.is_some()).map(|deep| deep.first),
        xi_c: xi_c(fixed),
        chi_1: fixed.map(|fixed| fixed.chi_1),
        growth: if fixed.is_none() && is_whole { growth(plan, point) } else { None },
    }
}

/// Depth scale of correlations, if finite.
fn xi_c(point: Option<FixedPoint>) -> Option<f64> {
    point.map(|point| point.xi_c).filter(|xi_c| xi_c.is_finite())
}

/// Growth of lengths from inputs of mean square 1.
fn growth(plan: &Plan, point: GridPoint) -> Option<GrowthRecord> {
    let theory = plan.theory(point).ok()?;
    let (q_1, depth) = (point.sigma_w2 + point.sigma_b2, plan.depth);
    let growth = theory.growth(q_1, depth).ok()?;
    Some(GrowthRecord {
        sentence: growth_sentence(plan.variant(point).activation, point.sigma_w2, &growth),
        lengths: theory.growth_profile(q_1, depth).ok()?,
        overflow_layer: growth.overflow_layer.filter(|&layer| layer <= depth),
    })
}

/// Theory of each slice. Whole networks of one activation share it.
pub(crate) fn curves(plan: &Plan) -> Vec<SliceTheory> {
    let is_modal = |overlay: &Overlay| overlay.scale == DepthScale::SlowestMode;
    let has_modes = plan.file.meanfield.overlay.iter().any(is_modal);
    let mut curves: Vec<SliceTheory> = Vec::new();
    for slice in plan.points.chunk_by(GridPoint::shares_slice) {
        let GridPoint { variant, sigma_b2, .. } = slice[0];
        let shares = |index: usize| {
            let variant = &plan.variants[index];
            variant.theory_gap().is_none() && variant.scheme.uses_grid() && !has_modes
        };
        let activation = plan.variant(slice[0]).activation;
        let is_same = |known: &&SliceTheory| {
            plan.variants[known.variant].activation == activation
                && known.sigma_b2.to_bits() == sigma_b2.to_bits()
                && shares(known.variant)
                && shares(variant)
        };
        let (critical, overlays) = match curves.iter().find(is_same) {
            Some(known) => (known.critical, known.overlays.clone()),
            None => plan.deep_part(slice[0]).map_or((None, Vec::new()), |deep| {
                let AlikeLayers { theory, .. } = deep;
                let critical = critical_sigma_w2(theory.activation(), theory.sigma_b2()).ok();
                (critical, overlays(plan, slice, deep))
            }),
        };
        curves.push(SliceTheory { variant, sigma_b2, critical, overlays });
    }
    curves
}

/// Range of the curves of a slice: that of its weight variances, or around the only one.
fn range(slice: &[GridPoint]) -> [f64; 2] {
    let variances = slice.iter().map(|point| point.sigma_w2);
    let [low, high] =
        variances.fold([f64::INFINITY, 0.0], |[low, high]: [f64; 2], w| [low.min(w), high.max(w)]);
    if high > low { [low, high] } else { [0.5 * low, 1.5 * low] }
}

/// Depth scale over weight variances.
struct ScaleCurve {
    first_stage: usize,
    points: Vec<(f64, Option<f64>)>,
}

impl ScaleCurve {
    /// `factor` times the scale, as a depth of the network.
    fn overlay(&self, overlay: Overlay) -> OverlayRecord {
        let before = (self.first_stage - 1) as f64;
        let depth = |scale: f64| before + overlay.factor * scale;
        let points = self.points.iter().map(|&(w, scale)| (w, scale.map(depth))).collect();
        OverlayRecord { overlay, first_stage: self.first_stage, points }
    }
}

/// Theory curves of a slice whose depth scales are those of `deep`.
fn overlays(plan: &Plan, slice: &[GridPoint], deep: AlikeLayers) -> Vec<OverlayRecord> {
    let [low, high] = range(slice);
    let at = |i: usize| low + (high - low) * i as f64 / (CURVE_POINTS - 1) as f64;
    let variances: Vec<f64> = (0..CURVE_POINTS).map(at).collect();
    let overlays = plan.file.meanfield.overlay.iter();
    let mut known: Vec<(DepthScale, Option<ScaleCurve>)> = Vec::new();
    let records = overlays.filter_map(|&overlay| {
        let index = known.iter().position(|(scale, _)| *scale == overlay.scale);
        let index = index.unwrap_or_else(|| {
            let curve = match overlay.scale {
                DepthScale::Uniform => Some(uniform(deep, &variances)),
                DepthScale::SlowestMode => slowest_mode(plan, slice[0], &variances),
            };
            known.push((overlay.scale, curve));
            known.len() - 1
        });
        known[index].1.as_ref().map(|curve| curve.overlay(overlay))
    });
    records.collect()
}

fn uniform(deep: AlikeLayers, variances: &[f64]) -> ScaleCurve {
    let AlikeLayers { first, theory, .. } = deep;
    let scale = |&sigma_w2: &f64| {
        let theory = Theory::new(theory.activation(), sigma_w2, theory.sigma_b2());
        (sigma_w2, xi_c(theory.and_then(|theory| theory.fixed_point()).ok()))
    };
    ScaleCurve { first_stage: first, points: variances.iter().map(scale).collect() }
}

/// `None` where no convolutions are circular.
fn slowest_mode(plan: &Plan, point: GridPoint, variances: &[f64]) -> Option<ScaleCurve> {
    let variant = plan.variant(point);
    let modes = |&sigma_w2: &f64| {
        let initialisation = variant.initialisation(GridPoint { sigma_w2, ..point });
        circular_modes(&variant.network, &initialisation).ok().flatten()
    };
    let found: Vec<_> = variances.iter().map(modes).collect();
    let first_stage = found.iter().flatten().next()?.first;
    let scales = found.iter().map(|modes| modes.as_ref()?.slowest().filter(|xi| xi.is_finite()));
    Some(ScaleCurve { first_stage, points: variances.iter().copied().zip(scales).collect() })
}

#[cfg(test)]
mod tests {
    use isobath_experiment::read_text;

    use super::*;

    fn plan(network: &str, overlay: &str) -> Plan {
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nprobe = 10\n[network]\n{network}\n\
             [grid]\nsigma_w2 = [0.5, 1.5]\nsigma_b2 = 2e-5\n[meanfield]\noverlay = {overlay}\n"
        );
        Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap()
    }

    const PUBLISHED: &str =
        "kind = \"cnn\"\ndepth = 20\nchannels = 4\npreset = \"published-cnn\"\nactivation = ";

    /// `xi_c` of dense tanh layers at `sigma_w2 = 0.5`.
    fn dense_xi_c() -> f64 {
        let tanh = isobath_architecture::Activation::Tanh;
        Theory::new(tanh, 0.5, 2e-5).unwrap().fixed_point().unwrap().xi_c
    }

    #[test]
    fn deep_parts_count_from_their_first_stage() {
        let plan = plan(&format!("{PUBLISHED}\"tanh\""), "[\"xi_c\", \"6 xi_c\"]");
        let found = record(&plan, plan.points[0]);
        assert_eq!((found.first_stage, found.growth), (Some(4), None));
        assert!((found.xi_c.unwrap() - dense_xi_c()).abs() < 1e-12);
        let curves = curves(&plan);
        assert!((curves[0].critical.unwrap() - 1.0499).abs() < 1e-3);
        for overlay in &curves[0].overlays {
            let (sigma_w2, depth) = overlay.points[0];
            let expected = 3.0 + overlay.overlay.factor * dense_xi_c();
            assert!(sigma_w2.to_bits() == 0.5_f64.to_bits());
            assert!((depth.unwrap() - expected).abs() < 1e-12, "{overlay:?}");
        }
    }

    #[test]
    fn slowest_modes_decay_by_their_eigenvalue() {
        let plan = plan(&format!("{PUBLISHED}\"tanh\""), "[\"xi_c\", \"2 xi_c(k)\"]");
        let curves = curves(&plan);
        let [_, modal] = &curves[0].overlays[..] else { panic!("two curves") };
        assert_eq!(modal.first_stage, 4);
        // A torus of 5 x 5 pixels: lambda = (1 + 2 cos(2 pi / 5)) / 3.
        let lambda = (1.0 + 2.0 * (std::f64::consts::TAU / 5.0).cos()) / 3.0;
        let xi_k = (dense_xi_c().recip() - lambda.ln()).recip();
        let depth = modal.points[0].1.unwrap();
        assert!((depth - (3.0 + 2.0 * xi_k)).abs() < 1e-9, "{depth} {xi_k}");
    }

    #[test]
    fn networks_with_borders_have_no_curves() {
        let network = "kind = \"cnn\"\ndepth = 8\nchannels = 4\nboundary = \"zero\"";
        let plan = plan(network, "[\"xi_c\", \"xi_c(k)\"]");
        let slice = &curves(&plan)[0];
        assert!(slice.critical.is_none() && slice.overlays.is_empty());
        assert_eq!(record(&plan, plan.points[0]).first_stage, None);
    }

    #[test]
    fn deep_parts_without_a_fixed_point_have_no_first_stage() {
        // Lengths of relu layers grow without bound above sigma_w2 = 2.
        let text = format!("{PUBLISHED}\"relu\"");
        let plan = plan(&text, "[\"xi_c\"]");
        let point = GridPoint { sigma_w2: 3.0, ..plan.points[0] };
        let found = record(&plan, point);
        assert_eq!((found.first_stage, found.xi_c, &found.growth), (None, None, &None));
        assert_eq!(crate::stages::stages(&plan, &[found])[0].stages.len(), 19);
    }
}
