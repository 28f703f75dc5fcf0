use super::Depth;

/// First layer whose value exceeds `error`.
///
/// With `interpolate`, the depth between the previous layer and this one where the linear interpolation reaches `error`. The
/// value at depth 0 is the error of the input, 0.
pub(super) fn depth(values: &[f64], error: f64, interpolate: bool) -> Depth {
    let Some(layer_idx) = values.iter().position(|&value| value > error) else {
        return Depth::Beyond(values.len());
    };
    let layer = layer_idx as f64 + 1.0;
    if interpolate {
        let before = if layer_idx > 0 { values[layer_idx - 1] } else { error.min(0.0) };
        let at = values[layer_idx];
        return Depth::Layer(layer - (at - error) / (at - before));
    }
    Depth::Layer(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_the_first_layer_above_the_threshold() {
        let values = [0.1, 0.3, 0.7, 0.2, 0.9];
        assert_eq!(depth(&values, 0.5, false), Depth::Layer(3.0));
        assert_eq!(depth(&values, 0.5, true), Depth::Layer(2.5));
        assert_eq!(depth(&values, 0.05, true), Depth::Layer(0.5));
        assert_eq!(depth(&values, 0.9, false), Depth::Beyond(5));
        // A layer at the threshold does not exceed it; the interpolation then starts there.
        assert_eq!(depth(&[0.5, 1.0], 0.5, true), Depth::Layer(1.0));
    }
}
