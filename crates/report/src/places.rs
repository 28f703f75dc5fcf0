//! Words and file names for the points and slices of a phase diagram. The network is named only among several.

use isobath_experiment::{GridPoint, file_stem};
use isobath_store::RunRecord;

use crate::numbers::variance;

/// `relu, width 64, σ_w² = 1.5, σ_b² = 0.05`, or the name of an initialisation with a scale of its own
pub(crate) fn point_words(run: &RunRecord, point: GridPoint) -> String {
    own_scale(run, point).unwrap_or_else(|| {
        with_network(run, point, format!("{}, {}", weights(point), biases(point)))
    })
}

/// `relu, σ_w² = 1.5, σ_b² = 0.05`, or the name of an initialisation with a scale of its own: what distinguishes the theory of a point, which does not depend on widths.
pub(crate) fn theory_words(run: &RunRecord, point: GridPoint) -> String {
    if let Some(words) = own_scale(run, point) {
        return words;
    }
    let variances = format!("{}, {}", weights(point), biases(point));
    let mut activations = run.variants.iter().map(|variant| variant.activation.as_str());
    let first = activations.next();
    match run.variants.get(point.variant) {
        Some(here) if activations.any(|other| Some(other) != first) => {
            format!("{}, {variances}", here.activation)
        }
        _ => variances,
    }
}

/// `relu, width 64, σ_b² = 0.05`, or the name of an initialisation with a scale of its own
pub(crate) fn slice_words(run: &RunRecord, point: GridPoint) -> String {
    own_scale(run, point).unwrap_or_else(|| with_network(run, point, biases(point)))
}

/// `relu-width-64-sigma_b2-0.05`
pub(crate) fn slice_stem(run: &RunRecord, point: GridPoint) -> String {
    if let Some(scheme) = run.scheme(point) {
        let name = run.variant_name(point).map(file_stem);
        return name.unwrap_or_else(|| file_stem(&format!("{scheme} initialisation")));
    }
    let sigma_b2 = GridPoint::file_stem(point.sigma_b2);
    let network = run.variant_name(point).map(|name| file_stem(name) + "-");
    format!("{}sigma_b2-{sigma_b2}", network.unwrap_or_default())
}

/// `at σ_b² = 0.05`, or `with pytorch initialisation` for one with a scale of its own
pub(crate) fn at_slice(run: &RunRecord, point: GridPoint) -> String {
    let preposition = if run.scheme(point).is_some() { "with" } else { "at" };
    format!("{preposition} {}", slice_words(run, point))
}

/// The network of `point` in words, without the initialisation that [`slice_words`] names.
pub(crate) fn network_words(run: &RunRecord, point: GridPoint) -> String {
    let network = run.network(point);
    match run.scheme(point) {
        Some(scheme) => network.replacen(&format!("{scheme} initialisation, "), "", 1),
        None => network.to_owned(),
    }
}

/// `σ_w² = 1.5`, or `pytorch initialisation` for one with a scale of its own, whose layers differ in their variances
pub(crate) fn weights_words(run: &RunRecord, point: GridPoint) -> String {
    match run.scheme(point) {
        Some(scheme) => format!("{scheme} initialisation"),
        None => weights(point),
    }
}

/// Network and initialisation, if the initialisation has a scale of its own: `relu, pytorch initialisation`.
fn own_scale(run: &RunRecord, point: GridPoint) -> Option<String> {
    let scheme = run.scheme(point)?;
    Some(match run.variant_name(point) {
        Some(name) if name.ends_with(scheme) => format!("{name} initialisation"),
        Some(name) if name.contains(scheme) => name.to_owned(),
        Some(name) => format!("{name}, {scheme} initialisation"),
        None => format!("{scheme} initialisation"),
    })
}

fn with_network(run: &RunRecord, point: GridPoint, variances: String) -> String {
    match run.variant_name(point) {
        Some(name) => format!("{name}, {variances}"),
        None => variances,
    }
}

fn weights(point: GridPoint) -> String {
    format!("σ_w² = {}", variance(point.sigma_w2))
}

fn biases(point: GridPoint) -> String {
    format!("σ_b² = {}", variance(point.sigma_b2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use isobath_store::synthetic::{Options, run};

    #[test]
    fn initialisation_with_its_own_scale_replaces_the_variances() {
        let mut run = run(&Options { variants: 2, ..Options::default() });
        let point = GridPoint { variant: 1, sigma_w2: 1.5, sigma_b2: 0.05 };
        (run.variants[1].name, run.variants[1].scheme) =
            ("relu, pytorch".into(), Some("pytorch".into()));
        assert_eq!(at_slice(&run, point), "with relu, pytorch initialisation");
        assert_eq!(weights_words(&run, point), "pytorch initialisation");
        assert_eq!(theory_words(&run, point), "relu, pytorch initialisation");
        // Names of files stay as they were.
        assert_eq!(slice_stem(&run, point), file_stem("relu, pytorch"));
        let grid = GridPoint { variant: 0, ..point };
        assert_eq!(weights_words(&run, grid), "σ_w² = 1.5");
        assert!(at_slice(&run, grid).starts_with("at "));
    }

    #[test]
    fn network_is_named_among_several() {
        let point = GridPoint { variant: 1, sigma_w2: 1.5, sigma_b2: 0.05 };
        let several = run(&Options { variants: 2, ..Options::default() });
        assert_eq!(theory_words(&several, point), "σ_w² = 1.5, σ_b² = 0.05");
        assert_eq!(point_words(&several, point), "width 785, σ_w² = 1.5, σ_b² = 0.05");
        assert_eq!(slice_stem(&several, point), "width-785-sigma_b2-0.05");
        let one = run(&Options::default());
        assert_eq!(slice_words(&one, GridPoint { variant: 0, ..point }), "σ_b² = 0.05");
        assert_eq!(slice_stem(&one, GridPoint { variant: 0, ..point }), "sigma_b2-0.05");
    }
}
