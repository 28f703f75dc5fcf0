//! Theory stage by stage, at points whose network has no depth scale.

use isobath_architecture::Shape;
use isobath_experiment::{GridPoint, Plan};
use isobath_meanfield::{NetworkInputs, StageProfile, network_profile};
use isobath_store::{StageRecord, StagesRecord, TheoryRecord};
use rayon::prelude::*;

/// Most points with a profile. One of 28 x 28 pixels with pooling takes one to three seconds.
const MOST_POINTS: usize = 12;
/// Profiles that are computed at once; with pooling, each takes up to a few hundred megabytes.
const AT_ONCE: usize = 4;
/// Cosine of the two inputs.
pub const COSINE: f64 = 0.6;

/// Profiles at up to [`MOST_POINTS`] points without a depth scale, spread evenly over them. Networks that the theory of
/// dense layers describes as a whole have none.
///
/// The inputs are two samples of normal noise with mean square 1 and cosine [`COSINE`].
pub(crate) fn stages(plan: &Plan, theory: &[TheoryRecord]) -> Vec<StagesRecord> {
    let has_none = |record: &&TheoryRecord| {
        record.first_stage.is_none() && plan.variant(record.point).theory_gap().is_some()
    };
    let points: Vec<GridPoint> =
        theory.iter().filter(has_none).map(|record| record.point).collect();
    let shown = spread(&points, MOST_POINTS);
    let at_once = shown.chunks(AT_ONCE);
    let records = at_once.flat_map(|points| {
        let found: Vec<_> = points.par_iter().map(|&point| record(plan, point)).collect();
        found.into_iter().flatten()
    });
    records.collect()
}

/// Up to `most` of `points`, evenly spread, with the first and the last.
fn spread(points: &[GridPoint], most: usize) -> Vec<GridPoint> {
    let shown = points.len().min(most);
    (0..shown).map(|index| points[index * (points.len() - 1) / (shown - 1).max(1)]).collect()
}

/// Profile of the stages before the readout. `None` if the inputs do not fit the network, which a plan excludes.
fn record(plan: &Plan, point: GridPoint) -> Option<StagesRecord> {
    let shape = Shape::new(plan.shape.channels, plan.shape.height, plan.shape.width);
    let inputs = NetworkInputs::noise(shape, 1.0, COSINE).ok()?;
    let variant = plan.variant(point);
    let found = network_profile(&variant.network, &variant.initialisation(point), &inputs).ok()?;
    let stage = |stage: &StageProfile| StageRecord {
        stage: stage.stage,
        ln_q: stage.ln_q,
        c: stage.c,
        ln_gradient: stage.ln_gradient,
        sampling_error: stage.sampling_error,
    };
    // The readout is no stage of a cascade.
    let hidden = variant.network.depth() - variant.network.readout_layers();
    let unknown = found.unknown.filter(|unknown| unknown.stage <= hidden);
    let unknown = unknown.map(|unknown| (unknown.stage, unknown.reason.to_string()));
    Some(StagesRecord {
        point,
        stages: found.stages.iter().take(hidden).map(stage).collect(),
        unknown,
    })
}

#[cfg(test)]
mod tests {
    use isobath_experiment::read_text;

    use super::*;
    use crate::theory;

    fn found(network: &str, points: usize) -> Vec<StagesRecord> {
        let sigma_w2: Vec<f64> = (1..=points).map(|step| 0.1 * step as f64).collect();
        let text = format!(
            "name = \"x\"\n[data]\ndataset = \"digits\"\nsize = 7\nprobe = 10\n[network]\n{network}\n\
             [grid]\nsigma_w2 = {sigma_w2:?}\nsigma_b2 = 0.05\n"
        );
        let plan = Plan::new(read_text(&text, "test", &[]).unwrap()).unwrap();
        let theory: Vec<_> =
            plan.points.iter().map(|&point| theory::record(&plan, point)).collect();
        stages(&plan, &theory)
    }

    #[test]
    fn points_are_limited_and_spread() {
        let network = "kind = \"resnet\"\ndepth = 6\nwidth = 20\nblock = \"reduced\"";
        let found = found(network, 40);
        assert_eq!(found.len(), MOST_POINTS);
        let [first, last] = [&found[0], &found[MOST_POINTS - 1]];
        assert!((first.point.sigma_w2 - 0.1).abs() < 1e-12);
        assert!((last.point.sigma_w2 - 4.0).abs() < 1e-12);
        // The readout is no stage.
        assert!(found.iter().all(|record| record.stages.len() == 5 && record.unknown.is_none()));
        // The first layer of the stream is dense: q = sigma_w2 + sigma_b2 for inputs of mean square 1.
        assert!((last.stages[0].ln_q - 4.05_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn dense_networks_have_none() {
        assert!(found("depth = 5", 3).is_empty());
        assert!(found("depth = 5\nactivation = \"relu\"", 30).is_empty());
    }
}
