//! Depth scales over the weight variance, and over both variances.

use isobath_meanfield::{FixedPoint, critical_point, critical_sigma_b2, fixed_points};

use super::{
    super::{
        architecture::{Architecture, Size},
        point::TheoryQuery,
    },
    grid, stem, title,
};
use isobath_report::{
    count,
    theory_figures::{AxisSpec, Line, LineStyle, Panel, Panels, Plane},
};

/// Range of weight variances of a figure: that of the query if it has several, else the usual range.
fn range(query: &TheoryQuery) -> (f64, f64) {
    let low = query.sigma_w2.iter().copied().fold(f64::INFINITY, f64::min);
    let high = query.sigma_w2.iter().copied().fold(0.0, f64::max);
    if high > low { (low, high) } else { (0.2 * high, 2.5 * high) }
}

/// Depth scales of correlations, lengths and gradients; for convolutions, those of their waves.
pub(super) fn scales(query: &TheoryQuery) -> Panels {
    let TheoryQuery { activation, sigma_b2, ref architecture, .. } = *query;
    let (low, high) = range(query);
    // Extra points near the critical line resolve the peak.
    let critical = critical_point(activation, sigma_b2).ok().map(|point| point.sigma_w2);
    let approach = critical.into_iter().flat_map(|line| {
        (1..=40).flat_map(move |i| {
            let distance = line * 10_f64.powf(-0.2 * f64::from(i));
            [line - distance, line + distance]
        })
    });
    let mut variances: Vec<f64> = grid(low.max(1e-3), high).chain(approach).collect();
    variances.retain(|w| (low..=high).contains(w));
    variances.sort_by(f64::total_cmp);
    let states: Vec<_> = variances
        .iter()
        .map(|&w| (w, architecture.fixed_point(activation, w, sigma_b2).ok()))
        .collect();
    let curve = |pick: &dyn Fn(&FixedPoint) -> f64| {
        states
            .iter()
            .map(|(w, state)| (*w, state.as_ref().map_or(f64::NAN, pick)))
            .map(|(w, scale)| (w, if scale > 0.0 { scale.min(1e9) } else { f64::NAN }))
            .collect::<Vec<_>>()
    };
    let mut lines = vec![
        (LineStyle::series(0), "correlations ξ_c".to_owned(), curve(&|state| state.xi_c)),
        (LineStyle::series(0).dashed(1), "6 ξ_c".to_owned(), curve(&|state| 6.0 * state.xi_c)),
        (LineStyle::series(2), "lengths ξ_q".to_owned(), curve(&|state| state.xi_q)),
        (LineStyle::series(1).dashed(2), "gradients".to_owned(), curve(&|state| state.xi_gradient)),
    ];
    if let Architecture::Convolution { kernel, image: Size(image), .. } = architecture {
        lines.truncate(1);
        lines[0].1 = "uniform".into();
        let most = image[0].max(image[1]) / 2;
        for (index, waves) in [1, 2, 4, 8].into_iter().filter(|waves| *waves <= most).enumerate() {
            let mode = if image[1] > 1 { [0, waves] } else { [waves, 0] };
            let lambda = kernel.lambda(mode, *image);
            let scale = |state: &FixedPoint| -(state.chi_c_star * lambda).ln().recip();
            lines.push((LineStyle::series(index + 1), count(waves, "wave"), curve(&scale)));
        }
    }
    let panel = Panel {
        title: String::new(),
        x: AxisSpec { label: "weight variance σ_w²".into(), low, high, logarithmic: false },
        y: AxisSpec {
            label: "depth scale (layers)".into(),
            low: 0.3,
            high: 1000.0,
            logarithmic: true,
        },
        lines: lines
            .iter()
            .map(|(style, _, points)| Line { style: *style, points: points.clone() })
            .collect(),
        points: Vec::new(),
        critical,
    };
    Panels {
        stem: stem(query, "depth-scales"),
        title: title(query, "Depth scales"),
        legend: lines.into_iter().map(|(style, label, _)| (style, label)).collect(),
        marks: Vec::new(),
        critical: match architecture {
            Architecture::Dropout { .. } => "critical without dropout".to_owned(),
            _ => "critical".to_owned(),
        },
        list: vec![panel],
    }
}

/// Depth scale of correlations over both variances, with bias variances from `least` to `most`.
pub(super) fn plane(query: &TheoryQuery, (least, most): (f64, f64)) -> Plane {
    const COLUMNS: usize = 240;
    const ROWS: usize = 150;
    let TheoryQuery { activation, .. } = *query;
    let (low, high) = range(query);
    let middles = |low: f64, high: f64, count: usize| -> Vec<f64> {
        (0..count).map(|i| low + (high - low) * (i as f64 + 0.5) / count as f64).collect()
    };
    let (columns, rows) = (middles(low, high, COLUMNS), middles(least, most, ROWS));
    let states = fixed_points(activation, &columns, &rows);
    // The line is computed as a function of each variance; it is broken where it has no value.
    let along =
        grid(least, most).map(|b| (critical_point(activation, b).map(|p| p.sigma_w2), Ok(b)));
    let across = grid(low.max(1e-6), high).map(|w| (Ok(w), critical_sigma_b2(activation, w)));
    let line = |points: &mut dyn Iterator<
        Item = (isobath_meanfield::Result<f64>, isobath_meanfield::Result<f64>),
    >| {
        points.map(|(w, b)| w.ok().zip(b.ok()).unwrap_or((f64::NAN, f64::NAN))).collect::<Vec<_>>()
    };
    let met = |line: &[(f64, f64)]| line.iter().filter(|(w, _)| w.is_finite()).count();
    let candidates = [line(&mut { along }), line(&mut { across })];
    let critical = candidates.into_iter().max_by_key(|line| met(line)).unwrap_or_default();
    Plane {
        stem: stem(query, "plane"),
        title: format!("Depth scale of correlations: {activation}"),
        xi_c: states.into_iter().map(|state| state.ok().map(|state| state.xi_c)).collect(),
        sigma_w2: columns,
        sigma_b2: rows,
        critical,
    }
}
