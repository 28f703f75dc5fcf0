//! Sentences on a grid and its predictors.

use isobath_analysis::{
    comparison::{Estimate, FrontierErrors, LEAST_OUTCOMES},
    outcomes::{Family, GridScores, PredictorScores, TableScores},
};
use isobath_scoring::Side;

use crate::{
    comparison::estimate,
    count,
    numbers::{short, variance},
};

/// Title of a grid.
pub(super) fn title(grid: &GridScores) -> &str {
    if grid.name.is_empty() { "All networks" } else { &grid.name }
}

/// Rule of success.
pub(super) fn success(board: &TableScores) -> String {
    match board.success {
        Some(accuracy) => format!(
            "Success is an accuracy of at least {accuracy}; --success-accuracy sets another threshold."
        ),
        None => "Success is what the column success says.".into(),
    }
}

/// Networks of a grid, their outcomes, and how far they decide anything.
pub(super) fn sentences(grid: &GridScores) -> Vec<String> {
    let mut sentences = vec![networks(grid), outcomes(grid)];
    sentences.extend(censored(grid));
    if grid.is_conclusive() {
        sentences.extend(best(grid));
    } else {
        sentences.push(format!(
            "Intervals need at least {LEAST_OUTCOMES} successes and {LEAST_OUTCOMES} failures, so there are none."
        ));
    }
    sentences
}

fn families(grid: &GridScores) -> impl Iterator<Item = &Family> {
    grid.frontiers.iter().map(|found| &found.family)
}

/// Values of one setting over the families, each once, in their order.
fn distinct(grid: &GridScores, of: impl Fn(&Family) -> String) -> String {
    let mut values: Vec<String> = Vec::new();
    for family in families(grid) {
        let value = of(family);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values.join(", ")
}

fn networks(grid: &GridScores) -> String {
    let mut parts: Vec<String> =
        grid.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    parts.push(format!("activation {}", distinct(grid, |family| family.activation.to_string())));
    if families(grid).any(|family| family.width.is_some()) {
        let width = |family: &Family| family.width.map_or("unknown".into(), |w| w.to_string());
        parts.push(format!("width {}", distinct(grid, width)));
    }
    parts.push(format!("sigma_b2 {}", distinct(grid, |family| short(family.sigma_b2))));
    parts.push(if families(grid).any(|family| family.keep < 1.0) {
        format!("dropout that keeps {}", distinct(grid, |family| short(family.keep)))
    } else {
        "no dropout".into()
    });
    format!("Networks: {}.", parts.join(", "))
}

fn outcomes(grid: &GridScores) -> String {
    let variances = || families(grid).map(|family| family.sigma_w2);
    let (low, high) =
        (variances().fold(f64::INFINITY, f64::min), variances().fold(f64::NEG_INFINITY, f64::max));
    let [shallow, deep] = grid.depths;
    let diverged = match grid.diverged {
        0 => String::new(),
        some => format!("; {some} diverged and count as failures"),
    };
    format!(
        "{} of {} in {} succeeded: sigma_w2 from {} to {} in {}, depths from {shallow} to {deep}{diverged}.",
        grid.succeeded,
        count(grid.networks, "network"),
        count(grid.cells, "cell"),
        variance(low),
        variance(high),
        plural(grid.frontiers.len(), ["family", "families"])
    )
}

fn plural(number: usize, [one, several]: [&str; 2]) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// States which frontiers lie outside the trained depths.
fn censored(grid: &GridScores) -> Vec<String> {
    let sides = [
        (Side::Deeper, "The deepest networks still succeed"),
        (Side::Shallower, "Not even the shallowest networks succeed"),
    ];
    let sentence = |(side, words): (Side, &str)| {
        let variances: Vec<String> =
            grid.censored(side).map(|family| variance(family.sigma_w2)).collect();
        (!variances.is_empty()).then(|| {
            format!(
                "{words} at sigma_w2 = {}: {} of {} frontiers are censored there and count in no frontier error.",
                variances.join(", "),
                variances.len(),
                grid.frontiers.len()
            )
        })
    };
    sides.into_iter().filter_map(sentence).collect()
}

/// Names the best predictor by each measure.
fn best(grid: &GridScores) -> Vec<String> {
    let greatest = |of: fn(&PredictorScores) -> Option<Estimate>| leader(grid, of, 1.0);
    let least = |of: fn(&PredictorScores) -> Option<FrontierErrors>| {
        leader(grid, move |scores| of(scores).map(|errors| errors.octaves), -1.0)
    };
    let mut found = Vec::new();
    if let (Some((all, auc)), Some((within, at_depth))) =
        (greatest(|scores| scores.auc), greatest(|scores| scores.auc_at_depth))
    {
        found.push(format!(
            "Best ranking: {all}, AUC {}; among networks of equal depth {within}, {}.",
            estimate(Some(auc), 3),
            estimate(Some(at_depth), 3)
        ));
    }
    let named = least(|scores| scores.named).map(|(name, error)| (name, error, "as named"));
    let fitted = least(|scores| scores.fitted)
        .map(|(name, error)| (name, error, "with one factor fitted on the other variances"));
    let parts: Vec<String> = [named, fitted]
        .into_iter()
        .flatten()
        .map(|(name, error, words)| format!("{words} {name}, {} octaves", estimate(Some(error), 2)))
        .collect();
    if !parts.is_empty() {
        found.push(format!("Least error of the frontier: {}.", parts.join("; ")));
    }
    found
}

/// First predictor of all networks whose value, times `sign`, is the largest.
fn leader(
    grid: &GridScores,
    of: impl Fn(&PredictorScores) -> Option<Estimate>,
    sign: f64,
) -> Option<(&str, Estimate)> {
    let complete = grid.predictors.iter().filter(|scores| scores.missing == 0);
    let values =
        complete.filter_map(|scores| of(scores).map(|value| (scores.predictor.as_str(), value)));
    values.reduce(|best, next| if sign * next.1.value > sign * best.1.value { next } else { best })
}
