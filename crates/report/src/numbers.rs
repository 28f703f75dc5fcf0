//! Number formatting and axis ticks.

/// Formats `value` with `digits` significant digits and no trailing zeros; very large and small values use powers of
/// ten.
pub(super) fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let rounded: f64 = format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value);
    if (1e-4..1e6).contains(&rounded.abs()) {
        minus(&rounded.to_string())
    } else {
        minus(&format!("{rounded:e}"))
    }
}

/// Formats `value` with three significant digits.
pub(super) fn short(value: f64) -> String {
    significant(value, 3)
}

/// Formats a variance with enough digits to identify its grid point.
pub(super) fn variance(value: f64) -> String {
    significant(value, 5)
}

/// Formats a variance with as many digits, five at most, as `room` characters hold.
pub(super) fn fitting(value: f64, room: usize) -> String {
    let fits = |text: &String| text.chars().count() <= room;
    let texts = (1..=5).rev().map(|digits| significant(value, digits));
    texts.into_iter().find(fits).unwrap_or_else(|| significant(value, 1))
}

/// Formats a depth in layers: to a tenth, integers without a decimal.
pub(super) fn depth(value: f64) -> String {
    if value.abs() < 1e4 { ((value * 10.0).round() / 10.0).to_string() } else { short(value) }
}

/// Rounds `value` to `digits` significant digits, to keep the page small; `None` if it is not finite.
pub(super) fn rounded(value: f64, digits: usize) -> Option<f64> {
    value
        .is_finite()
        .then(|| format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value))
}

/// Round numbers within `low..=high`, about `wanted` of them.
pub(super) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let rough = (high - low) / wanted.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return vec![low];
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|unit| unit * power)
        .into_iter()
        .find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    multiples(low, high, step)
}

/// Like [`ticks`], but integers only.
pub(super) fn whole_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let ticks = ticks(low, high, wanted);
    let whole = ticks.iter().all(|tick| tick.fract().abs() < 1e-9);
    if whole { ticks } else { multiples(low, high, 1.0) }
}

/// 1, 2 and 5 times powers of ten within `low..=high`. Ranges over more than three decades use powers of ten only, at most
/// about ten; ranges with too few of these use [`ticks`].
pub(super) fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let units: &[f64] = if high / low > 1e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let step = (decades.end() - decades.start()).div_euclid(10) + 1;
    let all = decades
        .filter(|decade| decade % step == 0)
        .flat_map(|decade| units.iter().map(move |unit| unit * 10f64.powi(decade)));
    let inside: Vec<_> = all.filter(|tick| (low..=high).contains(tick)).collect();
    if inside.len() < 3 { ticks(low, high, 4) } else { inside }
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    // Rounding to the step's precision prevents labels such as 0.30000000000000004.
    let clean = |tick: f64| format!("{tick:.9e}").parse().unwrap_or(tick);
    (first..=last).take(200).map(|count| clean(count as f64 * step)).collect()
}

/// A typographic minus, as wide as a plus.
fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_trailing_zeros() {
        assert_eq!(short(21.749), "21.7");
        assert_eq!(short(0.1), "0.1");
        assert_eq!(short(-1.5), "\u{2212}1.5");
        assert_eq!(short(12345.0), "12300");
        assert_eq!(short(4.4e12), "4.4e12");
        assert_eq!(short(f64::NAN), "NaN");
        assert_eq!(variance(1.760_95), "1.761");
        assert_eq!(fitting(1.0 / 3.0, 6), "0.3333");
        assert_eq!(fitting(1.760_95, 6), "1.761");
        assert_eq!(fitting(0.001_234_5, 6), "0.0012");
        assert_eq!(fitting(1.234_5e-5, 6), "1.2e\u{2212}5");
        assert_eq!(depth(8.0), "8");
        assert_eq!(depth(21.74), "21.7");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.05, 1.05, 5), [0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(ticks(0.1, 0.3, 2), [0.1, 0.2, 0.3]);
        assert_eq!(whole_ticks(0.5, 3.5, 8), [1.0, 2.0, 3.0]);
        assert_eq!(whole_ticks(0.5, 1.5, 8), [1.0]);
        assert_eq!(ticks(2.0, 2.0, 5), [2.0]);
        assert_eq!(log_ticks(0.9, 12.0), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(log_ticks(0.9, 9000.0), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(log_ticks(2.0, 3e25), [1e3, 1e6, 1e9, 1e12, 1e15, 1e18, 1e21, 1e24]);
        assert_eq!(log_ticks(21.0, 49.0), [30.0, 40.0]);
    }
}
