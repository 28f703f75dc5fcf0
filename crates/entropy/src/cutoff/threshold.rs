use super::Depth;

/// The first layer whose value exceeds `error`, or, where `interpolate`, the place between the layer before and it where
/// the straight line through both reaches `error`. Before the first layer is the input itself, whose error is 0.
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
    fn the_first_layer_above_the_limit() {
        let values = [0.1, 0.3, 0.7, 0.2, 0.9];
        assert_eq!(depth(&values, 0.5, false), Depth::Layer(3.0));
        assert_eq!(depth(&values, 0.5, true), Depth::Layer(2.5));
        assert_eq!(depth(&values, 0.05, true), Depth::Layer(0.5));
        assert_eq!(depth(&values, 0.9, false), Depth::Beyond(5));
        // A layer at the limit does not exceed it; interpolation then starts from there.
        assert_eq!(depth(&[0.5, 1.0], 0.5, true), Depth::Layer(1.0));
    }
}
