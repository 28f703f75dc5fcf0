//! The comparison as Markdown, sentences first.

use isobath_scoring::Frontier;

use super::sentences;
use isobath_analysis::comparison::{
    Class, Comparison, Configuration, Estimate, LEAST_OUTCOMES, PredictorSummary,
};
use isobath_store::RunRecord;

/// Comparisons of all recipes.
pub fn markdown(run: &RunRecord, comparisons: &[Comparison]) -> String {
    let sections: Vec<String> =
        comparisons.iter().map(|comparison| section(run, comparison)).collect();
    sections.join("\n\n")
}

fn section(run: &RunRecord, comparison: &Comparison) -> String {
    let mut lines = vec![format!("## {}, {}", run.name, comparison.recipe), String::new()];
    lines.extend(sentences(run, comparison));
    lines.extend([
        String::new(),
        "95% bootstrap intervals resample configurations; those of frontiers resample families."
            .into(),
        String::new(),
    ]);
    if let Some(reason) = without_auc(comparison) {
        lines.extend([reason, String::new()]);
    }
    lines.extend(predictors(run, comparison));
    lines.extend([
        String::new(),
        "Predicted depths without calibration, and the factor from calibration on all networks:"
            .into(),
        String::new(),
    ]);
    lines.extend(depths(run, comparison));
    lines.extend([
        String::new(),
        "Frontiers, and the depths at which cascade and theory are wrong:".into(),
        String::new(),
    ]);
    lines.extend(map(run, comparison));
    lines.join("\n")
}

/// A table in Markdown.
pub(crate) fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let mut lines = vec![line(&heads), format!("|{}", "---|".repeat(heads.len()))];
    lines.extend(rows.map(|row| line(&row)));
    lines
}

fn predictors(run: &RunRecord, comparison: &Comparison) -> Vec<String> {
    let unit = run.kind.depth_unit().of_profiles();
    let [error, bias] = [format!("frontier MAE ({unit})"), format!("bias ({unit})")];
    let heads = [
        "predictor",
        "AUC",
        "AUC at equal depth",
        "Spearman",
        "Kendall",
        "Brier",
        &error,
        &bias,
        "octaves",
        "seconds",
        "GFLOP",
        "share of a training",
        "unchanged by sigma_w2",
    ];
    let row = |summary: &PredictorSummary| {
        let errors = summary.calibrated.as_ref();
        vec![
            summary.predictor.clone(),
            auc(comparison, summary.auc),
            auc(comparison, summary.auc_at_depth),
            estimate(summary.spearman, 2),
            estimate(summary.kendall, 2),
            estimate(summary.brier, 3),
            estimate(errors.map(|errors| errors.mae_layers), 1),
            estimate(errors.map(|errors| errors.bias_layers), 1),
            estimate(errors.map(|errors| errors.octaves), 2),
            format!("{:.2e}", summary.costs.seconds),
            format!("{:.2e}", summary.costs.flops / 1e9),
            summary.cost_ratio.map_or("-".into(), |ratio| format!("{:.2e}", ratio.value)),
            summary.unchanged.map_or("-".into(), |share| format!("{:.0}%", 100.0 * share)),
        ]
    };
    table(&heads, comparison.summaries.iter().map(row))
}

fn depths(run: &RunRecord, comparison: &Comparison) -> Vec<String> {
    let unit = run.kind.depth_unit().of_profiles();
    let [error, bias] = [format!("MAE ({unit})"), format!("bias ({unit})")];
    let heads =
        ["predictor", &error, &bias, "octaves", "clamped to the grid", "a", "log-odds per octave"];
    let row = |summary: &PredictorSummary| {
        let errors = summary.published.as_ref();
        Some(vec![
            summary.predictor.clone(),
            estimate(errors.map(|errors| errors.mae_layers), 1),
            estimate(errors.map(|errors| errors.bias_layers), 1),
            estimate(errors.map(|errors| errors.octaves), 2),
            errors.map_or("-".into(), |errors| format!("{} of {}", errors.clamped, errors.counted)),
            estimate(summary.coefficient.map(|coefficient| coefficient.a), 2),
            summary
                .coefficient
                .map_or("-".into(), |coefficient| format!("{:.1}", coefficient.per_octave)),
        ])
        .filter(|_| errors.is_some() || summary.coefficient.is_some())
    };
    table(&heads, comparison.summaries.iter().filter_map(row))
}

fn map(run: &RunRecord, comparison: &Comparison) -> Vec<String> {
    let mut heads = vec![
        "sigma_w2",
        "sigma_b2",
        "measured frontier",
        "cascade: false positives at",
        "false negatives at",
        "theory: false positives at",
        "false negatives at",
    ];
    let row = |family: &isobath_analysis::comparison::Family| {
        let cells = comparison.map.iter().filter(|cell| cell.point == family.point);
        let at = |class: fn(&Configuration) -> Class, what: Class| {
            if cells.clone().all(|cell| class(cell) == Class::Missing) {
                return "no prediction".to_owned();
            }
            let depths: Vec<String> = cells
                .clone()
                .filter(|cell| class(cell) == what)
                .map(|cell| cell.depth.to_string())
                .collect();
            depths.join(", ")
        };
        let network = run.variant_name(family.point).map(ToOwned::to_owned);
        let (weights, biases) = match run.scheme(family.point) {
            Some(scheme) => (scheme.to_owned(), "-".to_owned()),
            None => (family.point.sigma_w2.to_string(), family.point.sigma_b2.to_string()),
        };
        let numbers = vec![
            weights,
            biases,
            frontier(family.measured),
            at(|cell| cell.cascade, Class::FalsePositive),
            at(|cell| cell.cascade, Class::FalseNegative),
            at(|cell| cell.theory, Class::FalsePositive),
            at(|cell| cell.theory, Class::FalseNegative),
        ];
        network.into_iter().chain(numbers).collect()
    };
    if run.has_variants() {
        heads.insert(0, "network");
    }
    table(&heads, comparison.families.iter().map(row))
}

/// Formats a frontier.
pub(crate) fn frontier(frontier: Frontier) -> String {
    match frontier {
        Frontier::Shallower => "below the grid".into(),
        Frontier::At(depth) => format!("{depth:.1}"),
        Frontier::Deeper => "beyond the grid".into(),
    }
}

/// An AUC; `too few` with too few successes or failures to judge it.
pub(crate) fn auc(comparison: &Comparison, auc: Option<Estimate>) -> String {
    if comparison.is_conclusive() { estimate(auc, 3) } else { "too few".to_owned() }
}

/// The reason why tables have no AUC, if they have none.
pub(crate) fn without_auc(comparison: &Comparison) -> Option<String> {
    let Comparison { networks, succeeded, .. } = *comparison;
    (!comparison.is_conclusive()).then(|| {
        format!(
            "The AUC is left out: {succeeded} successes and {} failures are too few to judge it, which needs \
             {LEAST_OUTCOMES} of each.",
            networks - succeeded
        )
    })
}

/// `0.93 (0.90 to 0.96)`
pub(crate) fn estimate(estimate: Option<Estimate>, digits: usize) -> String {
    let Some(Estimate { value, interval }) = estimate else { return "-".into() };
    let fixed = |value: f64| {
        let text = format!("{value:.digits$}");
        // A small negative number is not minus zero.
        let is_zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
        if is_zero { text.trim_start_matches('-').to_owned() } else { text }
    };
    let interval =
        interval.map(|interval| format!(" ({} to {})", fixed(interval.low), fixed(interval.high)));
    format!("{}{}", fixed(value), interval.unwrap_or_default())
}
