//! Numbers in sentences.

/// Three significant digits without trailing zeros; two with a power of ten for very small and very large numbers.
pub(super) fn number(x: f64) -> String {
    let rounded = |digits: usize| format!("{x:.digits$e}").parse().unwrap_or(x);
    if x == 0.0 || (1e-4..1e6).contains(&x.abs()) {
        let rounded: f64 = rounded(2);
        rounded.to_string()
    } else {
        let rounded: f64 = rounded(1);
        format!("{rounded:e}")
    }
}

/// Two significant digits, for estimates.
pub(super) fn estimate(x: f64) -> String {
    number(format!("{x:.1e}").parse().unwrap_or(x))
}

/// `e^ln` as a power of ten, which may be beyond the range of f64.
pub(super) fn power_of_ten(ln: f64) -> String {
    format!("1e{:.0}", ln / std::f64::consts::LN_10)
}

/// A share in percent: `62%`, and `more than 99%` for almost all of it.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 99.0 && percent < 100.0 => "more than 99%".to_owned(),
        percent if percent < 1.0 && percent > 0.0 => "less than 1%".to_owned(),
        percent => format!("{percent:.0}%"),
    }
}

/// `layer 4`, `layers 1 to 4`.
pub(super) fn layers(first: usize, last: usize) -> String {
    if first == last { format!("layer {first}") } else { format!("layers {first} to {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_sensible_digits() {
        let texts = [24.76, 1.0, 0.000_403_2, 1234.5, 2.0e9, 3.14e-7, 0.0].map(number);
        assert_eq!(texts, ["24.8", "1", "0.000403", "1230", "2e9", "3.1e-7", "0"]);
        assert_eq!([24.76, 8.17, 0.000_403_2].map(estimate), ["25", "8.2", "0.0004"]);
        assert_eq!(power_of_ten(-1000.0), "1e-434");
    }

    #[test]
    fn shares_are_not_rounded_to_all_or_nothing() {
        let texts = [0.62, 0.996, 1.0, 0.001, 0.0].map(percent);
        assert_eq!(texts, ["62%", "more than 99%", "100%", "less than 1%", "0%"]);
    }
}
