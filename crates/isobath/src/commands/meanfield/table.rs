//! Tables on the terminal.

/// Width of a column of numbers.
const WIDTH: usize = 10;

/// Formats cells in right-aligned columns.
pub(super) fn line<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let cells = cells.into_iter().map(|cell| format!("{:>WIDTH$}", cell.as_ref()));
    cells.collect::<Vec<_>>().join(" ")
}

/// Formats six significant digits.
pub(in crate::commands) fn short(x: f64) -> String {
    if !x.is_finite() || x.abs() >= 1e6 || (x.abs() < 1e-3 && x.abs() > 0.0) {
        return format!("{x:.3e}");
    }
    let digits = if x.abs() < 1.0 { 6 } else { 5_usize.saturating_sub(x.abs().log10() as usize) };
    format!("{x:.digits$}")
}

/// Formats a mean with its standard error.
pub(super) fn with_error(mean: f64, error: f64) -> String {
    format!("{} \u{b1} {error:.1e}", short(mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        for (x, text) in
            [(0.5, "0.500000"), (74.918_27, "74.9183"), (1e-5, "1.000e-5"), (4911.675, "4911.68")]
        {
            assert_eq!(short(x), text);
        }
        assert_eq!(short(f64::INFINITY), "inf");
    }

    #[test]
    fn cells_are_aligned() {
        assert_eq!(line(["a", "1.5"]), "         a        1.5");
    }
}
